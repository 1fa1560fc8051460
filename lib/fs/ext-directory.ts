import { type Blob } from '../blob/blob.ts';
import { FormatError, LimitError } from '../errors.ts';
import { crc32c } from './ext-checksum.ts';
import { FLAG, type Inode } from './ext-inodes.ts';
import { INCOMPAT, type Superblock } from './ext-layout.ts';

// Directories, read from beginning to end: the index of a hashed tree hides in entries that look deleted.
// https://docs.kernel.org/filesystems/ext4/directory.html

/** Far more than a directory of an operating system has. */
const maximumDirectoryInBytes = 64 * 1024 * 1024;
const maximumEntries = 200_000;
const smallestEntryInBytes = 8;
const tailInBytes = 12;
const EXT4_FT_DIR_CSUM = 0xde;
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
    checkSum(block, inode, `${origin}: directory block ${at / size}`);
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

/** Blocks of entries end with a checksum that looks like a deleted entry; blocks of the index have none here. */
function checkSum(block: Buffer, inode: Inode, what: string): void {
  const tail = block.length - tailInBytes;
  const hasTail =
    block.readUInt32LE(tail) === 0 &&
    block.readUInt16LE(tail + 4) === tailInBytes &&
    block.readUInt8(tail + 7) === EXT4_FT_DIR_CSUM;
  if (inode.checksumSeed === undefined || !hasTail) return;
  const actual = crc32c(inode.checksumSeed, block.subarray(0, tail));
  const expected = block.readUInt32LE(tail + 8);
  if (actual !== expected) {
    throw new FormatError(
      `${what}: checksum 0x${actual.toString(16)}, but it says 0x${expected.toString(16)}`,
    );
  }
}
