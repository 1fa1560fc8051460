import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { mountPointAt } from '../../../fixtures/disks/mount-point.ts';
import { noise, temporaryDirectory, tool } from '../../../fixtures/disks/tools.ts';
import { type Listing, listFileSystem, listHost, makeHardTree } from '../../../fixtures/disks/tree.ts';
import { isDirty, modesAndSizes, xfsDb } from '../../../fixtures/disks/xfs-tools.ts';
import { openFile } from '../../blob/file.ts';
import { openXfs } from './xfs.ts';

// What Linux itself writes into XFS (version 5; many kernels have no other), compared with what it reads there.
// Needs root, loop devices and a kernel with XFS.

const directory = temporaryDirectory();
const image = directory.path('image');
const point = mountPointAt(directory.path('mounted'), 'xfs');
const { path: mountPoint, at } = point;
afterAll(() => directory[Symbol.dispose]());
const mounted = <Result>(action: () => Result) => point.mounted(image, 'defaults', action);

function make(...options: string[]): void {
  rmSync(image, { force: true });
  writeFileSync(image, '');
  truncateSync(image, 512 * 1024 * 1024);
  tool('mkfs.xfs', '-q', '-L', 'img-rootfs', ...options, image);
}

/** Pieces of a file, each a number of bytes long and apart, written one after the other. */
function fragments(path: string, count: number, apart: number, length: number): void {
  const file = openSync(at(path), 'w');
  for (let index = 0; index < count; index++)
    writeSync(file, noise(length, index + 1), 0, length, index * apart);
  closeSync(file);
}

/** What is hard in XFS, besides what is hard in every file system. */
function makeHardXfs(): void {
  makeHardTree(mountPoint);
  fragments('fragments-many', 3000, 8192, 700);
  tool('cp', '--reflink=auto', at('sizes/3000000'), at('clone'));
  tool('xfs_io', '-c', 'pwrite -q -S 0x5a 1m 10k', at('clone'));
  tool(
    'xfs_io',
    '-f',
    '-c',
    'falloc 0 300k',
    '-c',
    'pwrite -q -S 0x33 100k 9k',
    '-c',
    'fpunch 20k 8k',
    at('unwritten'),
  );
  tool('xfs_io', '-f', '-c', 'truncate 3t', '-c', 'pwrite -q 2t 5k', '-c', 'truncate 700m', at('shrunk'));
  // Attributes take the room of extents and of short links, and move what was there.
  tool('python3', '-c', attributes, mountPoint);
  mkdirSync(at('emptied'));
  for (let index = 0; index < 3000; index++) writeFileSync(at(`emptied/${index}-${'e'.repeat(200)}`), '');
  for (let index = 100; index < 2900; index++) rmSync(at(`emptied/${index}-${'e'.repeat(200)}`));
  tool('mknod', at('odd/null'), 'c', '1', '3');
}

const attributes = `
import os, socket, sys
os.chdir(sys.argv[1])
for size in (20, 100, 300, 3000, 60000):
    for kind, make in (('file', lambda p: open(p, 'w').write('content')), ('link', lambda p: os.symlink('t' * 200, p)), ('directory', os.mkdir)):
        path = 'attributes-%s-%d' % (kind, size)
        make(path)
        os.setxattr(path, 'trusted.note', b'v' * size, follow_symlinks=False)
        if kind == 'directory':
            for index in range(12): open('%s/%d' % (path, index), 'w').close()
os.symlink('l' * 337, 'link-337'); os.symlink('l' * 1000, 'link-1000'); os.symlink('l' * 1023, 'link-1023')
socket.socket(socket.AF_UNIX).bind('socket')
`;

/** The first paths that are not the same. */
function differences(actual: Listing, expected: Listing): string[] {
  const paths = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  return [...paths]
    .filter((path) => actual[path] !== expected[path])
    .slice(0, 10)
    .map((path) => `${path}: ${actual[path]?.slice(0, 200)}, not ${expected[path]?.slice(0, 200)}`);
}

async function needsRecovery(path = image): Promise<boolean> {
  await using file = await openFile(path);
  return (await openXfs(file)).needsRecovery;
}

const variants = [
  [],
  ['-b', 'size=1024'],
  ['-b', 'size=1024', '-n', 'size=8192', '-i', 'nrext64=1'],
  ['-b', 'size=2048', '-n', 'size=65536'],
  ['-b', 'size=16384'],
  ['-b', 'size=65536'],
  ['-s', 'size=4096'],
  ['-i', 'nrext64=1'],
  ['-i', 'size=2048', '-m', 'rmapbt=1'],
  ['-m', 'reflink=0,bigtime=0,finobt=0,inobtcount=0', '-i', 'sparse=0'],
  ['-l', 'su=32768'],
  ['-d', 'agcount=3', '-m', 'rmapbt=1,reflink=1'],
];

test.for(
  variants.map((options) => ({ options, name: options.join(' ') || 'as mkfs.xfs does it by itself' })),
)('$name', async ({ options }) => {
  make(...options);
  const expected = mounted(() => {
    makeHardXfs();
    return listHost(mountPoint);
  });
  await using file = await openFile(image);
  const fileSystem = await openXfs(file);
  expect(differences(await listFileSystem(fileSystem), expected)).toEqual([]);
  expect(fileSystem.needsRecovery).toBe(isDirty(image));
  expect(fileSystem.needsRecovery).toBe(false);

  const paths = ['/fragments-many', '/unwritten', '/shrunk', '/link-1023', '/clone', '/emptied'];
  const seen: Record<string, string> = {};
  for (const { name, mode, sizeInBytes } of await fileSystem.list('/')) {
    if (!paths.includes(`/${name}`)) continue;
    seen[`/${name}`] = `${mode?.toString(8).padStart(4, '0')} ${sizeInBytes}`;
  }
  expect(modesAndSizes(image, paths)).toEqual(seen);
  // Larger blocks than these have larger pieces of files, and fewer.
  const isTree = !/-b size=(?:16384|65536)/.test(options.join(' '));
  const format = xfsDb(image, ['path /fragments-many', 'print core.format']);
  expect(format).toContain(isTree ? '(btree)' : '(extents)');
});

test('a tree of extents of two levels and more', async () => {
  make('-b', 'size=1024');
  const expected = mounted(() => {
    fragments('deep', 20_000, 4096, 5);
    return listHost(mountPoint);
  });
  expect(Number(/level = (\d+)/.exec(xfsDb(image, ['path /deep', 'print u3.bmbt']))?.[1])).toBeGreaterThan(1);
  await using file = await openFile(image);
  expect(await listFileSystem(await openXfs(file))).toEqual(expected);
});

test('grown since, into more groups', async () => {
  make('-d', 'size=320m,agcount=4');
  const expected = mounted(() => {
    tool('xfs_growfs', mountPoint);
    for (let index = 0; index < 60; index++) {
      mkdirSync(at(`directory-${index}`));
      writeFileSync(at(`directory-${index}/file`), noise(1_000_000, index + 1));
    }
    return listHost(mountPoint);
  });
  await using file = await openFile(image);
  const fileSystem = await openXfs(file);
  expect(fileSystem.sizeInBytes).toBe(512 * 1024 * 1024);
  expect(await listFileSystem(fileSystem)).toEqual(expected);
});

test('inodes in sparse chunks', async () => {
  make('-d', 'size=320m');
  const expected = mounted(() => {
    // Nearly full, with holes too small for a whole chunk of inodes, which takes 32 KiB.
    const room = statfsSync(mountPoint);
    const fillInBytes = Math.floor((room.bavail * room.bsize * 0.97) / 36_864) * 36_864;
    tool('xfs_io', '-f', '-c', `falloc 0 ${fillInBytes}`, at('fill'));
    mkdirSync(at('many'));
    const commands: string[] = [];
    for (let offset = 0; offset < fillInBytes; offset += 36_864) commands.push(`fpunch ${offset} 20k`);
    writeFileSync(directory.path('punches'), `${commands.join('\n')}\n`);
    tool('sh', '-c', 'xfs_io "$0" < "$1"', at('fill'), directory.path('punches'));
    tool(
      'sh',
      '-c',
      'i=0; while touch $(seq -f "$0/%g" $i $((i+99))) 2>/dev/null; do i=$((i+100)); done',
      at('many'),
    );
    rmSync(at('fill'));
    return listHost(mountPoint);
  });
  const groups = [0, 1, 2, 3].map((group) => xfsDb(image, [`agi ${group}`, 'addr root', 'print']));
  const holemasks = [...groups.join('\n').matchAll(/:\[\d+,(0x[0-9a-f]+|\d+),\d+,\d+,/g)].map(
    ([, mask]) => mask,
  );
  expect(new Set(holemasks).size).toBeGreaterThan(1);
  await using file = await openFile(image);
  expect(differences(await listFileSystem(await openXfs(file)), expected)).toEqual([]);
});

test('a log that was not replayed is told, as xfs_logprint does', async () => {
  make('--unsupported', '-d', 'size=128m,agcount=2', '-l', 'size=8m');
  const copy = directory.path('copy');
  const states: { round: number; stopped: boolean; mounted: boolean; unmounted: boolean }[] = [];
  const expected: typeof states = [];
  // Far enough for the log to be gone through more than once, so that its end is anywhere in it.
  for (let round = 0; round < 40; round++) {
    const stopped = round % 4 === 1;
    mounted(() => {
      for (let index = 0; index < 700; index++) mkdirSync(at(`${round}-${index}-${'d'.repeat(100)}`));
      tool('sync', '-f', mountPoint);
      copyFileSync(image, copy);
      tool('sh', '-c', 'rm -rf "$0"/*-d*', mountPoint);
      if (stopped) tool('xfs_io', '-x', '-c', 'shutdown -f', mountPoint);
    });
    states.push({
      round,
      stopped,
      mounted: await needsRecovery(copy),
      unmounted: await needsRecovery(image),
    });
    expected.push({ round, stopped, mounted: isDirty(copy), unmounted: isDirty(image) });
  }
  expect(states).toEqual(expected);
  expect(states.every(({ stopped, unmounted }) => stopped === unmounted)).toBe(true);
  expect(states.filter((state) => state.mounted).length).toBeGreaterThan(20);
  const [, cycle] = /HEADER Cycle (\d+)/.exec(tool('xfs_logprint', '-d', image)) ?? [];
  expect(Number(cycle)).toBeGreaterThan(1);
});
