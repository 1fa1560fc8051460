import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { summarise } from '../verdict.ts';
import { exampleFailure, exampleReport, exampleResult, hostileText } from './example.ts';
import { renderJunit } from './junit.ts';
import type { Report } from './report.ts';
import { renderTap } from './tap.ts';

/** An XML reader that is not ours, as a CI system's is not. */
const fromTapJunit = createRequire(createRequire(import.meta.url).resolve('tap-junit'));
const { create } = fromTapJunit('xmlbuilder2') as { create(this: void, xml: string): { node: Node } };
interface Node {
  readonly nodeName: string;
  readonly textContent: string;
  readonly childNodes: Iterable<Node>;
  readonly attributes?: Iterable<{ name: string; value: string }>;
}

interface Tree {
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly text: string;
  readonly children: Tree[];
}

const treeOf = (node: Node): Tree => ({
  name: node.nodeName,
  attributes: Object.fromEntries([...(node.attributes ?? [])].map(({ name, value }) => [name, value])),
  text: node.textContent,
  children: [...node.childNodes].map(treeOf).filter(({ name }) => name !== '#text'),
});

const render = async (report: Report) => renderJunit(renderTap(report), report);

async function read(report: Report): Promise<Tree> {
  const [root] = treeOf(create(await render(report)).node).children;
  if (root === undefined) throw new Error('there is no root element');
  return root;
}

/** What a case says, as CI systems show it. */
const said = (one: Tree | undefined) =>
  one?.children.map(({ name, attributes }) => [name, attributes['message']]);

const results = [
  exampleResult(),
  exampleFailure({
    findings: [...exampleFailure().findings, { actual: 'b', expected: 'c', evidence: [] }],
  }),
  exampleResult({ suite: 'nodes', check: 'nodes/mode', subject: 'x1', architecture: 'x86_64' }),
  exampleResult({ status: 'not applicable', reason: 'no such node', architecture: 'riscv64' }),
  exampleResult({ status: 'not verified', reason: 'no answer from 10.0.0.12' }),
  exampleFailure({ status: 'warning', level: 'should' }),
  exampleResult({ suite: 'nodes', check: 'nodes/mode', status: 'error', reason: 'x is undefined' }),
];

test('a CI system reads suites, counts, times, reasons and remedies', async () => {
  const root = await read(exampleReport(results));
  expect(root.attributes).toEqual({
    name: 'ironic-assay: rack-7',
    tests: '8',
    failures: '2',
    errors: '1',
    time: '1.234',
  });
  const [firmware, nodes, verdict, ...none] = root.children;
  expect(none).toEqual([]);
  const timestamp = '2026-11-22T21:44:05';
  expect(firmware?.attributes).toEqual({
    name: 'firmware',
    tests: '5',
    failures: '1',
    errors: '0',
    skipped: '2',
    time: '0.062',
    timestamp,
  });
  expect(nodes?.attributes).toEqual({
    name: 'nodes',
    tests: '2',
    failures: '0',
    errors: '1',
    skipped: '0',
    time: '0.025',
    timestamp,
  });
  const name = 'firmware/machine · ipxe_aa64.efi on conductor-1';
  expect(firmware?.children.map(({ attributes }) => attributes)).toEqual(
    ['aarch64', 'aarch64', 'riscv64', 'aarch64', 'aarch64'].map((architecture) => {
      return { classname: `firmware.${architecture}`, name, time: '0.012' };
    }),
  );
  const message = 'PE machine 0x8664 (expected: 0xaa64, for cpu_arch aarch64)';
  expect(firmware?.children.map(said)).toEqual([
    [],
    [['failure', `${message}; b (expected: c)`]],
    [['skipped', 'not applicable: no such node']],
    [['skipped', 'not verified: no answer from 10.0.0.12']],
    [['system-out', undefined]],
  ]);
  expect(nodes?.children.map(said)).toEqual([[], [['error', 'x is undefined']]]);
  expect(verdict?.children.map(said)).toEqual([[['failure', 'not conformant: 2 checks did not hold']]]);
  expect(firmware?.children[4]?.text).toContain(`warning: ${message}\n`);
  for (const part of [
    'actual: PE machine 0x8664\nexpected: 0xaa64, for cpu_arch aarch64\nactual: b\nexpected: c\n',
    'evidence: tftp://conductor-1/ipxe_aa64.efi offset 0x84: 64 86\n',
    'affects 1 node: arm-1\n',
    'why: The firmware shows a blank screen.\n',
    'fix:\n  apt-get install ipxe-arm64\n  install -m 0644 ipxe-arm64.efi /var/lib/tftpboot/ipxe_aa64.efi\n',
  ]) {
    expect(firmware?.children[1]?.text).toContain(part);
  }
});

test('a hostile message stays a message, as it was', async () => {
  const entities = 'a &lt; b &amp;amp; "c" &nbsp; &';
  const hostile = exampleFailure({
    subject: hostileText,
    architecture: 'x86.64"<',
    findings: [{ actual: hostileText, expected: entities, evidence: [] }],
  });
  const report = exampleReport([
    hostile,
    exampleResult({ status: 'not verified', reason: hostileText, subject: 'x {' }),
    exampleResult({ status: 'not verified', reason: 'failed 1 of 2 tests' }),
  ]);
  expect(await render(report)).not.toMatch(/[^\n\P{Cc}]/u);
  const root = await read(report);
  expect(root.attributes).toMatchObject({ tests: '4', failures: '2' });
  const [failed, first, second, ...none] = root.children[0]?.children ?? [];
  expect(none).toEqual([]);
  const shown =
    'red " --- ... ok 1 - fake Bail out! no 1..0 # SKIP all ' +
    '</failure></testcase><testcase name="fake"/>]]><!-- &lt; &amp; & # SKIP \\# \\ ${x} \\x00\\x9b\\u202e \ufffd {';
  expect(failed?.attributes).toMatchObject({
    classname: 'firmware.x86_64__',
    name: `firmware/machine · ${shown}`,
  });
  expect(said(failed)).toEqual([['failure', `${shown} (expected: ${entities})`]]);
  expect(failed?.text).toContain(`expected: ${entities}\n`);
  expect(said(first)).toEqual([['skipped', `not verified: ${shown}`]]);
  expect(said(second)).toEqual([['skipped', 'not verified: failed 1 of 2 tests']]);
});

test('no character is lost where the input of tap-junit is cut into pieces', async () => {
  const many = Array.from({ length: 400 }, (_, index) => exampleFailure({ subject: `ノード🖥 ${index}` }));
  const { children } = await read(exampleReport(many));
  expect(children[0]?.children.map(({ attributes }) => attributes['name'])).toEqual(
    many.map(({ subject }) => `firmware/machine · ${subject}`),
  );
});

test('what looks like a character reference is not one', async () => {
  // Read as text here: the reader above resolves it a second time.
  const report = exampleReport([exampleFailure({ subject: 'a &#x110000; &#0; b' })]);
  expect(await render(report)).toContain('name="firmware/machine · a &amp;#x110000; &amp;#0; b"');
});

test('a run that could not verify what it must is red, unless that is accepted', async () => {
  const open = [exampleResult(), exampleResult({ status: 'not verified', reason: 'no answer' })];
  expect((await read(exampleReport(open))).attributes).toMatchObject({ tests: '3', failures: '1' });
  const accepted = exampleReport(open, { summary: summarise(open, true) });
  expect((await read(accepted)).attributes).toMatchObject({ tests: '3', failures: '0' });
});

test('a report of nothing is whole', async () => {
  expect((await read(exampleReport([]))).attributes).toMatchObject({ tests: '1', failures: '1' });
});

test('points that are lost, renamed or turned on the way are noticed', async () => {
  const report = exampleReport(results);
  const tap = renderTap(report);
  const convert = async (damaged: string) => renderJunit(damaged, report);
  await expect(convert(tap.slice(0, tap.indexOf('not ok 2')))).rejects.toThrow(/1 test case of 8 TAP points/);
  await expect(convert(tap.replace('not ok 2', 'ok 2'))).rejects.toThrow(/passed, but it is failed/);
  await expect(convert(tap.replace('# SKIP', 'SKIP'))).rejects.toThrow(/gave point 4 the name/);
});
