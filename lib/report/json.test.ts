import { expect, test } from 'vitest';
import { z } from 'zod';
import schema from '../../reports/schema.json' with { type: 'json' };
import { statuses } from '../result.ts';
import { exampleFailure, exampleReport, exampleResult, hostileText } from './example.ts';
import { renderJson, schemaVersion } from './json.ts';

const validator = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
const problems = (value: unknown) =>
  validator.safeParse(value).error?.issues.map(({ path }) => path.join('.')) ?? [];

const report = exampleReport(
  [
    ...statuses.map((status) => exampleResult({ status, ...(status !== 'pass' && { reason: 'r' }) })),
    exampleFailure({ findings: [{ actual: 'a', expected: 'b', evidence: [], fix: 'c' }] }),
  ],
  { selection: ['aarch64/firmware'] },
);

test('is as its schema says', () => {
  expect(problems(JSON.parse(renderJson(report)))).toEqual([]);
  expect(problems(JSON.parse(renderJson(exampleReport([]))))).toEqual([]);
});

test('carries everything', () => {
  expect(JSON.parse(renderJson(report))).toEqual({ schema: 1, ...structuredClone(report) });
});

test('the schema refuses what is missing, unknown or of another type', () => {
  const made = JSON.parse(renderJson(report));
  const { deployment: _, ...without } = made;
  expect(problems(without)).toEqual(['deployment']);
  expect(problems({ ...made, schema: 2 })).toEqual(['schema']);
  expect(problems({ ...made, unknown: 1 })).not.toEqual([]);
  expect(problems({ ...made, results: [{ ...made.results[0], status: 'skipped' }] })).toEqual([
    'results.0.status',
  ]);
  expect(problems({ ...made, startedAt: 'today' })).toEqual(['startedAt']);
});

test('the schema knows the statuses and the version, and describes every field', () => {
  expect(schema.$defs.status.enum).toEqual([...statuses]);
  expect(schema.$defs.summary.properties.counts.required).toEqual([...statuses]);
  expect(schema.properties.schema.const).toBe(schemaVersion);
  const fields = [schema, schema.$defs.result, schema.$defs.finding, schema.$defs.summary].flatMap(
    ({ properties }) => Object.entries(properties),
  );
  expect(fields.filter(([, field]) => !('description' in field) && !('$ref' in field))).toEqual([]);
});

test('no secret and no control character from a deployment gets through', () => {
  const leaking = exampleFailure({
    reason: `transport_url = rabbit://u:s3cret@h/ ${hostileText}`,
    affects: ['password=s3cret'],
    findings: [
      {
        actual: 'admin_password = s3cret',
        expected: 'x',
        evidence: [{ where: 'http://u:s3cret@h/', what: 'x' }],
      },
    ],
  });
  const json = renderJson(exampleReport([leaking]));
  expect(json).not.toContain('s3cret');
  expect(json).not.toMatch(/[^\n\P{Cc}]/u);
  expect(JSON.parse(json).results[0].reason).not.toMatch(/[^\n\P{Cc}]/u);
});

test('a text without end is bounded, and says what was left out', () => {
  const long = exampleFailure({ findings: [{ actual: 'x'.repeat(5_000_000), expected: 'y', evidence: [] }] });
  const { actual } = JSON.parse(renderJson(exampleReport([long]))).results[0].findings[0];
  expect(actual.length).toBeLessThanOrEqual(20_000);
  expect(actual).toContain('(4980040 characters left out)');
});
