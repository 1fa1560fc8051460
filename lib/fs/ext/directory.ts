import { type Blob } from '../../blob/blob.ts';
import { FormatError, LimitError } from '../../errors.ts';
import { crc32c } from '../crc32c.ts';
import { FLAG, type Inode } from './inodes.ts';
import { INCOMPAT, type Superblock } from './layout.ts';

// Directories, read from beginning to end: the index of a hashed tree hides in entries that look deleted.
// https://docs.kernel.org/filesystems/ext4/directory.html

/** Far more than a directory of an operating system has. */
const maximumDirectoryInBytes = 64 * 1024 * 1024;
const maximumEntries = 200_000;
const smallestEntryInBytes = 8;
const tailInBytes = 12;
const EXT4_FT_DIR_CSUM = 0xde;
const EXT4_INDEX_FL = 0x1000;
/** The index begins after `.`, `..` and dx_root_info; it has a limit and a count in place of its first hash. */
const dxRootInBytes = 32;
const dxEntryInBytes = 8;
/** An inline directory begins with its parent's inode number, then come entries until 60 bytes. */
const inlineParentInBytes = 4;
const inlineInBytes = 60;

/** A name and the inode that it leads to. */
export interface DirectoryEntry {
  readonly name: string;
  readonly inode: number;
}

/** The entries of a directory without `.` and `..`. @throws FormatError, LimitError */
export async function readDirectory(
  inode: Inode,
  content: Blob,
  superblock: Superblock,
): Promise<DirectoryEntry[]> {
  const { origin, sizeInBytes } = content;
  if (sizeInBytes > maximumDirectoryInBytes) {
    throw new LimitError(
      `${origin}: a directory of ${sizeInBytes} bytes, more than ${maximumDirectoryInBytes}`,
    );
  }
  const hasFileType = (superblock.incompat & INCOMPAT.filetype) !== 0;
  const entries: DirectoryEntry[] = [];
  const bytes = await content.read(0, sizeInBytes);
  if ((inode.flags & FLAG.EXT4_INLINE_DATA_FL) !== 0) {
    addEntries(entries, bytes.subarray(inlineParentInBytes, inlineInBytes), hasFileType, origin);
    addEntries(entries, bytes.subarray(inlineInBytes), hasFileType, origin);
    return entries;
  }
  const size = superblock.blockSizeInBytes;
  if (sizeInBytes % size !== 0)
    throw new FormatError(`${origin}: ${sizeInBytes} bytes, no whole blocks of ${size}`);
  for (let at = 0; at < bytes.length; at += size) {
    const block = bytes.subarray(at, at + size);
    checkSum(block, inode, at / size, `${origin}: directory block ${at / size}`);
    addEntries(entries, block, hasFileType, origin);
  }
  return entries;
}

function addEntries(entries: DirectoryEntry[], block: Buffer, hasFileType: boolean, origin: string): void {
  for (let at = 0; at + smallestEntryInBytes <= block.length;) {
    const inode = block.readUInt32LE(at);
    const length = entryLength(block.readUInt16LE(at + 4), block.length);
    const nameLength = hasFileType ? block.readUInt8(at + 6) : block.readUInt16LE(at + 6);
    if (length < smallestEntryInBytes || length % 4 !== 0 || at + length > block.length) {
      throw new FormatError(
        `${origin}: a directory entry with rec_len ${length} at ${at} of ${block.length}`,
      );
    }
    if (inode !== 0) {
      if (nameLength === 0 || nameLength > length - smallestEntryInBytes) {
        throw new FormatError(
          `${origin}: a directory entry with name_len ${nameLength} and rec_len ${length}`,
        );
      }
      const name = block.toString('utf8', at + 8, at + 8 + nameLength);
      if (name !== '.' && name !== '..') entries.push({ name, inode });
      if (entries.length > maximumEntries) {
        throw new LimitError(`${origin}: a directory of more than ${maximumEntries} entries`);
      }
    }
    at += length;
  }
}

/** 65,536 does not fit: with blocks of 64 KiB the two lowest bits, always zero, are bits 16 and 17. */
function entryLength(rec_len: number, blockSize: number): number {
  if (blockSize < 65536) return rec_len;
  if (rec_len === 0 || rec_len === 65535) return blockSize;
  return (rec_len & 0xfffc) + (rec_len & 3) * 0x10000;
}

/** Blocks of entries end with a checksum that looks like a deleted entry; those of the index have another. */
function checkSum(block: Buffer, inode: Inode, number: number, what: string): void {
  if (inode.checksumSeed === undefined) return;
  const tail = block.length - tailInBytes;
  const hasTail =
    block.readUInt32LE(tail) === 0 &&
    block.readUInt16LE(tail + 4) === tailInBytes &&
    block.readUInt8(tail + 7) === EXT4_FT_DIR_CSUM;
  // Linux makes a block of entries into the index without clearing its end, which goes on looking like such a tail.
  const index = indexOffset(block, inode, number);
  if (index !== undefined) return checkIndexSum(block, index, inode.checksumSeed, what);
  if (!hasTail) return;
  expectSum(crc32c(inode.checksumSeed, block.subarray(0, tail)), block.readUInt32LE(tail + 8), what);
}

/** Where the index is in a block that holds it: the first of a directory with one, and those below it. */
function indexOffset(block: Buffer, inode: Inode, number: number): number | undefined {
  if ((inode.flags & EXT4_INDEX_FL) === 0) return undefined;
  if (number === 0) return dxRootInBytes;
  const isOneFreeEntry =
    block.readUInt32LE(0) === 0 && entryLength(block.readUInt16LE(4), block.length) === block.length;
  return isOneFreeEntry ? smallestEntryInBytes : undefined;
}

/** The checksum of the entries in use follows the last for which there is room. */
function checkIndexSum(block: Buffer, offset: number, seed: number, what: string): void {
  const limit = block.readUInt16LE(offset);
  const count = block.readUInt16LE(offset + 2);
  const tail = offset + limit * dxEntryInBytes;
  if (count > limit || tail > block.length)
    throw new FormatError(`${what}: an index of ${count} entries, with room for ${limit}`);
  // Linux lets an index pass that was made before the file system had checksums, and has no room for one.
  if (tail + dxEntryInBytes > block.length) return;
  const entries = crc32c(seed, block.subarray(0, offset + count * dxEntryInBytes));
  const actual = crc32c(crc32c(entries, block.subarray(tail, tail + 4)), Buffer.alloc(4));
  expectSum(actual, block.readUInt32LE(tail + 4), what);
}

function expectSum(actual: number, expected: number, what: string): void {
  if (actual === expected) return;
  throw new FormatError(`${what}: checksum 0x${actual.toString(16)}, but it says 0x${expected.toString(16)}`);
}
