import { FormatError } from '../errors.ts';
import type { PieceReader } from './pieces.ts';
import { XxHash32, xxHash32 } from './xxhash32.ts';

// LZ4 frames: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md (also the legacy frame), blocks:
// lz4_Block_format.md there.
const frameMagic = 0x184d2204;
const legacyMagic = 0x184c2102;
const flagBlockChecksum = 0x10;
const flagContentSize = 0x08;
const flagContentChecksum = 0x04;
const flagDictionary = 0x01;
const blockIsStored = 0x80000000;
const blockMaximumSizes: Record<number, number> = { 4: 64 << 10, 5: 256 << 10, 6: 1 << 20, 7: 4 << 20 };
const legacyBlockInBytes = 8 << 20;
/** As LZ4_COMPRESSBOUND: what does not compress grows so much. */
const legacyPackedLimit = legacyBlockInBytes + Math.floor(legacyBlockInBytes / 255) + 16;

const historyInBytes = 64 << 10;
const minimumMatch = 4;

/** Unpacks one LZ4 frame, checks its checksums, and stops right behind it. */
export async function* lz4Frame(input: PieceReader): AsyncGenerator<Buffer> {
  const start = await input.take(6, 'an LZ4 frame header');
  if (start.readUInt32LE(0) !== frameMagic) throw noFrame(input, 6);
  const flags = start.readUInt8(4);
  if (flags >> 6 !== 1) throw damaged(input, `frame version ${flags >> 6}`);
  const blockInBytes = blockMaximumSizes[(start.readUInt8(5) >> 4) & 7];
  if (blockInBytes === undefined) throw damaged(input, `block size code ${(start.readUInt8(5) >> 4) & 7}`);
  const optional = ((flags & flagContentSize) === 0 ? 0 : 8) + ((flags & flagDictionary) === 0 ? 0 : 4);
  const rest = await input.take(optional + 1, 'an LZ4 frame header');
  const descriptor = Buffer.concat([start.subarray(4), rest.subarray(0, optional)]);
  if (((xxHash32(descriptor) >>> 8) & 0xff) !== rest.readUInt8(optional)) {
    throw damaged(input, 'wrong header checksum');
  }
  const hash = new XxHash32();
  const window = Buffer.alloc(historyInBytes + blockInBytes);
  let history = 0;
  for (;;) {
    const word = (await input.take(4, 'its LZ4 data')).readUInt32LE(0);
    if (word === 0) break;
    const packedSize = word % blockIsStored;
    if (packedSize > blockInBytes) throw damaged(input, `a block of ${packedSize} bytes`);
    const packed = await input.take(packedSize, 'its LZ4 data');
    if ((flags & flagBlockChecksum) !== 0) {
      const stated = (await input.take(4, 'its LZ4 data')).readUInt32LE(0);
      if (stated !== xxHash32(packed)) throw damaged(input, 'wrong block checksum');
    }
    let end = history + packedSize;
    if (word >= blockIsStored) packed.copy(window, history);
    else end = unpackBlock(packed, window, history, history + blockInBytes, input);
    const piece = Buffer.from(window.subarray(history, end));
    hash.update(piece);
    yield piece;
    history = Math.min(end, historyInBytes);
    window.copyWithin(0, end - history, end);
  }
  if ((flags & flagContentChecksum) !== 0) {
    const stated = (await input.take(4, 'its LZ4 checksum')).readUInt32LE(0);
    if (stated !== hash.digest()) throw damaged(input, 'wrong content checksum');
  }
}

/**
 * Unpacks a legacy LZ4 stream, as `lz4 -l` writes and the kernel reads. It has no end mark and no checksum: it
 * ends with the input or, as in the kernel (lib/decompress_unlz4.c), with a chunk of size zero, the padding.
 */
export async function* lz4LegacyStream(input: PieceReader): AsyncGenerator<Buffer> {
  const magic = await input.take(4, 'an LZ4 magic number');
  if (magic.readUInt32LE(0) !== legacyMagic) throw noFrame(input, 4);
  const window = Buffer.alloc(legacyBlockInBytes);
  for (;;) {
    const word = await input.peek(4);
    if (word.length < 4 || word.readUInt32LE(0) === 0) return;
    const packedSize = word.readUInt32LE(0);
    input.skipPeeked(4);
    if (packedSize === legacyMagic) continue;
    if (packedSize > legacyPackedLimit) throw damaged(input, `a block of ${packedSize} bytes`);
    const packed = await input.take(packedSize, 'its LZ4 data');
    yield Buffer.from(window.subarray(0, unpackBlock(packed, window, 0, legacyBlockInBytes, input)));
  }
}

/** Unpacks one block to `target` from `start`, where what lies before may be referred to. @returns its end */
function unpackBlock(
  source: Buffer,
  target: Buffer,
  start: number,
  limit: number,
  input: PieceReader,
): number {
  let at = 0;
  let to = start;
  const lengthOf = (first: number): number => {
    let length = first;
    if (first === 15) {
      for (let more = 255; more === 255; at++) {
        if (at >= source.length) throw damaged(input, 'a block ends too early');
        more = source[at] as number;
        length += more;
      }
    }
    return length;
  };
  while (at < source.length) {
    const token = source[at++] as number;
    const literals = lengthOf(token >> 4);
    if (at + literals > source.length) throw damaged(input, 'a block ends too early');
    if (to + literals > limit) throw damaged(input, 'a block unpacks to more than its maximum');
    source.copy(target, to, at, at + literals);
    at += literals;
    to += literals;
    if (at === source.length) return to;
    if (at + 2 > source.length) throw damaged(input, 'a block ends too early');
    const distance = source.readUInt16LE(at);
    at += 2;
    const length = lengthOf(token & 15) + minimumMatch;
    if (distance === 0 || distance > to) throw damaged(input, `a match ${distance} bytes back`);
    if (to + length > limit) throw damaged(input, 'a block unpacks to more than its maximum');
    if (distance >= length) target.copyWithin(to, to - distance, to - distance + length);
    else for (let i = to; i < to + length; i++) target[i] = target[i - distance] as number;
    to += length;
  }
  throw damaged(input, 'a block without literals at its end');
}

function damaged(input: PieceReader, why: string): FormatError {
  return new FormatError(`${input.origin}: damaged LZ4 data: ${why}, before ${input.positionInBytes}`);
}

function noFrame(input: PieceReader, taken: number): FormatError {
  return new FormatError(`${input.origin}: no LZ4 frame at ${input.positionInBytes - taken}`);
}
