import {
  closeSync,
  mkdirSync,
  openSync,
  statfsSync,
  symlinkSync,
  linkSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { later } from '../../fixtures/coverage/cover-tree.ts';
import { feature, kernelCells } from '../../fixtures/coverage/file-systems.ts';
import { blankImage, differences, listingOf } from '../../fixtures/coverage/images.ts';
import { mountPointAt } from '../../fixtures/disks/mount-point.ts';
import { noise, temporaryDirectory, tool } from '../../fixtures/disks/tools.ts';
import { type Listing, listHost } from '../../fixtures/disks/tree.ts';
import { xfsDb } from '../../fixtures/disks/xfs-tools.ts';
import { openFile } from '../blob/file.ts';
import { openBtrfs } from './btrfs/btrfs.ts';
import { openXfs } from './xfs/xfs.ts';

// The features that only a kernel makes: the cells of features.differential.test.ts that say so. Needs root, loop
// devices and a kernel with XFS and btrfs.

const directory = temporaryDirectory();
const image = directory.path('image');
const point = mountPointAt(directory.path('mounted'));
const { path: mountPoint, at } = point;
afterAll(() => directory[Symbol.dispose]());
const mounted = <Result>(options: string, action: () => Result) => point.mounted(image, options, action);

const proven = new Set<string>();
const proves = (column: string, ...rows: readonly string[]) => {
  for (const row of rows) proven.add(`${row}, ${column}`);
};

/** What both file systems have: holes, pieces, blocks that are not written yet, and blocks of two files. */
function makeFiles(): void {
  tool('xfs_io', '-f', '-c', 'truncate 2m', '-c', 'pwrite -q -S 0x21 1m 9k', at('hole'));
  const file = openSync(at('fragments'), 'w');
  for (let index = 0; index < 500; index++) writeSync(file, noise(700, index + 1), 0, 700, index * 8192);
  closeSync(file);
  tool('xfs_io', '-f', '-c', 'falloc 0 300k', '-c', 'pwrite -q -S 0x33 100k 9k', at('unwritten'));
  writeFileSync(at('whole'), noise(300_000, 3));
  tool('sync', '-f', mountPoint);
  tool('cp', '--reflink=always', at('whole'), at('clone'));
  tool('xfs_io', '-c', 'pwrite -q -S 0x44 100k 5k', at('clone'));
}

const farInBytes = 5 * 2 ** 30;

/** A file of more than 4 GiB that has something at its end, which is not read as a whole. */
async function expectFar(open: typeof openXfs | typeof openBtrfs): Promise<void> {
  await using file = await openFile(image);
  const fileSystem = await open(file);
  const blob = await fileSystem.open('/far');
  expect(blob.sizeInBytes).toBe(farInBytes + 5000);
  expect(await blob.read(farInBytes - 1000, 6000)).toEqual(
    Buffer.concat([Buffer.alloc(1000), Buffer.alloc(5000, 0x55)]),
  );
}
const makeFar = () => tool('xfs_io', '-f', '-c', `pwrite -q -S 0x55 ${farInBytes} 5000`, at('far'));

test('XFS', async () => {
  blankImage(image, 320 * 2 ** 20);
  tool('mkfs.xfs', '-q', '-m', 'crc=1,reflink=1,bigtime=1', '-i', 'sparse=1', image);
  const expected = mounted('', () => {
    makeFiles();
    symlinkSync('t'.repeat(1000), at('link'));
    writeFileSync(at('one'), 'two names');
    linkSync(at('one'), at('two'));
    tool('touch', '-d', later, at('one'));
    return listHost(mountPoint);
  });
  expect(differences(await listingOf(image, openXfs), expected)).toEqual([]);
  const about = (path: string, ...commands: string[]) => xfsDb(image, [`path ${path}`, ...commands]);
  expect(about('/hole', 'bmap')).toMatch(/^data offset 256 /);
  expect(about('/fragments', 'print core.format')).toContain('(btree)');
  expect(about('/unwritten', 'bmap')).toContain('flag 1');
  expect(about('/link', 'print core.format')).toContain('(extents)');
  expect(about('/two', 'print core.nlinkv2')).toBe('core.nlinkv2 = 2\n');
  expect(about('/one', 'print core.mtime.sec')).toContain(' 2100');
  const blocks = (path: string) =>
    [...about(path, 'bmap').matchAll(/startblock (\d+)/g)].map(([, block]) => block);
  expect(blocks('/clone')).toContain(blocks('/whole')[0]);
  const { holes, fragmented, unwritten, longLink, hardLink, times, reflink } = feature;
  proves('XFSv5', holes, fragmented, unwritten, longLink, hardLink, times, reflink);

  mounted('', makeFar);
  await expectFar(openXfs);
  proves('XFSv5', feature.huge);
});

test('XFS: inodes in sparse chunks', async () => {
  blankImage(image, 64 * 2 ** 20);
  tool('mkfs.xfs', '-q', '--unsupported', '-d', 'agcount=2', image);
  const expected = mounted('', () => {
    // Nearly full, with holes too small for a whole chunk of inodes, which takes 32 KiB.
    const room = statfsSync(mountPoint);
    const fillInBytes = Math.floor((room.bavail * room.bsize * 0.97) / 36_864) * 36_864;
    tool('xfs_io', '-f', '-c', `falloc 0 ${fillInBytes}`, at('fill'));
    mkdirSync(at('many'));
    const commands: string[] = [];
    for (let offset = 0; offset < fillInBytes; offset += 36_864) commands.push(`fpunch ${offset} 20k`);
    writeFileSync(directory.path('punches'), `${commands.join('\n')}\n`);
    tool('sh', '-c', 'xfs_io "$0" < "$1"', at('fill'), directory.path('punches'));
    const fill = 'i=0; while touch $(seq -f "$0/%g" $i $((i+99))) 2>/dev/null; do i=$((i+100)); done';
    tool('sh', '-c', fill, at('many'));
    rmSync(at('fill'));
    return listHost(mountPoint);
  });
  const groups = [0, 1].map((group) => xfsDb(image, [`agi ${group}`, 'addr root', 'print']));
  const masks = [...groups.join('\n').matchAll(/:\[\d+,(0x[0-9a-f]+|\d+),\d+,\d+,/g)].map(([, mask]) => mask);
  expect(new Set(masks).size).toBeGreaterThan(1);
  expect(differences(await listingOf(image, openXfs), expected)).toEqual([]);
  proves('XFSv5', feature.sparseInodes);
});

test('btrfs', async () => {
  blankImage(image, 320 * 2 ** 20);
  tool('mkfs.btrfs', '-q', image);
  const text = Array.from({ length: 20_000 }, (_, index) => `${(index * 7919) % 10_007} lines\n`).join('');
  const expected = mounted('noatime', () => {
    makeFiles();
    for (const kind of ['zlib', 'lzo', 'zstd']) {
      mkdirSync(at(kind));
      tool('btrfs', 'property', 'set', at(kind), 'compression', kind);
      writeFileSync(at(`${kind}/lines`), text);
      writeFileSync(at(`${kind}/inline`), text.slice(0, 1900));
      tool('sync', '-f', mountPoint);
    }
    return listHost(mountPoint);
  });
  expect(differences(await listingOf(image, openBtrfs), expected)).toEqual([]);
  const tree = tool('btrfs', 'inspect-internal', 'dump-tree', '-t', '5', image);
  for (const kind of ['zlib', 'lzo', 'zstd'] as const) {
    expect(tree).toContain(`(${kind})`);
    proves('btrfs', feature[kind]);
  }
  expect(tree).toMatch(/type 2 \(prealloc\)/);
  const bytes = [...tree.matchAll(/extent data disk byte (\d+) nr [1-9]/g)].map(([, byte]) => byte);
  expect(new Set(bytes).size).toBeLessThan(bytes.length);
  expect(bytes.length).toBeGreaterThan(400);
  expect(tree).toMatch(/EXTENT_DATA 1048576\) itemoff/);
  proves('btrfs', feature.unwritten, feature.reflink, feature.fragmented, feature.holes);

  mounted('noatime', makeFar);
  await expectFar(openBtrfs);
  proves('btrfs', feature.huge);
});

test('btrfs: subvolumes', async () => {
  blankImage(image, 160 * 2 ** 20);
  tool('mkfs.btrfs', '-q', image);
  const expected = mounted('noatime', (): Record<string, Listing> => {
    for (const name of ['@', '@/inside', '@home']) {
      tool('btrfs', 'subvolume', 'create', at(name));
      writeFileSync(at(`${name}/here`), name);
    }
    tool('btrfs', 'subvolume', 'snapshot', '-r', at('@'), at('before'));
    writeFileSync(at('@/here'), 'changed since');
    tool('btrfs', 'subvolume', 'set-default', at('@'));
    return { '/': listHost(mountPoint), '@': listHost(at('@')), before: listHost(at('before')) };
  });
  await using file = await openFile(image);
  const fileSystem = await openBtrfs(file);
  const inDefault = await listingOf(image, openBtrfs);
  expect(inDefault).toEqual(expected['@']);
  const roots = tool('btrfs', 'inspect-internal', 'dump-tree', '-t', 'root', image);
  expect(roots).toContain(`location key (${fileSystem.defaultSubvolume} ROOT_ITEM `);
  expect(roots.match(/ROOT_REF/g)?.length).toBe(4);
  for (const path of ['/', '@', 'before']) {
    const ours = await listingOf(image, async (blob) => await (await openBtrfs(blob)).subvolume(path));
    expect(ours).toEqual(expected[path]);
  }
  proves('btrfs', feature.subvolumes, feature.defaultSubvolume, feature.snapshots);
});

test('no other cell of the table says that a kernel shows it', () => {
  expect([...proven].toSorted()).toEqual(kernelCells.map((cell) => cell.join(', ')).toSorted());
});
