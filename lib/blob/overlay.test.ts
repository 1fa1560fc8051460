import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { FormatError } from '../errors.ts';
import { memoryBlob } from './memory.ts';
import { overlayBlob } from './overlay.ts';

const parent = () => memoryBlob(Buffer.from('aaaabbbbccccdd'), 'disk');
const block = (text: string) => memoryBlob(Buffer.from(text), 'log');

test('a replaced block is read in place of what is below', async () => {
  const below = parent();
  const blob = overlayBlob(below, 4, new Map([[1, block('1234')]]));
  expect(blob).toMatchObject({ origin: 'disk', sizeInBytes: 14 });
  expect((await blob.read(0, 14)).toString()).toBe('aaaa1234ccccdd');
  expect((await blob.read(5, 2)).toString()).toBe('23');
  expect((await blob.read(7, 2)).toString()).toBe('4c');
  expect((await blob.read(8, 6)).toString()).toBe('ccccdd');
  expect((await below.read(0, 14)).toString()).toBe('aaaabbbbccccdd');
});

test('what is replaced as a whole is not read below', async () => {
  const below = { ...parent(), read: () => Promise.reject(new Error('read below')) };
  const blob = overlayBlob(
    below,
    4,
    new Map([
      [0, block('0123')],
      [1, block('4567')],
    ]),
  );
  expect((await blob.read(2, 6)).toString()).toBe('234567');
  await expect(blob.read(2, 7)).rejects.toThrow('read below');
});

test('a range outside is refused, and so is a block that does not fit', async () => {
  await expect(overlayBlob(parent(), 4, new Map()).read(10, 5)).rejects.toThrow(FormatError);
  expect(() => overlayBlob(parent(), 4, new Map([[0, block('abc')]]))).toThrow(
    'disk: 3 bytes for block 0, of 4',
  );
  expect(() => overlayBlob(parent(), 4, new Map([[3, block('abcd')]]))).toThrow(
    'disk: block 3 is replaced, but there are 3 blocks',
  );
});

test('as writing the blocks into a copy', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 200 }),
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 10 }),
      fc.array(fc.tuple(fc.nat(200), fc.nat(200)), { minLength: 1, maxLength: 10 }),
      async (content, blockInBytes, writes, reads) => {
        const copy = Buffer.from(content);
        const blocks = new Map<number, ReturnType<typeof memoryBlob>>();
        for (const [place, value] of writes) {
          const index = place % Math.max(1, Math.floor(content.length / blockInBytes));
          if ((index + 1) * blockInBytes > content.length) continue;
          const bytes = Buffer.alloc(blockInBytes, value);
          blocks.set(index, memoryBlob(bytes, 'log'));
          bytes.copy(copy, index * blockInBytes);
        }
        const blob = overlayBlob(memoryBlob(content, 'disk'), blockInBytes, blocks);
        for (const [place, wanted] of reads) {
          const offset = place % (content.length + 1);
          const length = Math.min(wanted, content.length - offset);
          expect(await blob.read(offset, length)).toEqual(copy.subarray(offset, offset + length));
        }
      },
    ),
    { numRuns: 200 },
  );
  expect(parent().sizeInBytes).toBe(14);
});
