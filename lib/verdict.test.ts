import { expect, test } from 'vitest';
import type { Level } from './check.ts';
import { type Result, type Status, worse } from './result.ts';
import { summarise } from './verdict.ts';

const result = (status: Status, level: Level = 'must', check = 'a/b') => ({ status, level, check }) as Result;

test.for<[Status[], boolean, string, number]>([
  [['pass'], false, 'conformant', 0],
  [['pass', 'not applicable'], false, 'conformant', 0],
  [['pass', 'warning'], false, 'conformant', 0],
  [['pass', 'not verified'], false, 'not verified', 2],
  [['pass', 'not verified'], true, 'conformant', 0],
  [['pass', 'not verified', 'fail'], true, 'not conformant', 1],
  [['pass', 'error'], false, 'not conformant', 1],
  [['not verified'], true, 'not verified', 2],
  [['not applicable'], false, 'not verified', 2],
  [[], false, 'not verified', 2],
])('%j (accepting the unverified: %j) is %s, exit code %i', ([statuses, allow, verdict, exitCode]) => {
  expect(
    summarise(
      statuses.map((status) => result(status)),
      allow,
    ),
  ).toMatchObject({ verdict, exitCode });
});

test('a recommendation that could not be verified leaves the verdict alone', () => {
  expect(summarise([result('pass'), result('not verified', 'should')], false).exitCode).toBe(0);
});

test('a check that fails on many subjects is one check', () => {
  const { because, counts } = summarise(
    [result('fail'), result('fail'), result('error', 'must', 'c/d')],
    false,
  );
  expect(because).toBe('2 checks did not hold');
  expect(counts).toMatchObject({ fail: 2, error: 1, pass: 0 });
});

test('statuses have an order', () => {
  expect(worse('pass', 'not verified')).toBe('not verified');
  expect(worse('fail', 'warning')).toBe('fail');
});
