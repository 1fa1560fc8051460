import { afterEach, expect, test } from 'vitest';
import type { Blob } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { AccessError } from '../errors.ts';
import { spools } from './spool.ts';

const content = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) >> 4));
const spool = spools();
afterEach(async () => spool[Symbol.asyncDispose]());

/** A blob that counts, and fails as often as is wished. */
function far(failures = 0): { blob: Blob; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const below = memoryBlob(content, 'far');
  let left = failures;
  return {
    reads,
    blob: {
      origin: below.origin,
      sizeInBytes: below.sizeInBytes,
      async read(offset, length) {
        reads.push([offset, length]);
        if (left-- > 0) throw new AccessError('far: gone for a moment');
        return below.read(offset, length);
      },
    },
  };
}

test('every byte is asked for once, in whole blocks, and is the same each time', async () => {
  const { blob, reads } = far();
  const near = spool.over(blob);
  const some = () => near.read(70_000, 10);
  expect(await some()).toEqual(content.subarray(70_000, 70_010));
  expect(await some()).toEqual(content.subarray(70_000, 70_010));
  expect(reads).toEqual([[65_536, 65_536]]);
  expect((await near.read(0, content.length)).equals(content)).toBe(true);
  expect((await near.read(1, content.length - 1)).equals(content.subarray(1))).toBe(true);
  expect(reads).toEqual([
    [65_536, 65_536],
    [0, 65_536],
    [131_072, content.length - 131_072],
  ]);
  await expect(near.read(content.length, 1)).rejects.toThrow('ends at 200000');
});

test('reads of one block at the same time ask once', async () => {
  const { blob, reads } = far();
  const near = spool.over(blob);
  const all = await Promise.all([near.read(0, 5), near.read(5, 5), near.read(0, 65_536)]);
  expect(Buffer.concat(all.slice(0, 2))).toEqual(content.subarray(0, 10));
  expect(reads).toEqual([[0, 65_536]]);
});

test('what failed is asked for again', async () => {
  const { blob } = far(1);
  const near = spool.over(blob);
  await expect(near.read(0, 5)).rejects.toThrow('gone for a moment');
  expect(await near.read(0, 5)).toEqual(content.subarray(0, 5));
});
