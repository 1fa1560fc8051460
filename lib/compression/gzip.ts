import { crc32, createInflateRaw } from 'node:zlib';
import { FormatError } from '../errors.ts';
import type { PieceReader } from './pieces.ts';
import { throughZlib } from './zlib.ts';

// The gzip member: RFC 1952, section 2.3.
const methodDeflate = 8;
const flagHeaderCrc = 0x02;
const flagExtra = 0x04;
const flagName = 0x08;
const flagComment = 0x10;
const reservedFlags = 0xe0;

const maximumTextInBytes = 64 * 1024;

/** Unpacks one gzip member, checks its length and CRC, and stops right behind it. */
export async function* gzipMember(input: PieceReader): AsyncGenerator<Buffer> {
  await skipHeader(input);
  let crc = 0;
  let size = 0;
  for await (const piece of throughZlib(createInflateRaw({ chunkSize: 128 * 1024 }), input, 'gzip')) {
    crc = crc32(piece, crc);
    size = (size + piece.length) % 2 ** 32;
    yield piece;
  }
  const trailer = await input.take(8, 'its gzip trailer');
  if (trailer.readUInt32LE(0) !== crc) {
    throw new FormatError(
      `${input.origin}: damaged gzip data: CRC ${hex(crc)}, but ${hex(trailer.readUInt32LE(0))} is stated`,
    );
  }
  if (trailer.readUInt32LE(4) !== size) {
    throw new FormatError(
      `${input.origin}: damaged gzip data: ${size} bytes (modulo 2^32), but ${trailer.readUInt32LE(4)} are stated`,
    );
  }
}

async function skipHeader(input: PieceReader): Promise<void> {
  const header = await input.take(10, 'a gzip header');
  if (header.readUInt16BE(0) !== 0x1f8b) {
    throw new FormatError(`${input.origin}: no gzip member at ${input.positionInBytes - 10}`);
  }
  if (header.readUInt8(2) !== methodDeflate) {
    throw new FormatError(`${input.origin}: damaged gzip data: method ${header.readUInt8(2)}, not deflate`);
  }
  const flags = header.readUInt8(3);
  if ((flags & reservedFlags) !== 0) {
    throw new FormatError(`${input.origin}: damaged gzip data: reserved flags ${hex(flags)}`);
  }
  if ((flags & flagExtra) !== 0) {
    const length = (await input.take(2, 'a gzip header')).readUInt16LE(0);
    await input.take(length, 'a gzip header');
  }
  if ((flags & flagName) !== 0) await skipText(input);
  if ((flags & flagComment) !== 0) await skipText(input);
  if ((flags & flagHeaderCrc) !== 0) await input.take(2, 'a gzip header');
}

async function skipText(input: PieceReader): Promise<void> {
  const text = await input.peek(maximumTextInBytes);
  const end = text.indexOf(0);
  if (end === -1) {
    throw new FormatError(
      `${input.origin}: damaged gzip data: a name without an end in ${text.length} bytes`,
    );
  }
  input.skipPeeked(end + 1);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
