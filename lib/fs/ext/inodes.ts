import type { Blob } from '../../blob/blob.ts';
import { FormatError } from '../../errors.ts';
import { Recent } from '../../blob/recent.ts';
import { crc32c, littleEndian32 } from '../crc32c.ts';
import { COMPAT, INCOMPAT, RO_COMPAT, type Superblock } from './layout.ts';

// Group descriptors and inodes. https://docs.kernel.org/filesystems/ext4/group_descr.html and inodes.html

export const FLAG = {
  EXT4_ENCRYPT_FL: 0x800,
  EXT4_EXTENTS_FL: 0x80000,
  EXT4_INLINE_DATA_FL: 0x1000_0000,
  EXT4_CASEFOLD_FL: 0x4000_0000,
} as const;
const S_IFMT = 0xf000;
const types: Readonly<Record<number, Inode['type']>> = {
  0x8000: 'file',
  0x4000: 'directory',
  0xa000: 'symlink',
};
/** Other types: pipes, devices, sockets. */
const otherTypes = new Set([0x1000, 0x2000, 0x6000, 0xc000]);
const checksumLowOffset = 0x7c;
const checksumHighOffset = 0x82;
const EXT4_XATTR_MAGIC = 0xea02_0000;
const EXT4_XATTR_INDEX_SYSTEM = 7;

/** Inodes are read in pieces of their table. */
const pieceInBytes = 32 * 1024;
const piecesKept = 128;

export interface Inode {
  readonly number: number;
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly sizeInBytes: number;
  readonly flags: number;
  /** The 60 bytes that hold block numbers, extents, a short link's target or the beginning of inline data. */
  readonly i_block: Buffer;
  /** What the checksums of this inode's blocks start from; absent without metadata_csum. */
  readonly checksumSeed?: number;
  /** Inline data past the first 60 bytes. */
  readonly inlineRest: Buffer;
}

/** Reads inodes by number. @throws FormatError for a number that does not exist, a free or a damaged inode */
export function inodeReader(blob: Blob, superblock: Superblock): (number: number) => Promise<Inode> {
  const { blockSizeInBytes, inodeSizeInBytes, inodesPerGroup } = superblock;
  const descriptors = new Recent<number, Buffer>(64);
  const pieces = new Recent<string, Buffer>(piecesKept);

  async function inodeTableOf(group: number): Promise<number> {
    const { descriptorSizeInBytes: size } = superblock;
    const perBlock = Math.floor(blockSizeInBytes / size);
    const index = Math.floor(group / perBlock);
    const block = descriptorBlock(superblock, index, perBlock);
    const bytes = await descriptors.get(index, () => blob.read(block * blockSizeInBytes, blockSizeInBytes));
    const descriptor = bytes.subarray((group % perBlock) * size, (group % perBlock) * size + size);
    if (superblock.checksumSeed !== undefined) {
      const plain = Buffer.from(descriptor);
      plain.writeUInt16LE(0, 0x1e);
      const seed = crc32c(superblock.checksumSeed, littleEndian32(group));
      checkSum(`descriptor of group ${group}`, crc32c(seed, plain) & 0xffff, descriptor.readUInt16LE(0x1e));
    }
    const high = size >= 64 ? descriptor.readUInt32LE(0x28) : 0;
    const table = high * 2 ** 32 + descriptor.readUInt32LE(8);
    const blocks = Math.ceil((inodesPerGroup * inodeSizeInBytes) / blockSizeInBytes);
    if (table === 0 || table + blocks > superblock.blocks) {
      throw new FormatError(
        `${blob.origin}: the inodes of group ${group} at block ${table} of ${superblock.blocks}`,
      );
    }
    return table;
  }

  function checkSum(what: string, actual: number, expected: number): void {
    if (actual === expected) return;
    throw new FormatError(
      `${blob.origin}: ${what}: checksum 0x${actual.toString(16)}, but it says 0x${expected.toString(16)}`,
    );
  }

  return async (number) => {
    if (number < 1 || number > superblock.inodes) {
      throw new FormatError(`${blob.origin}: inode ${number}, where there are ${superblock.inodes}`);
    }
    const group = Math.floor((number - 1) / inodesPerGroup);
    const table = await inodeTableOf(group);
    const at = ((number - 1) % inodesPerGroup) * inodeSizeInBytes;
    const piece = Math.floor(at / pieceInBytes);
    const length = Math.min(pieceInBytes, inodesPerGroup * inodeSizeInBytes - piece * pieceInBytes);
    const start = table * blockSizeInBytes + piece * pieceInBytes;
    const bytes = await pieces.get(`${group}/${piece}`, () => blob.read(start, length));
    const within = at - piece * pieceInBytes;
    const raw = bytes.subarray(within, within + inodeSizeInBytes);

    let checksumSeed: number | undefined;
    if (superblock.checksumSeed !== undefined) {
      const generation = raw.subarray(0x64, 0x68);
      checksumSeed = crc32c(crc32c(superblock.checksumSeed, littleEndian32(number)), generation);
      const [actual, expected] = inodeChecksum(raw, checksumSeed);
      checkSum(`inode ${number}`, actual, expected);
    }
    const mode = raw.readUInt16LE(0);
    const type = types[mode & S_IFMT] ?? (otherTypes.has(mode & S_IFMT) ? 'other' : undefined);
    if (type === undefined) {
      throw new FormatError(
        `${blob.origin}: inode ${number} is free or damaged: i_mode 0o${mode.toString(8)}`,
      );
    }
    const sizeInBytes = raw.readUInt32LE(0x6c) * 2 ** 32 + raw.readUInt32LE(4);
    // ext2 keeps an access list's high half there in what is not a regular file.
    const size =
      type === 'file' || (superblock.incompat & INCOMPAT.large_dir) !== 0 ? sizeInBytes : raw.readUInt32LE(4);
    if (!Number.isSafeInteger(size)) throw new FormatError(`${blob.origin}: inode ${number}: i_size ${size}`);
    const flags = raw.readUInt32LE(0x20);
    const inline = (flags & FLAG.EXT4_INLINE_DATA_FL) !== 0;
    return {
      number,
      type,
      mode: mode & 0o7777,
      sizeInBytes: size,
      flags,
      i_block: raw.subarray(0x28, 0x64),
      ...(checksumSeed !== undefined && { checksumSeed }),
      inlineRest: inline ? inlineRest(raw, `${blob.origin}: inode ${number}`) : Buffer.alloc(0),
    };
  };
}

/** Where a block of group descriptors is: after the superblock or, with meta_bg, in the group that it describes. */
function descriptorBlock(superblock: Superblock, index: number, perBlock: number): number {
  const { firstDataBlock, blocksPerGroup, blockSizeInBytes } = superblock;
  const logicalSuperblock = blockSizeInBytes === 1024 ? 1 : 0;
  if (index < superblock.firstMetaGroup) return logicalSuperblock + 1 + index;
  const group = index * perBlock;
  // As fs/ext4/super.c, descriptor_loc: bigalloc with blocks of 1 KiB has its first group begin at block 0.
  const shifted = blockSizeInBytes === 1024 && index === 0 && firstDataBlock === 0 ? 1 : 0;
  return firstDataBlock + group * blocksPerGroup + (hasSuperblock(superblock, group) ? 1 : 0) + shifted;
}

function hasSuperblock(superblock: Superblock, group: number): boolean {
  if (group === 0) return true;
  if ((superblock.compat & COMPAT.sparse_super2) !== 0) return superblock.backupGroups.includes(group);
  if (group === 1 || (superblock.roCompat & RO_COMPAT.sparse_super) === 0) return true;
  return [3, 5, 7].some((base) => isPowerOf(base, group));
}

function isPowerOf(base: number, value: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

/** The checksum of an inode as it is, and as it says. Small inodes keep the lower half only. */
function inodeChecksum(raw: Buffer, seed: number): [actual: number, expected: number] {
  const plain = Buffer.from(raw);
  plain.writeUInt16LE(0, checksumLowOffset);
  const low = raw.readUInt16LE(checksumLowOffset);
  const extraSize = raw.length > 128 ? raw.readUInt16LE(0x80) : 0;
  if (extraSize < 4) return [crc32c(seed, plain) & 0xffff, low];
  plain.writeUInt16LE(0, checksumHighOffset);
  return [crc32c(seed, plain), raw.readUInt16LE(checksumHighOffset) * 0x10000 + low];
}

/** The attribute `system.data` in the inode. https://docs.kernel.org/filesystems/ext4/attributes.html */
function inlineRest(raw: Buffer, origin: string): Buffer {
  const none = Buffer.alloc(0);
  if (raw.length <= 128) return none;
  const header = 128 + raw.readUInt16LE(0x80);
  if (header + 8 > raw.length || raw.readUInt32LE(header) !== EXT4_XATTR_MAGIC) return none;
  const first = header + 4;
  for (let at = first; at + 16 <= raw.length && raw.readUInt32LE(at) !== 0;) {
    const e_name_len = raw.readUInt8(at);
    const name = raw.toString('latin1', at + 16, at + 16 + e_name_len);
    if (raw.readUInt8(at + 1) === EXT4_XATTR_INDEX_SYSTEM && name === 'data') {
      const start = first + raw.readUInt16LE(at + 2);
      const size = raw.readUInt32LE(at + 8);
      if (start + size > raw.length) {
        throw new FormatError(
          `${origin}: inline data of ${size} bytes at ${start}, in an inode of ${raw.length}`,
        );
      }
      return raw.subarray(start, start + size);
    }
    at += 16 + Math.ceil(e_name_len / 4) * 4;
  }
  return none;
}
