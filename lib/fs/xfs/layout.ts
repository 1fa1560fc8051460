import type { Blob } from '../../blob/blob.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { uint64BigEndian } from '../../blob/integers.ts';
import { checkSum } from './checksum.ts';

// The superblock of XFS, versions 4 and 5, and its addresses. Names: XFS Algorithms & Data Structures
// https://www.kernel.org/pub/linux/utils/fs/xfs/docs/xfs_filesystem_structure.pdf and Linux, fs/xfs/libxfs/xfs_format.h

const XFS_SB_MAGIC = 'XFSB';
const dsbInBytes = 512;
const XFS_SB_CRC_OFF = 224;

const XFS_SB_VERSION_NUMBITS = 0xf;
const XFS_SB_VERSION_SHAREDBIT = 0x200;
const XFS_SB_VERSION_LOGV2BIT = 0x400;
const XFS_SB_VERSION_DIRV2BIT = 0x2000;
const XFS_SB_VERSION_BORGBIT = 0x4000;
const XFS_SB_VERSION_MOREBITSBIT = 0x8000;
const XFS_SB_VERSION2_FTYPE = 0x200;
/** Lazy counters, attr2, 32-bit project identifiers and file types: all that version 4 has. */
const XFS_SB_VERSION2_OKBITS = 0x28a;

/** In the order of their bits; `xfs_info` and `xfs_db -c version` print the same names. */
const INCOMPAT = {
  ftype: 0x1,
  sparse: 0x2,
  'meta-uuid': 0x4,
  bigtime: 0x8,
  needsrepair: 0x10,
  nrext64: 0x20,
  exchange: 0x40,
  parent: 0x80,
  metadir: 0x100,
  zoned: 0x200,
  'zone-gaps': 0x400,
} as const;
const unread = [INCOMPAT.metadir, INCOMPAT.zoned, INCOMPAT['zone-gaps']];

/** What a superblock says. Sizes in bytes where so named, else in blocks. */
export interface Superblock {
  readonly version: 4 | 5;
  readonly blockSizeInBytes: number;
  readonly blocks: number;
  readonly inodeSizeInBytes: number;
  readonly directoryBlockInBytes: number;
  readonly groupBlocks: number;
  readonly groups: number;
  /** An address is a group and a block in it: so many low bits are the block. */
  readonly groupBlockBits: number;
  /** An inode's number is its block's address and a place in that: so many low bits are the place. */
  readonly inodePlaceBits: number;
  readonly rootInode: number;
  readonly logStart: number;
  readonly logBlocks: number;
  readonly hasLogVersion2: boolean;
  /** Where in the log, in units of 512 bytes, this superblock was written last; 0 in version 4. */
  readonly lastWriteInLog: number;
  readonly hasFileType: boolean;
  /** Names compare without case, of ASCII and Latin-1. */
  readonly isCaseInsensitive: boolean;
  /** What metadata of version 5 names as its file system; not always what is shown. */
  readonly metaUuid: Buffer;
  readonly label: string;
  readonly uuid: string;
}

/** @throws FormatError naming the field that makes no sense, UnsupportedError naming the feature */
export async function readSuperblock(blob: Blob): Promise<Superblock> {
  const bytes = await blob.read(0, dsbInBytes);
  const damaged = (what: string) => new FormatError(`${blob.origin}: xfs superblock: ${what}`);
  const at8 = (offset: number) => bytes.readUInt8(offset);
  const at16 = (offset: number) => bytes.readUInt16BE(offset);
  const at32 = (offset: number) => bytes.readUInt32BE(offset);
  const at64 = (offset: number, name: string) =>
    uint64BigEndian(bytes, offset, `${blob.origin}: xfs superblock: ${name}`);

  const magic = bytes.toString('latin1', 0, 4);
  if (magic !== XFS_SB_MAGIC) throw damaged(`magic ${JSON.stringify(magic)}, not "${XFS_SB_MAGIC}"`);
  const sb_versionnum = at16(100);
  const version = sb_versionnum & XFS_SB_VERSION_NUMBITS;
  if (version !== 4 && version !== 5) {
    throw new UnsupportedError(`${blob.origin}: xfs of version ${version}, where 4 and 5 are read`);
  }
  const sb_sectsize = at16(102);
  if (!isPowerOfTwo(sb_sectsize, 512, 32768)) throw damaged(`sb_sectsize ${sb_sectsize}`);
  if (version === 5) {
    checkSum(await blob.read(0, sb_sectsize), XFS_SB_CRC_OFF, `${blob.origin}: xfs superblock`);
  }
  const sb_features2 = (sb_versionnum & XFS_SB_VERSION_MOREBITSBIT) === 0 ? 0 : at32(200) | at32(204);
  const incompat = version === 5 ? at32(216) : 0;
  if (version === 5) refuseIncompat(blob, incompat);
  else refuseVersion4(blob, sb_versionnum, sb_features2);

  const sb_blocksize = at32(4);
  const sb_inodesize = at16(104);
  const sb_dblocks = at64(8, 'sb_dblocks');
  const sb_agblocks = at32(84);
  const sb_agcount = at32(88);
  const [sb_blocklog, sb_inopblog, sb_agblklog, sb_dirblklog] = [at8(120), at8(123), at8(124), at8(192)];
  if (at8(126) !== 0) throw damaged(`sb_inprogress ${at8(126)}: mkfs.xfs did not finish`);
  if (!isPowerOfTwo(sb_blocksize, 512, 65536) || sb_blocksize !== 2 ** sb_blocklog) {
    throw damaged(`sb_blocksize ${sb_blocksize} with sb_blocklog ${sb_blocklog}`);
  }
  if (sb_sectsize > sb_blocksize) throw damaged(`sb_sectsize ${sb_sectsize} of blocks of ${sb_blocksize}`);
  const smallestInode = version === 5 ? 512 : 256;
  if (!isPowerOfTwo(sb_inodesize, smallestInode, Math.min(2048, sb_blocksize))) {
    throw damaged(`sb_inodesize ${sb_inodesize}`);
  }
  if (2 ** sb_inopblog * sb_inodesize !== sb_blocksize) {
    throw damaged(`sb_inopblog ${sb_inopblog}, with inodes of ${sb_inodesize} in blocks of ${sb_blocksize}`);
  }
  if (sb_agblklog !== Math.ceil(Math.log2(sb_agblocks)) || sb_agblocks > 2 ** 31) {
    throw damaged(`sb_agblocks ${sb_agblocks} with sb_agblklog ${sb_agblklog}`);
  }
  if (sb_dblocks > sb_agblocks * sb_agcount || sb_dblocks <= sb_agblocks * (sb_agcount - 1)) {
    throw damaged(`sb_dblocks ${sb_dblocks}, with ${sb_agcount} groups of ${sb_agblocks}`);
  }
  if (!Number.isSafeInteger(sb_dblocks * sb_blocksize)) throw damaged(`sb_dblocks ${sb_dblocks}`);
  if (sb_blocklog + sb_dirblklog > 16) throw damaged(`sb_dirblklog ${sb_dirblklog}`);
  const logStart = at64(48, 'sb_logstart');
  if (logStart === 0) throw new UnsupportedError(`${blob.origin}: xfs whose log is on another device`);

  const hasMetaUuid = (incompat & INCOMPAT['meta-uuid']) !== 0;
  return {
    version,
    blockSizeInBytes: sb_blocksize,
    blocks: sb_dblocks,
    inodeSizeInBytes: sb_inodesize,
    directoryBlockInBytes: sb_blocksize * 2 ** sb_dirblklog,
    groupBlocks: sb_agblocks,
    groups: sb_agcount,
    groupBlockBits: sb_agblklog,
    inodePlaceBits: sb_inopblog,
    rootInode: at64(56, 'sb_rootino'),
    logStart,
    logBlocks: at32(96),
    hasLogVersion2: version === 5 || (sb_versionnum & XFS_SB_VERSION_LOGV2BIT) !== 0,
    lastWriteInLog: version === 5 ? at32(244) : 0,
    hasFileType: (incompat & INCOMPAT.ftype) !== 0 || (sb_features2 & XFS_SB_VERSION2_FTYPE) !== 0,
    isCaseInsensitive: (sb_versionnum & XFS_SB_VERSION_BORGBIT) !== 0,
    metaUuid: hasMetaUuid ? bytes.subarray(248, 264) : bytes.subarray(32, 48),
    label: (bytes.toString('utf8', 108, 120).split('\0', 1)[0] ?? '').trimEnd(),
    uuid: bytes.toString('hex', 32, 48).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  };
}

/**
 * Where blocks are that follow each other, in bytes from the beginning.
 * @param address group and block, as extents and pointers give it
 * @throws FormatError when they are not in one group of the file system
 */
export function positionOf(superblock: Superblock, address: number, count: number, origin: string): number {
  const { groupBlockBits, groupBlocks, groups, blocks, blockSizeInBytes } = superblock;
  const group = Math.floor(address / 2 ** groupBlockBits);
  const block = address % 2 ** groupBlockBits;
  const first = group * groupBlocks + block;
  if (group >= groups || block + count > groupBlocks || first + count > blocks) {
    throw new FormatError(
      `${origin}: ${count} blocks at ${block} of group ${group}, where there are ${blocks} blocks in ${groups} groups of ${groupBlocks}`,
    );
  }
  return first * blockSizeInBytes;
}

function isPowerOfTwo(value: number, least: number, most: number): boolean {
  return value >= least && value <= most && (value & (value - 1)) === 0;
}

/** Features that change how the file system is read, and are not known or not read here. */
function refuseIncompat(blob: Blob, incompat: number): void {
  if ((incompat & INCOMPAT.needsrepair) !== 0) {
    throw new FormatError(
      `${blob.origin}: xfs that is marked as in need of xfs_repair: Linux mounts no such`,
    );
  }
  for (let bit = 0; bit < 32; bit++) {
    const mask = (1 << bit) >>> 0;
    if ((incompat & mask) === 0) continue;
    const name = Object.entries(INCOMPAT).find(([, value]) => value === mask)?.[0];
    if (name === undefined || unread.some((value) => value === mask)) {
      const what = name ?? `unknown (0x${mask.toString(16)})`;
      throw new UnsupportedError(`${blob.origin}: xfs file system with the incompatible feature ${what}`);
    }
  }
}

function refuseVersion4(blob: Blob, sb_versionnum: number, sb_features2: number): void {
  const refused = (what: string) => new UnsupportedError(`${blob.origin}: xfs file system with ${what}`);
  if ((sb_versionnum & XFS_SB_VERSION_DIRV2BIT) === 0) throw refused('directories of version 1');
  if ((sb_versionnum & XFS_SB_VERSION_SHAREDBIT) !== 0) throw refused('the feature shared');
  const unknown = (sb_features2 & ~XFS_SB_VERSION2_OKBITS) >>> 0;
  if (unknown !== 0) throw refused(`the feature unknown (sb_features2 0x${unknown.toString(16)})`);
}
