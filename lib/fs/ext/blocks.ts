import { type Blob, checkRange } from '../../blob/blob.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { Recent } from '../../blob/recent.ts';
import { crc32c } from '../crc32c.ts';
import { FLAG, type Inode } from './inodes.ts';
import type { Superblock } from './layout.ts';
import { type Stretch, stretchBlob } from '../extents.ts';

// Where the blocks of a file are: the extent tree of ext4, the block map of ext2 and ext3, or the inode itself.
// https://docs.kernel.org/filesystems/ext4/ifork.html

const EXT4_EXT_MAGIC = 0xf30a;
const EXT4_MAX_EXTENT_DEPTH = 5;
/** A length above it marks an extent that is allocated and was not written: it reads as zeroes. */
const EXT_INIT_MAX_LEN = 32768;
const headerInBytes = 12;
const entryInBytes = 12;
const EXT4_NDIR_BLOCKS = 12;
const inlineInBytes = 60;
/** A hole without an end: more blocks than any file has. */
const unbounded = 2 ** 32;
const blocksKeptInBytes = 8 * 1024 * 1024;

/** Some blocks of a file: where they are on the disk, or a hole. */
interface BlockRun {
  readonly blocks: number;
  readonly physical?: number;
}

export type ContentReader = (inode: Inode, origin: string) => Blob;

/** Makes the content of inodes readable as Blobs; nothing is read before the Blob is. */
export function contentReader(blob: Blob, superblock: Superblock): ContentReader {
  const { blockSizeInBytes } = superblock;
  const recent = new Recent<number, Buffer>(Math.floor(blocksKeptInBytes / blockSizeInBytes));
  const readBlock = (block: number, origin: string) =>
    recent.get(block, async () => {
      checkBlocks(block, 1, origin);
      return blob.read(block * blockSizeInBytes, blockSizeInBytes);
    });

  function checkBlocks(physical: number, count: number, origin: string): void {
    if (physical === 0 || physical + count > superblock.blocks) {
      throw new FormatError(
        `${origin}: ${count} blocks at ${physical}, of the ${superblock.blocks} that there are`,
      );
    }
  }

  async function findExtent(inode: Inode, logical: number, origin: string): Promise<BlockRun> {
    let node = inode.i_block;
    let end = unbounded;
    for (let depth = node.readUInt16LE(6); ; depth--) {
      const entries = checkExtentNode(node, depth, origin);
      const found = lastAtOrBefore(node, entries, logical);
      const next = found + 1 < entries ? node.readUInt32LE(headerInBytes + (found + 1) * entryInBytes) : end;
      end = Math.max(Math.min(end, next), logical + 1);
      if (found < 0) return { blocks: end - logical };
      const at = headerInBytes + found * entryInBytes;
      if (depth === 0) return extentRun(node, at, logical, end);
      const block = node.readUInt16LE(at + 8) * 2 ** 32 + node.readUInt32LE(at + 4);
      node = await readBlock(block, origin);
      checkExtentSum(node, inode, `${origin}: extents in block ${block}`);
    }
  }

  async function findMapped(inode: Inode, logical: number, origin: string): Promise<BlockRun> {
    const perBlock = blockSizeInBytes / 4;
    if (logical < EXT4_NDIR_BLOCKS) return mappedRun(inode.i_block, logical, EXT4_NDIR_BLOCKS);
    let within = logical - EXT4_NDIR_BLOCKS;
    let levels = 1;
    for (; levels <= 3 && within >= perBlock ** levels; levels++) within -= perBlock ** levels;
    if (levels > 3) throw new FormatError(`${origin}: block ${logical} is more than a block map holds`);
    let table = inode.i_block;
    let index = EXT4_NDIR_BLOCKS + levels - 1;
    for (let level = levels; level > 0; level--) {
      const block = table.readUInt32LE(index * 4);
      const covers = perBlock ** level;
      if (block === 0) return { blocks: covers - (within % covers) };
      table = await readBlock(block, origin);
      index = Math.floor((within % covers) / perBlock ** (level - 1));
    }
    return mappedRun(table, index, perBlock);
  }

  return (inode, origin) => {
    if ((inode.flags & FLAG.EXT4_ENCRYPT_FL) !== 0)
      throw new UnsupportedError(`${origin}: encrypted (fscrypt)`);
    if ((inode.flags & FLAG.EXT4_INLINE_DATA_FL) !== 0) return inlineContent(inode, origin);
    const find = (inode.flags & FLAG.EXT4_EXTENTS_FL) === 0 ? findMapped : findExtent;
    return stretchBlob(blob, inode.sizeInBytes, origin, async (offset): Promise<Stretch> => {
      const within = offset % blockSizeInBytes;
      const { blocks, physical } = await find(inode, Math.floor(offset / blockSizeInBytes), origin);
      const lengthInBytes = blocks * blockSizeInBytes - within;
      if (physical === undefined) return { lengthInBytes };
      checkBlocks(physical, blocks, origin);
      return { lengthInBytes, fromInBytes: physical * blockSizeInBytes + within };
    });
  };
}

/** The number of entries of an extent node whose header makes sense. */
function checkExtentNode(node: Buffer, depth: number, origin: string): number {
  const eh_magic = node.readUInt16LE(0);
  const eh_entries = node.readUInt16LE(2);
  const eh_depth = node.readUInt16LE(6);
  const room = Math.floor((node.length - headerInBytes) / entryInBytes);
  if (eh_magic !== EXT4_EXT_MAGIC)
    throw new FormatError(`${origin}: extents: magic 0x${eh_magic.toString(16)}`);
  if (eh_entries > room) throw new FormatError(`${origin}: extents: ${eh_entries} entries, room for ${room}`);
  if (eh_depth !== depth || depth > EXT4_MAX_EXTENT_DEPTH) {
    throw new FormatError(
      `${origin}: extents: depth ${eh_depth}, at most ${Math.min(depth, EXT4_MAX_EXTENT_DEPTH)}`,
    );
  }
  return eh_entries;
}

/** The last entry that begins at or before a block of the file, or -1. Entries are in order. */
function lastAtOrBefore(node: Buffer, entries: number, logical: number): number {
  let low = 0;
  let high = entries;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (node.readUInt32LE(headerInBytes + middle * entryInBytes) <= logical) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function extentRun(node: Buffer, at: number, logical: number, end: number): BlockRun {
  const ee_block = node.readUInt32LE(at);
  const ee_len = node.readUInt16LE(at + 4);
  const isUnwritten = ee_len > EXT_INIT_MAX_LEN;
  const length = isUnwritten ? ee_len - EXT_INIT_MAX_LEN : ee_len;
  const blocks = ee_block + length - logical;
  if (blocks <= 0) return { blocks: end - logical };
  if (isUnwritten) return { blocks };
  const start = node.readUInt16LE(at + 6) * 2 ** 32 + node.readUInt32LE(at + 8);
  return { blocks, physical: start + (logical - ee_block) };
}

function checkExtentSum(node: Buffer, inode: Inode, what: string): void {
  if (inode.checksumSeed === undefined) return;
  const tail = headerInBytes + node.readUInt16LE(4) * entryInBytes;
  if (tail + 4 > node.length) throw new FormatError(`${what}: eh_max ${node.readUInt16LE(4)}`);
  const actual = crc32c(inode.checksumSeed, node.subarray(0, tail));
  const expected = node.readUInt32LE(tail);
  if (actual !== expected) {
    throw new FormatError(
      `${what}: checksum 0x${actual.toString(16)}, but it says 0x${expected.toString(16)}`,
    );
  }
}

/** The blocks from one entry of a block map on that follow each other, or are holes together. */
function mappedRun(table: Buffer, index: number, entries: number): BlockRun {
  const physical = table.readUInt32LE(index * 4);
  let blocks = 1;
  while (index + blocks < entries) {
    if (table.readUInt32LE((index + blocks) * 4) !== (physical === 0 ? 0 : physical + blocks)) break;
    blocks += 1;
  }
  return physical === 0 ? { blocks } : { blocks, physical };
}

function inlineContent(inode: Inode, origin: string): Blob {
  const bytes = Buffer.concat([inode.i_block.subarray(0, inlineInBytes), inode.inlineRest]);
  const { sizeInBytes } = inode;
  if (sizeInBytes <= bytes.length) return memoryBlob(bytes.subarray(0, sizeInBytes), origin);
  if (inode.type !== 'file') {
    throw new FormatError(`${origin}: ${sizeInBytes} bytes, but only ${bytes.length} are in the inode`);
  }
  // As Linux reads it; mke2fs makes files that are one large hole so.
  const blob: Blob = {
    origin,
    sizeInBytes,
    async read(offset, length) {
      checkRange(blob, offset, length);
      const result = Buffer.alloc(length);
      bytes.copy(result, 0, Math.min(offset, bytes.length), Math.min(offset + length, bytes.length));
      return result;
    },
  };
  return blob;
}
