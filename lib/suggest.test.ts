import { expect, test } from 'vitest';
import { didYouMean, editDistance, nearest } from './suggest.ts';

test.for([
  ['', '', 0],
  ['abc', 'abc', 0],
  ['aarm64', 'aarch64', 2],
  ['kitten', 'sitting', 3],
  ['framwork', 'framework', 1],
  ['firmwaer', 'firmware', 1],
] as const)('the distance of %j and %j is %i', ([a, b, distance]) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});

test('names are offered nearest first, and none when nothing is near', () => {
  expect(nearest('aarm64', ['x86_64', 'aarch64', 'firmware'])[0]).toBe('aarch64');
  expect(nearest('FIRMWARE', ['firmware', 'nodes'])).toEqual(['firmware']);
  expect(nearest('zebra', ['firmware', 'nodes'])).toEqual([]);
  expect(didYouMean('noeds', ['nodes'])).toBe('; did you mean "nodes"?');
  expect(didYouMean('zebra', ['nodes'])).toBe('');
});
