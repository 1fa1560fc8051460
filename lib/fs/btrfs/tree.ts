import type { Blob } from '../../blob/blob.ts';
import { FormatError, LimitError } from '../../errors.ts';
import { uint64LittleEndian } from '../../blob/integers.ts';
import { Recent } from '../../blob/recent.ts';
import type { Locate } from './chunks.ts';
import type { Superblock, TreeRoot } from './layout.ts';

// The B-trees in which btrfs keeps everything: nodes of keys that point further down, leaves of keys with items.
// https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#basic-structures

const headerInBytes = 101;
const keyInBytes = 17;
const pointerInBytes = 33;
const itemInBytes = 25;
const FS_TREE_OBJECTID = 5n;
const FIRST_FREE_OBJECTID = 256n;
const LAST_FREE_OBJECTID = 2n ** 64n - 256n;

const nodesKeptInBytes = 8 * 1024 * 1024;
/** Far more items than one question to a file system leads to. */
const maximumItems = 1_000_000;

export interface Key {
  readonly objectid: bigint;
  readonly type: number;
  readonly offset: bigint;
}

export interface Item {
  readonly key: Key;
  readonly data: Buffer;
}

/** A node or leaf whose checksum, address and order of keys were verified. */
interface Node {
  readonly bytes: Buffer;
  readonly level: number;
  readonly count: number;
  readonly what: string;
}

/** A leaf, and the key that the next leaf begins with. */
interface Place {
  readonly leaf: Node;
  readonly end: Key | undefined;
}

export interface TreeReader {
  /** The item of exactly that key. */
  item(root: TreeRoot, key: Key): Promise<Item | undefined>;
  /** The item of the greatest key up to that one, and the key that follows it. */
  atOrBefore(root: TreeRoot, key: Key): Promise<{ item?: Item; next?: Key }>;
  /** The items from one key to another, both included, in order. */
  range(root: TreeRoot, first: Key, last: Key): AsyncGenerator<Item>;
}

/** Whether files live in a tree of that objectid, which then may share nodes with its snapshots. */
export function isFileTree(tree: bigint): boolean {
  return tree === FS_TREE_OBJECTID || (tree >= FIRST_FREE_OBJECTID && tree <= LAST_FREE_OBJECTID);
}

export function treeReader(blob: Blob, superblock: Superblock, locate: Locate): TreeReader {
  const { nodeSizeInBytes, nodeUuid, checksum } = superblock;
  const recent = new Recent<string, Node>(Math.floor(nodesKeptInBytes / nodeSizeInBytes));

  /** Reads a node, of its second copy where the first is damaged, as the kernel does. */
  function readNode(expected: TreeRoot): Promise<Node> {
    const { tree, bytenr, level, generation } = expected;
    const what = `${blob.origin}: btrfs node ${bytenr}`;
    return recent.get(`${bytenr} ${level} ${generation} ${isFileTree(tree) ? 'files' : tree}`, async () => {
      let failure: unknown;
      for (const physical of locate(bytenr, nodeSizeInBytes, what)) {
        try {
          const bytes = await blob.read(physical, nodeSizeInBytes);
          checkHeader(bytes, expected, what);
          return checkKeys(bytes, what);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
          failure ??= error;
        }
      }
      throw failure;
    });
  }

  function checkHeader(bytes: Buffer, expected: TreeRoot, what: string): void {
    const sum = bytes.subarray(0, checksum.sizeInBytes);
    const actual = checksum.digest?.(bytes.subarray(32)) ?? sum;
    if (!actual.equals(sum)) {
      throw new FormatError(
        `${what}: checksum 0x${actual.toString('hex')}, but it says 0x${sum.toString('hex')}`,
      );
    }
    const bytenr = bytes.readBigUInt64LE(48);
    if (bytenr !== BigInt(expected.bytenr)) throw new FormatError(`${what}: says that it is node ${bytenr}`);
    const fsid = bytes.subarray(32, 48);
    if (!fsid.equals(nodeUuid)) {
      throw new FormatError(`${what}: of the file system ${fsid.toString('hex')}, not this one`);
    }
    const level = bytes.readUInt8(100);
    if (level !== expected.level) throw new FormatError(`${what}: level ${level}, not ${expected.level}`);
    const generation = bytes.readBigUInt64LE(80);
    if (generation !== expected.generation) {
      throw new FormatError(`${what}: generation ${generation}, not ${expected.generation}`);
    }
    const owner = bytes.readBigUInt64LE(88);
    // Trees of files share nodes with their snapshots: which of them made a node does not matter.
    const isOwn = isFileTree(expected.tree) ? isFileTree(owner) : owner === expected.tree;
    if (!isOwn) throw new FormatError(`${what}: of the tree ${owner}, found in the tree ${expected.tree}`);
  }

  /** Goes down to the leaf in which a key is, or would be. */
  async function descend(root: TreeRoot, key: Key): Promise<Place> {
    let expected = root;
    let start: Key | undefined;
    let end: Key | undefined;
    for (;;) {
      const node = await readNode(expected);
      checkBounds(node, start, end);
      if (node.level === 0) return { leaf: node, end };
      const index = Math.max(0, lastAtOrBefore(node, key));
      start = keyAt(node, index);
      if (index + 1 < node.count) end = keyAt(node, index + 1);
      const at = headerInBytes + index * pointerInBytes + keyInBytes;
      expected = {
        tree: root.tree,
        bytenr: uint64LittleEndian(node.bytes, at, `${node.what}: blockptr ${index}`),
        level: node.level - 1,
        generation: node.bytes.readBigUInt64LE(at + 8),
      };
    }
  }

  async function atOrBefore(root: TreeRoot, key: Key): Promise<{ item?: Item; next?: Key }> {
    const { leaf, end } = await descend(root, key);
    const index = lastAtOrBefore(leaf, key);
    const next = index + 1 < leaf.count ? keyAt(leaf, index + 1) : end;
    return { ...(index >= 0 && { item: itemAt(leaf, index) }), ...(next !== undefined && { next }) };
  }

  return {
    atOrBefore,
    async item(root, key) {
      const { item } = await atOrBefore(root, key);
      return item !== undefined && compareKeys(item.key, key) === 0 ? item : undefined;
    },
    async *range(root, first, last) {
      let items = 0;
      for (let from: Key | undefined = first; from !== undefined && compareKeys(from, last) <= 0;) {
        const place: Place = await descend(root, from);
        const { leaf } = place;
        for (let index = Math.max(0, lastAtOrBefore(leaf, from)); index < leaf.count; index++) {
          const item = itemAt(leaf, index);
          if (compareKeys(item.key, from) < 0) continue;
          if (compareKeys(item.key, last) > 0) return;
          if ((items += 1) > maximumItems) {
            throw new LimitError(`${leaf.what}: more than ${maximumItems} items of ${first.objectid}`);
          }
          yield item;
        }
        from = place.end;
      }
    },
  };
}

/** Counts and orders the keys of a node, and finds a leaf's items inside it. */
function checkKeys(bytes: Buffer, what: string): Node {
  const count = bytes.readUInt32LE(96);
  const level = bytes.readUInt8(100);
  const each = level === 0 ? itemInBytes : pointerInBytes;
  const room = Math.floor((bytes.length - headerInBytes) / each);
  if (count > room) throw new FormatError(`${what}: ${count} items, room for ${room}`);
  const node: Node = { bytes, level, count, what };
  for (let index = 0; index < count; index++) {
    if (index > 0 && compareAt(node, index, keyAt(node, index - 1)) <= 0) {
      throw new FormatError(`${what}: key ${index} of ${count} is not in order`);
    }
    if (level > 0) continue;
    const at = headerInBytes + index * itemInBytes + keyInBytes;
    const offset = headerInBytes + bytes.readUInt32LE(at);
    const size = bytes.readUInt32LE(at + 4);
    if (offset < headerInBytes + count * itemInBytes || offset + size > bytes.length) {
      throw new FormatError(`${what}: item ${index} of ${size} bytes at ${offset}, of ${bytes.length}`);
    }
  }
  return node;
}

/** A node lies between the keys that led to it: so no node is reached twice, and every way down is a new one. */
function checkBounds(node: Node, start: Key | undefined, end: Key | undefined): void {
  if (start === undefined) return;
  if (node.count === 0) throw new FormatError(`${node.what}: empty, below another node`);
  if (compareAt(node, 0, start) !== 0) throw new FormatError(`${node.what}: not the first key expected`);
  if (end !== undefined && compareAt(node, node.count - 1, end) >= 0) {
    throw new FormatError(`${node.what}: its last key belongs into the next node`);
  }
}

function positionOf(node: Node, index: number): number {
  return headerInBytes + index * (node.level === 0 ? itemInBytes : pointerInBytes);
}

function keyAt(node: Node, index: number): Key {
  const at = positionOf(node, index);
  return {
    objectid: node.bytes.readBigUInt64LE(at),
    type: node.bytes.readUInt8(at + 8),
    offset: node.bytes.readBigUInt64LE(at + 9),
  };
}

function itemAt(leaf: Node, index: number): Item {
  const at = positionOf(leaf, index) + keyInBytes;
  const start = headerInBytes + leaf.bytes.readUInt32LE(at);
  return {
    key: keyAt(leaf, index),
    data: leaf.bytes.subarray(start, start + leaf.bytes.readUInt32LE(at + 4)),
  };
}

export function compareKeys(one: Key, other: Key): number {
  if (one.objectid !== other.objectid) return one.objectid < other.objectid ? -1 : 1;
  if (one.type !== other.type) return one.type - other.type;
  if (one.offset === other.offset) return 0;
  return one.offset < other.offset ? -1 : 1;
}

function compareAt(node: Node, index: number, key: Key): number {
  return compareKeys(keyAt(node, index), key);
}

/** The last key of a node up to that one, or -1. */
function lastAtOrBefore(node: Node, key: Key): number {
  let low = 0;
  let high = node.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareAt(node, middle, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
