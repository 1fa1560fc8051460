import { UsageError } from '../errors.ts';
import { strip } from '../ironic/python.ts';
import { expandHostPattern } from './host-pattern.ts';
import type { AnsibleInventory } from './inventory.ts';
import { literalOr, shellWords } from './words.ts';

/** A group that is named before it is there. */
interface Pending {
  readonly kind: 'vars' | 'children';
  readonly where: string;
  readonly parents: string[];
}

/**
 * Reads an inventory in INI form into one that may hold other files already.
 * Source: https://docs.ansible.com/ansible/latest/collections/ansible/builtin/ini_inventory.html;
 * ansible/plugins/inventory/ini.py
 * @throws UsageError with file and line for what Ansible refuses
 */
export function readIniInventory(text: string, origin: string, inventory: AnsibleInventory): void {
  const pending = new Map<string, Pending>();
  let group = 'ungrouped';
  let kind = 'hosts';
  for (const [index, raw] of text.split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/u).entries()) {
    const where = `${origin}:${index + 1}`;
    const line = strip(raw);
    if (line === '' || line.startsWith(';') || line.startsWith('#')) continue;
    const section = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/u.exec(line);
    if (section !== null) {
      group = section[1] ?? '';
      kind = section[2] ?? 'hosts';
      if (!['hosts', 'children', 'vars'].includes(kind))
        throw new UsageError(`${where}: [${group}:${kind}]: hosts, children or vars is expected`);
      enter(group, kind, where, inventory, pending);
    } else if (line.startsWith('[') && line.endsWith(']')) {
      throw new UsageError(`${where}: ${line}: no section: a name without spaces is expected`);
    } else if (kind === 'hosts') hostLine(line, group, where, inventory);
    else if (kind === 'vars') {
      const at = line.indexOf('=');
      if (at < 0) throw new UsageError(`${where}: ${quoted(line)}: key=value is expected`);
      inventory.setGroupVariable(
        group,
        strip(line.slice(0, at)),
        literalOr(strip(line.slice(at + 1))),
        where,
      );
    } else childLine(line, group, where, inventory, pending);
  }
  for (const [name, { kind: missing, where, parents }] of pending) {
    throw new UsageError(
      missing === 'vars'
        ? `${where}: [${name}:vars]: there is no group ${name}`
        : `${where}: [${parents[0] ?? ''}:children]: there is no group ${name}`,
    );
  }
}

/** `[group:vars]` alone makes no group; `[group]` and `[group:children]` do. */
function enter(
  name: string,
  kind: string,
  where: string,
  inventory: AnsibleInventory,
  pending: Map<string, Pending>,
): void {
  if (!inventory.hasGroup(name)) {
    if (kind === 'vars' && !pending.has(name)) pending.set(name, { kind: 'vars', where, parents: [] });
    inventory.addGroup(name, where);
  }
  if (kind === 'vars') return;
  const waiting = pending.get(name);
  pending.delete(name);
  for (const parent of waiting?.parents ?? []) inventory.addChild(parent, name, where);
}

function childLine(
  line: string,
  group: string,
  where: string,
  inventory: AnsibleInventory,
  pending: Map<string, Pending>,
): void {
  const child = /^([^:\]\s]+)\s*(?:#.*)?$/u.exec(line)?.[1];
  if (child === undefined) throw new UsageError(`${where}: ${quoted(line)}: the name of a group is expected`);
  if (inventory.hasGroup(child)) return inventory.addChild(group, child, where);
  const waiting = pending.get(child);
  if (waiting === undefined) pending.set(child, { kind: 'children', where, parents: [group] });
  else waiting.parents.push(group);
}

function hostLine(line: string, group: string, where: string, inventory: AnsibleInventory): void {
  const words = shellWords(line);
  if (words === undefined) throw new UsageError(`${where}: a quote that is not closed`);
  const [pattern = '', ...settings] = words;
  const { names, port } = expandHostPattern(pattern, where);
  const variables = settings.map((word) => {
    const at = word.indexOf('=');
    if (at < 0) throw new UsageError(`${where}: ${quoted(word)}: key=value is expected after the host`);
    return [word.slice(0, at), literalOr(word.slice(at + 1))] as const;
  });
  for (const name of names) {
    const isNew = !inventory.hasHost(name);
    inventory.addHost(name, group, where);
    if (port !== undefined && isNew) inventory.setHostVariable(name, 'ansible_port', port);
    for (const [variable, value] of variables) inventory.setHostVariable(name, variable, value);
  }
}

/** What a line says may be a secret: no more of it is shown than where a mistake is. */
function quoted(text: string): string {
  return JSON.stringify((text.split(/[\s=]/)[0] ?? '').slice(0, 60));
}
