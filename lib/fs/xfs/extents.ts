import type { Blob } from '../../blob/blob.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { uint64BigEndian } from '../../blob/integers.ts';
import { Recent } from '../../blob/recent.ts';
import { stretchBlob } from '../extents.ts';
import { checkDescription, longBlock } from './checksum.ts';
import type { Inode } from './inodes.ts';
import { positionOf, type Superblock } from './layout.ts';

// Where the blocks of a file or directory are: extents in the inode, or in a B+tree whose root is there.
// XFS Algorithms & Data Structures, "Data Extents"; Linux, fs/xfs/libxfs/xfs_format.h, "BMAP Btree format definitions"

const XFS_BMAP_MAGIC = 'BMAP';
const XFS_BMAP_CRC_MAGIC = 'BMA3';
const bmdrHeaderInBytes = 4;
const longHeaderInBytes = 24;
const longCrcHeaderInBytes = 72;
/** A record packs 1 bit for unwritten, 54 for the block of the file, 52 for the address, 21 for the length. */
const recordInBytes = 16;
const keyInBytes = 8;
const pointerInBytes = 8;
/** Blocks of 512 bytes have at least 15 entries, and there are at most 2^48 extents. */
const maximumLevels = 13;
/** A hole without an end. */
const unbounded = 2 ** 53;
const blocksKeptInBytes = 8 * 1024 * 1024;

/** Some blocks of a file that are together: on the disk, not yet written there, or a hole. */
export interface BlockRun {
  readonly blocks: number;
  /** Where on the disk; absent for a hole. */
  readonly fromInBytes?: number;
  /** Allocated, but never written: reads as zeroes. */
  readonly isUnwritten?: true;
}

/** The blocks of one inode. */
export interface Fork {
  readonly content: Blob;
  /** What is at a block of the file, up to where that ends. */
  readonly runAt: (block: number) => Promise<BlockRun>;
}

export type ForkReader = (inode: Inode, origin: string) => Fork;

/** Makes the blocks of inodes readable; nothing is read before they are. */
export function forkReader(blob: Blob, superblock: Superblock): ForkReader {
  const { version, blockSizeInBytes, metaUuid } = superblock;
  const recent = new Recent<string, Buffer>(Math.floor(blocksKeptInBytes / blockSizeInBytes));
  const headerInBytes = version === 5 ? longCrcHeaderInBytes : longHeaderInBytes;
  const magic = version === 5 ? XFS_BMAP_CRC_MAGIC : XFS_BMAP_MAGIC;

  /** A block of the tree below the root. */
  async function readNode(inode: Inode, address: number, origin: string): Promise<Buffer> {
    return recent.get(`${inode.number}/${address}`, async () => {
      const what = `${origin}: extents in block ${address}`;
      const positionInBytes = positionOf(superblock, address, 1, what);
      const node = await blob.read(positionInBytes, blockSizeInBytes);
      const found = node.toString('latin1', 0, 4);
      if (found !== magic) throw new FormatError(`${what}: magic ${JSON.stringify(found)}, not "${magic}"`);
      if (version === 5) {
        checkDescription(node, longBlock, { positionInBytes, metaUuid, owner: inode.number }, what);
      }
      return node;
    });
  }

  async function findInTree(inode: Inode, block: number, origin: string): Promise<BlockRun> {
    let entries = inode.fork.subarray(bmdrHeaderInBytes);
    let level = inode.fork.readUInt16BE(0);
    let count = inode.fork.readUInt16BE(2);
    if (level < 1 || level > maximumLevels) {
      throw new FormatError(`${origin}: extents: bb_level ${level}, of 1 to ${maximumLevels}`);
    }
    for (let end = unbounded; ;) {
      const room = Math.floor(entries.length / (level === 0 ? recordInBytes : keyInBytes + pointerInBytes));
      if (count < 1 || count > room) {
        throw new FormatError(`${origin}: extents: bb_numrecs ${count} at level ${level}, room for ${room}`);
      }
      if (level === 0) return findRecord(entries, count, block, end, origin);
      const found = lastAtOrBefore(count, block, (index) => keyAt(entries, index));
      if (found + 1 < count) end = Math.min(end, keyAt(entries, found + 1));
      if (found < 0) return { blocks: Math.max(1, end - block) };
      const pointer = room * keyInBytes + found * pointerInBytes;
      const node = await readNode(
        inode,
        uint64BigEndian(entries, pointer, `${origin}: extents: address`),
        origin,
      );
      const bb_level = node.readUInt16BE(4);
      level -= 1;
      if (bb_level !== level) throw new FormatError(`${origin}: extents: bb_level ${bb_level}, not ${level}`);
      count = node.readUInt16BE(6);
      entries = node.subarray(headerInBytes);
    }
  }

  function findRecord(records: Buffer, count: number, block: number, end: number, origin: string): BlockRun {
    const found = lastAtOrBefore(count, block, (index) => startOf(records, index));
    const next = found + 1 < count ? Math.min(end, startOf(records, found + 1)) : end;
    const hole = { blocks: Math.max(1, next - block) };
    if (found < 0) return hole;
    const { start, length, address, isUnwritten } = recordAt(records, found);
    if (length === 0 || start + length > next) {
      throw new FormatError(`${origin}: extents: ${length} blocks at ${start}, with the next at ${next}`);
    }
    const blocks = start + length - block;
    if (blocks <= 0) return hole;
    if (isUnwritten) return { blocks, isUnwritten };
    const position = positionOf(superblock, address, length, origin);
    return { blocks, fromInBytes: position + (block - start) * blockSizeInBytes };
  }

  return (inode, origin) => {
    if (inode.isRealtime) throw new UnsupportedError(`${origin}: is on the realtime device of xfs`);
    const { fork, extents, format } = inode;
    if (format !== 'extents' && format !== 'btree') {
      throw new FormatError(`${origin}: a ${inode.type} whose content is ${format}`);
    }
    const room = Math.floor(fork.length / recordInBytes);
    if (format === 'extents' && extents > room) {
      throw new FormatError(`${origin}: extents: di_nextents ${extents}, room for ${room}`);
    }
    const runAt = async (block: number): Promise<BlockRun> =>
      format === 'btree'
        ? findInTree(inode, block, origin)
        : findRecord(fork, extents, block, unbounded, origin);
    const content = stretchBlob(blob, inode.sizeInBytes, origin, async (offset) => {
      const within = offset % blockSizeInBytes;
      const { blocks, fromInBytes } = await runAt(Math.floor(offset / blockSizeInBytes));
      const lengthInBytes = blocks * blockSizeInBytes - within;
      return fromInBytes === undefined
        ? { lengthInBytes }
        : { lengthInBytes, fromInBytes: fromInBytes + within };
    });
    return { content, runAt };
  };
}

/** The last entry that begins at or before a block of the file, or -1. Entries are in order. */
function lastAtOrBefore(count: number, block: number, startAt: (index: number) => number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (startAt(middle) <= block) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** A file has at most 2^54 blocks; one beyond 2^53 is not reached by any offset that a number holds. */
function keyAt(keys: Buffer, index: number): number {
  const at = index * keyInBytes;
  return Math.min(unbounded, keys.readUInt32BE(at) * 2 ** 32 + keys.readUInt32BE(at + 4));
}

function startOf(records: Buffer, index: number): number {
  const at = index * recordInBytes;
  return (records.readUInt32BE(at) & 0x7fff_ffff) * 2 ** 23 + (records.readUInt32BE(at + 4) >>> 9);
}

function recordAt(records: Buffer, index: number) {
  const at = index * recordInBytes;
  const high = records.readUInt32BE(at + 8);
  const low = records.readUInt32BE(at + 12);
  return {
    isUnwritten: records.readUInt8(at) >= 0x80 ? (true as const) : undefined,
    start: startOf(records, index),
    address: (records.readUInt32BE(at + 4) & 0x1ff) * 2 ** 43 + high * 2 ** 11 + (low >>> 21),
    length: low & 0x1f_ffff,
  };
}
