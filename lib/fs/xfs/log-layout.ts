import type { Blob } from '../../blob/blob.ts';
import { Recent } from '../../blob/recent.ts';
import { sliceBlob } from '../../blob/slice.ts';
import { FormatError } from '../../errors.ts';
import { crc32c } from '../crc32c.ts';
import { positionOf, type Superblock } from './layout.ts';

// The log of XFS: a circle of blocks of 512 bytes, in which records with a header follow each other. All that is
// counted in blocks here is counted in those. Linux, fs/xfs/libxfs/xfs_log_format.h

export const XLOG_HEADER_MAGIC_NUM = 0xfeed_babe;
export const XLOG_HEADER_CYCLE_SIZE = 32 * 1024;
export const XLOG_MAX_RECORD_BSIZE = 256 * 1024;
export const XLOG_BIG_RECORD_BSIZE = 32 * 1024;
/** How many records can be on their way to the disk at once. */
export const XLOG_MAX_ICLOGS = 8;
export const XLOG_UNMOUNT_TRANS = 0x20;
const XLOG_VERSION_2 = 2;
const XLOG_VERSION_OKBITS = 3;
const XLOG_FMT_LINUX_LE = 1;
const XLOG_FMT_LINUX_BE = 2;
/** What the log counts in, whatever the sectors are. */
export const basicBlockInBytes = 512;
const cyclesInHeader = XLOG_HEADER_CYCLE_SIZE / basicBlockInBytes;
const extendedHeaderInBytes = 260;
/** The header with the padding that all but 32-bit x86 have at its end, and without. */
const headerSizesInBytes = [328, 324] as const;
const crcOffset = 32;
const piecesKept = 16;
const largePieceInBlocks = 128;

/** Where something is in the log, and in which round through it: ordered as numbers are. */
export type Lsn = bigint;

export interface Log {
  readonly origin: string;
  /** How many blocks it has. */
  readonly count: number;
  readonly superblock: Superblock;
  /** Some blocks from one on, at the beginning again after the last. */
  read(block: number, count: number): Promise<Buffer>;
  /** Which round through the log a block was last written in. */
  cycleAt(block: number): Promise<number>;
}

export interface RecordHeader {
  readonly block: number;
  readonly cycle: number;
  readonly version: number;
  readonly lengthInBytes: number;
  readonly lsn: Lsn;
  readonly tail: Lsn;
  readonly crc: number;
  readonly operations: number;
  readonly format: number;
  readonly uuid: string;
  /** The largest that a record was then; 0 in the first version of logs. */
  readonly sizeInBytes: number;
  readonly headerBlocks: number;
  readonly dataBlocks: number;
}

/**
 * The log of a file system that is in it.
 * @param pieceInBlocks how much of it is read at once
 * @throws FormatError when it is in no group, or without room for a record
 */
export function openLog(disk: Blob, superblock: Superblock, pieceInBlocks = largePieceInBlocks): Log {
  const { logStart, logBlocks, blockSizeInBytes } = superblock;
  const origin = `${disk.origin}: xfs log`;
  const start = positionOf(superblock, logStart, logBlocks, origin);
  const blob = sliceBlob(disk, start, logBlocks * blockSizeInBytes, origin);
  const count = blob.sizeInBytes / basicBlockInBytes;
  if (count < 2) throw new FormatError(`${origin}: ${count} blocks of ${basicBlockInBytes}, of at least 2`);
  const pieces = new Recent<number, Buffer>(piecesKept);
  const pieceOf = (index: number) =>
    pieces.get(index, () => {
      const first = index * pieceInBlocks;
      return blob.read(first * basicBlockInBytes, Math.min(pieceInBlocks, count - first) * basicBlockInBytes);
    });
  const inCircle = (block: number) => ((block % count) + count) % count;
  return {
    origin,
    count,
    superblock,
    async read(block, length) {
      if (length < 0 || length > count)
        throw new FormatError(`${origin}: ${length} blocks at ${block}, of ${count}`);
      const parts: Buffer[] = [];
      for (let done = 0; done < length;) {
        const at = inCircle(block + done);
        const within = at % pieceInBlocks;
        const take = Math.min(length - done, pieceInBlocks - within, count - at);
        const piece = await pieceOf(Math.floor(at / pieceInBlocks));
        parts.push(piece.subarray(within * basicBlockInBytes, (within + take) * basicBlockInBytes));
        done += take;
      }
      return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
    },
    async cycleAt(block) {
      const at = inCircle(block);
      const piece = await pieceOf(Math.floor(at / pieceInBlocks));
      return cycleOf(piece.subarray((at % pieceInBlocks) * basicBlockInBytes));
    },
  };
}

/** The first word of every block but a header is the cycle; what was there is kept in the header. */
export function cycleOf(block: Buffer): number {
  const first = block.readUInt32BE(0);
  return first === XLOG_HEADER_MAGIC_NUM ? block.readUInt32BE(4) : first;
}

/** The header in a block of the log, or undefined when none is there. It is not checked. */
export async function headerAt(log: Log, block: number): Promise<RecordHeader | undefined> {
  const bytes = await log.read(block, 1);
  if (bytes.readUInt32BE(0) !== XLOG_HEADER_MAGIC_NUM) return undefined;
  const version = bytes.readUInt32BE(8);
  const lengthInBytes = bytes.readUInt32BE(12);
  const sizeInBytes = bytes.readUInt32BE(320);
  const isVersion2 = log.superblock.hasLogVersion2 && (version & XLOG_VERSION_2) !== 0;
  return {
    block: ((block % log.count) + log.count) % log.count,
    cycle: bytes.readUInt32BE(4),
    version,
    lengthInBytes,
    lsn: bytes.readBigUInt64BE(16),
    tail: bytes.readBigUInt64BE(24),
    crc: bytes.readUInt32LE(crcOffset),
    operations: bytes.readUInt32BE(40),
    format: bytes.readUInt32BE(300),
    uuid: bytes.toString('hex', 304, 320),
    sizeInBytes,
    headerBlocks:
      isVersion2 && sizeInBytes > XLOG_HEADER_CYCLE_SIZE
        ? Math.ceil(sizeInBytes / XLOG_HEADER_CYCLE_SIZE)
        : 1,
    dataBlocks: Math.ceil(lengthInBytes / basicBlockInBytes),
  };
}

/** What is wrong with a header, or undefined. */
export function wrongHeader(header: RecordHeader, log: Log): string | undefined {
  const { version, lengthInBytes, sizeInBytes, headerBlocks, dataBlocks, operations, format, uuid } = header;
  if (version === 0 || (version & ~XLOG_VERSION_OKBITS) !== 0) return `h_version ${version}`;
  if (sizeInBytes > XLOG_MAX_RECORD_BSIZE) return `h_size ${sizeInBytes}, more than ${XLOG_MAX_RECORD_BSIZE}`;
  // mkfs.xfs writes its one record larger than it says that records are.
  const isOfMkfs = operations === 1;
  const largest = isOfMkfs ? XLOG_MAX_RECORD_BSIZE : sizeInBytes || XLOG_BIG_RECORD_BSIZE;
  if (lengthInBytes === 0 || lengthInBytes > largest) return `h_len ${lengthInBytes}, of 1 to ${largest}`;
  if (dataBlocks > headerBlocks * cyclesInHeader)
    return `h_len ${lengthInBytes} with ${headerBlocks} blocks of header`;
  if (headerBlocks + dataBlocks > log.count) return `h_len ${lengthInBytes}, in a log of ${log.count} blocks`;
  // Only its own byte order is read by Linux, and no image of a big-endian architecture is looked for here.
  if (format !== XLOG_FMT_LINUX_LE)
    return `h_fmt ${format}${format === XLOG_FMT_LINUX_BE ? ' (of a big-endian machine)' : ''}`;
  const expected = log.superblock.uuid.replaceAll('-', '');
  return uuid === expected ? undefined : `h_fs_uuid ${uuid}, not ${expected}`;
}

/** The header and what follows it, as they are on the disk. */
export async function readRecord(log: Log, { block, headerBlocks, dataBlocks }: RecordHeader) {
  const bytes = await log.read(block, headerBlocks + dataBlocks);
  const dataStart = headerBlocks * basicBlockInBytes;
  return { headers: bytes.subarray(0, dataStart), packed: bytes.subarray(dataStart) };
}

export interface RawRecord {
  readonly headers: Buffer;
  readonly packed: Buffer;
}

/** Whether a record's checksum is right; `none` when it has none, as what mkfs.xfs writes. */
export function sumOfRecord(
  { headers, packed }: RawRecord,
  header: RecordHeader,
): 'right' | 'none' | 'wrong' {
  const { crc, lengthInBytes, headerBlocks } = header;
  const extended = Math.min(headerBlocks, Math.ceil(lengthInBytes / XLOG_HEADER_CYCLE_SIZE));
  const isRight = headerSizesInBytes.some((size) => {
    let sum = crc32c(0xffff_ffff, headers.subarray(0, crcOffset));
    sum = crc32c(crc32c(sum, Buffer.alloc(4)), headers.subarray(crcOffset + 4, size));
    for (let index = 1; index < extended; index++) {
      const at = index * basicBlockInBytes;
      sum = crc32c(sum, headers.subarray(at, at + extendedHeaderInBytes));
    }
    return ~crc32c(sum, packed.subarray(0, lengthInBytes)) >>> 0 === crc;
  });
  if (isRight) return 'right';
  return crc === 0 ? 'none' : 'wrong';
}

/** The data with the words in place that the cycle had taken the place of. */
export function unpackRecord({ headers, packed }: RawRecord, { lengthInBytes }: RecordHeader): Buffer {
  const data = Buffer.from(packed);
  for (let index = 0; index * basicBlockInBytes < data.length; index++) {
    const header = Math.floor(index / cyclesInHeader);
    const at = header * basicBlockInBytes + (header === 0 ? 44 : 4) + (index % cyclesInHeader) * 4;
    headers.copy(data, index * basicBlockInBytes, at, at + 4);
  }
  return data.subarray(0, lengthInBytes);
}
