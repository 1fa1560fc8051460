import type { Blob } from '../../blob/blob.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { crc32c } from '../crc32c.ts';

// The superblock of ext2, ext3 and ext4. Names and offsets: Linux, Documentation/filesystems/ext4
// https://docs.kernel.org/filesystems/ext4/globals.html

export const superblockOffset = 1024;
export const superblockInBytes = 1024;
const magicOffset = 0x38;
const EXT4_SUPER_MAGIC = 0xef53;

export const COMPAT = { has_journal: 0x4, sparse_super2: 0x200 } as const;
/** In the order of their bits; `dumpe2fs` prints the same names, but `extent`. */
export const INCOMPAT = {
  compression: 0x1,
  filetype: 0x2,
  needs_recovery: 0x4,
  journal_dev: 0x8,
  meta_bg: 0x10,
  extent: 0x40,
  '64bit': 0x80,
  mmp: 0x100,
  flex_bg: 0x200,
  ea_inode: 0x400,
  dirdata: 0x1000,
  metadata_csum_seed: 0x2000,
  large_dir: 0x4000,
  inline_data: 0x8000,
  encrypt: 0x10000,
  casefold: 0x20000,
} as const;
export const RO_COMPAT = {
  sparse_super: 0x1,
  large_file: 0x2,
  btree_dir: 0x4,
  metadata_csum: 0x400,
} as const;

const unread = [INCOMPAT.compression, INCOMPAT.journal_dev, INCOMPAT.dirdata];
const ext2And3Incompat = INCOMPAT.filetype | INCOMPAT.needs_recovery | INCOMPAT.meta_bg;
const ext2And3RoCompat = RO_COMPAT.sparse_super | RO_COMPAT.large_file | RO_COMPAT.btree_dir;
/** The kernel's own bounds: blocks of 1 to 64 KiB. */
const maximumLogBlockSize = 6;

/** What a superblock says. Offsets and sizes in bytes where so named, else in blocks. */
export interface Superblock {
  readonly type: 'ext2' | 'ext3' | 'ext4';
  readonly blockSizeInBytes: number;
  readonly blocks: number;
  readonly inodes: number;
  readonly inodesPerGroup: number;
  readonly inodeSizeInBytes: number;
  readonly groups: number;
  readonly blocksPerGroup: number;
  readonly firstDataBlock: number;
  readonly firstMetaGroup: number;
  readonly descriptorSizeInBytes: number;
  readonly compat: number;
  readonly incompat: number;
  readonly roCompat: number;
  /** Groups that have a copy of the superblock besides the first, with sparse_super2. */
  readonly backupGroups: readonly [number, number];
  /** What every metadata checksum starts from; absent without metadata_csum. */
  readonly checksumSeed?: number;
  readonly label: string;
  readonly uuid: string;
}

/** Whether the 1,024 bytes at `superblockOffset` have the magic, and as what blkid would name the file system. */
export function recogniseExt(bytes: Buffer): 'ext2' | 'ext3' | 'ext4' | 'jbd' | undefined {
  if (bytes.length < superblockInBytes || bytes.readUInt16LE(magicOffset) !== EXT4_SUPER_MAGIC)
    return undefined;
  const incompat = bytes.readUInt32LE(0x60);
  if ((incompat & INCOMPAT.journal_dev) !== 0) return 'jbd';
  if ((incompat & ~ext2And3Incompat) !== 0 || (bytes.readUInt32LE(0x64) & ~ext2And3RoCompat) !== 0)
    return 'ext4';
  return (bytes.readUInt32LE(0x5c) & COMPAT.has_journal) === 0 ? 'ext2' : 'ext3';
}

/** @throws FormatError naming the field that makes no sense, UnsupportedError naming the feature */
export async function readSuperblock(blob: Blob): Promise<Superblock> {
  const bytes = await blob.read(superblockOffset, superblockInBytes);
  const damaged = (what: string) => new FormatError(`${blob.origin}: ext superblock: ${what}`);
  const type = recogniseExt(bytes);
  if (type === undefined)
    throw damaged(`magic 0x${bytes.readUInt16LE(magicOffset).toString(16)}, not 0xef53`);
  if (type === 'jbd')
    throw new UnsupportedError(`${blob.origin}: an external ext journal, not a file system`);

  const at32 = (offset: number) => bytes.readUInt32LE(offset);
  const compat = at32(0x5c);
  const incompat = at32(0x60);
  const roCompat = at32(0x64);
  refuseFeatures(blob, incompat);

  const s_log_block_size = at32(0x18);
  if (s_log_block_size > maximumLogBlockSize) throw damaged(`s_log_block_size ${s_log_block_size}`);
  const blockSizeInBytes = 1024 * 2 ** s_log_block_size;
  const is64bit = (incompat & INCOMPAT['64bit']) !== 0;
  const blocks = (is64bit ? at32(0x150) * 2 ** 32 : 0) + at32(0x4);
  const s_first_data_block = at32(0x14);
  const s_blocks_per_group = at32(0x20);
  const s_inodes_per_group = at32(0x28);
  // Revision 0 knew one size of inode only.
  const s_inode_size = at32(0x4c) === 0 ? 128 : bytes.readUInt16LE(0x58);
  const s_desc_size = is64bit ? bytes.readUInt16LE(0xfe) : 32;
  if (!Number.isSafeInteger(blocks * blockSizeInBytes)) throw damaged(`s_blocks_count ${blocks}`);
  // With bigalloc a group has eight blocks' worth of clusters, hence the factor; a cluster is at most 512 MiB.
  if (s_blocks_per_group < 8 || s_blocks_per_group > 2 ** 31) {
    throw damaged(`s_blocks_per_group ${s_blocks_per_group}`);
  }
  if (s_inodes_per_group === 0 || s_inodes_per_group > blockSizeInBytes * 8) {
    throw damaged(`s_inodes_per_group ${s_inodes_per_group}`);
  }
  if (s_inode_size < 128 || s_inode_size > blockSizeInBytes || (s_inode_size & (s_inode_size - 1)) !== 0) {
    throw damaged(`s_inode_size ${s_inode_size}`);
  }
  if (s_desc_size < 32 || s_desc_size > 1024 || (s_desc_size & (s_desc_size - 1)) !== 0) {
    throw damaged(`s_desc_size ${s_desc_size}`);
  }
  if (s_first_data_block >= blocks)
    throw damaged(`s_first_data_block ${s_first_data_block} of ${blocks} blocks`);
  const groups = Math.ceil((blocks - s_first_data_block) / s_blocks_per_group);
  const inodes = at32(0);
  if (inodes > groups * s_inodes_per_group) {
    throw damaged(`s_inodes_count ${inodes}, more than ${groups} groups of ${s_inodes_per_group} have`);
  }

  let checksumSeed: number | undefined;
  if ((roCompat & RO_COMPAT.metadata_csum) !== 0) {
    const actual = crc32c(0xffff_ffff, bytes.subarray(0, 0x3fc));
    if (actual !== at32(0x3fc)) {
      throw damaged(`checksum 0x${actual.toString(16)}, but it says 0x${at32(0x3fc).toString(16)}`);
    }
    const seeded = (incompat & INCOMPAT.metadata_csum_seed) !== 0;
    checksumSeed = seeded ? at32(0x270) : crc32c(0xffff_ffff, bytes.subarray(0x68, 0x78));
  }
  return {
    type,
    blockSizeInBytes,
    blocks,
    inodes,
    inodesPerGroup: s_inodes_per_group,
    inodeSizeInBytes: s_inode_size,
    groups,
    blocksPerGroup: s_blocks_per_group,
    firstDataBlock: s_first_data_block,
    firstMetaGroup: (incompat & INCOMPAT.meta_bg) === 0 ? Number.MAX_SAFE_INTEGER : at32(0x104),
    descriptorSizeInBytes: s_desc_size,
    compat,
    incompat,
    roCompat,
    backupGroups: [at32(0x24c), at32(0x250)],
    ...(checksumSeed !== undefined && { checksumSeed }),
    label: bytes.toString('utf8', 0x78, 0x88).split('\0', 1)[0] ?? '',
    uuid: bytes.toString('hex', 0x68, 0x78).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  };
}

/** Features that change how the file system is read, and are not known or not read here. */
function refuseFeatures(blob: Blob, incompat: number): void {
  for (let bit = 0; bit < 32; bit++) {
    const mask = (1 << bit) >>> 0;
    if ((incompat & mask) === 0) continue;
    const name = Object.entries(INCOMPAT).find(([, value]) => value === mask)?.[0];
    if (name === undefined || unread.some((value) => value === mask)) {
      const what = name ?? `unknown (0x${mask.toString(16)})`;
      throw new UnsupportedError(`${blob.origin}: ext file system with the incompatible feature ${what}`);
    }
  }
}
