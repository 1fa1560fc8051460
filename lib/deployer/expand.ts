import type { Deployment } from '../deployment.ts';
import { AccessError, LimitError, MissingError, UsageError } from '../errors.ts';
import { parseLocation } from '../source/location.ts';
import type { HostEntry, Told } from './connection.ts';
import type { From } from './from-shape.ts';

/**
 * The deployment with what its `from` leads to: conductors, and the hosts they are on. What deployment.yaml says
 * itself goes before: a conductor of the same name as a whole, a host key by key.
 * @throws UsageError naming the file and line of what cannot be read, or is not known before Ansible runs
 */
export async function expandDeployment(deployment: Deployment): Promise<Deployment> {
  const { from } = deployment;
  if (from === undefined) return deployment;
  const told = await tellFrom(from, deployment);
  const own = deployment.conductors;
  const conductors: Deployment['conductors'] = [
    ...told.conductors.map(
      ({ name, config }) =>
        own.find((conductor) => conductor.name === name) ?? { name, config: [...config], environment: {} },
    ),
    ...own.filter(({ name }) => !told.conductors.some((other) => other.name === name)),
  ];
  if (conductors.length === 0)
    throw new UsageError('from: no host has a conductor: the group of conductors is empty');
  const names = conductors.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`from: two conductors are called ${JSON.stringify(twice)}`);
  const hosts: Deployment['hosts'] = { ...told.hosts, ...deployment.hosts };
  for (const [name, entry] of Object.entries(told.hosts))
    hosts[name] = { ...entry, ...defined(deployment.hosts[name] ?? {}) };
  return { ...deployment, conductors, hosts };
}

/** The folder of OpenStack-Ansible's configuration; undefined where that is not what deploys. */
export function openstackAnsibleFolder({
  from,
  folder,
}: Pick<Deployment, 'from' | 'folder'>): string | undefined {
  const config = from?.openstack_ansible?.config;
  return config === undefined ? undefined : pathOf(config, folder);
}

async function tellFrom(from: From, { folder, hosts }: Deployment): Promise<Told> {
  const known = Object.fromEntries(
    Object.entries(hosts).map(([name, host]): [string, HostEntry] => [name, defined(host)]),
  );
  const paths = (given: readonly string[]) => given.map((path) => pathOf(path, folder));
  const { openstack_ansible: osa, kolla_ansible: kolla, bifrost } = from;
  try {
    if (osa !== undefined) {
      const { fromOpenstackAnsible } = await import('./openstack-ansible.ts');
      return await fromOpenstackAnsible(pathOf(osa.config, folder), osa.hostnames, known);
    }
    if (kolla !== undefined) {
      const { fromKollaAnsible } = await import('./kolla-ansible.ts');
      const config = pathOf(kolla.config, folder);
      return await fromKollaAnsible(paths(kolla.inventory), config, kolla.hostnames, known);
    }
    if (bifrost !== undefined) {
      const { fromBifrost } = await import('./bifrost.ts');
      return await fromBifrost(paths(bifrost.inventory), bifrost.hostnames, known);
    }
  } catch (error) {
    // A deployment whose conductors are not known cannot be assayed at all.
    if (error instanceof MissingError || error instanceof AccessError || error instanceof LimitError)
      throw new UsageError(`from: ${error.message}`, { cause: error });
    throw error;
  }
  throw new UsageError('from: names no deployer');
}

function pathOf(text: string, folder: string): string {
  const at = parseLocation(text, folder);
  if (at.kind !== 'path') throw new UsageError(`from: ${text}: a path on this machine is expected`);
  return at.path;
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function defined<T extends object>(given: T): Defined<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
}
