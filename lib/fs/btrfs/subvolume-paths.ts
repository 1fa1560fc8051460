import { FormatError, LimitError } from '../../errors.ts';
import { KEY } from './entries.ts';
import type { Superblock } from './layout.ts';
import { FS_TREE_OBJECTID, type SubvolumeReader } from './subvolumes.ts';
import type { TreeReader } from './tree.ts';

// Where each subvolume is: a back reference names its parent subvolume, the directory there and its name in that.
// https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#root-backref-90

export interface SubvolumePath {
  /** As the mount option `subvolid=` names it. */
  readonly id: bigint;
  /** From the top level, as the mount option `subvol=` names it: `root`, `@/.snapshots/1/snapshot`. */
  readonly path: string;
}

const firstId = 256n;
const lastId = 2n ** 64n - 256n;
const largestOffset = 2n ** 64n - 1n;
const maximumSubvolumes = 10_000;
/** Linux's PATH_MAX at two bytes a name. */
const maximumDepth = 2048;
const maximumPath = 4096;
const refInBytes = 18;
const inodeRefInBytes = 10;

interface Place {
  readonly parent: bigint;
  readonly directory: bigint;
  readonly name: string;
}

/**
 * Every subvolume and snapshot with its path from the top level, by number. A directory that was renamed since the
 * last commit has its old name here.
 */
export async function subvolumePaths(
  tree: TreeReader,
  superblock: Superblock,
  subvolumes: SubvolumeReader,
  origin: string,
): Promise<SubvolumePath[]> {
  const places = new Map<bigint, Place>();
  const range = [
    { objectid: firstId, type: 0, offset: 0n },
    { objectid: lastId, type: 255, offset: largestOffset },
  ] as const;
  for await (const { key, data } of tree.range(superblock.root, ...range)) {
    if (key.type !== KEY.ROOT_BACKREF) continue;
    const what = `${origin}: btrfs subvolume ${key.objectid}: a reference`;
    if (data.length < refInBytes) throw new FormatError(`${what} of ${data.length} bytes`);
    const name = nameIn(data, refInBytes, what);
    places.set(key.objectid, { parent: key.offset, directory: data.readBigUInt64LE(0), name });
    if (places.size > maximumSubvolumes)
      throw new LimitError(`${origin}: btrfs: more than ${maximumSubvolumes} subvolumes`);
  }

  const folders = new Map<string, Promise<string[]>>();
  /** The names that lead from the top of a subvolume to one of its directories. */
  async function folderIn(id: bigint, directory: bigint): Promise<string[]> {
    const subvolume = await subvolumes.get(id);
    if (subvolume === undefined)
      throw new FormatError(`${origin}: btrfs: the subvolume ${id} does not exist`);
    const names: string[] = [];
    for (let number = directory; number !== subvolume.directory;) {
      const what = `${origin}: btrfs inode ${number} of subvolume ${id}`;
      const key = { objectid: number, type: KEY.INODE_REF, offset: largestOffset };
      const { item } = await tree.atOrBefore(subvolume, key);
      if (item?.key.objectid !== number || item.key.type !== KEY.INODE_REF)
        throw new FormatError(`${what}: is in no directory`);
      if (names.length >= maximumDepth)
        throw new LimitError(`${what}: directories deeper than ${maximumDepth}`);
      if (item.data.length < inodeRefInBytes) throw new FormatError(`${what}: ${item.data.length} bytes`);
      names.unshift(nameIn(item.data, inodeRefInBytes, what));
      number = item.key.offset;
    }
    return names;
  }

  const paths = new Map<bigint, string>([[FS_TREE_OBJECTID, '']]);
  async function pathOf(id: bigint, below = 0): Promise<string> {
    const known = paths.get(id);
    if (known !== undefined) return known;
    const place = places.get(id);
    if (place === undefined || below > maximumDepth)
      throw new FormatError(`${origin}: btrfs: the subvolume ${id} is not below the top level`);
    const { parent, directory, name } = place;
    const above = await pathOf(parent, below + 1);
    const key = `${parent} ${directory}`;
    const folder = folders.get(key) ?? folderIn(parent, directory);
    folders.set(key, folder);
    const path = [above, ...(await folder), name].filter((part) => part !== '').join('/');
    if (path.length > maximumPath)
      throw new LimitError(`${origin}: btrfs subvolume ${id}: a path of more than ${maximumPath} characters`);
    paths.set(id, path);
    return path;
  }

  const found: SubvolumePath[] = [];
  for (const id of places.keys()) {
    // A subvolume that is being deleted keeps its reference for a while.
    if ((await subvolumes.get(id)) === undefined) continue;
    found.push({ id, path: await pathOf(id) });
  }
  return found;
}

/** A name behind a fixed part whose last two bytes are its length. */
function nameIn(data: Buffer, offset: number, what: string): string {
  const name_len = data.readUInt16LE(offset - 2);
  if (offset + name_len > data.length)
    throw new FormatError(`${what}: name_len ${name_len} of ${data.length} bytes`);
  return data.toString('utf8', offset, offset + name_len);
}
