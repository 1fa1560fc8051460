import type { Blob } from '../../blob/blob.ts';
import { FormatError } from '../../errors.ts';
import { Recent } from '../../blob/recent.ts';
import { uint64BigEndian } from '../../blob/integers.ts';
import { checkSum, checkUuid } from './checksum.ts';
import { positionOf, type Superblock } from './layout.ts';

// Inodes, `xfs_dinode`. An inode's number says where it is. Linux, fs/xfs/libxfs/xfs_format.h

const XFS_DINODE_MAGIC = 0x494e;
/** The sizes of what comes before the data fork, in versions 1 and 2, and 3. */
const oldCoreInBytes = 100;
const coreInBytes = 176;
const XFS_DINODE_CRC_OFF = 100;
const XFS_DIFLAG_REALTIME = 0x1;
const XFS_DIFLAG2_NREXT64 = 0x10;
/** In the order of their values: XFS_DINODE_FMT_DEV and so on. */
const formats = ['device', 'local', 'extents', 'btree'] as const;
const S_IFMT = 0xf000;
const types: Readonly<Record<number, Inode['type']>> = {
  0x8000: 'file',
  0x4000: 'directory',
  0xa000: 'symlink',
};
/** Other types: pipes, devices, sockets. */
const otherTypes = new Set([0x1000, 0x2000, 0x6000, 0xc000]);

/** Inodes are read in pieces of their group. */
const pieceInBytes = 32 * 1024;
const piecesKept = 128;

export interface Inode {
  readonly number: number;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly sizeInBytes: number;
  /** What the data fork holds: the content itself, extents, or the root of a tree of them. */
  readonly format: (typeof formats)[number];
  readonly fork: Buffer;
  /** How many extents there are. */
  readonly extents: number;
  /** The content is on the realtime device. */
  readonly isRealtime: boolean;
}

/** Reads inodes by number. @throws FormatError for a number that does not exist, a free or a damaged inode */
export function inodeReader(blob: Blob, superblock: Superblock): (number: number) => Promise<Inode> {
  const { version, blockSizeInBytes, inodeSizeInBytes, inodePlaceBits } = superblock;
  const pieces = new Recent<number, Buffer>(piecesKept);
  const end = superblock.blocks * blockSizeInBytes;

  async function rawInode(number: number, origin: string): Promise<Buffer> {
    const address = Math.floor(number / 2 ** inodePlaceBits);
    const place = number % 2 ** inodePlaceBits;
    const at = positionOf(superblock, address, 1, origin) + place * inodeSizeInBytes;
    // A block is never larger than two pieces, and inodes never straddle: sizes are powers of two.
    const start = at - (at % pieceInBytes);
    const piece = await pieces.get(start, () => blob.read(start, Math.min(pieceInBytes, end - start)));
    return piece.subarray(at - start, at - start + inodeSizeInBytes);
  }

  return async (number) => {
    const origin = `${blob.origin}: inode ${number}`;
    const raw = await rawInode(number, origin);
    const magic = raw.readUInt16BE(0);
    if (magic !== XFS_DINODE_MAGIC) {
      throw new FormatError(
        `${origin}: magic 0x${magic.toString(16)}, not 0x${XFS_DINODE_MAGIC.toString(16)}`,
      );
    }
    const di_version = raw.readUInt8(4);
    if (version === 5 ? di_version !== 3 : di_version !== 1 && di_version !== 2) {
      throw new FormatError(`${origin}: di_version ${di_version}, in xfs of version ${version}`);
    }
    if (version === 5) checkInode(raw, number, superblock, origin);
    const mode = raw.readUInt16BE(2);
    const type = types[mode & S_IFMT] ?? (otherTypes.has(mode & S_IFMT) ? 'other' : undefined);
    if (type === undefined) {
      throw new FormatError(`${origin} is free or damaged: di_mode 0o${mode.toString(8)}`);
    }
    const format = formats[raw.readUInt8(5)];
    if (format === undefined || (type === 'other') !== (format === 'device')) {
      throw new FormatError(`${origin}: di_format ${raw.readUInt8(5)} of a ${type}`);
    }
    const hasLargeCount = version === 5 && (raw.readBigUInt64BE(120) & BigInt(XFS_DIFLAG2_NREXT64)) !== 0n;
    return {
      number,
      type,
      mode: mode & 0o7777,
      sizeInBytes: uint64BigEndian(raw, 56, `${origin}: di_size`),
      format,
      fork: dataFork(raw, version, origin),
      extents: hasLargeCount ? uint64BigEndian(raw, 24, `${origin}: di_big_nextents`) : raw.readUInt32BE(76),
      isRealtime: (raw.readUInt16BE(90) & XFS_DIFLAG_REALTIME) !== 0,
    };
  };
}

function checkInode(raw: Buffer, number: number, superblock: Superblock, origin: string): void {
  checkSum(raw, XFS_DINODE_CRC_OFF, origin);
  const di_ino = raw.readBigUInt64BE(152);
  if (di_ino !== BigInt(number)) throw new FormatError(`${origin}: says that it is inode ${di_ino}`);
  checkUuid(raw, 160, superblock.metaUuid, origin);
}

/** The data fork ends where the one of attributes begins, when there is one. */
function dataFork(raw: Buffer, version: 4 | 5, origin: string): Buffer {
  const start = version === 5 ? coreInBytes : oldCoreInBytes;
  const di_forkoff = raw.readUInt8(82) * 8;
  if (start + di_forkoff > raw.length) {
    throw new FormatError(`${origin}: di_forkoff ${di_forkoff} bytes, in an inode of ${raw.length}`);
  }
  return raw.subarray(start, di_forkoff === 0 ? raw.length : start + di_forkoff);
}
