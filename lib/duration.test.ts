import { expect, test } from 'vitest';
import { parseDuration } from './duration.ts';

test.each([
  ['10', 10_000],
  ['10 s', 10_000],
  ['10S', 10_000],
  ['0.5', 500],
  ['500ms', 500],
  ['2 min', 120_000],
  [' 1.5 m ', 90_000],
  ['0', 0],
])('%s', (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each(['', 's', '-1', '1e3', '1 h', '10 s s', '0x10', '1.1.1', '∞', '9999999999'])(
  '%j is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);
