/** Where a value of cloud-init's configuration was written: a file of the guest and a line, from 1. */
export interface Origin {
  readonly file: string;
  readonly line: number;
}

/** A value with its Python type, because merging goes by types; `other` are dates, kept as their text. */
export interface ScalarNode {
  readonly kind: 'scalar';
  readonly type: 'str' | 'int' | 'float' | 'bool' | 'null' | 'other';
  readonly value: string | number | boolean | null;
  readonly origin: Origin;
}

export interface ListNode {
  readonly kind: 'list';
  readonly items: readonly ConfigNode[];
  readonly origin: Origin;
}

export type ConfigKey = string | number | boolean | null;

export interface DictNode {
  readonly kind: 'dict';
  readonly entries: ReadonlyMap<ConfigKey, ConfigNode>;
  readonly origin: Origin;
}

export type ConfigNode = ScalarNode | ListNode | DictNode;

/** A value without its origin. Keys that are not text are spelt as Python's str() does. */
export type ConfigValue = string | number | boolean | null | ConfigValue[] | { [key: string]: ConfigValue };

export function plainValue(node: ConfigNode): ConfigValue {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  // fromEntries defines own properties, so that a key `__proto__` is a key like any other.
  return Object.fromEntries([...node.entries].map(([key, value]) => [pythonString(key), plainValue(value)]));
}

/** As Python's str(): True, False, None. */
export function pythonString(value: ConfigKey): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return String(value);
}

/** The node at a path of keys, or undefined. */
export function nodeAt(node: ConfigNode, path: readonly string[]): ConfigNode | undefined {
  let at: ConfigNode | undefined = node;
  for (const key of path) at = at?.kind === 'dict' ? at.entries.get(key) : undefined;
  return at;
}

/** Written in cloud-init's own code. */
export const builtin: Origin = { file: 'built-in', line: 0 };

/** A value of code as a node. */
export function nodeOf(value: ConfigValue, origin: Origin): ConfigNode {
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => nodeOf(item, origin)), origin };
  if (value !== null && typeof value === 'object') {
    const entries = new Map(Object.entries(value).map(([key, item]) => [key, nodeOf(item, origin)] as const));
    return { kind: 'dict', entries, origin };
  }
  const type =
    value === null
      ? 'null'
      : typeof value === 'string'
        ? 'str'
        : typeof value === 'boolean'
          ? 'bool'
          : Number.isInteger(value)
            ? 'int'
            : 'float';
  return { kind: 'scalar', type, value, origin };
}
