import { hostname } from 'node:os';
import { UsageError } from '../errors.ts';
import { type HostEntry, type Told, connectionOf, placeOn } from './connection.ts';
import { readInventory } from './read-inventory.ts';

const ironicConf = '/etc/ironic/ironic.conf';
const localNames = new Set(['localhost', '127.0.0.1', '::1']);

/**
 * The conductors of bifrost: the host of the group `target`, which mostly is this machine. `[DEFAULT]host` is not
 * rendered, so that it is the host's own name.
 * Source: bifrost, playbooks/inventory/target; playbooks/roles/bifrost-ironic-install
 * @throws UsageError, MissingError
 */
export async function fromBifrost(
  inventories: readonly string[],
  hostnames: Readonly<Record<string, string>>,
  known: Readonly<Record<string, HostEntry>>,
): Promise<Told> {
  const inventory = await readInventory(inventories);
  const group = ['target', 'localhost'].find((name) => inventory.hasGroup(name));
  if (group === undefined)
    throw new UsageError(`${inventories.join(', ')}: no group target: bifrost installs on its hosts`);
  const hosts: Record<string, HostEntry> = {};
  const conductors = inventory.hostsOf(group).map((host) => {
    const connection = connectionOf(inventory, host, known[host]);
    if (connection.kind === 'local') {
      const name = hostnames[host] ?? (localNames.has(host) ? hostname() : host);
      return { name, config: [ironicConf] };
    }
    hosts[host] = connection.entry;
    return { name: hostnames[host] ?? host, config: [placeOn(host, ironicConf, inventory.whereOf(host))] };
  });
  return { conductors, hosts };
}
