import { FormatError, LimitError } from '../../errors.ts';
import { uint64BigEndian } from '../../blob/integers.ts';
import { checkDescription, directoryBlock } from './checksum.ts';
import type { Fork } from './extents.ts';
import type { Inode } from './inodes.ts';
import type { Superblock } from './layout.ts';

// Directories: in the inode ("shortform"), in one block, or in blocks of entries besides an index of hashes ("leaf",
// "node", "B+tree"). Entries are read from beginning to end, and the index, which lies 32 GiB further, is not.
// XFS Algorithms & Data Structures, "Directories"; Linux, fs/xfs/libxfs/xfs_da_format.h

const magics = {
  4: { block: 'XD2B', data: 'XD2D', headerInBytes: 16 },
  5: { block: 'XDB3', data: 'XDD3', headerInBytes: 64 },
} as const;
const XFS_DIR2_DATA_FREE_TAG = 0xffff;
const alignmentInBytes = 8;
const tailInBytes = 8;
const leafEntryInBytes = 8;
/** Far more than a directory of an operating system has. */
const maximumDirectoryInBytes = 64 * 1024 * 1024;
const maximumEntries = 200_000;

/** A name and the inode that it leads to. */
export interface DirectoryEntry {
  readonly name: string;
  readonly inode: number;
}

/** The entries of a directory without `.` and `..`. @throws FormatError, LimitError */
export async function readDirectory(
  inode: Inode,
  forkOf: () => Fork,
  superblock: Superblock,
  origin: string,
): Promise<DirectoryEntry[]> {
  const { sizeInBytes } = inode;
  if (sizeInBytes > maximumDirectoryInBytes) {
    throw new LimitError(
      `${origin}: a directory of ${sizeInBytes} bytes, more than ${maximumDirectoryInBytes}`,
    );
  }
  if (inode.format === 'local') return shortEntries(inode, superblock, origin);
  const size = superblock.directoryBlockInBytes;
  if (sizeInBytes === 0 || sizeInBytes % size !== 0) {
    throw new FormatError(`${origin}: a directory of ${sizeInBytes} bytes, no whole blocks of ${size}`);
  }
  const fork = forkOf();
  const entries: DirectoryEntry[] = [];
  for (let at = 0; at < sizeInBytes;) {
    const run = await fork.runAt(at / superblock.blockSizeInBytes);
    if (run.fromInBytes === undefined && run.isUnwritten === undefined) {
      // Blocks that became empty are holes.
      const hole = run.blocks * superblock.blockSizeInBytes;
      at += Math.max(size, hole - (hole % size));
      continue;
    }
    const what = `${origin}: directory block ${at / size}`;
    const block = await fork.content.read(at, size);
    addBlock(entries, block, run.fromInBytes ?? 0, inode, superblock, what);
    if (entries.length > maximumEntries) {
      throw new LimitError(`${origin}: a directory of more than ${maximumEntries} entries`);
    }
    at += size;
  }
  return entries;
}

function addBlock(
  entries: DirectoryEntry[],
  block: Buffer,
  positionInBytes: number,
  inode: Inode,
  superblock: Superblock,
  what: string,
): void {
  const { version, metaUuid, hasFileType } = superblock;
  const kind = magics[version];
  const magic = block.toString('latin1', 0, 4);
  const isOnly = magic === kind.block && inode.sizeInBytes === block.length;
  if (!isOnly && magic !== kind.data) {
    throw new FormatError(`${what}: magic ${JSON.stringify(magic)}, not "${kind.data}"`);
  }
  if (version === 5) {
    checkDescription(block, directoryBlock, { positionInBytes, metaUuid, owner: inode.number }, what);
  }
  const end = isOnly ? endOfEntries(block, kind.headerInBytes, what) : block.length;
  for (let at = kind.headerInBytes; at < end;) {
    const [length, entry] = entryAt(block, at, end, hasFileType, what);
    if (entry !== undefined && entry.name !== '.' && entry.name !== '..') entries.push(entry);
    at += length;
  }
}

/** A directory of one block has its index at the end of it. */
function endOfEntries(block: Buffer, headerInBytes: number, what: string): number {
  const count = block.readUInt32BE(block.length - tailInBytes);
  const end = block.length - tailInBytes - count * leafEntryInBytes;
  if (end < headerInBytes) throw new FormatError(`${what}: an index of ${count} entries`);
  return end;
}

/** An entry with its length, or only the length of unused space. Each says where it is, in its last two bytes. */
function entryAt(
  block: Buffer,
  at: number,
  end: number,
  hasFileType: boolean,
  what: string,
): [length: number, entry?: DirectoryEntry] {
  const isUnused = at + 4 <= end && block.readUInt16BE(at) === XFS_DIR2_DATA_FREE_TAG;
  const lengthAt = isUnused ? at + 2 : at + 8;
  if (lengthAt + 2 > end) throw new FormatError(`${what}: an entry at ${at}, with its end at ${end}`);
  const namelen = block.readUInt8(lengthAt);
  const usedInBytes = 8 + 1 + namelen + (hasFileType ? 1 : 0) + 2;
  const length = isUnused
    ? block.readUInt16BE(lengthAt)
    : Math.ceil(usedInBytes / alignmentInBytes) * alignmentInBytes;
  if (length === 0 || length % alignmentInBytes !== 0 || at + length > end) {
    throw new FormatError(`${what}: ${length} bytes of an entry at ${at}, with its end at ${end}`);
  }
  const tag = block.readUInt16BE(at + length - 2);
  if (tag !== at % 65536) throw new FormatError(`${what}: an entry at ${at} that says it is at ${tag}`);
  if (isUnused) return [length];
  if (namelen === 0) throw new FormatError(`${what}: an entry without a name at ${at}`);
  const name = block.toString('utf8', at + 9, at + 9 + namelen);
  return [length, { name, inode: uint64BigEndian(block, at, `${what}: the inode of ${name}`) }];
}

/** `xfs_dir2_sf_hdr` and its entries. One inode number of 64 bits makes all of them so. */
function shortEntries(
  { fork, sizeInBytes }: Inode,
  superblock: Superblock,
  origin: string,
): DirectoryEntry[] {
  if (sizeInBytes > fork.length || sizeInBytes < 6) {
    throw new FormatError(`${origin}: a directory of ${sizeInBytes} bytes, in a fork of ${fork.length}`);
  }
  const bytes = fork.subarray(0, sizeInBytes);
  const count = bytes.readUInt8(0);
  const numberInBytes = bytes.readUInt8(1) === 0 ? 4 : 8;
  const entries: DirectoryEntry[] = [];
  let at = 2 + numberInBytes;
  for (let index = 0; index < count; index++) {
    const namelen = at < bytes.length ? bytes.readUInt8(at) : 0;
    const numberAt = at + 3 + namelen + (superblock.hasFileType ? 1 : 0);
    if (namelen === 0 || numberAt + numberInBytes > bytes.length) {
      throw new FormatError(`${origin}: entry ${index} of ${count} at ${at} of ${bytes.length} bytes`);
    }
    const name = bytes.toString('utf8', at + 3, at + 3 + namelen);
    const inode =
      numberInBytes === 4
        ? bytes.readUInt32BE(numberAt)
        : uint64BigEndian(bytes, numberAt, `${origin}: the inode of ${name}`);
    entries.push({ name, inode });
    at = numberAt + numberInBytes;
  }
  if (at !== bytes.length) {
    throw new FormatError(`${origin}: ${count} entries end at ${at} of ${bytes.length} bytes`);
  }
  return entries;
}

/** The names that a directory whose names have no case takes for the same have the same fold. */
export function foldName(name: string): string {
  // As xfs_ascii_ci_xfrm: bytes, not characters, and those of Latin-1 too.
  return Buffer.from(name)
    .toString('latin1')
    .replaceAll(/[A-Z\u00c0-\u00d6\u00d8-\u00de]/g, (letter) => letter.toLowerCase());
}
