import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readText } from '../blob/blob.ts';
import { AccessError, FormatError, MissingError } from '../errors.ts';
import { folderFiles } from './folder.ts';

let outer = '';
let root = '';
beforeAll(async () => {
  outer = await mkdtemp(join(tmpdir(), 'assay-folder-'));
  root = join(outer, 'root');
  await mkdir(join(root, 'etc/ironic'), { recursive: true });
  await mkdir(join(outer, 'root-of-another'));
  await writeFile(join(outer, 'secret'), 'out');
  await writeFile(join(outer, 'root-of-another/secret'), 'out');
  await writeFile(join(root, 'etc/ironic/ironic.conf'), '[DEFAULT]\n');
  await writeFile(join(root, '..hidden'), 'dots');
  await symlink('etc/ironic/ironic.conf', join(root, 'inside'));
  await symlink('../secret', join(root, 'outside'));
  await symlink('../root-of-another', join(root, 'sibling'));
  await symlink('/etc', join(root, 'absolute'));
  await symlink('nowhere', join(root, 'dangling'));
  execFileSync('mkfifo', [join(root, 'pipe')]);
});
afterAll(() => rm(outer, { recursive: true }));

test('paths are those of the folder, with or without a slash before', async () => {
  await using files = folderFiles(root);
  for (const path of [
    'etc/ironic/ironic.conf',
    '/etc/ironic/ironic.conf',
    'etc/../inside',
    '//etc//ironic/./ironic.conf',
  ]) {
    expect(await readText(await files.open(path))).toBe('[DEFAULT]\n');
  }
  expect(await readText(await files.open('..hidden'))).toBe('dots');
  expect((await files.open('/inside')).origin).toBe(`${root}/inside`);
});

test.for([
  '../secret',
  '/../secret',
  'etc/../../secret',
  '..',
  'outside',
  'sibling/secret',
  'absolute/passwd',
])('%s leads out and is refused', async (path) => {
  await using files = folderFiles(root);
  await expect(files.open(path)).rejects.toThrow(AccessError);
  await expect(files.open(path)).rejects.toThrow(/out of the folder/);
});

test('what is absent, and what is no file, is told', async () => {
  await using files = folderFiles(root);
  for (const path of ['absent', 'dangling', 'inside/deeper']) {
    await expect(files.open(path)).rejects.toThrow(MissingError);
  }
  await expect(files.open('etc')).rejects.toThrow('a directory, where a file is expected');
  await expect(files.open('/')).rejects.toThrow('a directory, where a file is expected');
  await expect(files.open('pipe')).rejects.toThrow('not a regular file');
  await expect(files.open('a\0b')).rejects.toThrow(FormatError);
  await expect(folderFiles(join(root, 'absent')).open('x')).rejects.toThrow(
    /absent: the folder cannot be read/,
  );
});

test('disposing closes what was opened', async () => {
  const files = folderFiles(root);
  const blob = await files.open('inside');
  await files[Symbol.asyncDispose]();
  await expect(blob.read(0, 1)).rejects.toThrow(/closed/);
});
