import { expect, test } from 'vitest';
import { check, finding, suite } from './check.ts';
import { AccessError, FormatError, MissingError, UsageError } from './errors.ts';
import { type Fact, fact, factStore, outcomeOf } from './facts.ts';
import { prepare } from './run.ts';
import { parseSelection } from './selection.ts';
import type { Subject, SubjectKind } from './subject.ts';
import type { World } from './world.ts';

const world = {} as World;
const fault = { name: 'f', subject: 's', plant: () => {} };
const kind = (all: () => Promise<readonly Subject[]>): SubjectKind<Subject> => ({
  name: 'things',
  perArchitecture: true,
  all: fact('things', all),
  none: 'there are no things',
});
const arm: Subject = { label: 'arm', architecture: 'aarch64', affects: ['n1'] };
const things = kind(async () => [arm]);
const one = (value: Fact<Subject, unknown>, level: 'must' | 'should' = 'must', per = things) =>
  suite('s', 'S', [
    check({
      id: 'c',
      title: 't',
      why: 'w',
      level,
      ref: 'r',
      per,
      facts: { value },
      check: ({ value }) => (value === 'good' ? [] : [finding(String(value), 'good')]),
      fix: ({ label }) => `mend ${label}`,
      faults: [fault],
    }),
  ]);
const run = async (s: ReturnType<typeof one>, texts: string[] = []) => {
  const tasks = await prepare(world, [s], parseSelection(texts, [], [s]));
  return Promise.all(tasks.map(async (task) => task.run()));
};
const failing = (error: Error) => fact<Subject, unknown>('failing', async () => Promise.reject(error));

test('a check that holds passes; one that does not fails with its remedy, or warns', async () => {
  const bad = fact('bad', async () => 'bad');
  expect(await run(one(fact('good', async () => 'good')))).toMatchObject([
    { check: 's/c', status: 'pass', findings: [] },
  ]);
  expect(await run(one(bad))).toMatchObject([
    { status: 'fail', fix: 'mend arm', affects: ['n1'], findings: [{ actual: 'bad' }] },
  ]);
  expect(await run(one(bad, 'should'))).toMatchObject([{ status: 'warning' }]);
});

test.for([
  [new AccessError('no answer')],
  [new MissingError('gone')],
  [new FormatError('cut short')],
] as const)('a fact that cannot be had is not verified, never a pass: %s', async ([error]) => {
  expect(await run(one(failing(error)))).toMatchObject([{ status: 'not verified', reason: error.message }]);
});

test('an error of the suite itself is told apart', async () => {
  expect(await run(one(failing(new TypeError('x is undefined'))))).toMatchObject([
    { status: 'error', reason: 'x is undefined' },
  ]);
});

test('subjects that cannot be found out are not verified; none at all is not applicable', async () => {
  const good = fact('good', async () => 'good');
  const unknown = kind(async () => Promise.reject(new AccessError('Ironic refused')));
  expect(await run(one(good, 'must', unknown))).toMatchObject([
    { status: 'not verified', subject: 'all things' },
  ]);
  const empty = kind(async () => []);
  expect(await run(one(good, 'must', empty))).toMatchObject([
    { status: 'not applicable', reason: 'there are no things' },
  ]);
});

test('an architecture of which none can be found yet is not verified, asked for or not', async () => {
  const good = fact('good', async () => 'good');
  const awaited = fact('to come', async () => [
    { architecture: 'aarch64', reason: 'here already' },
    { architecture: 'riscv64', reason: 'no node of riscv64 is enrolled yet' },
  ]);
  const s = one(good, 'must', { ...things, awaited });
  const open = {
    status: 'not verified',
    subject: 'all things of riscv64',
    architecture: 'riscv64',
    reason: 'no node of riscv64 is enrolled yet',
  };
  expect(await run(s)).toMatchObject([{ status: 'pass', subject: 'arm' }, open]);
  expect(await run(s, ['riscv64'])).toMatchObject([open]);
  expect(await run(s, ['aarch64'])).toMatchObject([{ status: 'pass' }]);
});

test('a selection that matches nothing is refused', async () => {
  const s = one(fact('good', async () => 'good'));
  await expect(run(s, ['x86_64'])).rejects.toThrow(UsageError);
  await expect(run(s, ['x86_64'])).rejects.toThrow(
    'nothing to judge for x86_64: this deployment has aarch64; `architectures` in deployment.yaml names one before its nodes are enrolled',
  );
});

test('a check without a fault, and a second one of the same name, do not register', () => {
  const definition = {
    id: 'c',
    title: '',
    why: '',
    level: 'must',
    ref: '',
    per: things,
    facts: {},
    check: () => [],
    fix: '',
  } as const;
  expect(() => suite('s', 'S', [check({ ...definition, faults: [] })])).toThrow(
    's/c: a check without a seeded fault',
  );
  const twice = [check({ ...definition, faults: [fault] }), check({ ...definition, faults: [fault] })];
  expect(() => suite('s', 'S', twice)).toThrow('s/c: two checks have this id');
});

test('a fact is computed once for each input', async () => {
  let computed = 0;
  const counted = fact('counted', async (input: string) => `${input}${(computed += 1)}`);
  const use = factStore(world);
  expect(await Promise.all([use(counted, 'a'), use(counted, 'a'), use(counted, 'b')])).toEqual([
    'a1',
    'a1',
    'b2',
  ]);
});

test('an outcome is data for what the bytes decide, and still rejects for what could not be reached', async () => {
  const use = factStore(world);
  expect(await use(outcomeOf(failing(new FormatError('cut'))), arm)).toEqual({
    ok: false,
    problem: 'cut',
    missing: false,
  });
  expect(await use(outcomeOf(failing(new MissingError('gone'))), arm)).toEqual({
    ok: false,
    problem: 'gone',
    missing: true,
  });
  expect(await use(outcomeOf(fact('g', async () => 1)), arm)).toEqual({ ok: true, value: 1 });
  await expect(use(outcomeOf(failing(new AccessError('refused'))), arm)).rejects.toThrow('refused');
});
