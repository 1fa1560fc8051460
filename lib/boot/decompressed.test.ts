import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bootFixture, inPieces } from '../../fixtures/boot/fixture.ts';
import { AssayError, FormatError, LimitError, UnsupportedError } from '../errors.ts';
import { decompressed } from './decompressed.ts';
import { type Content, recogniseContent } from './content.ts';
import { Crc64 } from '../compression/crc64.ts';
import { PieceReader } from '../compression/pieces.ts';
import { xxHash32 } from '../compression/xxhash32.ts';

const files = [
  'numbers.gz',
  'numbers.xz',
  'numbers.blocks.xz',
  'numbers.arm64.xz',
  'numbers.lzma',
  'numbers.zst',
  'numbers.lz4',
  'numbers.legacy.lz4',
];
/** What `sha256sum` said of the content. */
const expected = bootFixture('numbers.sha256').toString().trim();

async function unpackAs(
  kind: Content,
  bytes: Buffer,
  pieceInBytes = 1000,
  limitInBytes = 1e6,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  const options = { limitInBytes, origin: 'x' };
  for await (const part of decompressed(kind, inPieces(bytes, pieceInBytes), options)) parts.push(part);
  return Buffer.concat(parts);
}

function unpack(bytes: Buffer, pieceInBytes?: number, limitInBytes?: number): Promise<Buffer> {
  return unpackAs(recogniseContent(bytes, bytes.length), bytes, pieceInBytes, limitInBytes);
}

async function* failing(): AsyncGenerator<Buffer> {
  yield bootFixture('numbers.gz').subarray(0, 1000);
  throw new Error('the line is down');
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe.for(files)('%s', (name) => {
  const whole = bootFixture(name);

  test.for([1, 7, 1000, 1_000_000])('unpacks in pieces of %d bytes', async (pieceInBytes) => {
    expect(sha256(await unpack(whole, pieceInBytes))).toBe(expected);
  });

  test.for([1, 500, whole.length, 1_000_000])(
    'stops right behind its end, pieces of %d',
    async (pieceInBytes) => {
      const behind = Buffer.concat([Buffer.alloc(4), Buffer.from('something else')]);
      const input = new PieceReader(inPieces(Buffer.concat([whole, behind]), pieceInBytes), 'x');
      const hash = createHash('sha256');
      const kind = recogniseContent(whole, whole.length);
      for await (const part of decompressed(kind, input, {
        limitInBytes: 1e6,
        origin: 'x',
        members: 'one',
      })) {
        hash.update(part);
      }
      expect(hash.digest('hex')).toBe(expected);
      expect(input.positionInBytes).toBe(whole.length);
      expect((await input.peek(100)).toString('latin1')).toBe(behind.toString('latin1'));
    },
  );

  test('a cut file is refused', async () => {
    const lengths = new Set([whole.length - 1, whole.length - 5, Math.floor(whole.length / 2), 20, 8]);
    for (const length of lengths) {
      const result = await unpack(whole.subarray(0, length)).catch((error: unknown) => error);
      expect(result).toBeInstanceOf(FormatError);
      expect(String(result)).toMatch(/ends in the middle|not compressed|damaged/);
    }
  });

  test('a limit holds', async () => {
    await expect(unpack(whole, 1000, 11_000)).rejects.toThrow(LimitError);
    await expect(unpack(whole, 1000, 11_000)).rejects.toThrow('unpacks to more than 11000 bytes');
  });

  test('a changed byte is found, or does no harm', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bytes = Buffer.from(whole);
        bytes[at] = (bytes[at] ?? 0) ^ change;
        const result = await unpackAs(recogniseContent(whole, whole.length), bytes).catch(
          (error: unknown) => error,
        );
        const isUnchanged = Buffer.isBuffer(result) && sha256(result) === expected;
        // A .lzma and a legacy LZ4 stream have no checksum: there, other content may come out.
        const isOther = Buffer.isBuffer(result) && /lzma|legacy/.test(name);
        expect(result instanceof AssayError || isUnchanged || isOther).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

describe('streams', () => {
  test('members that follow one another are one content', async () => {
    for (const name of ['numbers.gz', 'numbers.xz', 'numbers.zst', 'numbers.lz4', 'numbers.legacy.lz4']) {
      const bytes = bootFixture(name);
      const twice = await unpack(Buffer.concat([bytes, bytes]), 777);
      expect(sha256(twice.subarray(twice.length / 2))).toBe(expected);
      expect(sha256(twice.subarray(0, twice.length / 2))).toBe(expected);
    }
  });

  test('the input is not read further than asked for, and is told to stop', async () => {
    let given = 0;
    let stopped = false;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        for (;;) {
          given += 1;
          yield bootFixture('numbers.gz');
        }
      } finally {
        stopped = true;
      }
    }
    for await (const part of decompressed('gzip', endless(), { limitInBytes: 1e9, origin: 'x' })) {
      expect(part.length).toBeGreaterThan(0);
      break;
    }
    expect(given).toBeLessThan(4);
    expect(stopped).toBe(true);
  });

  test('an error of the source comes through as it is', async () => {
    const input = new PieceReader(failing(), 'x');
    const unpacked = new PieceReader(decompressed('gzip', input, { limitInBytes: 1e9, origin: 'x' }), 'x');
    await expect(unpacked.peek(1e6)).rejects.toThrow('the line is down');
  });

  test('bzip2 and LZO are known, and not unpacked', async () => {
    await expect(unpack(bootFixture('numbers.bz2'))).rejects.toThrow(UnsupportedError);
    const lzo = Buffer.concat([Buffer.from('894c5a4f000d0a1a0a', 'hex'), Buffer.alloc(100)]);
    await expect(unpack(lzo)).rejects.toThrow('LZO-compressed data');
    await expect(unpack(Buffer.from('plain text'))).rejects.toThrow('a text file: not compressed');
  });

  test('an x86 filter of xz is named', async () => {
    const bytes = Buffer.from(bootFixture('numbers.arm64.xz'));
    // The block header: size, flags, then the filter's number; its CRC32 is set right again.
    expect(bytes[14]).toBe(0x0a);
    bytes[14] = 0x04;
    const headerInBytes = ((bytes[12] ?? 0) + 1) * 4;
    bytes.writeUInt32LE(crc32(bytes.subarray(12, 12 + headerInBytes - 4)), 12 + headerInBytes - 4);
    await expect(unpack(bytes)).rejects.toThrow('x: an xz filter that is not read: x86');
  });

  test('a window of zstd that takes too much memory is refused before it is had', async () => {
    // RFC 8878, 3.1.1.1: magic, descriptor without single segment, window descriptor 2^41.
    const frame = Buffer.concat([Buffer.from('28b52ffd00f8', 'hex'), Buffer.alloc(100)]);
    await expect(unpack(frame)).rejects.toThrow(LimitError);
  });
});

describe('checksums', () => {
  // The test values of their specifications: xxHash32 with seed 0; CRC-64/XZ of "123456789".
  test.for([
    ['', 0x02cc5d05],
    ['a', 0x550d7456],
    ['abc', 0x32d153ff],
    ['Nobody inspects the spammish repetition', 0xe2293b2f],
  ] as const)('xxHash32 of %j', ([text, hash]) => {
    expect(xxHash32(Buffer.from(text))).toBe(hash);
  });

  test('CRC-64', () => {
    const crc = new Crc64();
    crc.update(Buffer.from('1234'));
    crc.update(Buffer.from('56789'));
    expect(crc.digest().readBigUInt64LE()).toBe(0x995dc9bbdf1939fan);
  });
});
