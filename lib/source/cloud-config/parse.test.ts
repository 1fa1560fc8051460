import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { UsageError } from '../../errors.ts';
import { parseSettings } from './parse.ts';
import { type Value, isSettings } from './settings.ts';

const plain = (value: Value): unknown => {
  if (isSettings(value)) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return Array.isArray(value) ? value.map(plain) : value;
};

test('numbers are the text that Python makes of them, and the rest is what it is', () => {
  const yaml = 'a: 010\nb: 1.0\nc: 1.0e+20\nd: 2.5e-7\ne: yes\nf: ~\ng: [1, x]\nh: {i: -.inf}\n';
  const expected = {
    a: '8',
    b: '1.0',
    c: '1e+20',
    d: '2.5e-07',
    e: true,
    f: null,
    g: ['1', 'x'],
    h: { i: '-inf' },
  };
  expect(plain(parseSettings(yaml, 'clouds.yaml'))).toEqual(expected);
  const json = '{"a": 8, "b": 1.5, "c": 1e20, "g": [1, "x"], "__proto__": {"x": true}}';
  expect(() => parseSettings(json, 'clouds.json')).toThrow('more than 15 digits');
  const { a, b, g } = plain(parseSettings(json.replace('1e20', '0'), 'clouds.json')) as typeof expected;
  expect({ a, b, g }).toEqual({ a: '8', b: '1.5', g: ['1', 'x'] });
  expect(plain(parseSettings('', 'clouds.yaml'))).toEqual({});
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

test.for([
  ['clouds.yaml', `a: ${'['.repeat(100_000)}`],
  ['clouds.yaml', `${'? '.repeat(20_000)}x`],
  [
    'clouds.yaml',
    `a: &a [x, x]\n${Array.from('bcdefghijklmnopqrstu', (name, index) => `${name}: &${name} [*${'abcdefghijklmnopqrst'[index]}, *${'abcdefghijklmnopqrst'[index]}]`).join('\n')}`,
  ],
  ['clouds.yaml', 'a: &a [*a]'],
  ['clouds.yaml', '1: x'],
  ['clouds.yaml', 'a: 1\n---\nb: 2'],
  ['clouds.json', `${'['.repeat(10_000)}${']'.repeat(10_000)}`],
  ['clouds.json', 'null x'],
] as const)('%s with what no person writes is refused', ([path, text]) => {
  expect(() => parseSettings(text, path)).toThrow(UsageError);
});

function outcomeOf(text: string, path: string): unknown {
  try {
    return parseSettings(text, path);
  } catch (error) {
    return error;
  }
}

test('whatever the bytes, there are settings or one line that says why not', () => {
  const pieces = fc.constantFrom(
    ...'clouds: lab auth - [ ] { } & * ! | > \' " % @ # ? : , \n \t <<: --- yes 0x1'.split(' '),
  );
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces).map((all) => all.join(' ')),
  );
  fc.assert(
    fc.property(texts, fc.constantFrom('clouds.yaml', 'clouds.json'), (text, path) => {
      const outcome = outcomeOf(text, path);
      const isLine = outcome instanceof UsageError && !outcome.message.includes('\n');
      expect([text, outcome instanceof Map || isLine]).toEqual([text, true]);
    }),
    { numRuns: 1000, seed: 11 },
  );
});
