import { createRequire } from 'node:module';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { statuses } from '../result.ts';
import { summarise } from '../verdict.ts';
import { exampleFailure, exampleReport, exampleResult, hostileText } from './example.ts';
import { type Report, messageOf, nameOf, presentable } from './report.ts';
import { renderTap } from './tap.ts';

/** The reader that tap-junit uses, as far as it is used here. */
interface Point {
  readonly ok: boolean;
  readonly id: number;
  readonly name: string;
  readonly skip: string | false;
  readonly todo: string | false;
  readonly time: number | null;
  readonly diag: Record<string, unknown> | null;
  readonly comment: Record<string, unknown>;
}
interface Parser {
  on(event: string, listener: (value: never) => void): void;
  end(text: string): void;
}
const fromTapJunit = createRequire(createRequire(import.meta.url).resolve('tap-junit'));
const { Parser } = fromTapJunit('tap-parser') as { Parser: new (options: { strict: boolean }) => Parser };

function read(tap: string) {
  const parser = new Parser({ strict: true });
  const points: Point[] = [];
  const extra: string[] = [];
  let comment = '';
  let ok: boolean | undefined;
  parser.on('comment', (line: string) => (comment = line));
  parser.on('assert', (point: Point) => points.push({ ...point, comment: JSON.parse(comment.slice(2)) }));
  parser.on('extra', (line: string) => extra.push(line));
  parser.on('bailout', (reason: string) => extra.push(reason));
  parser.on('complete', (results: { ok: boolean }) => ({ ok } = results));
  parser.end(tap);
  return { points, extra, ok };
}

const notVerified = exampleResult({ status: 'not verified', reason: 'no answer from 10.0.0.12 port 22' });

test('every result is a point, and the verdict the last one', () => {
  const results = [
    exampleResult(),
    exampleFailure(),
    exampleResult({ status: 'not applicable', reason: 'no node is #1' }),
    notVerified,
    exampleFailure({ status: 'warning', level: 'should' }),
    exampleResult({ status: 'error', reason: 'x is undefined' }),
  ];
  const { points, extra, ok } = read(renderTap(exampleReport(results)));
  expect(extra).toEqual([]);
  expect(ok).toBe(false);
  expect(points.map(({ id }) => id)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(points.map(({ ok }) => ok)).toEqual([true, false, true, true, true, false, false]);
  expect(points.map(({ skip }) => skip)).toEqual([
    false,
    false,
    'not applicable: no node is #1',
    'not verified: no answer from 10.0.0.12 port 22',
    false,
    false,
    false,
  ]);
  expect(points.every(({ todo }) => todo === false)).toBe(true);
  expect(points[0]?.name).toBe('firmware/machine · ipxe_aa64.efi on conductor-1');
  expect(points[1]?.diag).toMatchObject({
    message: 'PE machine 0x8664 (expected: 0xaa64, for cpu_arch aarch64)',
    severity: 'fail',
    actual: 'PE machine 0x8664',
    expected: '0xaa64, for cpu_arch aarch64',
    evidence: [
      'tftp://conductor-1/ipxe_aa64.efi offset 0x84: 64 86',
      '/etc/ironic/ironic.conf:112: ipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi',
    ],
    why: 'The firmware shows a blank screen.',
    fix: 'apt-get install ipxe-arm64\ninstall -m 0644 ipxe-arm64.efi /var/lib/tftpboot/ipxe_aa64.efi',
  });
  expect(points[3]?.diag).toMatchObject({ severity: 'not verified' });
  expect(points[4]?.diag).toMatchObject({ severity: 'warning' });
  expect(points[5]?.diag).toMatchObject({ severity: 'error', message: 'x is undefined' });
  expect(points[1]?.comment).toMatchObject({
    suite: 'firmware',
    architecture: 'aarch64',
    duration_ms: 12.34,
  });
  expect(points[6]).toMatchObject({
    name: 'verdict',
    diag: { message: 'not conformant: 1 check did not hold', exit_code: 1 },
  });
});

test.for([
  ['all pass', [exampleResult()], false],
  ['a must was not verified', [exampleResult(), notVerified], false],
  ['a must was not verified, and that is accepted', [exampleResult(), notVerified], true],
  ['nothing was judged', [], false],
  ['only not applicable', [exampleResult({ status: 'not applicable', reason: 'x' })], false],
  ['a warning', [exampleFailure({ status: 'warning', level: 'should' })], false],
  ['a failure', [exampleFailure()], true],
] as const)('a TAP reader is red exactly when the exit code is not 0: %s', ([, results, allowed]) => {
  const summary = summarise(results, allowed);
  const { ok, extra } = read(renderTap(exampleReport(results, { summary })));
  expect(ok).toBe(summary.exitCode === 0);
  expect(extra).toEqual([]);
});

test('a hostile message stays a message', () => {
  const results = [
    exampleFailure({
      subject: hostileText,
      findings: [
        { actual: hostileText, expected: hostileText, evidence: [{ where: hostileText, what: hostileText }] },
      ],
      fix: hostileText,
    }),
    exampleResult({ status: 'not verified', reason: hostileText, subject: 'x {' }),
    exampleResult({ status: 'not verified', reason: 'failed 1 of 2 tests' }),
  ];
  const tap = renderTap(exampleReport(results));
  // What a terminal or another line-based reader would act on.
  expect(tap).not.toMatch(/[^\n\P{Cc}]/u);
  expect(tap.match(/^\s*(ok|not ok|Bail out!|1\.\.)/gm)).toHaveLength(5);
  const { points, extra } = read(tap);
  expect(extra).toEqual([]);
  expect(points.map(({ ok }) => ok)).toEqual([false, true, true, false]);
  const shown =
    'red " --- ... ok 1 - fake Bail out! no 1..0 # SKIP all ' +
    '</failure></testcase><testcase name="fake"/>]]><!-- &lt; &amp; & # SKIP \\# \\ ${x} \\x00\\x9b\\u202e \ufffd {';
  expect(points[0]?.name).toBe(`firmware/machine · ${shown};`);
  expect(points[0]?.skip).toBe(false);
  expect(points[0]?.diag?.['actual']).toContain('red "\n---\n...\nok 1 - fake\nBail out! no\n');
  expect(points[1]?.skip).toBe(`not verified: ${shown};`);
  expect(points[1]?.name).toBe('firmware/machine · x {;');
  expect(points[2]?.comment['reason']).toBe('failed 1 of 2 tests');
});

test('whatever the texts are, a TAP reader sees the same points', () => {
  const piece = fc.oneof(
    fc.string({ unit: fc.nat(0xffff).map((code) => String.fromCharCode(code)) }),
    fc.constantFrom(
      '\n',
      ' # SKIP x',
      '\\',
      '#',
      '{',
      '\nok 2\n',
      '  ...\n',
      '\t',
      '\ud800',
      '# time=5ms',
      '"',
      ': ',
    ),
  );
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
  const result = fc
    .record({
      subject: text,
      actual: text,
      expected: text,
      where: text,
      fix: text,
      status: fc.constantFrom(...statuses),
    })
    .map(({ subject, actual, expected, where, fix, status }) =>
      status === 'fail' || status === 'warning'
        ? exampleFailure({
            subject,
            status,
            fix,
            findings: [{ actual, expected, evidence: [{ where, what: fix }] }],
          })
        : exampleResult({ subject, status, ...(status !== 'pass' && { reason: actual }) }),
    );
  fc.assert(
    fc.property(fc.array(result, { maxLength: 4 }), (results) => {
      const report: Report = exampleReport(results);
      const { points, extra } = read(renderTap(report));
      expect(extra).toEqual([]);
      expect(points).toHaveLength(results.length + 1);
      for (const [index, safe] of presentable(report).results.entries()) {
        const point = points[index];
        expect(point?.ok).toBe(safe.status !== 'fail' && safe.status !== 'error');
        expect(point?.skip !== false).toBe(
          safe.status === 'not applicable' || safe.status === 'not verified',
        );
        expect(point?.name.replace(/\{;$/, '{')).toBe(nameOf(safe).replace(/\{;$/, '{'));
        const bare = safe.status === 'pass' || safe.status === 'not applicable';
        expect(point?.diag?.['message']).toBe(bare ? undefined : messageOf(safe));
      }
    }),
    { numRuns: 40 },
  );
});
