import { inflateSync, zstdDecompressSync } from 'node:zlib';
import { FormatError, describeError } from '../../errors.ts';
import { zstdFrameLength } from '../../compression/zstd-frame.ts';
import { unpackLzo } from '../../compression/lzo.ts';

// How extents are compressed. https://btrfs.readthedocs.io/en/latest/Compression.html
// and, for LZO, the comment at the beginning of Linux, fs/btrfs/lzo.c.

/** By the number in a file extent item. */
export const compressions = ['none', 'zlib', 'lzo', 'zstd'] as const;
export type Compression = (typeof compressions)[number];

const LZO_LEN = 4;

/**
 * The content of an extent. What is packed ends before its last sector does, and what it unpacks to may be shorter
 * than the extent: the rest is zeroes.
 * @throws FormatError for damaged data, or more of it than the sectors of the extent
 */
export function unpackExtent(
  packed: Buffer,
  compression: Compression,
  unpackedInBytes: number,
  sectorSizeInBytes: number,
  what: string,
): Buffer {
  if (compression === 'none') return packed;
  const maxOutputLength = Math.max(1, Math.ceil(unpackedInBytes / sectorSizeInBytes)) * sectorSizeInBytes;
  const result = Buffer.alloc(maxOutputLength);
  if (compression === 'lzo') {
    unpackSegments(packed, result, sectorSizeInBytes, what);
    return result.subarray(0, unpackedInBytes);
  }
  try {
    const unpacked =
      compression === 'zlib'
        ? inflateSync(packed, { maxOutputLength })
        : zstdDecompressSync(packed.subarray(0, zstdFrameLength(packed)), { maxOutputLength });
    unpacked.copy(result);
    return result.subarray(0, unpackedInBytes);
  } catch (error) {
    const isTooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    const why = isTooLong ? `more than the ${maxOutputLength} bytes it may hold` : describeError(error);
    throw new FormatError(`${what}: damaged ${compression} data: ${why}`, { cause: error });
  }
}

/** The whole length, then segments: a length, which never crosses a sector's end, and LZO1X for one sector. */
function unpackSegments(packed: Buffer, result: Buffer, sector: number, what: string): void {
  const damaged = (why: string) => new FormatError(`${what}: damaged lzo data: ${why}`);
  if (packed.length < LZO_LEN) throw damaged(`${packed.length} bytes`);
  const total = packed.readUInt32LE(0);
  if (total < LZO_LEN || total > packed.length) throw damaged(`${total} of ${packed.length} bytes`);
  let to = 0;
  for (let at = LZO_LEN; at < total && to < result.length;) {
    const left = sector - (at % sector);
    if (left < LZO_LEN) at += left;
    if (at >= total) break;
    if (at + LZO_LEN > total) throw damaged(`it ends in a segment's length, at ${at}`);
    const size = packed.readUInt32LE(at);
    at += LZO_LEN;
    if (size === 0 || at + size > total) throw damaged(`a segment of ${size} bytes at ${at} of ${total}`);
    to += unpackLzo(packed.subarray(at, at + size), result.subarray(to, to + sector), what);
    at += size;
  }
}
