import { FormatError } from '../../errors.ts';
import { crc32c } from '../crc32c.ts';

// Self-describing metadata of version 5: each block has a CRC32C and says what it is, where and whose.
// https://docs.kernel.org/filesystems/xfs/xfs-self-describing-metadata.html

/** Where the fields of a kind of block are. */
export interface Described {
  readonly crc: number;
  readonly blkno: number;
  readonly uuid: number;
  readonly owner: number;
}

/** Blocks of the tree of extents, `xfs_btree_block_lhdr`. */
export const longBlock: Described = { crc: 64, blkno: 24, uuid: 40, owner: 56 };
/** Blocks of directories that hold entries, `xfs_dir3_blk_hdr`. */
export const directoryBlock: Described = { crc: 4, blkno: 8, uuid: 24, owner: 40 };
/** Blocks of a symbolic link's target, `xfs_dsymlink_hdr`. */
export const symlinkBlock: Described = { crc: 12, blkno: 40, uuid: 16, owner: 32 };

const sectorInBytes = 512;
const zeroes = new Uint8Array(4);

/** @param crcOffset of the checksum itself, which counts as zero. @throws FormatError with both values */
export function checkSum(bytes: Buffer, crcOffset: number, what: string): void {
  const before = crc32c(0xffff_ffff, bytes.subarray(0, crcOffset));
  const actual = ~crc32c(crc32c(before, zeroes), bytes.subarray(crcOffset + 4)) >>> 0;
  const expected = bytes.readUInt32LE(crcOffset);
  if (actual !== expected) {
    throw new FormatError(
      `${what}: checksum 0x${actual.toString(16)}, but it says 0x${expected.toString(16)}`,
    );
  }
}

/**
 * Checks that a block is whole, of this file system, and what was looked for.
 * @throws FormatError with the decisive value
 */
export function checkDescription(
  block: Buffer,
  at: Described,
  expected: { readonly positionInBytes: number; readonly metaUuid: Buffer; readonly owner: number },
  what: string,
): void {
  checkSum(block, at.crc, what);
  const position = block.readBigUInt64BE(at.blkno) * BigInt(sectorInBytes);
  if (position !== BigInt(expected.positionInBytes)) {
    throw new FormatError(`${what}: is at ${expected.positionInBytes}, but says that it is at ${position}`);
  }
  const owner = block.readBigUInt64BE(at.owner);
  if (owner !== BigInt(expected.owner)) {
    throw new FormatError(`${what}: is of inode ${expected.owner}, but says that it is of ${owner}`);
  }
  checkUuid(block, at.uuid, expected.metaUuid, what);
}

/** @throws FormatError when metadata is of another file system */
export function checkUuid(bytes: Buffer, offset: number, metaUuid: Buffer, what: string): void {
  const uuid = bytes.subarray(offset, offset + 16);
  if (uuid.equals(metaUuid)) return;
  throw new FormatError(
    `${what}: of another file system: UUID ${uuid.toString('hex')}, not ${metaUuid.toString('hex')}`,
  );
}
