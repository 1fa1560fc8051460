import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { noise, temporaryDirectory, tool } from '../../fixtures/disks/tools.ts';
import { unpackLzo } from './lzo.ts';

// What lzop packs, at every level: 1 to 6 are what the kernel has, 7 to 9 search on and use every instruction.

const directory = temporaryDirectory();
afterAll(() => directory[Symbol.dispose]());

/** Text, noise, runs, and repetitions from far back. */
function content(): Buffer {
  const text = Buffer.from(
    Array.from({ length: 20_000 }, (_, index) => `${(index * 7919) % 1000} `).join(''),
  );
  const pieces = [text, Buffer.alloc(40_000), noise(40_000, 1), text.subarray(500, 40_000), noise(40_000, 1)];
  for (let index = 0; index < 3000; index++) {
    pieces.push(noise(1 + (index % 19), index), text.subarray(index * 7, index * 7 + (index % 11)));
  }
  pieces.push(Buffer.alloc(300_000, 'abc'));
  return Buffer.concat(pieces);
}

/** The blocks of a file of lzop: both lengths, checksums as its flags say, and the data, until a length of 0. */
function* blocksOf(file: Buffer): Generator<{ packed: Buffer; unpackedInBytes: number }> {
  // Magic, versions (6), method and level (2), flags, mode and times (12), a name, and a checksum.
  const flags = file.readUInt32BE(9 + 6 + 2);
  const sums = (mask: number) => (flags & mask ? 4 : 0);
  const [ofUnpacked, ofPacked] = [sums(0x1) + sums(0x100), sums(0x2) + sums(0x200)];
  let at = 9 + 6 + 2 + 4 + 12;
  at += 1 + file.readUInt8(at) + 4;
  for (;;) {
    const unpackedInBytes = file.readUInt32BE(at);
    if (unpackedInBytes === 0) return;
    const packedInBytes = file.readUInt32BE(at + 4);
    at += 8 + ofUnpacked + (packedInBytes < unpackedInBytes ? ofPacked : 0);
    yield { packed: file.subarray(at, at + packedInBytes), unpackedInBytes };
    at += packedInBytes;
  }
}

test.for([1, 3, 6, 7, 8, 9])('lzop -%i', (level) => {
  const path = directory.path('content');
  const expected = content();
  writeFileSync(path, expected);
  tool('lzop', '-f', `-${level}`, '-o', `${path}.lzo`, path);
  const parts: Buffer[] = [];
  let packedBlocks = 0;
  for (const { packed, unpackedInBytes } of blocksOf(readFileSync(`${path}.lzo`))) {
    // A block that does not become smaller is stored.
    if (packed.length === unpackedInBytes) parts.push(packed);
    else {
      const target = Buffer.alloc(unpackedInBytes);
      parts.push(target.subarray(0, unpackLzo(packed, target, path)));
      packedBlocks += 1;
    }
  }
  expect(Buffer.concat(parts).equals(expected)).toBe(true);
  expect(packedBlocks).toBeGreaterThan(1);
});
