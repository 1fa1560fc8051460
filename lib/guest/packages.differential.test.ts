import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memoryFileSystem, treeOf } from '../fs/memory.ts';
import { fixtures, run, temporaryFolder } from './cloud-init/oracle.testing.ts';
import { readDpkgStatus } from './dpkg.ts';
import type { InstalledPackage } from './package.ts';
import { readRpmDatabase } from './rpm.ts';

const spell = (packages: readonly InstalledPackage[]) =>
  packages.map(({ name, version, architecture }) => `${name} ${version} ${architecture}`).toSorted();
const lines = (text: string) => text.trimEnd().split('\n').toSorted();

test('this machine’s packages are those that dpkg-query lists', async () => {
  const status = readFileSync('/var/lib/dpkg/status');
  const image = memoryFileSystem(treeOf({ '/var/lib/dpkg/status': status }), 'this machine');
  const format = '${db:Status-Status} ${Package} ${Version} ${Architecture}\n';
  const listed = lines(run('dpkg-query', ['--admindir=/var/lib/dpkg', '-W', '-f', format]));
  const installed = listed.filter((line) => /^(installed|triggers-\w+) /.test(line));
  const ours = spell((await readDpkgStatus(image))?.packages ?? []);
  expect(ours).toEqual(installed.map((line) => line.slice(line.indexOf(' ') + 1)).toSorted());
  expect(ours.length).toBeGreaterThan(50);
});

test('a database that dpkg writes anew', async () => {
  using folder = temporaryFolder();
  run(join(fixtures, 'make-dpkg-status.sh'), [folder.path]);
  const status = readFileSync(join(folder.path, 'status'));
  const image = memoryFileSystem(treeOf({ '/var/lib/dpkg/status': status }), 'image');
  const listed = lines(readFileSync(join(folder.path, 'packages.txt'), 'utf8'));
  expect(spell((await readDpkgStatus(image))?.packages ?? [])).toEqual(listed);
});

test('a database that rpm writes anew', async () => {
  using folder = temporaryFolder();
  run(join(fixtures, 'make-rpmdb.sh'), [folder.path]);
  const database = readFileSync(join(folder.path, 'rpmdb.sqlite'));
  const image = memoryFileSystem(treeOf({ '/usr/lib/sysimage/rpm/rpmdb.sqlite': database }), 'image');
  const listed = lines(readFileSync(join(folder.path, 'packages.txt'), 'utf8'));
  expect(listed).toHaveLength(3);
  expect(spell((await readRpmDatabase(image)) ?? [])).toEqual(listed);
});
