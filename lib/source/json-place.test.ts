import { expect, test } from 'vitest';
import { jsonErrorPlace } from './json-place.ts';

test.for<[string, string]>([
  ['{\n"nodes": [}\n', 'line 2 column 11'],
  ['{"a": 1,}', 'line 1 column 9'],
  ['[1 2]', 'line 1 column 4'],
  ['[1,\n\n tru, 2]', 'line 3 column 5'],
  ["{'a': 1}", 'line 1 column 2'],
  ['[1] x', 'line 1 column 5'],
  ['["a\nb"]', 'line 1 column 4'],
  ['{"a": "\\x"}', 'line 1 column 9'],
  ['', 'line 1 column 1'],
  ['{"nodes": [', 'line 1 column 12'],
])('%j is wrong at %s', ([text, place]) => {
  expect(jsonErrorPlace(text)).toBe(place);
});
