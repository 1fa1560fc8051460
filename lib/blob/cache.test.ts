import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FormatError, UsageError } from '../errors.ts';
import type { Blob } from './blob.ts';
import { cachedBlob } from './cache.ts';
import { memoryBlob } from './memory.ts';

const content = Buffer.from(Array.from({ length: 100_003 }, (_, index) => (index * 7919) >> 5));

/** The content, with a record of what was read of it. */
function watched(bytes: Buffer = content) {
  const reads: [number, number][] = [];
  const plain = memoryBlob(bytes, 'below');
  const below: Blob = {
    ...plain,
    async read(offset, length) {
      reads.push([offset, length]);
      await new Promise(setImmediate);
      return plain.read(offset, length);
    },
  };
  return { below, reads };
}

test('a block is read once, also by readers at the same time', async () => {
  const { below, reads } = watched();
  const blob = cachedBlob(below, { blockInBytes: 1000 });
  const parts = await Promise.all([blob.read(5, 10), blob.read(500, 20), blob.read(0, 1000)]);
  expect(parts[1]).toEqual(content.subarray(500, 520));
  await blob.read(900, 100);
  expect(reads).toEqual([[0, 1000]]);
  expect(blob.bytesRead).toBe(1000);
});

test('blocks side by side are one read', async () => {
  const { below, reads } = watched();
  const blob = cachedBlob(below, { blockInBytes: 1000, readAheadInBytes: 10_000 });
  expect(await blob.read(2500, 3000)).toEqual(content.subarray(2500, 5500));
  expect(reads).toEqual([[2000, 4000]]);
});

test('reading on and on reads ahead, twice as far each time, up to a bound', async () => {
  const { below, reads } = watched();
  const blob = cachedBlob(below, { blockInBytes: 1000, readAheadInBytes: 8000 });
  for (let at = 0; at < content.length; at += 500) {
    const length = Math.min(500, content.length - at);
    expect(await blob.read(at, length)).toEqual(content.subarray(at, at + length));
  }
  expect(reads.map(([, length]) => length).slice(0, 6)).toEqual([1000, 2000, 4000, 8000, 8000, 8000]);
  expect(blob.bytesRead).toBe(content.length);
});

test('reading here and there reads no more than the blocks', async () => {
  const { below, reads } = watched();
  const blob = cachedBlob(below, { blockInBytes: 1000 });
  for (const at of [50_000, 10_000, 90_000, 30_000]) await blob.read(at, 10);
  expect(reads.every(([, length]) => length === 1000)).toBe(true);
});

test('the last block ends where the blob ends', async () => {
  const { below, reads } = watched();
  const blob = cachedBlob(below, { blockInBytes: 1000 });
  expect(await blob.read(100_000, 3)).toEqual(content.subarray(100_000));
  expect(reads).toEqual([[100_000, 3]]);
  await expect(blob.read(100_000, 4)).rejects.toThrow(FormatError);
  expect(await blob.read(100_003, 0)).toEqual(Buffer.alloc(0));
});

test('what was used longest ago goes first', async () => {
  const { below, reads } = watched();
  const blob = cachedBlob(below, { blockInBytes: 10, blocks: 4 });
  for (const block of [0, 20, 40, 60]) await blob.read(block * 10, 1);
  await blob.read(0, 1);
  await blob.read(800, 1);
  reads.length = 0;
  await blob.read(0, 1);
  await blob.read(200, 1);
  expect(reads).toEqual([[200, 10]]);
});

test('a read larger than half of the cache passes by it', async () => {
  const { below, reads } = watched();
  const blob = cachedBlob(below, { blockInBytes: 1000, blocks: 10 });
  expect(await blob.read(123, 50_000)).toEqual(content.subarray(123, 50_123));
  expect(reads).toEqual([[123, 50_000]]);
  expect(blob.bytesRead).toBe(50_000);
});

test('a failure reaches every reader that waits, and is asked again later', async () => {
  const { below } = watched();
  let fails = true;
  const unsteady: Blob = {
    ...below,
    read: async (offset, length) => {
      if (fails) throw new FormatError('no luck');
      return below.read(offset, length);
    },
  };
  const blob = cachedBlob(unsteady, { blockInBytes: 1000 });
  const both = await Promise.allSettled([blob.read(0, 10), blob.read(5, 3000)]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect(await blob.read(5, 3000)).toEqual(content.subarray(5, 3005));
  expect(blob.bytesRead).toBeGreaterThan(0);
});

test('an impossible cache is refused', () => {
  expect(() => cachedBlob(watched().below, { blockInBytes: 0 })).toThrow(UsageError);
});

test('whatever is read in whatever order is what is there', async () => {
  const range = fc.tuple(fc.nat(content.length), fc.nat(5000));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(range, { minLength: 1, maxLength: 4 }), { maxLength: 15 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.integer({ min: 1, max: 12 }),
      fc.nat(20_000),
      async (rounds, blockInBytes, blocks, readAheadInBytes) => {
        const blob = cachedBlob(watched().below, { blockInBytes, blocks, readAheadInBytes });
        for (const round of rounds) {
          await Promise.all(
            round.map(async ([offset, wanted]) => {
              const length = Math.min(wanted, content.length - offset);
              const bytes = await blob.read(offset, length);
              expect(bytes.equals(content.subarray(offset, offset + length))).toBe(true);
            }),
          );
        }
      },
    ),
    { numRuns: 60 },
  );
  expect(content.length).toBe(100_003);
});
