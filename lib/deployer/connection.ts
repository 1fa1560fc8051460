import { userInfo } from 'node:os';
import { UsageError } from '../errors.ts';
import { type AnsibleInventory, VaultValue } from './inventory.ts';
import { isTemplate } from './yaml-file.ts';

/** A host as deployment.yaml's `hosts` has it. */
export interface HostEntry {
  readonly address?: string;
  readonly port?: number;
  readonly user?: string;
  readonly sudo?: boolean;
  readonly container?: string;
}

/** What a deployer's files say of conductors, in the words of deployment.yaml. */
export interface Told {
  readonly conductors: readonly { readonly name: string; readonly config: readonly string[] }[];
  readonly hosts: Readonly<Record<string, HostEntry>>;
}

/** How Ansible reaches a host. */
export type Connection =
  /** It is this machine. */
  { readonly kind: 'local' } | { readonly kind: 'ssh'; readonly entry: HostEntry };

/** The connections that are SSH: of Ansible itself, and of OpenStack-Ansible. */
const sshConnections = new Set([
  'ssh',
  'smart',
  'paramiko',
  'paramiko_ssh',
  'openstack.osa.ssh',
  'ansible.builtin.ssh',
]);

/**
 * How Ansible reaches a host of the inventory, from its `ansible_*` variables.
 * @param known what deployment.yaml says of it itself: the variables that it stands for are not looked at
 * @throws UsageError naming the variable whose value is not known: a template, or held by Vault
 */
export function connectionOf(inventory: AnsibleInventory, host: string, known?: HostEntry): Connection {
  const variables = inventory.variablesOf(host);
  const where = `${inventory.whereOf(host)}: host ${host}`;
  const text = (...names: readonly string[]): string | undefined => {
    const name = names.find((candidate) => variables[candidate] !== undefined);
    const value = name === undefined ? undefined : variables[name];
    if (name === undefined || value === null || value === '') return undefined;
    if (value instanceof VaultValue)
      throw new UsageError(`${where}: ${name} is held by Ansible Vault, which is not read; ${sayIt(host)}`);
    if (isTemplate(value))
      throw new UsageError(`${where}: ${name} is a template, which is not evaluated; ${sayIt(host)}`);
    if (typeof value !== 'string' && typeof value !== 'number')
      throw new UsageError(`${where}: ${name}: a text is expected`);
    return String(value);
  };
  const plugin = text('ansible_connection') ?? 'ssh';
  if (plugin === 'local' || plugin === 'ansible.builtin.local') return { kind: 'local' };
  if (!sshConnections.has(plugin))
    throw new UsageError(`${where}: ansible_connection ${plugin} is not known here; ${sayIt(host)}`);
  const address = known?.address === undefined ? text('ansible_host', 'ansible_ssh_host') : undefined;
  const port = known?.port === undefined ? text('ansible_port', 'ansible_ssh_port') : undefined;
  const user = known?.user === undefined ? text('ansible_user', 'ansible_ssh_user') : undefined;
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535))
    throw new UsageError(`${where}: ansible_port ${port}: a number from 1 to 65535 is expected`);
  const runsAs = known?.user ?? user ?? userInfo().username;
  return {
    kind: 'ssh',
    entry: {
      ...(address !== undefined && address !== host && { address }),
      ...(port !== undefined && { port: Number(port) }),
      ...(user !== undefined && { user }),
      // What is to be read belongs to root and the service.
      ...(runsAs !== 'root' && { sudo: true }),
    },
  };
}

const sayIt = (host: string) => `say it in deployment.yaml, under hosts: ${host}`;

/** A name that can stand in `ssh://NAME/…` as it is. */
export function placeOn(host: string, path: string, where: string): string {
  if (!/^[\w.-]+$/.test(host) && !/^[\da-f:]+$/i.test(host))
    throw new UsageError(`${where}: ${JSON.stringify(host)} cannot stand in ssh://`);
  return `ssh://${host.includes(':') ? `[${host}]` : host}${path}`;
}
