import { type ExecFileException, execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Result, statuses } from '../result.ts';
import { exampleFailure, exampleReport, exampleResult, hostileText } from './example.ts';
import { writeReports } from './write.ts';

/**
 * The reports as readers of others see them: libxml2's xmllint (Debian libxml2-utils), Perl's TAP::Parser
 * (perl) and Python's jsonschema (python3-jsonschema).
 */
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-reports-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Ran {
  readonly code: unknown;
  readonly out: string;
  readonly problems: string;
}

async function run(command: string, ...args: string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    execFile(command, args, (error: ExecFileException | null, out, problems) => {
      // No such command: a failure of the test, never a skip.
      if (typeof error?.code === 'string') reject(error);
      else resolve({ code: error?.code ?? 0, out, problems });
    });
  });
}

const strange = `${hostileText} &#x110000; &#0; &lt;`;
const hostile = [
  exampleFailure({
    subject: strange,
    architecture: strange,
    affects: [strange],
    findings: [{ actual: strange, expected: strange, evidence: [{ where: strange, what: strange }] }],
    fix: strange,
  }),
  exampleResult({ status: 'not verified', reason: strange, subject: 'a {' }),
];
const ofEach: Result[] = statuses.map((status) =>
  status === 'fail' || status === 'warning'
    ? exampleFailure({ status, fix: 'say: "it\'s so"' })
    : exampleResult({ status, ...(status !== 'pass' && { reason: 'word: because' }) }),
);
const examples: Record<string, { results: Result[]; green: boolean; skipped: number; failed: number }> = {
  nothing: { results: [], green: false, skipped: 0, failed: 1 },
  'a pass': { results: [exampleResult()], green: true, skipped: 0, failed: 0 },
  'one of each status': { results: ofEach, green: false, skipped: 2, failed: 3 },
  'hostile texts': { results: hostile, green: false, skipped: 1, failed: 2 },
  'a thousand': {
    results: Array.from({ length: 1000 }, (_, index) =>
      exampleFailure({ subject: `node-${index}`, durationInMilliseconds: 1e7 }),
    ),
    green: false,
    skipped: 0,
    failed: 1001,
  },
};

test.for(Object.entries(examples))('%s', async ([name, { results, green, skipped, failed }]) => {
  const report = exampleReport(results);
  const [tap = '', xml = '', json = ''] = await writeReports(report, join(folder, name));
  const count = results.length + 1;

  const valid = await run('xmllint', '--noout', '--nonet', '--schema', here('junit-10.xsd'), xml);
  expect(valid).toMatchObject({ code: 0, out: '' });
  const counted = ['count(//testcase)', 'count(//skipped)', 'count(//failure|//error)'];
  const formula = `concat(${counted.join(', " ", ')})`;
  expect((await run('xmllint', '--xpath', formula, xml)).out.trim()).toBe(`${count} ${skipped} ${failed}`);
  const sums = 'concat(sum(//testsuite/@tests), " ", sum(//testsuite/@skipped), " ", //testsuites/@tests)';
  expect((await run('xmllint', '--xpath', sums, xml)).out.trim()).toBe(`${count} ${skipped} ${count}`);

  const program = `
    my $parser = TAP::Parser->new({ source => $ARGV[0] });
    while (my $result = $parser->next) { die "not TAP: " . $result->raw if $result->is_unknown or $result->is_bailout }
    print join(" ", $parser->tests_run, scalar($parser->skipped), scalar($parser->failed),
      scalar($parser->parse_errors), $parser->has_problems ? "red" : "green");`;
  const read = await run('perl', '-MTAP::Parser', '-e', program, tap);
  expect(read).toMatchObject({
    out: `${count} ${skipped} ${failed} 0 ${green ? 'green' : 'red'}`,
    problems: '',
  });

  const check = [
    'import json, sys, jsonschema',
    'schema, report = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:])',
    'jsonschema.Draft202012Validator.check_schema(schema)',
    'jsonschema.Draft202012Validator(schema).validate(report)',
    'print(len(report["results"]))',
  ].join('\n');
  const judged = await run('/usr/bin/python3', '-c', check, here('../../reports/schema.json'), json);
  expect(judged).toMatchObject({ code: 0, out: `${results.length}\n` });
});

test('a message arrives in xmllint as it was', async () => {
  const actual = 'a &lt; <b> "c" &#x110000; \\ # {';
  const report = exampleReport([exampleFailure({ findings: [{ actual, expected: 'd', evidence: [] }] })]);
  const [, xml = ''] = await writeReports(report, join(folder, 'message'));
  const message = await run(
    'xmllint',
    '--xpath',
    'string(//testsuite[@name="firmware"]//failure/@message)',
    xml,
  );
  expect(message.out.trimEnd()).toBe(`${actual} (expected: d)`);
});

test('the schemas do refuse', async () => {
  const [, xml = ''] = await writeReports(exampleReport([exampleResult()]), join(folder, 'refused'));
  const { readFile, writeFile } = await import('node:fs/promises');
  await writeFile(xml, (await readFile(xml, 'utf8')).replace('<testcase ', '<testcase id="1" '));
  const refused = await run('xmllint', '--noout', '--nonet', '--schema', here('junit-10.xsd'), xml);
  expect(refused.code).not.toBe(0);
});
