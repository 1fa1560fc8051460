import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { exampleFailure, exampleReport, exampleResult } from './example.ts';
import { replaceFile } from './replace.ts';
import { writeReports } from './write.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-reports-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('writes three reports of the same run, and nothing else, over those of an earlier one', async () => {
  const directory = join(folder, 'not', 'yet');
  await writeReports(exampleReport([exampleFailure()]), directory);
  const paths = await writeReports(exampleReport([exampleResult()]), directory);
  expect(paths).toEqual(['assay.tap', 'assay.xml', 'assay.json'].map((name) => join(directory, name)));
  expect((await readdir(directory)).toSorted()).toEqual(['assay.json', 'assay.tap', 'assay.xml']);
  const [tap = '', xml = '', json = ''] = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  expect(tap).toMatch(/^TAP version 13\n1\.\.2\n/);
  expect(xml).toContain('tests="2" failures="0"');
  expect(JSON.parse(json)).toMatchObject({ schema: 1, summary: { verdict: 'conformant' } });
});

test('a folder that cannot be is named, with the cause', async () => {
  await writeFile(join(folder, 'file'), '');
  const directory = join(folder, 'file', 'reports');
  const attempt = writeReports(exampleReport([exampleResult()]), directory);
  await expect(attempt).rejects.toThrow(UsageError);
  await expect(attempt).rejects.toThrow(`${directory}: the report cannot be written: ENOTDIR`);
});

test('a report that cannot be replaced is named, and the others are written', async () => {
  await mkdir(join(folder, 'assay.json'));
  const attempt = writeReports(exampleReport([exampleResult()]), folder);
  await expect(attempt).rejects.toThrow(/assay\.json: the report cannot be written: EISDIR/);
  expect((await readdir(folder)).toSorted()).toEqual(['assay.json', 'assay.tap', 'assay.xml']);
});

test('a report that cannot be made leaves none of an earlier run in its place', async () => {
  const path = join(folder, 'assay.xml');
  await replaceFile(path, async () => 'of an earlier run');
  const failing = replaceFile(path, async () => Promise.reject(new Error('tap-junit failed')));
  await expect(failing).rejects.toThrow('tap-junit failed');
  expect(await readdir(folder)).toEqual([]);
});
