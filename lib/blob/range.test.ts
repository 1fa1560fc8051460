import { expect, test } from 'vitest';
import { AccessError, FormatError, MissingError } from '../errors.ts';
import { type RangeAnswer, rangeBlob } from './range.ts';

const mebibyte = 1024 * 1024;

/** A blob of a store that gives this answer to everything, and what it was asked. */
function answering(sizeInBytes: number, answer: Partial<RangeAnswer>) {
  const asked: number[][] = [];
  const blob = rangeBlob({
    origin: 'image x',
    sizeInBytes,
    async fetch(...range) {
      asked.push(range);
      return { status: 206, body: Buffer.alloc(0), ...answer };
    },
  });
  return { blob, asked };
}

test('a range is asked for once, with both ends included', async () => {
  const { blob, asked } = answering(100, { contentRange: 'bytes 10-13/100', body: Buffer.from('abcd') });
  expect((await blob.read(10, 4)).toString()).toBe('abcd');
  expect(asked).toEqual([[10, 13, 100]]);
});

test('nothing is asked for an empty read or one outside', async () => {
  const { blob, asked } = answering(100, {});
  expect(await blob.read(100, 0)).toEqual(Buffer.alloc(0));
  await expect(blob.read(99, 2)).rejects.toThrow(FormatError);
  expect(asked).toEqual([]);
});

test.for<[string, Partial<RangeAnswer>, RegExp]>([
  [
    'fewer bytes',
    { contentRange: 'bytes 10-13/100', body: Buffer.from('abc') },
    /truncated: 3 bytes came for bytes 10-13/,
  ],
  ['no bytes', { contentRange: 'bytes 10-13/100' }, /truncated: 0 bytes/],
  ['more bytes', { contentRange: 'bytes 10-13/100', body: Buffer.from('abcde') }, /too long: 5 bytes/],
  [
    'another range',
    { contentRange: 'bytes 0-3/100', body: Buffer.from('abcd') },
    /Content-Range is bytes 0-3\/100/,
  ],
  ['a shorter range', { contentRange: 'bytes 10-12/100', body: Buffer.from('abc') }, /bytes 10-13 wanted/],
  ['no Content-Range', { body: Buffer.from('abcd') }, /Content-Range is absent/],
  ['a damaged Content-Range', { contentRange: 'bytes 10-13', body: Buffer.from('abcd') }, /is bytes 10-13$/],
  [
    'another size',
    { contentRange: 'bytes 10-13/99', body: Buffer.from('abcd') },
    /100 bytes by the store's record, 99/,
  ],
  ['an unexpected status', { status: 202 }, /status 202/],
])('%s is refused', async ([, answer, message]) => {
  const reading = answering(100, answer).blob.read(10, 4);
  await expect(reading).rejects.toThrow(message);
  await expect(reading).rejects.toThrow(FormatError);
});

test('an unknown total is fine, and so is another case', async () => {
  const { blob } = answering(100, { contentRange: 'Bytes 10-13/*', body: Buffer.from('abcd') });
  expect((await blob.read(10, 4)).toString()).toBe('abcd');
});

test('no data is missing, not damaged', async () => {
  await expect(answering(100, { status: 204 }).blob.read(0, 1)).rejects.toThrow(MissingError);
});

test('a store that ignores Range may send what is small whole', async () => {
  const whole = Buffer.alloc(mebibyte, 'abcdefg');
  const { blob } = answering(mebibyte, { status: 200, body: whole });
  expect(await blob.read(7, 3)).toEqual(Buffer.from('abc'));
  const short = answering(mebibyte, { status: 200, body: whole.subarray(1) });
  await expect(short.blob.read(7, 3)).rejects.toThrow('truncated: 1048575 bytes came for the whole');
});

test('a store that ignores Range for what is large is said to', async () => {
  const { blob, asked } = answering(mebibyte + 1, { status: 200 });
  await expect(blob.read(7, 3)).rejects.toThrow(AccessError);
  await expect(blob.read(7, 3)).rejects.toThrow('the server ignores Range: 200 with the whole 1048577 bytes');
  expect(asked[0]).toEqual([7, 9, 3]);
  const whole = answering(mebibyte + 1, { status: 200, body: Buffer.alloc(mebibyte + 1) });
  expect((await whole.blob.read(0, mebibyte + 1)).length).toBe(mebibyte + 1);
});

test('content that is replaced while it is read is noticed, and nothing of the new one is given', async () => {
  let version: string | undefined = '"a"';
  const blob = rangeBlob({
    origin: 'image x',
    sizeInBytes: 100,
    fetch: async (first, last) => {
      const body = Buffer.alloc(last - first + 1);
      return { status: 206, contentRange: `bytes ${first}-${last}/100`, body, version };
    },
  });
  await blob.read(0, 4);
  version = undefined;
  await blob.read(4, 4);
  version = '"b"';
  await expect(blob.read(8, 4)).rejects.toThrow('changed while it was read: it was "a", and is "b" now');
});
