import { UsageError } from '../errors.ts';
import { expandHostPattern } from './host-pattern.ts';
import type { AnsibleInventory, Variables } from './inventory.ts';
import { isMapping } from './yaml-file.ts';

/** Bounds how deep groups stand in one another. */
const maximumDepth = 64;

/**
 * Reads an inventory in YAML form: groups, each with `hosts`, `children` and `vars`.
 * Source: https://docs.ansible.com/ansible/latest/collections/ansible/builtin/yaml_inventory.html;
 * ansible/plugins/inventory/yaml.py
 * @throws UsageError for what Ansible refuses
 */
export function readYamlInventory(value: unknown, origin: string, inventory: AnsibleInventory): void {
  if (!isMapping(value)) throw new UsageError(`${origin}: no inventory: a mapping of groups is expected`);
  if (value['plugin'])
    throw new UsageError(
      `${origin}: a dynamic inventory (plugin: ${JSON.stringify(value['plugin'])}), which is not run; ${instead}`,
    );
  for (const [name, group] of Object.entries(value)) addGroup(name, group, origin, inventory, 0);
}

/** What an operator does about a dynamic inventory. */
export const instead =
  'give what `ansible-inventory --list --export` prints of it, in a file that ends in .json';

function addGroup(
  name: string,
  group: unknown,
  origin: string,
  inventory: AnsibleInventory,
  depth: number,
): boolean {
  if (depth > maximumDepth) throw new UsageError(`${origin}: groups more than ${maximumDepth} deep`);
  // Ansible warns of what is no mapping, and goes on.
  if (group !== null && !isMapping(group)) return false;
  if (name === '') throw new UsageError(`${origin}: a group without a name`);
  inventory.addGroup(name, origin);
  const sections = {
    vars: section(name, group, 'vars', origin),
    children: section(name, group, 'children', origin),
    hosts: section(name, group, 'hosts', origin),
  };
  // In the order of the file: of two values for the same host, the later one counts.
  for (const key of Object.keys(group ?? {})) {
    if (key === 'vars') {
      for (const [variable, value] of Object.entries(sections.vars))
        inventory.setGroupVariable(name, variable, value, origin);
    } else if (key === 'children') {
      for (const [child, inside] of Object.entries(sections.children)) {
        if (!addGroup(child, inside, origin, inventory, depth + 1))
          throw new UsageError(`${origin}: group ${name}: its child ${child} is no mapping`);
        inventory.addChild(name, child, origin);
      }
    } else if (key === 'hosts') addHosts(name, sections.hosts, origin, inventory);
  }
  return true;
}

function addHosts(group: string, hosts: Variables, origin: string, inventory: AnsibleInventory): void {
  const where = `${origin}: group ${group}`;
  for (const [pattern, variables] of Object.entries(hosts)) {
    const { names, port } = expandHostPattern(pattern, where);
    if (variables && !isMapping(variables))
      throw new UsageError(`${where}: ${pattern}: a mapping of variables is expected`);
    for (const host of names) {
      const isNew = !inventory.hasHost(host);
      inventory.addHost(host, group, origin);
      if (port !== undefined && isNew) inventory.setHostVariable(host, 'ansible_port', port);
      for (const [variable, value] of Object.entries(isMapping(variables) ? variables : {}))
        inventory.setHostVariable(host, variable, value);
    }
  }
}

function section(
  name: string,
  group: Variables | null,
  key: 'vars' | 'children' | 'hosts',
  origin: string,
): Variables {
  const given = group?.[key] ?? {};
  if (typeof given === 'string') return { [given]: null };
  if (!isMapping(given)) throw new UsageError(`${origin}: group ${name}: ${key}: a mapping is expected`);
  return given;
}

/**
 * Reads what a dynamic inventory prints: OpenStack-Ansible keeps the answer of its own in openstack_inventory.json.
 * Source: https://docs.ansible.com/ansible/latest/dev_guide/developing_inventory.html#developing-inventory-scripts
 * @throws UsageError for what has another shape
 */
export function readListedInventory(value: Variables, origin: string, inventory: AnsibleInventory): void {
  const meta = value['_meta'];
  const variables = isMapping(meta) && isMapping(meta['hostvars']) ? meta['hostvars'] : {};
  const groups = Object.entries(value).filter(([name]) => name !== '_meta');
  for (const [name] of groups) inventory.addGroup(name, origin);
  for (const [name, group] of groups) {
    // Ansible takes a list for the hosts of the group.
    const { hosts = [], children = [], vars = {} } = isMapping(group) ? group : { hosts: group };
    if (!isNames(hosts) || !isNames(children) || !isMapping(vars))
      throw new UsageError(
        `${origin}: group ${name}: lists of hosts and children and a mapping of vars are expected`,
      );
    for (const [variable, held] of Object.entries(vars))
      inventory.setGroupVariable(name, variable, held, origin);
    for (const host of hosts) inventory.addHost(host, name, origin);
    for (const child of children) {
      inventory.addGroup(child, origin);
      if (child !== name) inventory.addChild(name, child, origin);
    }
  }
  for (const [host, own] of Object.entries(variables)) {
    if (!isMapping(own)) throw new UsageError(`${origin}: _meta.hostvars.${host}: a mapping is expected`);
    if (!inventory.hasHost(host)) continue;
    for (const [variable, held] of Object.entries(own)) inventory.setHostVariable(host, variable, held);
  }
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}
