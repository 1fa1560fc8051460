import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { inPieces } from '../../fixtures/boot/fixture.ts';
import { decompressed } from './decompressed.ts';
import { recogniseContent } from './content.ts';
import { PieceReader } from '../compression/pieces.ts';

/** Two megabytes of machine code, then text, then what does not compress. */
const code = readFileSync(process.execPath).subarray(5_000_000, 7_000_000);
const text = Buffer.from(Array.from({ length: 60_000 }, (_, index) => `line ${index % 977}\n`).join(''));
const noise = Buffer.concat(
  Array.from({ length: 5000 }, (_, index) => createHash('sha256').update(String(index)).digest()),
);
const original = Buffer.concat([code, text, noise]);
const expected = createHash('sha256').update(original).digest('hex');

describe('what the command line tools pack', () => {
  test.for([
    'gzip -1',
    'gzip -9',
    'xz -0',
    'xz -6',
    'xz -9e --check=crc32',
    'xz -1 --check=sha256 --block-size=300000',
    'xz -T2 --block-size=500000 --check=none',
    'xz --arm64 --lzma2=preset=6,lc=4',
    'xz --lzma2=preset=3,lc=0,lp=4,pb=0',
    'xz --lzma2=preset=3,lc=3,lp=0,pb=4,dict=4KiB',
    'xz --format=lzma -3',
    'xz --format=lzma -9e',
    'zstd -1',
    'zstd -19 --no-check',
    'zstd --ultra -22 --long=27',
    'zstd --fast=5',
    'lz4 -1',
    'lz4 -12 -B4 -BD',
    'lz4 -9 -B7 -BX --content-size',
    'lz4 -1 -l',
    'lz4 -9 -l',
  ])('%s', async (command) => {
    const [tool = '', ...args] = command.split(' ');
    const packed = execFileSync(tool, [...args, '-q', '-c'], { input: original, maxBuffer: 64 << 20 });
    const input = new PieceReader(inPieces(Buffer.concat([packed, Buffer.alloc(8)]), 100_003), command);
    const kind = recogniseContent(packed.subarray(0, 4096), packed.length);
    const hash = createHash('sha256');
    for await (const piece of decompressed(kind, input, {
      limitInBytes: 1e8,
      origin: command,
      members: 'one',
    })) {
      hash.update(piece);
    }
    expect(hash.digest('hex')).toBe(expected);
    expect(input.positionInBytes).toBe(packed.length);
  });
});
