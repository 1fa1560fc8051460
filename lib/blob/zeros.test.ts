import { expect, test } from 'vitest';
import { areKnownZeros, zeros } from './zeros.ts';

test.for([0, 1, 1024 * 1024, 1024 * 1024 + 1])('%i zeroes', (length) => {
  expect(zeros(length).equals(Buffer.alloc(length))).toBe(true);
});

test('zeroes that were made here are known without a look, others are not', () => {
  expect(areKnownZeros(zeros(4096))).toBe(true);
  expect(areKnownZeros(Buffer.alloc(4096))).toBe(false);
  expect(areKnownZeros(Buffer.from([1]))).toBe(false);
});
