import { FormatError, LimitError } from '../../errors.ts';
import { uint64LittleEndian } from '../../blob/integers.ts';
import { nameHash } from './checksum.ts';
import { type DirectoryEntry, KEY, parseEntries } from './entries.ts';
import type { Subvolume } from './subvolumes.ts';
import type { TreeReader } from './tree.ts';
import type { EntryType } from '../filesystem.ts';

// Inodes and directories. https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#inode-item-01

const inodeInBytes = 160;
const S_IFMT = 0xf000;
const types: Readonly<Record<number, EntryType>> = {
  0x8000: 'file',
  0x4000: 'directory',
  0xa000: 'symlink',
  0x1000: 'other',
  0x2000: 'other',
  0x6000: 'other',
  0xc000: 'other',
};
/** Far more than a directory of an operating system has. */
const maximumEntries = 200_000;
const largestOffset = 2n ** 64n - 1n;

export interface Inode {
  readonly number: bigint;
  readonly type: EntryType;
  /** Permission bits. */
  readonly mode: number;
  readonly sizeInBytes: number;
}

/** @throws FormatError when there is no such inode, or it makes no sense */
export async function readInode(
  tree: TreeReader,
  subvolume: Subvolume,
  number: bigint,
  origin: string,
): Promise<Inode> {
  const what = `${origin}: btrfs inode ${number} of subvolume ${subvolume.tree}`;
  const item = await tree.item(subvolume, { objectid: number, type: KEY.INODE_ITEM, offset: 0n });
  const logged = subvolume.log?.inodes.get(number);
  const stored = item === undefined ? undefined : parseInode(item.data, number, what);
  if (logged === undefined) {
    if (stored === undefined) throw new FormatError(`${what}: does not exist`);
    return stored;
  }
  const inode = parseInode(logged, number, `${what}: in the log`);
  if (stored === undefined) return inode;
  // As overwrite_item in Linux, fs/btrfs/tree-log.c: generation 0 says only that it is there, perhaps with its size.
  const isThere = logged.readBigUInt64LE(0) === 0n;
  const isFile = inode.type === 'file' && stored.type === 'file';
  if (isThere)
    return isFile && inode.sizeInBytes !== 0 ? { ...stored, sizeInBytes: inode.sizeInBytes } : stored;
  return inode.type === 'directory' ? { ...inode, sizeInBytes: stored.sizeInBytes } : inode;
}

function parseInode(data: Buffer, number: bigint, what: string): Inode {
  if (data.length < inodeInBytes) throw new FormatError(`${what}: ${data.length} bytes`);
  const mode = data.readUInt32LE(52);
  const type = types[mode & S_IFMT];
  if (type === undefined) throw new FormatError(`${what}: mode 0o${mode.toString(8)}`);
  const sizeInBytes = uint64LittleEndian(data, 16, `${what}: size`);
  return { number, type, mode: mode & 0o7777, sizeInBytes };
}

/** The entries of a directory, in the order in which they were made. @throws FormatError, LimitError */
export async function readDirectory(
  tree: TreeReader,
  subvolume: Subvolume,
  directory: bigint,
  origin: string,
): Promise<DirectoryEntry[]> {
  const entries: DirectoryEntry[] = [];
  const key = { objectid: directory, type: KEY.DIR_INDEX };
  const items = tree.range(subvolume, { ...key, offset: 0n }, { ...key, offset: largestOffset });
  for await (const { data } of items) {
    entries.push(...parseEntries(data, origin));
    if (entries.length > maximumEntries) {
      throw new LimitError(`${origin}: a directory of more than ${maximumEntries} entries`);
    }
  }
  const changed = subvolume.log?.names.get(directory);
  if (changed === undefined) return entries;
  const isKept = (name: string) => !changed.removed.has(name) && !changed.added.has(name);
  return [...entries.filter(({ bytes }) => isKept(bytes.toString('latin1'))), ...changed.added.values()];
}

/** The entry of that name, found by its hash. */
export async function findEntry(
  tree: TreeReader,
  subvolume: Subvolume,
  directory: bigint,
  name: string,
  origin: string,
): Promise<DirectoryEntry | undefined> {
  const bytes = Buffer.from(name);
  const changed = subvolume.log?.names.get(directory);
  const added = changed?.added.get(bytes.toString('latin1'));
  if (added !== undefined || changed?.removed.has(bytes.toString('latin1')) === true) return added;
  const key = { objectid: directory, type: KEY.DIR_ITEM, offset: nameHash(bytes) };
  const item = await tree.item(subvolume, key);
  if (item === undefined) return undefined;
  return parseEntries(item.data, origin).find((entry) => entry.bytes.equals(bytes));
}
