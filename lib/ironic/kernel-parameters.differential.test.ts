import { expect, test } from 'vitest';
import { Choices, askPython } from '../../fixtures/ironic/oracle.ts';
import { ironicOf, suites } from '../../fixtures/ironic/suites.ts';
import { malformedParameter } from './kernel-parameters.ts';
import { atLeast } from './release.ts';

const count = 4000;
const pieces = [
  'quiet',
  'console=ttyS0,115200',
  'a="b c"',
  'a=""',
  'a=',
  '=b',
  '"q"',
  '--',
  '-- init 3',
  'key',
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
];

test.for(suites)(`${count} texts: as the Ironic of Debian %s`, { timeout: 600_000 }, (suite, context) => {
  const { python, version, release } = ironicOf(suite, context);
  const choose = new Choices(39);
  const texts = choose.some(count, () => choose.some(1 + choose.below(7), () => choose.of(pieces)).join(''));
  const theirs = askPython('kernel_parameters_oracle.py', texts, python);
  const ours = texts.map((text) => malformedParameter(text) === undefined);
  const differences = texts.filter((text, index) => {
    // What only the wider grammar of newer releases takes.
    const isWider = theirs[index] === true && /"[^ "]| -- /.test(text) && atLeast(release, '35.0');
    return ours[index] !== theirs[index] && !isWider;
  });
  console.info(
    `kernel parameters, Ironic ${version}: ${count} texts, ${ours.filter(Boolean).length} of them well-formed`,
  );
  expect(differences.slice(0, 5)).toEqual([]);
  expect(ours.filter(Boolean).length).toBeGreaterThan(count / 20);
  expect(ours.filter((is) => !is).length).toBeGreaterThan(count / 20);
});
