import { crc32 } from 'node:zlib';
import { FormatError, LimitError, UnsupportedError } from '../errors.ts';
import { type BranchFilter, arm64Filter } from './bcj.ts';
import { LzmaDecoder, lzmaProperties } from './lzma.ts';
import type { PieceReader } from './pieces.ts';
import { runningCheck, xzCheckNamed, xzCheckSize } from './xz-checks.ts';

// The .xz file format 1.2.1: https://tukaani.org/xz/xz-file-format.txt, in its own names.
const headerMagic = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const footerMagic = Buffer.from('YZ');
const filterLzma2 = 0x21;
const filterArm64 = 0x0a;
const filterNames: Record<number, string> = {
  0x03: 'delta',
  0x04: 'x86',
  0x05: 'PowerPC',
  0x06: 'Itanium',
  0x07: 'ARM',
  0x08: 'ARM Thumb',
  0x09: 'SPARC',
  0x0b: 'RISC-V',
};
const maximumBlocks = 1_000_000;

interface Block {
  readonly unpaddedInBytes: number;
  readonly uncompressedInBytes: number;
}

interface Filters {
  readonly dictionaryInBytes: number;
  readonly branch: BranchFilter | undefined;
}

/** Unpacks one .xz stream with all its blocks, verifies checks and index, and stops right behind it. */
export async function* xzStream(input: PieceReader): AsyncGenerator<Buffer> {
  const header = await input.take(12, 'an xz stream header');
  if (!header.subarray(0, 6).equals(headerMagic)) {
    throw new FormatError(`${input.origin}: no xz stream at ${input.positionInBytes - 12}`);
  }
  verifyCrc(input, header.subarray(6, 8), header.readUInt32LE(8), 'stream header');
  const flags = header.subarray(6, 8);
  if (flags.readUInt8(0) !== 0 || flags.readUInt8(1) > 0x0f) throw damaged(input, 'unknown stream flags');
  const checkId = flags.readUInt8(1);

  const blocks: Block[] = [];
  for (;;) {
    const sizeByte = (await input.take(1, 'its xz data')).readUInt8(0);
    if (sizeByte === 0) break;
    if (blocks.length >= maximumBlocks) {
      throw new LimitError(`${input.origin}: more than ${maximumBlocks} xz blocks`);
    }
    blocks.push(yield* readBlock(input, sizeByte, checkId));
  }
  const indexInBytes = await verifyIndex(input, blocks);
  const footer = await input.take(12, 'its xz footer');
  verifyCrc(input, footer.subarray(4, 10), footer.readUInt32LE(0), 'footer');
  if (!footer.subarray(10).equals(footerMagic)) throw damaged(input, 'no magic in the footer');
  if (!footer.subarray(8, 10).equals(flags)) throw damaged(input, 'header and footer have different flags');
  if ((footer.readUInt32LE(4) + 1) * 4 !== indexInBytes) throw damaged(input, 'wrong backward size');
}

async function* readBlock(
  input: PieceReader,
  sizeByte: number,
  checkId: number,
): AsyncGenerator<Buffer, Block> {
  const start = input.positionInBytes - 1;
  const headerInBytes = (sizeByte + 1) * 4;
  const rest = await input.take(headerInBytes - 1, 'an xz block header');
  const header = Buffer.concat([Buffer.of(sizeByte), rest]);
  verifyCrc(input, header.subarray(0, -4), header.readUInt32LE(headerInBytes - 4), 'block header');
  const filters = readFilters(input, header.subarray(1, -4));
  const check = runningCheck(xzCheckNamed(checkId));
  let uncompressedInBytes = 0;
  for await (const unpacked of lzma2(input, filters)) {
    check.update(unpacked);
    uncompressedInBytes += unpacked.length;
    yield unpacked;
  }
  const packedInBytes = input.positionInBytes - start - headerInBytes;
  await takePadding(input, (4 - (packedInBytes % 4)) % 4);
  const stored = await input.take(xzCheckSize(checkId), 'an xz check');
  const computed = check.digest();
  if (computed !== undefined && !computed.equals(stored)) {
    throw damaged(
      input,
      `${xzCheckNamed(checkId)} ${computed.toString('hex')}, but ${stored.toString('hex')} is stored`,
    );
  }
  return { unpaddedInBytes: headerInBytes + packedInBytes + stored.length, uncompressedInBytes };
}

function readFilters(input: PieceReader, fields: Buffer): Filters {
  const flags = fields.readUInt8(0);
  if ((flags & 0x3c) !== 0) throw damaged(input, 'unknown block flags');
  const cursor = { at: 1 };
  if ((flags & 0x40) !== 0) variableInteger(input, fields, cursor);
  if ((flags & 0x80) !== 0) variableInteger(input, fields, cursor);
  let branch: BranchFilter | undefined;
  for (let index = flags & 3; index >= 0; index--) {
    const id = variableInteger(input, fields, cursor);
    const propertiesInBytes = variableInteger(input, fields, cursor);
    const properties = fields.subarray(cursor.at, cursor.at + propertiesInBytes);
    cursor.at += propertiesInBytes;
    if (properties.length !== propertiesInBytes) throw damaged(input, 'filter properties beyond the header');
    if (id === filterLzma2 && index === 0) {
      const bits = propertiesInBytes === 1 ? properties.readUInt8(0) : 41;
      if (bits > 40) throw damaged(input, `dictionary size code ${bits}`);
      const dictionaryInBytes = bits === 40 ? 0xffffffff : (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11);
      return { dictionaryInBytes, branch };
    }
    if (id !== filterArm64 || branch !== undefined || (propertiesInBytes !== 0 && propertiesInBytes !== 4)) {
      const name = filterNames[id] ?? `number ${id}`;
      throw new UnsupportedError(`${input.origin}: an xz filter that is not read: ${name}`);
    }
    branch = arm64Filter(propertiesInBytes === 4 ? properties.readUInt32LE(0) : 0);
  }
  throw damaged(input, 'the last filter is not LZMA2');
}

// LZMA2's chunks, as xz's doc of liblzma's lzma2_decoder describes the control byte.
async function* lzma2(input: PieceReader, filters: Filters): AsyncGenerator<Buffer> {
  const decoder = new LzmaDecoder(filters.dictionaryInBytes, input.origin);
  const { branch } = filters;
  let needsDictionary = true;
  let needsProperties = true;
  for (;;) {
    const control = (await input.take(1, 'its xz data')).readUInt8(0);
    if (control === 0) break;
    if (control > 2 && control < 0x80) throw damaged(input, `LZMA2 control byte ${control}`);
    if (control === 1 || control >= 0xe0) {
      decoder.resetDictionary();
      needsDictionary = false;
    } else if (needsDictionary) {
      throw damaged(input, 'the first chunk does not reset the dictionary');
    }
    if (control < 0x80) {
      const size = (await input.take(2, 'its xz data')).readUInt16BE(0) + 1;
      decoder.store(await input.take(size, 'its xz data'));
    } else {
      const sizes = await input.take(4, 'its xz data');
      const unpackedInBytes = ((control & 0x1f) << 16) + sizes.readUInt16BE(0) + 1;
      const packedInBytes = sizes.readUInt16BE(2) + 1;
      if (control >= 0xc0) {
        const properties = lzmaProperties((await input.take(1, 'its xz data')).readUInt8(0));
        if (properties === undefined || properties.lc + properties.lp > 4) {
          throw damaged(input, 'LZMA properties');
        }
        decoder.resetState(properties);
        needsProperties = false;
      } else if (needsProperties) {
        throw damaged(input, 'the first LZMA chunk has no properties');
      } else if (control >= 0xa0) {
        decoder.resetState();
      }
      if (packedInBytes < 5) throw damaged(input, `an LZMA chunk of ${packedInBytes} bytes`);
      decoder.input = await input.take(packedInBytes, 'its xz data');
      decoder.at = 0;
      decoder.startRange();
      const count = decoder.decode(unpackedInBytes, true, 0);
      decoder.normalise();
      if (decoder.ended || count !== unpackedInBytes || decoder.at !== packedInBytes || !decoder.isFinished) {
        throw damaged(input, 'an LZMA chunk does not end where it says');
      }
    }
    const unpacked = decoder.takeOutput();
    yield branch === undefined ? unpacked : branch.process(unpacked, false);
  }
  if (branch !== undefined) yield branch.process(Buffer.alloc(0), true);
}

/** Compares the index with the blocks that were read. @returns its size in bytes */
async function verifyIndex(input: PieceReader, blocks: readonly Block[]): Promise<number> {
  const parts: Buffer[] = [Buffer.of(0)];
  const next = async (): Promise<number> => {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = await input.take(1, 'its xz index');
      parts.push(byte);
      value += (byte.readUInt8(0) & 0x7f) * 2 ** shift;
      if (byte.readUInt8(0) < 0x80) return value;
    }
    throw damaged(input, 'a number in the index that is too long');
  };
  const count = await next();
  if (count !== blocks.length) throw damaged(input, `${blocks.length} blocks, but ${count} in the index`);
  for (const block of blocks) {
    if ((await next()) !== block.unpaddedInBytes || (await next()) !== block.uncompressedInBytes) {
      throw damaged(input, 'the index does not fit the blocks');
    }
  }
  const bytes = Buffer.concat(parts);
  const padding = await takePadding(input, (4 - (bytes.length % 4)) % 4);
  const stored = (await input.take(4, 'its xz index')).readUInt32LE(0);
  verifyCrc(input, Buffer.concat([bytes, padding]), stored, 'index');
  return bytes.length + padding.length + 4;
}

async function takePadding(input: PieceReader, length: number): Promise<Buffer> {
  const padding = await input.take(length, 'its xz data');
  if (padding.some((byte) => byte !== 0)) throw damaged(input, 'padding that is not zero');
  return padding;
}

function variableInteger(input: PieceReader, bytes: Buffer, cursor: { at: number }): number {
  let value = 0;
  for (let shift = 0; shift < 63; shift += 7) {
    const byte = bytes[cursor.at++];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw damaged(input, 'a number in a block header that is too long');
}

function verifyCrc(input: PieceReader, bytes: Buffer, stored: number, what: string): void {
  if (crc32(bytes) !== stored) throw damaged(input, `wrong checksum of the ${what}`);
}

function damaged(input: PieceReader, why: string): FormatError {
  return new FormatError(`${input.origin}: damaged xz data: ${why}, before ${input.positionInBytes}`);
}
