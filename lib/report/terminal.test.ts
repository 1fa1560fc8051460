import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { summarise } from '../verdict.ts';
import { exampleFailure, exampleReport, exampleResult, hostileText } from './example.ts';
import type { Report } from './report.ts';
import { renderTerminal } from './terminal.ts';

const show = (report: Report, width = 80, colour = false) => renderTerminal(report, { width, colour });
const linesOf = (text: string) => text.split('\n');
const last = (report: Report, colour = false) => linesOf(show(report, 40, colour)).at(-1) ?? '';

test('begins with a table of suites by architectures', () => {
  const { architecture, ...shared } = exampleResult({ suite: 'conf', status: 'not verified', reason: 'r' });
  expect(architecture).toBe('aarch64');
  const text = show(
    exampleReport([
      exampleResult({ suite: 'deploy' }),
      exampleResult({ suite: 'deploy' }),
      exampleResult({ suite: 'deploy', status: 'not applicable', reason: 'r' }),
      exampleResult({ suite: 'deploy', architecture: 'x86_64', status: 'not applicable', reason: 'r' }),
      exampleResult({ suite: 'firmware', architecture: 'x86_64' }),
      exampleFailure({ suite: 'firmware', architecture: 'x86_64' }),
      exampleFailure({ suite: 'firmware', architecture: 'aarch64', status: 'warning' }),
      shared,
    ]),
  );
  expect(linesOf(text).slice(3, 8)).toEqual([
    '             aarch64   x86_64     shared',
    '  deploy     ✓ 2       –',
    '  firmware   ! 1       ✗ 1 of 2',
    '  conf                            ? 1',
    '',
  ]);
});

test('the table of many architectures is broken, not cut', () => {
  const names = ['aarch64', 'x86_64', 'riscv64', 'loongarch64', 'i686', 'armv7l', 'ppc64le', 's390x'];
  const lines = linesOf(
    show(exampleReport(names.map((architecture) => exampleResult({ architecture }))), 50),
  );
  for (const name of names) expect(lines.join('\n')).toContain(name);
  const table = lines.filter((line) => line.startsWith('  firmware '));
  expect(table.length).toBeGreaterThan(1);
  expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(50);
});

test('one cause is said once, with all it affects', () => {
  const nodes = Array.from({ length: 40 }, (_, index) => `arm-${index + 1}`);
  const results = ['conductor-1', 'conductor-2'].map((subject) =>
    exampleFailure({ subject, affects: nodes }),
  );
  const text = show(exampleReport(results));
  expect(text.match(/PE machine 0x8664/g)).toHaveLength(1);
  expect(text).toContain('subjects   conductor-1\n               conductor-2\n');
  expect(text).toContain('affects    40 nodes: arm-1, arm-2, arm-3 … and 37 more\n');
  expect(text).toContain('expected   0xaa64, for cpu_arch aarch64\n');
  expect(text).toContain('evidence   tftp://conductor-1/ipxe_aa64.efi offset 0x84: 64 86\n');
  expect(text).toContain('why        The firmware shows a blank screen.\n');
  expect(text).toContain('reference  guide, section 3\n');
  expect(text).toContain(
    '    fix\n      apt-get install ipxe-arm64\n      install -m 0644 ipxe-arm64.efi /var/lib/tftpboot/ipxe_aa64.efi\n',
  );
});

test('several causes of one check share its head, and each has its remedy', () => {
  const results = Array.from({ length: 8 }, (_, index) =>
    exampleFailure({
      subject: `arm-${index}`,
      affects: [`arm-${index}`],
      findings: [{ actual: `bios ${index}`, expected: 'uefi', evidence: [] }],
      fix: `mend arm-${index}`,
    }),
  );
  const text = show(exampleReport(results));
  expect(text.match(/firmware\/machine/g)).toHaveLength(1);
  expect(text.match(/blank screen/g)).toHaveLength(1);
  expect(text).toMatch(/actual {5}bios 4\n.*\n {4}fix\n {6}mend arm-4\n/);
  expect(text).not.toContain('bios 5');
  expect(text).toContain('also       3 subjects: arm-5, arm-6, arm-7\n');
});

test('many findings of one subject are not all shown, but counted', () => {
  const findings = Array.from({ length: 50 }, (_, index) => ({
    actual: `file ${index}`,
    expected: 'b',
    evidence: [{ where: `file ${index}`, what: 'seen' }],
  }));
  const text = show(exampleReport([exampleFailure({ findings })]));
  expect(text).toContain('file 4\n');
  expect(text).not.toContain('file 5\n');
  expect(text).toContain('               … and 45 findings more\n');
  expect(text).toContain('               … and 46 more\n');
});

test('what was not verified is grouped by its reason', () => {
  const reason = 'conductor-2: no answer from 10.0.0.12 port 22';
  const text = show(
    exampleReport([
      exampleResult({ status: 'not verified', reason, check: 'conf/a' }),
      exampleResult({ status: 'not verified', reason, check: 'conf/a' }),
      exampleResult({ status: 'not verified', reason, check: 'conf/b' }),
      exampleResult({ status: 'not verified', reason: 'Glance refused', check: 'images/c' }),
    ]),
  );
  expect(text.match(/no answer/g)).toHaveLength(1);
  expect(text).toContain(`  ? ${reason}\n    3 judgements of 2 checks: conf/a, conf/b\n`);
  expect(text).toContain('  ? Glance refused\n    1 judgement of 1 check: images/c\n');
});

test('an error is said to be no fault of the deployment', () => {
  const text = show(exampleReport([exampleResult({ status: 'error', reason: 'x is undefined' })]));
  expect(text).toContain('E firmware/machine\n');
  expect(text).toContain('reason     x is undefined (a fault of this suite, not of the deployment)\n');
});

test('ends with the verdict on one line', () => {
  expect(last(exampleReport([exampleResult(), exampleResult()]))).toBe(
    'conformant: 2 passed, 0 not applicable, 0 not verified, 0 warnings, 0 failed in 1.2 s',
  );
  expect(last(exampleReport([exampleFailure()], { durationInMilliseconds: 119_999 }))).toBe(
    'not conformant: 0 passed, 0 not applicable, 0 not verified, 0 warnings, 1 failed in 2 min 0 s',
  );
  expect(last(exampleReport([], { durationInMilliseconds: 59_960 }))).toMatch(/ in 1 min 0 s$/);
  expect(last(exampleReport([]))).toMatch(/^not verified: 0 passed/);
  expect(show(exampleReport([]))).toContain('nothing could be judged\n');
  const files = [`${process.cwd()}/reports/assay.tap`, '/elsewhere/assay.json'];
  const text = renderTerminal(exampleReport([]), { width: 80, colour: false, files });
  expect(text).toContain('reports: reports/assay.tap /elsewhere/assay.json\n');
});

test('a verdict that leaves something open is not green, and says how much', () => {
  const recommended = exampleResult({ status: 'not verified', level: 'should' });
  const report = exampleReport([exampleResult(), recommended]);
  expect(report.summary.exitCode).toBe(0);
  expect(last(report)).toMatch(/^conformant; 1 recommendation not verified: 1 passed, /);
  expect(last(report, true)).toContain('\u001b[33m');
  expect(last(exampleReport([exampleResult()]), true)).toContain('\u001b[32m');

  const required = exampleResult({ status: 'not verified' });
  const results = [exampleResult(), required, recommended, recommended];
  expect(last(exampleReport(results))).toMatch(/^not verified: /);
  const accepted = exampleReport(results, { summary: summarise(results, true) });
  expect(last(accepted)).toMatch(
    /^conformant; 1 required judgement and 2 recommendations not verified: 1 passed, /,
  );
});

test('keeps to the width, but never cuts an identifier or a command', () => {
  const path = `/var/lib/ironic/${'x'.repeat(90)}`;
  const command = `install -m 0644 /usr/lib/ipxe/ipxe-arm64.efi ${path}`;
  const words = 'several words '.repeat(30).trim();
  const findings = [{ actual: words, expected: path, evidence: [{ where: path, what: words }] }];
  const text = show(
    exampleReport([exampleFailure({ findings, fix: command, title: words, why: words })]),
    60,
  );
  const long = linesOf(text).filter((line) => line.length > 60 && !line.startsWith('not conformant:'));
  expect(long).toEqual([`    expected   ${path}`, `    evidence   ${path}:`, `      ${command}`]);
});

test('a value without end loses its middle', () => {
  const findings = [{ actual: 'x'.repeat(3000), expected: 'y', evidence: [] }];
  expect(show(exampleReport([exampleFailure({ findings })]))).toContain('…(2440 characters left out)…');
});

test('colour adds nothing but colour, and is absent when it is not wanted', () => {
  const report = exampleReport([exampleResult(), exampleFailure(), exampleFailure({ status: 'warning' })]);
  const coloured = show(report, 80, true);
  expect(coloured).toContain('\u001b[31m');
  expect(stripVTControlCharacters(coloured)).toBe(show(report));
});

test('a text from outside can neither colour, nor move, nor add a line that reads as ours', () => {
  const hostile = `${hostileText}\nconformant: 9 passed`;
  const text = show(
    exampleReport(
      [
        exampleFailure({
          subject: hostile,
          architecture: hostile,
          affects: [hostile],
          findings: [{ actual: hostile, expected: hostile, evidence: [{ where: hostile, what: hostile }] }],
        }),
        exampleResult({ status: 'not verified', reason: hostile }),
      ],
      { deployment: hostile },
    ),
  );
  expect(text).not.toMatch(/[^\n\P{Cc}]/u);
  expect(linesOf(text).filter((line) => /^(conformant|ok|Bail out)/.test(line))).toEqual([]);
});
