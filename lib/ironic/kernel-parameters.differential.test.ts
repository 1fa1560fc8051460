import { expect, test } from 'vitest';
import { Choices, askPython, installed, otherSuites, pythonOf } from '../../fixtures/ironic/oracle.ts';
import { malformedParameter } from './kernel-parameters.ts';

const count = 4000;
const pieces = [
  ...['quiet', 'console=ttyS0,115200', 'a="b c"', 'a=""', 'a=', '=b', '"q"', '--', '-- init 3', 'key'],
  ...[
    ' ',
    '  ',
    '\t',
    '\n',
    '"',
    "'",
    '=',
    '-',
    '.',
    '[x]',
    '%default%',
    '\\',
    '~',
    '!',
    'ü',
    '\u{7f}',
    '\0',
  ],
];

/** Those whose grammar is the narrower one. */
const isOld = new Set([installed.suite, 'trixie']);

const suites = [installed.suite, ...otherSuites];
test.for(suites)(`${count} texts: as the Ironic of Debian %s`, { timeout: 600_000 }, (suite) => {
  const choose = new Choices(39);
  const texts = choose.some(count, () => choose.some(1 + choose.below(7), () => choose.of(pieces)).join(''));
  const theirs = askPython('kernel_parameters_oracle.py', texts, pythonOf(suite));
  const ours = texts.map((text) => malformedParameter(text) === undefined);
  const differences = texts.filter((text, index) => {
    // Of what only newer releases take, nothing else is told otherwise.
    const isNewer = theirs[index] === true && /"[^ "]| -- /.test(text) && !isOld.has(suite);
    return ours[index] !== theirs[index] && !isNewer;
  });
  console.info(`kernel parameters: ${count} texts, ${ours.filter(Boolean).length} of them well-formed`);
  expect(differences.slice(0, 5)).toEqual([]);
  expect(ours.filter(Boolean).length).toBeGreaterThan(count / 20);
  expect(ours.filter((is) => !is).length).toBeGreaterThan(count / 20);
});
