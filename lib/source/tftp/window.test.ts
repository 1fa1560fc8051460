import { expect, test } from 'vitest';
import { blockWindow } from './window.ts';

const arrivals = (windowInBlocks: number, blocks: readonly number[]) => {
  const window = blockWindow(windowInBlocks);
  return blocks.map((block) => window.arrived(block));
};

test('in windows of one block each is to be acknowledged', () => {
  expect(arrivals(1, [1, 2, 3])).toEqual(['last of window', 'last of window', 'last of window']);
});

test('a window begins anew behind each gap', () => {
  expect(arrivals(3, [1, 3, 2, 3, 4])).toEqual(['taken', 'gap', 'taken', 'taken', 'last of window']);
});

test('a gap is told once, until it is closed', () => {
  expect(arrivals(4, [1, 3, 4, 5, 2, 4])).toEqual(['taken', 'gap', 'ignored', 'ignored', 'taken', 'gap']);
});

test('of blocks that came already, that which was acknowledged last may be waited for', () => {
  expect(arrivals(2, [1, 1, 2, 1, 2, 3, 2, 3])).toEqual([
    'taken',
    'ignored',
    'last of window',
    'ignored',
    'repeated',
    'taken',
    'ignored',
    'ignored',
  ]);
});

test('what no window reaches is passed over', () => {
  expect(arrivals(4, [6, 40_000, 0x7fff, 1])).toEqual(['ignored', 'ignored', 'ignored', 'taken']);
});

test('the order goes on behind 65535', () => {
  const window = blockWindow(4);
  for (let count = 1; count <= 65_535; count++) window.arrived(count);
  expect(window.inOrder).toBe(65_535);
  expect(window.arrived(1)).toBe('gap');
  expect([0, 1, 2, 3].map((block) => window.arrived(block))).toEqual([
    'taken',
    'taken',
    'taken',
    'last of window',
  ]);
  expect(window.arrived(65_535)).toBe('ignored');
  expect(window.arrived(3)).toBe('repeated');
  expect(window.inOrder).toBe(3);
});

test('a window begins anew behind what was acknowledged in silence', () => {
  const window = blockWindow(3);
  expect([1, 2].map((block) => window.arrived(block))).toEqual(['taken', 'taken']);
  window.restart();
  expect([3, 4, 5].map((block) => window.arrived(block))).toEqual(['taken', 'taken', 'last of window']);
});
