import { copyFileSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { mountPointAt } from '../../../fixtures/disks/mount-point.ts';
import { noise, temporaryDirectory, tool } from '../../../fixtures/disks/tools.ts';
import { type Listing, listFileSystem, listHost, makeHardTree } from '../../../fixtures/disks/tree.ts';
import { openFile } from '../../blob/file.ts';
import { UnsupportedError } from '../../errors.ts';
import { openBtrfs } from './btrfs.ts';

// What Linux itself writes into btrfs, compared with what it reads there. Needs root, loop devices and a kernel with
// btrfs.

const directory = temporaryDirectory();
const image = directory.path('image');
const point = mountPointAt(directory.path('mounted'), 'btrfs');
const { path: mountPoint, at } = point;
afterAll(() => directory[Symbol.dispose]());
const mounted = <Result>(options: string, action: () => Result) =>
  point.mounted(image, `noatime,${options}`, action);

function make(...options: string[]): void {
  rmSync(image, { force: true });
  writeFileSync(image, '');
  truncateSync(image, 512 * 1024 * 1024);
  tool('mkfs.btrfs', '-q', '-L', 'fedora', ...options, image);
}

/** What a file system over an image lists. */
async function listed(subvolume?: string): Promise<Listing> {
  await using file = await openFile(image);
  const fileSystem = await openBtrfs(file);
  return await listFileSystem(subvolume === undefined ? fileSystem : await fileSystem.subvolume(subvolume));
}

/** What is hard in btrfs, besides what is hard in every file system. */
function makeHardBtrfs(): void {
  makeHardTree(mountPoint);
  const text = Array.from({ length: 60_000 }, (_, index) => `${(index * 7919) % 10_007} lines\n`).join('');
  const mixed = Array.from({ length: 300 }, (_, index) => [
    noise(1 + ((index * 211) % 5000), index),
    Buffer.from(text.slice(index * 100, index * 150)),
  ]);
  for (const length of [100, 2000, 2047, 2048, 2049, 4095, 4096, 4097, 131_071, 131_072, 131_073, 700_000]) {
    writeFileSync(at(`text-${length}`), text.slice(0, length));
  }
  writeFileSync(at('mixed'), Buffer.concat(mixed.flat()));
  writeFileSync(at('mixed-clone'), '');
  tool('btrfs', 'filesystem', 'sync', mountPoint);
  tool('cp', '--reflink=always', at('mixed'), at('mixed-clone'));
  tool('cp', '--reflink=always', at('text-700000'), at('text-clone'));
  for (let offset = 3000; offset < 600_000; offset += 37_000) {
    tool('xfs_io', '-c', `pwrite -q -S 0x5a ${offset} ${1 + (offset % 9000)}`, at('text-clone'));
    tool('xfs_io', '-c', `fpunch ${offset} ${1 + (offset % 19_000)}`, at('mixed-clone'));
  }
  tool('btrfs', 'filesystem', 'sync', mountPoint);
  tool('xfs_io', '-f', '-c', 'falloc 0 300k', '-c', 'pwrite -q -S 0x33 100k 9k', at('unwritten'));
  tool('xfs_io', '-f', '-c', 'falloc -k 0 300k', '-c', 'pwrite -q 0 5k', at('beyond'));
  tool('xfs_io', '-f', '-c', 'pwrite -q 0 3k', '-c', 'fsync', '-c', 'truncate 1m', at('grown'));
  tool('xfs_io', '-f', '-c', 'pwrite -q 0 900k', '-c', 'fsync', '-c', 'truncate 777777', at('shrunk'));
  tool('xfs_io', '-f', '-c', 'truncate 3t', '-c', 'pwrite -q 2t 5k', '-c', 'truncate 700m', at('cut'));
  mkdirSync(at('emptied'));
  for (let index = 0; index < 3000; index++) writeFileSync(at(`emptied/${index}-${'e'.repeat(200)}`), '');
  for (let index = 100; index < 2900; index++) rmSync(at(`emptied/${index}-${'e'.repeat(200)}`));
  tool('mknod', at('odd/null'), 'c', '1', '3');
  tool('python3', '-c', 'import os, sys; os.setxattr(sys.argv[1], "user.long", b"v" * 3000)', at('mixed'));
}

const variants = [
  { mount: 'compress-force=zlib' },
  { mount: 'compress-force=zlib:9', make: ['-n', '4096', '-m', 'single'] },
  { mount: 'compress-force=lzo' },
  { mount: 'compress-force=lzo', make: ['-M', '-n', '4096'] },
  { mount: 'compress-force=zstd' },
  { mount: 'compress-force=zstd:15', make: ['-O', '^no-holes', '--csum', 'sha256'] },
  { mount: 'compress=zstd,max_inline=0' },
  { mount: 'compress=lzo,max_inline=4095', make: ['-n', '65536'] },
  { mount: 'nodatacow,flushoncommit' },
  { mount: 'space_cache=v2,autodefrag', make: ['--csum', 'xxhash', '-m', 'single', '-d', 'dup'] },
];

test.for(
  variants.map((variant) => ({ ...variant, name: `${variant.mount} ${(variant.make ?? []).join(' ')}` })),
)('$name', async (variant) => {
  make(...(variant.make ?? []));
  const expected = mounted(variant.mount, () => {
    makeHardBtrfs();
    return listHost(mountPoint);
  });
  expect(await listed()).toEqual(expected);
  // The same after everything was written elsewhere.
  mounted('compress=no', () => tool('btrfs', 'balance', 'start', '--full-balance', mountPoint));
  expect(await listed()).toEqual(expected);
});

test('subvolumes, snapshots, a moved and a deleted one', async () => {
  make('-n', '4096');
  const [top, ...others] = mounted('compress=zstd', () => {
    for (const name of ['@', '@home', '@/var', '@/var/log', '@/gone']) {
      tool('btrfs', 'subvolume', 'create', at(name));
      writeFileSync(at(`${name}/here`), name);
    }
    makeHardTree(at('@'));
    tool('btrfs', 'subvolume', 'snapshot', '-r', at('@'), at('before'));
    tool('btrfs', 'subvolume', 'delete', at('@/gone'));
    tool('mv', at('@home'), at('@/home'));
    rmSync(at('@/sizes'), { recursive: true });
    tool('btrfs', 'subvolume', 'set-default', at('@/var'));
    tool('btrfs', 'quota', 'enable', mountPoint);
    tool('btrfs', 'filesystem', 'sync', mountPoint);
    return [mountPoint, at('@/var'), at('before'), at('@/home')].map((path) => listHost(path));
  });
  expect(await listed('/')).toEqual(top);
  expect(await listed()).toEqual(others[0]);
  expect(await listed('before')).toEqual(others[1]);
  expect(await listed('@/home')).toEqual(others[2]);
});

test('what lost its power has a log, until it is mounted again', async () => {
  make();
  const unclean = directory.path('unclean');
  mounted('commit=300', () => {
    writeFileSync(at('file'), 'old');
    tool('btrfs', 'filesystem', 'sync', mountPoint);
    tool('xfs_io', '-f', '-c', 'pwrite -q 0 10k', '-c', 'fsync', at('new'));
    copyFileSync(image, unclean);
  });
  copyFileSync(unclean, image);
  const needsRecovery = async () => {
    await using file = await openFile(image);
    return await openBtrfs(file).then((fileSystem) => fileSystem.needsRecovery);
  };
  expect(await needsRecovery()).toBe(true);
  const found = await listed();
  const asCommitted = mounted('ro,rescue=nologreplay', () => listHost(mountPoint));
  expect(asCommitted).not.toEqual(found);
  const replayed = mounted('rw', () => listHost(mountPoint));
  expect(Object.keys(replayed)).toEqual(expect.arrayContaining(['/file', '/new']));
  expect(found).toEqual(replayed);
  expect(await needsRecovery()).toBe(false);
  expect(await listed()).toEqual(replayed);
});

test('several devices, and RAID on one, are refused by name', async () => {
  make('-d', 'raid0');
  await expect(listed()).rejects.toThrow(UnsupportedError);
  await expect(listed()).rejects.toThrow('its profile raid0 is not read');
  const second = directory.path('second');
  writeFileSync(second, '');
  truncateSync(second, 512 * 1024 * 1024);
  make('-d', 'raid1', '-m', 'raid1', second);
  await expect(listed()).rejects.toThrow('btrfs over 2 devices, of which this is one');
});
