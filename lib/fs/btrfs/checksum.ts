import { createHash } from 'node:crypto';
import { crc32c, littleEndian32 } from '../crc32c.ts';

/** One of the ways in which btrfs sums up its metadata. */
export interface Checksum {
  readonly name: 'crc32c' | 'xxhash64' | 'sha256' | 'blake2b';
  readonly sizeInBytes: number;
  /** Absent where Node has no such function: then sums are not verified. */
  readonly digest?: (bytes: Uint8Array) => Buffer;
}

/** By csum_type. https://btrfs.readthedocs.io/en/latest/Checksumming.html */
export const checksums: readonly Checksum[] = [
  {
    name: 'crc32c',
    sizeInBytes: 4,
    digest: (bytes) => littleEndian32(~crc32c(0xffff_ffff, bytes) >>> 0),
  },
  { name: 'xxhash64', sizeInBytes: 8 },
  { name: 'sha256', sizeInBytes: 32, digest: (bytes) => createHash('sha256').update(bytes).digest() },
  // BLAKE2b of 256 bits, which is not the beginning of the 512 bits that OpenSSL computes.
  { name: 'blake2b', sizeInBytes: 32 },
];

/** The hash by which directories are searched for a name: CRC32C that starts from ~1 and is not inverted. */
export function nameHash(name: Uint8Array): bigint {
  return BigInt(crc32c(0xffff_fffe, name));
}
