import { FormatError } from '../../errors.ts';

// The keys of the items in a tree of files, and directory entries.
// https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#dir-item-54

export const KEY = {
  INODE_ITEM: 1,
  INODE_REF: 12,
  DIR_ITEM: 84,
  DIR_INDEX: 96,
  EXTENT_DATA: 108,
  ROOT_ITEM: 132,
  ROOT_BACKREF: 144,
  ROOT_REF: 156,
} as const;
const entryInBytes = 30;
const BTRFS_NAME_LEN = 255;

/** A name and what it leads to: an inode of the same subvolume, or another subvolume. */
export interface DirectoryEntry {
  readonly name: string;
  /** The name as stored. */
  readonly bytes: Buffer;
  readonly leadsTo: 'inode' | 'subvolume';
  readonly objectid: bigint;
}

/** The entries in one item: one for an index, as many as have the same hash for a DIR_ITEM. */
export function parseEntries(data: Buffer, origin: string): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < data.length;) {
    const damaged = (what: string) => new FormatError(`${origin}: a directory entry with ${what}`);
    if (at + entryInBytes > data.length) throw damaged(`${data.length - at} bytes`);
    const data_len = data.readUInt16LE(at + 25);
    const name_len = data.readUInt16LE(at + 27);
    const end = at + entryInBytes + name_len;
    if (name_len === 0 || name_len > BTRFS_NAME_LEN || end > data.length) {
      throw damaged(`name_len ${name_len}, of ${data.length - at} bytes`);
    }
    if (data_len !== 0) throw damaged(`data_len ${data_len}`);
    const type = data.readUInt8(at + 8);
    if (type !== KEY.INODE_ITEM && type !== KEY.ROOT_ITEM) throw damaged(`a location of type ${type}`);
    const bytes = data.subarray(at + entryInBytes, end);
    const name = bytes.toString('utf8');
    if (name === '.' || name === '..' || /[/\0]/.test(name))
      throw damaged(`the name ${JSON.stringify(name)}`);
    entries.push({
      name,
      bytes,
      leadsTo: type === KEY.ROOT_ITEM ? 'subvolume' : 'inode',
      objectid: data.readBigUInt64LE(at),
    });
    at = end;
  }
  return entries;
}
