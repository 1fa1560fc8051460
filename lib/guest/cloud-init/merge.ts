import { FormatError } from '../../errors.ts';
import {
  type ConfigKey,
  type ConfigNode,
  type DictNode,
  type ListNode,
  nodeOf,
  plainValue,
} from './value.ts';

/*
 * How cloud-init merges configurations. What has the higher priority comes first; a later one only adds what is
 * missing, unless it says `merge_how` (or `merge_type`) itself.
 * https://docs.cloud-init.io/en/latest/reference/merging.html; cloudinit/util.py mergemanydict, cloudinit/mergers/
 */

interface Merger {
  readonly type: 'list' | 'dict' | 'str';
  readonly options: readonly string[];
}

const defaultMergers: readonly Merger[] = (['list', 'dict', 'str'] as const).map((type) => ({
  type,
  options: [],
}));

/**
 * Merges configurations, the one that wins first.
 * @throws FormatError for a `merge_how` that cloud-init stops at
 */
export function mergeMany(configs: readonly DictNode[]): DictNode | undefined {
  let merged: ConfigNode | undefined;
  for (const config of configs) {
    if (config.entries.size === 0) continue;
    const { mergers, rest } = extractMergers(config);
    const empty: DictNode = { kind: 'dict', entries: new Map(), origin: config.origin };
    merged = merge(merged ?? empty, rest, mergers);
  }
  return merged?.kind === 'dict' ? merged : undefined;
}

function extractMergers(config: DictNode): { mergers: readonly Merger[]; rest: DictNode } {
  const entries = new Map(config.entries);
  const take = (key: ConfigKey) => {
    const node = entries.get(key);
    entries.delete(key);
    return node?.kind === 'scalar' && node.value === null ? undefined : node;
  };
  const how = take('merge_how') ?? take('merge_type');
  const named = how === undefined ? [] : mergersOf(how);
  return { mergers: named.length > 0 ? named : defaultMergers, rest: { ...config, entries } };
}

function mergersOf(how: ConfigNode): Merger[] {
  const where = `${how.origin.file}:${how.origin.line}`;
  const names: [name: string, options: readonly string[]][] = [];
  if (how.kind === 'scalar' && typeof how.value === 'string' && how.type === 'str') {
    for (const part of how.value.split('+').map((text) => text.toLowerCase().trim().replaceAll('-', '_'))) {
      if (part === '') continue;
      const match = /^([a-z_][a-z0-9_]*)\((.*?)\)$/.exec(part);
      if (match?.[1] === undefined)
        throw new FormatError(`${where}: merge_how: “${part}” is not name(options)`);
      const options = (match[2] ?? '').split(',').map((option) => option.trim());
      names.push([match[1], options.filter((option) => option !== '')]);
    }
  } else if (how.kind === 'list') {
    for (const item of how.items) names.push(namedMerger(item, where));
  } else {
    throw new FormatError(`${where}: merge_how is neither text nor a list`);
  }
  return names.map(([name, options]) => {
    const type = name.replace(/^m_/, '');
    if (type === 'list' || type === 'dict' || type === 'str') return { type, options };
    throw new FormatError(`${where}: merge_how: there is no merger “${name}”`);
  });
}

/** `{name: list, settings: [append]}` or `[list, append]`. */
function namedMerger(item: ConfigNode, where: string): [string, string[]] {
  const value = plainValue(item);
  const [name, ...options] = Array.isArray(value)
    ? value
    : value !== null && typeof value === 'object' && Array.isArray(value['settings'])
      ? [value['name'], ...value['settings']]
      : [];
  if (typeof name !== 'string')
    throw new FormatError(`${where}: merge_how: a merger without name and settings`);
  const spelling = Array.isArray(value) ? name : name.replaceAll('-', '_').trim();
  return [spelling, options.filter((option) => typeof option === 'string')];
}

/** `first` has the priority; what becomes of it depends on its own type, then on the merger for that type. */
function merge(first: ConfigNode, second: ConfigNode, mergers: readonly Merger[]): ConfigNode {
  const type = first.kind === 'scalar' ? first.type : first.kind;
  const merger = mergers.find((candidate) => candidate.type === type);
  if (merger === undefined) return first;
  if (first.kind === 'dict')
    return second.kind === 'dict' ? mergeDicts(first, second, merger, mergers) : first;
  if (first.kind === 'list') return mergeLists(first, second, merger, mergers);
  // A text gives way to whatever comes second, unlike a number or a boolean: so does cloud-init.
  const isText = second.kind === 'scalar' && second.type === 'str';
  if (!merger.options.includes('append')) return second;
  if (!isText) throw stop(second, 'text and something else added together');
  return { ...first, value: `${String(first.value)}${String(second.value)}` };
}

const recurses = (merger: Merger, node: ConfigNode): boolean =>
  (node.kind === 'list' &&
    merger.options.some((option) => option === 'recurse_array' || option === 'recurse_list')) ||
  (node.kind === 'scalar' && node.type === 'str' && merger.options.includes('recurse_str'));

function mergeDicts(first: DictNode, second: DictNode, merger: Merger, mergers: readonly Merger[]): DictNode {
  const replaces = merger.options.includes('replace');
  const entries = new Map(first.entries);
  for (const [key, theirs] of second.entries) {
    const ours = entries.get(key);
    if (ours === undefined) {
      entries.set(key, theirs);
    } else if (theirs.kind === 'scalar' && theirs.value === null && merger.options.includes('allow_delete')) {
      entries.delete(key);
    } else if (replaces) {
      entries.set(key, theirs);
    } else if (theirs.kind === 'dict' || recurses(merger, theirs)) {
      entries.set(key, merge(ours, theirs, mergers));
    }
  }
  return { ...first, entries };
}

function mergeLists(
  first: ListNode,
  second: ConfigNode,
  merger: Merger,
  mergers: readonly Merger[],
): ConfigNode {
  const method = ['append', 'prepend', 'replace', 'no_replace'].find((name) => merger.options.includes(name));
  const isReplacing = method === undefined || method === 'replace';
  if (second.kind !== 'list' && isReplacing) return second;
  if (method === 'append') return { ...first, items: [...first.items, ...iterated(second)] };
  if (method === 'prepend') return { ...first, items: [...iterated(second), ...first.items] };
  if (second.kind !== 'list') {
    const isIndexed = iterated(second).length > 0 && first.items.length > 0;
    if (isIndexed && second.kind === 'dict') throw stop(second, 'no_replace of a list by a mapping');
    return first;
  }
  if (method === 'no_replace') return first;
  const items = first.items.map((ours, index) => {
    const theirs = second.items[index];
    if (theirs === undefined) return ours;
    const isDict = theirs.kind === 'dict' && merger.options.includes('recurse_dict');
    return isDict || recurses(merger, theirs) ? merge(ours, theirs, mergers) : theirs;
  });
  return { ...first, items };
}

/** What Python iterates over: the items of a list, the keys of a dictionary, the characters of a text. */
function iterated(node: ConfigNode): ConfigNode[] {
  if (node.kind === 'list') return [...node.items];
  if (node.kind === 'dict') return [...node.entries.keys()].map((key) => nodeOf(key, node.origin));
  if (node.type === 'str') return Array.from(String(node.value), (char) => nodeOf(char, node.origin));
  throw stop(node, `${node.type} added to a list`);
}

function stop({ origin }: ConfigNode, why: string): FormatError {
  return new FormatError(`${origin.file}:${origin.line}: merge_how: ${why}`);
}
