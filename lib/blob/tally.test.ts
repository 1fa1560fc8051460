import { expect, test } from 'vitest';
import { memoryBlob } from './memory.ts';
import { newTally, talliedBlob } from './tally.ts';

test('what is read of several blobs is counted together, and what fails is not', async () => {
  const tally = newTally();
  const [first, second] = ['one', 'second'].map((text) =>
    talliedBlob(memoryBlob(Buffer.from(text), text), tally),
  );
  expect(await first?.read(1, 2)).toEqual(Buffer.from('ne'));
  expect(await second?.read(0, 6)).toEqual(Buffer.from('second'));
  await expect(second?.read(0, 7)).rejects.toThrow('ends at 6');
  expect(tally).toEqual({ files: 2, sizeInBytes: 9, bytesRead: 8, reads: 2 });
});
