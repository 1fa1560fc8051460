import { join } from 'node:path';
import { UsageError } from '../errors.ts';
import { type HostEntry, type Told, connectionOf, placeOn } from './connection.ts';
import type { AnsibleInventory } from './inventory.ts';
import { readInventory } from './read-inventory.ts';

/** Where a conductor's configuration is, in its container or on its host. */
const ironicConf = '/etc/ironic/ironic.conf';

/** How a command is run in a container, by `container_tech`. */
const containerCommands: Readonly<Record<string, (name: string) => string>> = {
  lxc: (name) => `lxc-attach -n ${name} --`,
  nspawn: (name) => `systemd-run --quiet --wait --pipe --machine=${name} --`,
};

/**
 * The conductors of OpenStack-Ansible: `[DEFAULT]host` is the name that the inventory has, which is the container's
 * or, on metal, the host's. A container is entered from the physical host, as the role's connection plugin does.
 * Source: openstack-ansible, osa_toolkit/generate.py; os_ironic, templates/ironic.conf.j2;
 * openstack-ansible-plugins, plugins/connection/ssh.py
 * @param folder /etc/openstack_deploy
 * @throws UsageError, MissingError where there is no openstack_inventory.json in it
 */
export async function fromOpenstackAnsible(
  folder: string,
  hostnames: Readonly<Record<string, string>>,
  known: Readonly<Record<string, HostEntry>>,
): Promise<Told> {
  const path = join(folder, 'openstack_inventory.json');
  const inventory = await readInventory([path]);
  if (!inventory.hasGroup('ironic_conductor'))
    throw new UsageError(`${path}: no group ironic_conductor: no Ironic is deployed by it`);
  const hosts: Record<string, HostEntry> = {};
  const conductors = inventory.hostsOf('ironic_conductor').map((host) => {
    const name = hostnames[host] ?? host;
    const where = `${path}: host ${host}`;
    const found = entryOf(inventory, host, (name) => known[name], where);
    if (found === undefined) return { name, config: [ironicConf] };
    hosts[host] = found;
    return { name, config: [placeOn(host, ironicConf, where)] };
  });
  return { conductors, hosts };
}

/** Undefined: it is this machine. */
function entryOf(
  inventory: AnsibleInventory,
  host: string,
  knownOf: (name: string) => HostEntry | undefined,
  where: string,
): HostEntry | undefined {
  const variables = inventory.variablesOf(host);
  const container = text(variables['container_name']) ?? host;
  const physical = text(variables['physical_host']) ?? host;
  const outer = text(variables['physical_host_addr']);
  // As the connection plugin decides; `properties` tells nothing where hosts with and without containers are mixed.
  const isMetal =
    container === physical ||
    variables['is_metal'] === true ||
    (outer !== undefined && outer === variables['ansible_host']);
  if (isMetal) {
    const connection = connectionOf(inventory, host, knownOf(host));
    return connection.kind === 'local' ? undefined : connection.entry;
  }
  const tech = text(variables['container_tech']) ?? 'lxc';
  const enter = Object.hasOwn(containerCommands, tech) ? containerCommands[tech] : undefined;
  if (enter === undefined)
    throw new UsageError(
      `${where}: container_tech ${tech}: ${Object.keys(containerCommands).join(' or ')} is expected`,
    );
  if (!/^[\w.-]+$/.test(container))
    throw new UsageError(`${where}: container_name ${JSON.stringify(container)}: no name`);
  return {
    // The name of the container leads to its physical host.
    ...outside(inventory, physical, outer, where, knownOf(physical)),
    container: enter(container),
  };
}

/** How the host that holds a container is reached. */
function outside(
  inventory: AnsibleInventory,
  physical: string,
  address: string | undefined,
  where: string,
  known: HostEntry | undefined,
): HostEntry {
  const { container: _, ...said } = known ?? {};
  if (!inventory.hasHost(physical)) return { address: address ?? physical, ...said };
  const connection = connectionOf(inventory, physical, known);
  if (connection.kind === 'local')
    throw new UsageError(
      `${where}: its container is on this machine, and is entered over SSH only: give ${physical} an address, under hosts of deployment.yaml, and ansible_connection ssh`,
    );
  return { address: address ?? physical, ...connection.entry, ...said };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
