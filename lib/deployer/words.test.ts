import { expect, test } from 'vitest';
import { LimitError, UsageError } from '../errors.ts';
import { expandHostPattern } from './host-pattern.ts';
import { literalOr, shellWords } from './words.ts';

/* Each answer is that of shlex.split(…, comments=True), ast.literal_eval or parse_address of Python and Ansible. */

test.for([
  [`a b='c d' e="f \\" g"`, ['a', 'b=c d', 'e=f " g']],
  [String.raw`a\ b 'c\d' "e\f"`, ['a b', String.raw`c\d`, String.raw`e\f`]],
  ['a # b', ['a']],
  ['a#b c', ['a']],
  [`''`, ['']],
  ['', []],
  [`a 'b`, undefined],
  ['a \\', undefined],
] as const)('the words of %j are %j', ([text, words]) => {
  expect(shellWords(text)).toEqual(words);
});

test.for<readonly [string, unknown]>([
  ['12', 12],
  ['-1.5e3', -1500],
  ['0x1f', 31],
  ['010', '010'],
  ['000', 0],
  ['1_000', 1000],
  ['1__0', '1__0'],
  ['True', true],
  ['true', 'true'],
  ['None', null],
  ['"a" # b', 'a'],
  ['a # b', 'a # b'],
  ['1 # b', 1],
  [`['a', 1, (2,), {'b': None}]`, ['a', 1, [2], { b: null }]],
  ['1, 2', [1, 2]],
  ['(1)', 1],
  ['[1', '[1'],
  ['192.0.2.1', '192.0.2.1'],
  ['123456789012345678901234567890', '123456789012345678901234567890'],
  ['', ''],
  ['['.repeat(5000), '['.repeat(5000)],
])('the value of %j is %j', ([text, value]) => {
  expect(literalOr(text)).toEqual(value);
});

const names = (text: string) => expandHostPattern(text, 'i:1').names;

test('hosts of a pattern, and what is refused', () => {
  expect(names('n[08:10]-[a:b]')).toEqual(['n08-a', 'n08-b', 'n09-a', 'n09-b', 'n10-a', 'n10-b']);
  expect(names('n[1:9:4]')).toEqual(['n1', 'n5', 'n9']);
  expect(expandHostPattern('[2001:db8::1]:22', 'i:1')).toEqual({ names: ['2001:db8::1'], port: 22 });
  expect(expandHostPattern('h:22', 'i:1')).toEqual({ names: ['h'], port: 22 });
  for (const text of ['a[01:100]', 'a[z:a]', 'a[1:]', 'a[1]', 'a[1:2', 'a:', '---', 'a[1:3:0]', 'a[1:2:3:4]'])
    expect(() => names(text)).toThrow(UsageError);
  expect(() => names('a[1:99999]')).toThrow('more than 10000');
  expect(() => names(`a${'[1:2]'.repeat(10)}`)).toThrow(LimitError);
  expect(() => names('a'.repeat(2000))).toThrow(LimitError);
});
