/**
 * CRC32C (Castagnoli), as ext4's metadata_csum uses it: the value goes on from `seed`, without the final inversion.
 * https://docs.kernel.org/filesystems/ext4/overview.html#checksums
 */
export function crc32c(seed: number, bytes: Uint8Array): number {
  let crc = seed | 0;
  for (let at = 0; at < bytes.length; at++) {
    crc = (table[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return crc >>> 0;
}

/** A 32-bit number as the four little-endian bytes that enter a checksum. */
export function littleEndian32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const reflectedPolynomial = 0x82f6_3b78;
// Signed, as bitwise operators give them: a short run is over before anything is optimised.
const table = Int32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++)
    value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ reflectedPolynomial;
  return value;
});
