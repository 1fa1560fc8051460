import { extname, join } from 'node:path';
import { LimitError, MissingError, UsageError } from '../errors.ts';
import { parseIni } from '../ironic/ini.ts';
import { type HostEntry, type Told, connectionOf, placeOn } from './connection.ts';
import type { Variables } from './inventory.ts';
import { namesIn, readInventory } from './read-inventory.ts';
import { isMapping, isTemplate, isVaultText, parseYamlFile, readDeployerFile } from './yaml-file.ts';

/** In the container, and on the host, from where the container copies it when it starts. */
const ironicConf = '/etc/ironic/ironic.conf';
const ironicConfOnHost = '/etc/kolla/ironic-conductor/ironic.conf';
const group = 'ironic-conductor';
const engines = new Set(['docker', 'podman']);

/**
 * The conductors of kolla-ansible: each is a container on a host of the group `ironic-conductor`, in the host's
 * network. `[DEFAULT]host` is not rendered, so that it is the host's own name: the inventory's is taken for it, unless
 * kolla's configuration says otherwise.
 * Source: kolla-ansible, ansible/roles/ironic; kolla_ansible/ansible.py
 * @param config where globals.yml is
 * @throws UsageError, MissingError
 */
export async function fromKollaAnsible(
  inventories: readonly string[],
  config: string,
  hostnames: Readonly<Record<string, string>>,
  known: Readonly<Record<string, HostEntry>>,
): Promise<Told> {
  const inventory = await readInventory(inventories);
  if (!inventory.hasGroup(group))
    throw new UsageError(`${inventories.join(', ')}: no group ${group}: no Ironic is deployed by it`);
  const globals = await globalsOf(config);
  const hosts: Record<string, HostEntry> = {};
  const conductors: { name: string; config: string[] }[] = [];
  for (const host of inventory.hostsOf(group)) {
    const variables = { ...inventory.variablesOf(host), ...globals };
    const custom = pathVariable(variables, 'node_custom_config', join(config, 'config'));
    const name =
      hostnames[host] ?? (custom === undefined ? undefined : await hostOption(custom, host)) ?? host;
    const connection = connectionOf(inventory, host, known[host]);
    if (connection.kind === 'local') conductors.push({ name, config: [ironicConfOnHost] });
    else {
      const engine = variables['kolla_container_engine'] ?? 'docker';
      if (typeof engine !== 'string' || !engines.has(engine))
        throw new UsageError(
          `${config}: kolla_container_engine of ${host}: docker or podman is expected as plain text`,
        );
      hosts[host] = { ...connection.entry, container: `${engine} exec ironic_conductor` };
      conductors.push({ name, config: [placeOn(host, ironicConf, inventory.whereOf(host))] });
    }
  }
  return { conductors, hosts };
}

/** globals.yml and globals.d, which go before what inventories say. */
async function globalsOf(config: string): Promise<Variables> {
  const folder = join(config, 'globals.d');
  const more = (await namesIn(folder)).filter((name) => ['.yml', '.yaml', '.json'].includes(extname(name)));
  const paths = [join(config, 'globals.yml'), ...more.toSorted().map((name) => join(folder, name))];
  let all: Variables = {};
  for (const path of paths) {
    const text = await readDeployerFile(path);
    if (isVaultText(text)) continue;
    const { value } = parseYamlFile(text, path);
    if (value !== null && value !== undefined && !isMapping(value))
      throw new UsageError(`${path}: a mapping of variables is expected`);
    all = { ...all, ...value };
  }
  return all;
}

/** Undefined where it cannot be told. */
function pathVariable(variables: Variables, name: string, otherwise: string): string | undefined {
  const value = variables[name];
  if (value === undefined || value === '{{ node_config }}/config') return otherwise;
  return typeof value === 'string' && !isTemplate(value) ? value : undefined;
}

/** `[DEFAULT]host` in the files that kolla merges into ironic.conf, of which a later one goes before. */
async function hostOption(custom: string, host: string): Promise<string | undefined> {
  const files = [
    'global.conf',
    'ironic.conf',
    'ironic/ironic-conductor.conf',
    join('ironic', host, 'ironic.conf'),
  ];
  let name: string | undefined;
  for (const file of files) {
    const path = join(custom, file);
    const text = await readDeployerFile(path).catch((error: unknown) => {
      if (error instanceof MissingError) return '';
      throw error;
    });
    if (text.length > 1024 * 1024) throw new LimitError(`${path}: more than 1 MiB`);
    const found = parseIni(text, path).assignments.findLast(
      ({ section, key: option }) => section === 'DEFAULT' && option === 'host',
    );
    const value = found?.lines.join('\n');
    if (value !== undefined && !isTemplate(value)) name = value;
  }
  return name;
}
