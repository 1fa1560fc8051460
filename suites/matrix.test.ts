import { describe, expect, test } from 'vitest';
import { assaySimulation as assay } from '../fixtures/simulated/assay.ts';
import { healthy } from '../fixtures/simulated/simulation.ts';
import type { Result } from '../lib/result.ts';
import { suites } from './all.ts';

const isReported = ({ status }: Result) => status === 'fail' || status === 'warning';
const checks = suites.flatMap((suite) => suite.checks);

test('the healthy deployment passes everything, and every check has something to judge or says why not', async () => {
  const results = await assay(await healthy());
  const amiss = results.filter(({ status }) => status !== 'pass' && status !== 'not applicable');
  expect(amiss).toEqual([]);
  const judged = new Set(results.map(({ check }) => check));
  expect(checks.map(({ id }) => id).filter((id) => !judged.has(id))).toEqual([]);
  expect(results.filter(({ status, reason }) => status === 'not applicable' && !reason)).toEqual([]);
});

test('every check names the remedy, the symptom and its source', () => {
  const silent = checks.filter(({ title, why, ref }) => title === '' || why === '' || ref === '');
  expect(silent).toEqual([]);
  expect(checks.length).toBeGreaterThanOrEqual(45);
  const names = checks.flatMap(({ id, faults }) => faults.map(({ name }) => `${id}: ${name}`));
  expect(new Set(names).size).toBe(names.length);
});

describe.for(checks)('$id', (check) => {
  test.for(check.faults)('$name', async (fault) => {
    const simulation = await healthy();
    await fault.plant(simulation);
    const results = await assay(simulation);
    const reported = results.filter(isReported);
    const own = reported.filter((result) => result.check === check.id);
    // The check fails where the fault is, and nowhere else.
    const subjects = own.map(({ subject }) => subject);
    const named = [fault.subject].flat();
    expect(named.filter((name) => !subjects.some((subject) => subject.includes(name)))).toEqual([]);
    expect(subjects.filter((subject) => !named.some((name) => subject.includes(name)))).toEqual([]);
    for (const { findings, fix } of own) {
      expect(fix).toBeTruthy();
      for (const { actual, expected } of findings) expect([actual, expected]).not.toContain('');
    }
    // Nothing else fails but what the fault names, and what it names does.
    const others = new Set(reported.map((result) => result.check).filter((id) => id !== check.id));
    expect([...others].toSorted()).toEqual([...(fault.also ?? [])].toSorted());
    expect(results.filter(({ status }) => status === 'error')).toEqual([]);
  });
});
