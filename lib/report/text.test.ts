import { expect, test } from 'vitest';
import { oneLine, plain, shorten, wrap } from './text.ts';

test.for([
  ['colours and titles go', '\u001b[1;31mred\u001b[0m\u001b]0;title\u0007', 'red'],
  ['control characters are written out, since one may be the fault', 'ipxe.efi\r', String.raw`ipxe.efi\x0d`],
  ['so are those that reorder or hide text', 'a\u202eb\u200bc\ufeff', String.raw`a\u202eb\u200bc\ufeff`],
  ['and what XML 1.0 forbids', '\u0000\ufffe\u{1ffff}', String.raw`\x00\ufffe\u{1ffff}`],
  ['lines of any system stay lines', 'a\r\nb\n\tc', 'a\nb\n\tc'],
  ['half a surrogate pair is replaced', 'a\ud800', 'a\ufffd'],
  ['text of any script stays', 'Gerät 机器 🖥', 'Gerät 机器 🖥'],
] as const)('%s', ([, text, expected]) => {
  expect(plain(text)).toBe(expected);
});

test('a long text loses its middle and says how much of it', () => {
  const text = `${'a'.repeat(500)}${'b'.repeat(500)}`;
  expect(shorten(text, 1000)).toBe(text);
  const short = shorten(text, 140);
  expect(short).toBe(`${'a'.repeat(50)} …(900 characters left out)… ${'b'.repeat(50)}`);
  expect(short.length).toBeLessThanOrEqual(140);
  expect(shorten('🖥'.repeat(100), 51).isWellFormed()).toBe(true);
});

test('lines break at spaces only', () => {
  const digest = 'f'.repeat(64);
  expect(wrap(`the hash is ${digest} and so on`, 20)).toEqual(['the hash is', digest, 'and so on']);
  expect(wrap('a\n\nb', 20)).toEqual(['a', '', 'b']);
  expect(wrap('', 20)).toEqual(['']);
});

test('any white space becomes single spaces', () => {
  expect(oneLine(' a\n\t b  c ')).toBe('a b c');
});
