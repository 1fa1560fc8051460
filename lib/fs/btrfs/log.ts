import { uint64LittleEndian } from '../../blob/integers.ts';
import { FormatError, LimitError } from '../../errors.ts';
import { type DirectoryEntry, KEY, parseEntries } from './entries.ts';
import { BTRFS_MAX_LEVEL, type Superblock, type TreeRoot } from './layout.ts';
import type { Item, TreeReader } from './tree.ts';

// The tree log: what was synchronised since the last commit, as items that a mount puts into the trees of files. It
// is not put there here, but looked at first. Linux, fs/btrfs/tree-log.c, `btrfs_recover_log_trees`

const BTRFS_TREE_LOG_OBJECTID = 2n ** 64n - 6n;
const LOG_KEY = { INODE_REF: 12, INODE_EXTREF: 13, DIR_LOG_INDEX: 72 } as const;
const rootItemInBytes = 239;
const inodeInBytes = 160;
const largestOffset = 2n ** 64n - 1n;
const lastKey = { objectid: largestOffset, type: 255, offset: largestOffset };
/** Far more than is synchronised between two commits, which are half a minute apart. */
const maximumItems = 500_000;

/** What the log holds for a subvolume. */
export interface SubvolumeLog {
  /** The tree of its items, whose extents take the place of those in the subvolume. */
  readonly root: TreeRoot;
  /** The items of inodes. */
  readonly inodes: ReadonlyMap<bigint, Buffer>;
  readonly withExtents: ReadonlySet<bigint>;
  /** How names differ from those in the subvolume, by directory. Names are compared byte for byte, as `latin1`. */
  readonly names: ReadonlyMap<bigint, ChangedNames>;
}

export interface ChangedNames {
  readonly removed: ReadonlySet<string>;
  readonly added: ReadonlyMap<string, DirectoryEntry>;
}

/** A name of an inode, as the inode tells it. */
interface Reference {
  readonly parent: bigint;
  readonly index: bigint;
  readonly name: Buffer;
}

/** What a log tree holds, by inode. */
interface Logged {
  readonly inodes: Map<bigint, Buffer>;
  readonly withExtents: Set<bigint>;
  readonly references: Map<bigint, Reference[]>;
  readonly ranges: Map<bigint, { first: bigint; last: bigint }[]>;
  readonly entries: Map<bigint, Map<bigint, DirectoryEntry>>;
}

/** The trees of logs, by the subvolume that they are of. @throws FormatError where a kernel would refuse to mount */
export async function logTrees(
  tree: TreeReader,
  { logRoot }: Superblock,
  origin: string,
): Promise<ReadonlyMap<bigint, TreeRoot>> {
  const trees = new Map<bigint, TreeRoot>();
  if (logRoot === undefined) return trees;
  const key = { objectid: BTRFS_TREE_LOG_OBJECTID, type: KEY.ROOT_ITEM };
  const items = tree.range(logRoot, { ...key, offset: 0n }, { ...key, offset: largestOffset });
  for await (const { key: found, data } of items) {
    const what = `${origin}: btrfs log of subvolume ${found.offset}`;
    if (data.length < rootItemInBytes) throw new FormatError(`${what}: a root item of ${data.length} bytes`);
    const level = data.readUInt8(238);
    if (level >= BTRFS_MAX_LEVEL) throw new FormatError(`${what}: level ${level}`);
    const bytenr = uint64LittleEndian(data, 176, `${what}: bytenr`);
    const generation = data.readBigUInt64LE(160);
    trees.set(found.offset, { tree: BTRFS_TREE_LOG_OBJECTID, bytenr, level, generation });
  }
  return trees;
}

/** What a mount would put into a subvolume. @throws FormatError, LimitError */
export async function readSubvolumeLog(
  tree: TreeReader,
  root: TreeRoot,
  subvolume: TreeRoot,
  origin: string,
): Promise<SubvolumeLog> {
  const what = `${origin}: btrfs log of subvolume ${subvolume.tree}`;
  const logged = await readLogged(tree, root, what);
  const names = await namesOf(tree, subvolume, logged, what);
  return { root, inodes: logged.inodes, withExtents: logged.withExtents, names };
}

async function readLogged(tree: TreeReader, root: TreeRoot, what: string): Promise<Logged> {
  const logged: Logged = {
    inodes: new Map(),
    withExtents: new Set(),
    references: new Map(),
    ranges: new Map(),
    entries: new Map(),
  };
  let items = 0;
  let deleted: bigint | undefined;
  for await (const item of tree.range(root, { objectid: 0n, type: 0, offset: 0n }, lastKey)) {
    if ((items += 1) > maximumItems) throw new LimitError(`${what}: more than ${maximumItems} items`);
    const { objectid, type, offset } = item.key;
    if (type === KEY.INODE_ITEM) {
      if (item.data.length < inodeInBytes) {
        throw new FormatError(`${what}: inode ${objectid}: ${item.data.length} bytes`);
      }
      // It had no name left, but someone had it open: nothing of it is taken.
      if (item.data.readUInt32LE(40) === 0) deleted = objectid;
      else logged.inodes.set(objectid, item.data);
    } else if (objectid === deleted) continue;
    else if (type === KEY.EXTENT_DATA) logged.withExtents.add(objectid);
    else if (type === KEY.DIR_INDEX) {
      const [entry] = parseEntries(item.data, what);
      if (entry !== undefined) listIn(logged.entries, objectid, () => new Map()).set(offset, entry);
    } else if (type === LOG_KEY.DIR_LOG_INDEX) {
      if (item.data.length < 8) throw new FormatError(`${what}: a range of ${item.data.length} bytes`);
      const last = item.data.readBigUInt64LE(0);
      listIn(logged.ranges, objectid, () => []).push({ first: offset, last });
    } else if (type === LOG_KEY.INODE_REF || type === LOG_KEY.INODE_EXTREF) {
      listIn(logged.references, objectid, () => []).push(...referencesIn(item, what));
    }
  }
  return logged;
}

function listIn<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

/** The names in an INODE_REF, all in one directory, or in an INODE_EXTREF, each with its own. */
function referencesIn({ key, data }: Item, what: string): Reference[] {
  const isExtended = key.type === LOG_KEY.INODE_EXTREF;
  const headerInBytes = isExtended ? 18 : 10;
  const found: Reference[] = [];
  for (let at = 0; at < data.length;) {
    const start = at + headerInBytes;
    const name_len = start > data.length ? 0 : data.readUInt16LE(start - 2);
    if (name_len === 0 || start + name_len > data.length) {
      throw new FormatError(
        `${what}: inode ${key.objectid}: a name of ${name_len} bytes at ${at} of ${data.length}`,
      );
    }
    found.push({
      parent: isExtended ? data.readBigUInt64LE(at) : key.offset,
      index: data.readBigUInt64LE(start - 10),
      name: data.subarray(start, start + name_len),
    });
    at = start + name_len;
  }
  return found;
}

const textOf = (name: Buffer) => name.toString('latin1');

async function namesOf(
  tree: TreeReader,
  subvolume: TreeRoot,
  logged: Logged,
  what: string,
): Promise<Map<bigint, ChangedNames>> {
  const names = new Map<bigint, { removed: Set<string>; added: Map<string, DirectoryEntry> }>();
  const changesOf = (directory: bigint) =>
    listIn(names, directory, () => ({ removed: new Set(), added: new Map() }));
  const exists = async (inode: bigint) =>
    logged.inodes.has(inode) ||
    (await tree.item(subvolume, { objectid: inode, type: KEY.INODE_ITEM, offset: 0n })) !== undefined;
  const remove = (directory: bigint, name: Buffer) => {
    const changes = changesOf(directory);
    changes.added.delete(textOf(name));
    changes.removed.add(textOf(name));
  };
  /** What was at that place in the order of the directory goes, as well as what had the name. */
  const add = async (directory: bigint, index: bigint, entry: DirectoryEntry) => {
    const before = await tree.item(subvolume, { objectid: directory, type: KEY.DIR_INDEX, offset: index });
    for (const { bytes } of before === undefined ? [] : parseEntries(before.data, what)) {
      if (!bytes.equals(entry.bytes)) remove(directory, bytes);
    }
    const changes = changesOf(directory);
    changes.removed.delete(textOf(entry.bytes));
    changes.added.set(textOf(entry.bytes), entry);
  };

  // Of these ranges of a directory all is in the log: what is not there was removed.
  for (const [directory, ranges] of logged.ranges) {
    if (!logged.inodes.has(directory)) continue;
    for (const { first, last } of ranges) {
      const key = { objectid: directory, type: KEY.DIR_INDEX };
      const items = tree.range(subvolume, { ...key, offset: first }, { ...key, offset: last });
      for await (const item of items) {
        const kept = logged.entries.get(directory)?.get(item.key.offset);
        for (const { bytes } of parseEntries(item.data, what)) {
          if (kept === undefined || !kept.bytes.equals(bytes)) remove(directory, bytes);
        }
      }
    }
  }
  for (const [directory, entries] of logged.entries) {
    if (!(await exists(directory))) continue;
    for (const [index, entry] of entries) {
      // Subvolumes are made and removed by commits.
      if (entry.leadsTo === 'inode' && (await exists(entry.objectid))) await add(directory, index, entry);
    }
  }
  for (const [inode, references] of logged.references) {
    if (!logged.inodes.has(inode)) continue;
    const isLogged = ({ parent, name }: Reference) =>
      references.some((other) => other.parent === parent && other.name.equals(name));
    const parents = new Set(references.map(({ parent }) => parent));
    for (const old of await referencesOf(tree, subvolume, inode, what)) {
      if (!parents.has(old.parent) || isLogged(old)) continue;
      // Another inode can have been given the name already.
      if (changesOf(old.parent).added.get(textOf(old.name))?.objectid === inode || !isAdded(names, old)) {
        remove(old.parent, old.name);
      }
    }
    for (const { parent, index, name: bytes } of references) {
      // The top of a subvolume is its own parent.
      if (parent === inode || !(await exists(parent))) continue;
      await add(parent, index, { name: bytes.toString('utf8'), bytes, leadsTo: 'inode', objectid: inode });
    }
  }
  return names;
}

function isAdded(names: ReadonlyMap<bigint, ChangedNames>, { parent, name }: Reference): boolean {
  return names.get(parent)?.added.has(textOf(name)) ?? false;
}

async function referencesOf(
  tree: TreeReader,
  subvolume: TreeRoot,
  inode: bigint,
  what: string,
): Promise<Reference[]> {
  const found: Reference[] = [];
  const first = { objectid: inode, type: LOG_KEY.INODE_REF, offset: 0n };
  const last = { objectid: inode, type: LOG_KEY.INODE_EXTREF, offset: largestOffset };
  for await (const item of tree.range(subvolume, first, last)) found.push(...referencesIn(item, what));
  return found;
}
