import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ironicConfig } from './config.ts';
import { parseImageRef } from './image-ref.ts';
import { parseOption, type OptionType } from './option-types.ts';
import { lstrip, repr, rstrip, strip } from './python.ts';
import { releaseOf } from './release.ts';

test('blanks are those of str.strip()', () => {
  expect(strip('\u001c\u0085\u00a0 x\ufeff \t\u3000')).toBe('x\ufeff');
  expect(lstrip('\n x ')).toBe('x ');
  expect(rstrip(' x\u2028\v')).toBe(' x');
});

// Each as `python3 -c "print(repr(…))"` prints it.
test.each([
  ["it's", `"it's"`],
  [`'"`, `'\\'"'`],
  ['a\\b\n\t\u00a0\u200b', String.raw`'a\\b\n\t\xa0\u200b'`],
  ['naïve \u{1f600}\u{e0001}', `'naïve \u{1f600}\\U000e0001'`],
])('%j is printed as %s', (text, printed) => {
  expect(repr(text)).toBe(printed);
});

const types: readonly OptionType[] = [
  { kind: 'string', choices: ['a'] },
  { kind: 'uri', schemes: ['http'] },
  { kind: 'boolean' },
  { kind: 'integer', minimum: 1 },
  { kind: 'list' },
  { kind: 'dict', quotes: true },
];

test('no text makes a reader throw', () => {
  const pieces = fc.constantFrom(
    '[pxe]\n',
    '\n',
    '  ',
    'tftp_root',
    '=',
    ':',
    ',',
    '"',
    '$',
    '{',
    '}',
    'tftp_server',
    '.',
    '\\',
    '%',
    '[',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 40 }).map((all) => all.join('')),
  );
  const read = fc.property(text, (input) => {
    const config = ironicConfig([
      { text: `[pxe]\ntftp_root = ${input}`, origin: 'f' },
      { text: input, origin: 'g' },
    ]);
    const readings = [config.string('pxe', 'tftp_root'), ...types.map((type) => parseOption(type, input))];
    parseImageRef(input);
    releaseOf(input);
    return readings.every((reading) => reading.ok || reading.problem !== '');
  });
  expect(() => fc.assert(read, { numRuns: 2000, seed: 7 })).not.toThrow();
});

test('a mapping that never comes to an end is refused in time', () => {
  const begun = performance.now();
  expect(parseOption({ kind: 'dict' }, 'x,'.repeat(9_000))).toMatchObject({ ok: false });
  expect(parseOption({ kind: 'dict' }, 'x,'.repeat(20_000))).toEqual({
    ok: false,
    problem: '20001 entries, more than 10000',
  });
  expect(performance.now() - begun).toBeLessThan(5_000);
});
