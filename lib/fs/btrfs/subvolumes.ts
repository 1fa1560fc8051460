import { FormatError } from '../../errors.ts';
import { uint64LittleEndian } from '../../blob/integers.ts';
import { nameHash } from './checksum.ts';
import { type DirectoryEntry, KEY, parseEntries } from './entries.ts';
import { BTRFS_MAX_LEVEL, type Superblock, type TreeRoot } from './layout.ts';
import { type SubvolumeLog, logTrees, readSubvolumeLog } from './log.ts';
import { type TreeReader, isFileTree } from './tree.ts';

// Subvolumes: each is a tree of files of its own, found by its root item in the tree of roots.
// https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#root-item-84

export const FS_TREE_OBJECTID = 5n;
const largestOffset = 2n ** 64n - 1n;
/** Up to where generation_v2 begins: as root items were at first. */
const rootItemInBytes = 239;

/** A tree of files. */
export interface Subvolume extends TreeRoot {
  /** The inode of its top directory. */
  readonly directory: bigint;
  /** What was synchronised of it since the last commit, which is read before it. */
  readonly log?: SubvolumeLog;
}

export interface SubvolumeReader {
  /** The subvolume of that number, or undefined when there is none or it is being deleted. */
  get(id: bigint): Promise<Subvolume | undefined>;
  /** What is mounted unless a mount option names another: its number. */
  defaultId(): Promise<bigint>;
  /** Whether a directory's entry is where a subvolume really is; in a snapshot there stays an empty directory. */
  isAttached(parent: bigint, directory: bigint, entry: DirectoryEntry): Promise<boolean>;
}

export function subvolumeReader(tree: TreeReader, superblock: Superblock, origin: string): SubvolumeReader {
  const { root } = superblock;
  const logs = new Map<bigint, Promise<Subvolume>>();
  let trees: ReturnType<typeof logTrees> | undefined;

  async function withLog(subvolume: Subvolume): Promise<Subvolume> {
    const log = (await (trees ??= logTrees(tree, superblock, origin))).get(subvolume.tree);
    return log === undefined
      ? subvolume
      : { ...subvolume, log: await readSubvolumeLog(tree, log, subvolume, origin) };
  }

  return {
    async get(id) {
      if (!isFileTree(id)) throw new FormatError(`${origin}: btrfs: ${id} is not the number of a subvolume`);
      // A snapshot's root item has the transaction that made it as its offset.
      const { item } = await tree.atOrBefore(root, {
        objectid: id,
        type: KEY.ROOT_ITEM,
        offset: largestOffset,
      });
      if (item === undefined || item.key.objectid !== id || item.key.type !== KEY.ROOT_ITEM) return undefined;
      const subvolume = parseRootItem(item.data, id, `${origin}: btrfs subvolume ${id}`);
      if (subvolume === undefined || superblock.logRoot === undefined) return subvolume;
      const logged = logs.get(id) ?? withLog(subvolume);
      logs.set(id, logged);
      return logged;
    },
    async defaultId() {
      const name = Buffer.from('default');
      const key = { objectid: superblock.rootDirectory, type: KEY.DIR_ITEM, offset: nameHash(name) };
      const item = await tree.item(root, key);
      if (item === undefined) return FS_TREE_OBJECTID;
      const entries = parseEntries(item.data, `${origin}: btrfs: default subvolume`);
      return entries.find((entry) => entry.name === 'default')?.objectid ?? FS_TREE_OBJECTID;
    },
    async isAttached(parent, directory, entry) {
      const key = { objectid: parent, type: KEY.ROOT_REF, offset: entry.objectid };
      const item = await tree.item(root, key);
      if (item === undefined) return false;
      const name_len = item.data.length < 18 ? -1 : item.data.readUInt16LE(16);
      if (item.data.length !== 18 + name_len) {
        throw new FormatError(
          `${origin}: btrfs subvolume ${entry.objectid}: a reference of ${item.data.length} bytes`,
        );
      }
      return (
        item.data.readBigUInt64LE(0) === directory && item.data.subarray(18).equals(Buffer.from(entry.bytes))
      );
    },
  };
}

function parseRootItem(data: Buffer, id: bigint, what: string): Subvolume | undefined {
  if (data.length < rootItemInBytes) throw new FormatError(`${what}: a root item of ${data.length} bytes`);
  const refs = data.readUInt32LE(216);
  if (refs === 0) return undefined;
  const level = data.readUInt8(238);
  if (level >= BTRFS_MAX_LEVEL) throw new FormatError(`${what}: level ${level}`);
  return {
    tree: id,
    bytenr: uint64LittleEndian(data, 176, `${what}: bytenr`),
    level,
    generation: data.readBigUInt64LE(160),
    directory: data.readBigUInt64LE(168),
  };
}
