import { expect, test } from 'vitest';
import { parseSize } from './size.ts';

test.each([
  ['0', 0],
  ['1048576', 1_048_576],
  ['2 GiB', 2_147_483_648],
  ['2gib', 2_147_483_648],
  ['500MB', 500_000_000],
  ['1.5 KiB', 1536],
  [' 3 b ', 3],
])('%s', (text, sizeInBytes) => {
  expect(parseSize(text)).toBe(sizeInBytes);
});

test.each(['', 'GiB', '-1', '1e9', '2 GiBs', '1 2', '0x10', '999999999999 TiB', '1.1.1'])(
  '%j is no size',
  (text) => {
    expect(parseSize(text)).toBeUndefined();
  },
);
