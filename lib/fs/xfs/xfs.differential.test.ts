import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noise, sha256, temporaryDirectory, tool } from '../../../fixtures/disks/tools.ts';
import { type Listing, listFileSystem, listHost } from '../../../fixtures/disks/tree.ts';
import { directoryForm, isDirty, modesAndSizes, prototypeOf } from '../../../fixtures/disks/xfs-tools.ts';
import { openFile } from '../../blob/file.ts';
import { UnsupportedError } from '../../errors.ts';
import { openFileSystem, recogniseFileSystem } from '../detect.ts';
import type { FileSystem } from '../filesystem.ts';
import { openXfs } from './xfs.ts';

// File systems of every kind that mkfs.xfs makes from a prototype, compared with what was put in, and with xfs_db.
// What only a kernel writes (fragments, holes, long links of version 5) is in xfs-mounted.differential.test.ts.

const directory = temporaryDirectory();
const source = directory.path('source');

beforeAll(() => {
  for (const name of ['sizes', 'links', 'odd']) mkdirSync(`${source}/${name}`, { recursive: true });
  for (const size of [0, 1, 511, 512, 513, 4095, 4096, 4097, 65_535, 65_536, 65_537, 3_000_000]) {
    writeFileSync(`${source}/sizes/${size}`, noise(size, size + 3));
  }
  // The longest that fits in an inode of version 4 has 156 bytes, in one of version 5 has 336; mkfs.xfs 6.1 writes
  // longer ones of version 5 without their headers.
  for (const length of [1, 58, 59, 60, 150, 155, 156, 157, 330, 336]) {
    symlinkSync('t'.repeat(length), `${source}/links/${length}`);
  }
  writeFileSync(`${source}/odd/setuid`, '#!/bin/sh\n');
  tool('chmod', '4711', `${source}/odd/setuid`);
  mkdirSync(`${source}/odd/setgid`);
  tool('chmod', '2775', `${source}/odd/setgid`);
  tool('mkfifo', `${source}/odd/pipe`);
  writeFileSync(`${source}/odd/${'ü'.repeat(127)}`, 'a long name');
  writeFileSync(`${source}/odd/日本語–name.conf`, 'a name in Unicode');
});
afterAll(() => directory[Symbol.dispose]());

const version4 = [
  [],
  ['-b', 'size=512'],
  ['-b', 'size=512', '-n', 'size=8192,ftype=0'],
  ['-b', 'size=1024', '-n', 'size=4096,ftype=0'],
  ['-b', 'size=65536'],
  ['-n', 'version=ci,ftype=0'],
  ['-n', 'size=65536'],
  ['-s', 'size=4096'],
  ['-i', 'size=2048', '-d', 'agcount=7'],
  ['-i', 'attr=1,projid32bit=0', '-l', 'version=1,lazy-count=0'],
].map((options) => ['-m', 'crc=0', ...options]);
const version5 = [
  [],
  ['-b', 'size=1024'],
  ['-b', 'size=1024', '-n', 'size=8192'],
  ['-b', 'size=2048', '-n', 'size=65536'],
  ['-b', 'size=16384'],
  ['-b', 'size=65536'],
  ['-s', 'size=4096'],
  ['-s', 'size=32768', '-b', 'size=65536'],
  ['-m', 'reflink=0'],
  ['-m', 'bigtime=0'],
  ['-m', 'rmapbt=1'],
  ['-m', 'finobt=0,inobtcount=0'],
  ['-m', 'reflink=0,bigtime=0,finobt=0,inobtcount=0', '-i', 'sparse=0'],
  ['-i', 'sparse=0'],
  ['-i', 'nrext64=1'],
  ['-i', 'size=2048,nrext64=1', '-m', 'rmapbt=1'],
  ['-n', 'version=ci'],
  ['-l', 'su=32768'],
  ['-l', 'size=64m,su=262144', '-d', 'su=65536,sw=4'],
  ['-d', 'agcount=5'],
].map((options) => ['-m', 'crc=1', ...options]);

const counts = [1, 30, 400, 5000];
/** Which directories are made: the largest only where blocks, sectors or names differ, since it takes seconds. */
const countsOf = (options: readonly string[]) =>
  options.length === 2 || /^-[bns]$/.test(options[2] ?? '') ? [...counts, 60_000] : counts;
const namesOf = (count: number) =>
  Array.from({ length: count }, (_, index) => `${index}-${'x'.repeat((index * 7) % 60)}`);

/** What the prototype has besides the source: devices, and directories of many empty files. */
const more = (options: readonly string[]) => [
  'null c--666 0 0 1 3',
  'loop b--660 0 0 7 0',
  ...countsOf(options).flatMap((count) => [
    `many-${count} d--750 0 0`,
    ...namesOf(count).map((name) => `${name} ---640 0 0 /dev/null`),
    '$',
  ]),
];

function expectedMore(options: readonly string[]): Listing {
  const listing: Listing = { '/null': 'other 0666', '/loop': 'other 0660' };
  const empty = `file 0640 0 ${sha256(Buffer.alloc(0))}`;
  for (const count of countsOf(options)) {
    listing[`/many-${count}`] = 'directory 0750';
    for (const name of namesOf(count)) listing[`/many-${count}/${name}`] = empty;
  }
  return listing;
}

function make(options: readonly string[]): string {
  const image = directory.path('image');
  const prototype = directory.path('prototype');
  writeFileSync(prototype, prototypeOf(source, more(options)));
  rmSync(image, { force: true });
  writeFileSync(image, '');
  truncateSync(image, 1024 * 1024 * 1024);
  tool('mkfs.xfs', '-q', '-L', 'img-rootfs', ...options, '-p', prototype, image);
  return image;
}

const inOrder = ['shortform', 'block', 'leaf', 'node', 'B+tree'];
const forms: Record<string, Set<string>> = { 'crc=0': new Set(), 'crc=1': new Set() };

test.for([...version4, ...version5].map((options) => ({ options, name: options.join(' ') })))(
  '$name',
  async ({ options }) => {
    const image = make(options);
    await using file = await openFile(image);
    const fileSystem = await openXfs(file);
    const listing = await listFileSystem(fileSystem);
    expect(differences(listing, { ...listHost(source), ...expectedMore(options) })).toEqual([]);

    const seen = await modesAndSizesSeen(fileSystem);
    expect(modesAndSizes(image, Object.keys(seen))).toEqual(seen);

    const about = Object.fromEntries(
      tool('blkid', '-p', '-o', 'export', image)
        .split('\n')
        .map((line) => line.split('=')),
    ) as Record<string, string>;
    expect(fileSystem).toMatchObject({ label: about['LABEL'], uuid: about['UUID'], type: about['TYPE'] });
    expect(await recogniseFileSystem(file)).toBe(about['TYPE']);
    const [, size] = /(?:-b,size=(\d+))/.exec(options.join()) ?? [];
    expect(fileSystem).toMatchObject({
      blockSizeInBytes: Number(size ?? 4096),
      needsRecovery: isDirty(image),
    });

    for (const count of countsOf(options)) {
      const form = directoryForm(image, `/many-${count}`);
      expect(inOrder).toContain(form);
      forms[options[1] ?? '']?.add(form);
    }
  },
);

test.for(Object.keys(forms))('-m %s: directories of every form were among them', (kind) => {
  expect([...(forms[kind] ?? [])].toSorted()).toEqual(inOrder.toSorted());
});

/** The first paths that are not the same. */
function differences(actual: Listing, expected: Listing): string[] {
  const paths = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  return [...paths]
    .filter((path) => actual[path] !== expected[path])
    .slice(0, 10)
    .map((path) => `${path}: ${actual[path]}, not ${expected[path]}`);
}

/** Of everything but the directories of very many, of which there are some only. */
async function modesAndSizesSeen(fileSystem: FileSystem, path = ''): Promise<Record<string, string>> {
  const seen: Record<string, string> = {};
  const entries = await fileSystem.list(path || '/');
  for (const { name, type, sizeInBytes, mode = 0 } of entries.slice(0, 300)) {
    const here = `${path}/${name}`;
    seen[here] = `${mode.toString(8).padStart(4, '0')} ${sizeInBytes}`;
    if (type === 'directory') Object.assign(seen, await modesAndSizesSeen(fileSystem, here));
  }
  return seen;
}

test.for(['crc=0', 'crc=1'])('-m %s: an identity that was changed, and a label with blanks', async (kind) => {
  const image = make(['-m', kind, '-L', ' a label ']);
  tool('xfs_admin', '-U', '11111111-2222-4333-8444-555555555555', image);
  await using file = await openFile(image);
  const fileSystem = await openFileSystem(file);
  expect(fileSystem).toMatchObject({
    uuid: '11111111-2222-4333-8444-555555555555',
    needsRecovery: isDirty(image),
    label: tool('blkid', '-p', '-s', 'LABEL', '-o', 'value', image).slice(0, -1),
  });
  expect(await fileSystem.list('/many-400')).toHaveLength(400);
});

test('what xfs_repair has to see to is refused', async () => {
  const image = make([]);
  tool('xfs_db', '-x', '-c', 'sb 0', '-c', 'write -d features_incompat 0x1b', image);
  await using file = await openFile(image);
  await expect(openXfs(file)).rejects.toThrow('in need of xfs_repair');
});

test('a file on a realtime device is told when it is read, and not before', async () => {
  const image = make([]);
  tool('xfs_db', '-x', '-c', 'path /sizes/65536', '-c', 'write core.realtime 1', image);
  await using file = await openFile(image);
  const fileSystem = await openXfs(file);
  expect(await fileSystem.lookup('/sizes/65536')).toMatchObject({ type: 'file', sizeInBytes: 65_536 });
  await expect(fileSystem.open('/sizes/65536')).rejects.toThrow(UnsupportedError);
  expect(await (await fileSystem.open('/sizes/1')).read(0, 1)).toEqual(noise(1, 4));
});
