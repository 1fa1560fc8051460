import { LimitError, UsageError } from '../errors.ts';

/** Variables by name; values as YAML or Python literals have them. */
export type Variables = Readonly<Record<string, unknown>>;

/** A value that Ansible Vault holds: it is not read, and never shown. */
export class VaultValue {
  /** Where it stands: `file:line`. */
  readonly where: string;
  constructor(where: string) {
    this.where = where;
  }
}

interface Group {
  readonly name: string;
  /** Where it is first named. */
  readonly where: string;
  readonly hosts: Set<string>;
  readonly children: Set<string>;
  readonly variables: Map<string, unknown>;
  priority: number;
}

interface Host {
  readonly where: string;
  readonly variables: Map<string, unknown>;
}

const maximumGroups = 2000;
const maximumHosts = 20_000;
/** Bounds how often hosts are named, by patterns that stand for many. */
const maximumNamings = 1_000_000;

/**
 * Hosts and groups as Ansible has them. Variables of group_vars and host_vars are added after the files were read.
 * Source: ansible/inventory/{data,group,host}.py
 */
export class AnsibleInventory {
  readonly #groups = new Map<string, Group>();
  readonly #hosts = new Map<string, Host>();
  /** Of group_vars and host_vars, which go before the same in the inventory itself. */
  readonly groupFiles = new Map<string, Variables>();
  readonly hostFiles = new Map<string, Variables>();

  #namings = 0;

  constructor() {
    this.addGroup('all', '');
    this.addGroup('ungrouped', '');
    this.addChild('all', 'ungrouped', '');
  }

  groupNames(): readonly string[] {
    return [...this.#groups.keys()];
  }

  hostNames(): readonly string[] {
    return [...this.#hosts.keys()];
  }

  /** The groups in a group, by name. */
  childrenOf(group: string): readonly string[] {
    return this.#childrenOf(group).toSorted();
  }

  hasGroup(name: string): boolean {
    return this.#groups.has(name);
  }

  hasHost(name: string): boolean {
    return this.#hosts.has(name);
  }

  /** Where a host is first named: `file:line`. */
  whereOf(host: string): string {
    return this.#host(host).where;
  }

  addGroup(name: string, where: string): void {
    if (this.#groups.has(name)) return;
    if (this.#groups.size >= maximumGroups)
      throw new LimitError(`${where}: more than ${maximumGroups} groups`);
    this.#groups.set(name, {
      name,
      where,
      hosts: new Set(),
      children: new Set(),
      variables: new Map(),
      priority: 1,
    });
  }

  addHost(name: string, group: string, where: string): void {
    if (++this.#namings > maximumNamings)
      throw new LimitError(`${where}: hosts are named more than ${maximumNamings} times`);
    if (!this.#hosts.has(name)) {
      if (this.#hosts.size >= maximumHosts) throw new LimitError(`${where}: more than ${maximumHosts} hosts`);
      this.#hosts.set(name, { where, variables: new Map() });
    }
    this.#group(group).hosts.add(name);
  }

  /** @throws UsageError for groups that would contain one another */
  addChild(parent: string, child: string, where: string): void {
    if (parent === child) throw new UsageError(`${where}: group ${parent} is its own child`);
    if (this.#descendants(child).includes(parent))
      throw new UsageError(`${where}: groups ${parent} and ${child} would contain one another`);
    this.#group(parent).children.add(child);
  }

  /** Sets variables of a group, or of a host where no group has the name. */
  setGroupVariable(group: string, name: string, value: unknown, where: string): void {
    const found = this.#group(group);
    if (name === 'ansible_group_priority') {
      if (!/^\s*[+-]?\d{1,9}\s*$/.test(String(value)))
        throw new UsageError(`${where}: ansible_group_priority: a whole number is expected`);
      found.priority = Number(value);
    } else found.variables.set(name, value);
  }

  setHostVariable(host: string, name: string, value: unknown): void {
    this.#host(host).variables.set(name, value);
  }

  /** The hosts of a group and of the groups in it, in Ansible's order: those of the group itself first. */
  hostsOf(group: string): readonly string[] {
    const names = new Set<string>();
    for (const name of this.#descendants(group)) for (const host of this.#members(name)) names.add(host);
    return [...names];
  }

  /** Hosts that stand in a group itself. A host that is in another group as well is not ungrouped. */
  #members(group: string): readonly string[] {
    if (group !== 'ungrouped') return [...this.#group(group).hosts];
    const grouped = new Set(
      [...this.#groups.values()].flatMap(({ name, hosts }) => (isImplied(name) ? [] : [...hosts])),
    );
    const loose = new Set([...this.#group('ungrouped').hosts, ...this.#group('all').hosts]);
    return [...loose].filter((host) => !grouped.has(host));
  }

  /** The groups that a host is in, from `all` on: what a later one says goes before. */
  groupsOf(host: string): readonly string[] {
    const found = new Set<string>(['all']);
    const add = (name: string) => {
      if (found.has(name)) return;
      found.add(name);
      for (const { name: parent, children } of this.#groups.values()) if (children.has(name)) add(parent);
    };
    const own = [...this.#groups.values()].filter(({ name, hosts }) => !isImplied(name) && hosts.has(host));
    if (own.length === 0) found.add('ungrouped');
    for (const { name } of own) add(name);
    const depths = this.#depths();
    const rank = (name: string) => [depths.get(name) ?? 0, this.#group(name).priority] as const;
    return [...found].toSorted((a, b) => {
      const [depthA, priorityA] = rank(a);
      const [depthB, priorityB] = rank(b);
      return depthA - depthB || priorityA - priorityB || (a < b ? -1 : 1);
    });
  }

  /**
   * All variables of a host. What the inventory says of groups gives way to group_vars, that to what it says of the
   * host, and that to host_vars.
   * Source: https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_variables.html#understanding-variable-precedence
   */
  variablesOf(host: string): Variables {
    const groups = this.groupsOf(host);
    // One after the other, so that no name is taken for something of JavaScript's.
    const all = new Map<string, unknown>();
    const add = (more: Iterable<readonly [string, unknown]>) => {
      for (const [name, value] of more) all.set(name, value);
    };
    for (const name of groups) add(this.#group(name).variables);
    for (const name of groups) add(Object.entries(this.groupFiles.get(name) ?? {}));
    add(this.#host(host).variables);
    add(Object.entries(this.hostFiles.get(host) ?? {}));
    return Object.fromEntries(all);
  }

  #depths(): ReadonlyMap<string, number> {
    const depths = new Map<string, number>([['all', 0]]);
    const depthOf = (name: string): number => {
      const known = depths.get(name);
      if (known !== undefined) return known;
      const parents = [...this.#groups.values()].filter(({ children }) => children.has(name));
      const depth = 1 + Math.max(0, ...parents.map((parent) => depthOf(parent.name)));
      depths.set(name, depth);
      return depth;
    };
    for (const name of this.#groups.keys()) depthOf(name);
    return depths;
  }

  /** A group and all in it, level by level; `all` contains every group that is in no other. */
  #descendants(group: string): readonly string[] {
    const found = new Set<string>([group]);
    for (const name of found) for (const child of this.#childrenOf(name)) found.add(child);
    return [...found];
  }

  #childrenOf(group: string): readonly string[] {
    const named = this.#groups.get(group)?.children ?? new Set();
    if (group !== 'all') return [...named];
    const inOthers = new Set([...this.#groups.values()].flatMap(({ children }) => [...children]));
    const loose = [...this.#groups.keys()].filter((name) => name !== 'all' && !inOthers.has(name));
    return [...named, ...loose];
  }

  #group(name: string): Group {
    const found = this.#groups.get(name);
    if (found === undefined) throw new UsageError(`the inventory has no group ${name}`);
    return found;
  }

  #host(name: string): Host {
    const found = this.#hosts.get(name);
    if (found === undefined) throw new UsageError(`the inventory has no host ${name}`);
    return found;
  }
}

/** The groups that are there by themselves. */
function isImplied(group: string): boolean {
  return group === 'all' || group === 'ungrouped';
}
