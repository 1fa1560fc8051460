import { appendFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noise, sha256, sha256Of, temporaryDirectory, tool } from '../../../fixtures/disks/tools.ts';
import { type Listing, listFileSystem, listHost, makeHardTree } from '../../../fixtures/disks/tree.ts';
import { readText } from '../../blob/blob.ts';
import { openFile } from '../../blob/file.ts';
import { openFileSystem, recogniseFileSystem } from '../detect.ts';
import { openExt } from './ext.ts';

// File systems of every kind that mke2fs makes from a directory, compared with that directory.

const directory = temporaryDirectory();
const source = directory.path('source');
let expected: Listing;

beforeAll(() => {
  mkdirSync(source);
  makeHardTree(source);
  expected = listHost(source);
});
afterAll(() => directory[Symbol.dispose]());

const variants = [
  ['ext2', '-b', '1024'],
  ['ext2', '-b', '4096', '-I', '128'],
  ['ext2', '-b', '2048', '-O', '^filetype'],
  ['ext2', '-r', '0', '-b', '1024', '-O', 'none'],
  ['ext3', '-b', '1024'],
  ['ext3', '-b', '4096'],
  ['ext4'],
  ['ext4', '-b', '1024'],
  ['ext4', '-b', '2048', '-O', '^64bit'],
  ['ext4', '-b', '1024', '-O', '^extent,^64bit'],
  ['ext4', '-b', '4096', '-O', '^extent,^64bit'],
  ['ext4', '-O', '^metadata_csum,uninit_bg'],
  ['ext4', '-O', '^metadata_csum,^flex_bg,^has_journal'],
  ['ext4', '-O', 'inline_data'],
  ['ext4', '-b', '1024', '-O', 'inline_data'],
  ['ext4', '-I', '512', '-O', 'inline_data,^metadata_csum'],
  ['ext4', '-I', '1024', '-O', 'inline_data,large_dir'],
  ['ext4', '-O', 'bigalloc', '-C', '65536'],
  ['ext4', '-b', '1024', '-O', 'bigalloc', '-C', '8192'],
  ['ext4', '-O', 'meta_bg,^resize_inode'],
  ['ext4', '-b', '1024', '-g', '1024', '-O', 'meta_bg,^resize_inode'],
  ['ext4', '-b', '1024', '-g', '512', '-O', 'meta_bg,^resize_inode,^64bit,^flex_bg'],
  ['ext4', '-b', '1024', '-g', '512', '-O', 'meta_bg,^resize_inode,sparse_super2,^flex_bg'],
  ['ext4', '-O', 'metadata_csum_seed,sparse_super2,ea_inode'],
  ['ext4', '-O', 'casefold,encrypt,verity', '-E', 'encoding=utf8'],
  ['ext4', '-b', '65536', '-F', '-F'],
  ['ext4', '-O', 'orphan_file,mmp,project,quota'],
];

function make(name: string, [type = '', ...options]: readonly string[], ...more: string[]): string {
  const image = directory.path(name);
  writeFileSync(image, '');
  truncateSync(image, 128 * 1024 * 1024);
  tool('mke2fs', '-q', '-t', type, '-N', '4096', '-L', 'cloudimg-rootfs', ...options, ...more, image);
  return image;
}

test.for(variants.map((variant) => ({ variant, name: variant.join(' ') })))('$name', async ({ variant }) => {
  const image = make('variant.img', variant, '-d', source);
  const check = async () => {
    await using file = await openFile(image);
    const fileSystem = await openExt(file);
    const { '/lost+found': lostAndFound, ...listing } = await listFileSystem(fileSystem);
    expect(lostAndFound).toBe('directory 0700');
    const inline = variant.some((option) => option.includes('inline_data'));
    expect(listing).toEqual(inline ? { ...expected, ...holesAsWritten(image) } : expected);
    const about = Object.fromEntries(
      tool('blkid', '-p', '-o', 'export', image)
        .split('\n')
        .map((line) => line.split('=')),
    ) as Record<string, string>;
    expect(fileSystem).toMatchObject({ label: about['LABEL'], uuid: about['UUID'], type: about['TYPE'] });
    expect(await recogniseFileSystem(file)).toBe(about['TYPE']);
    const [, blockSize] = /^Block size:\s+(\d+)$/m.exec(tool('dumpe2fs', '-h', image)) ?? [];
    expect(fileSystem).toMatchObject({ blockSizeInBytes: Number(blockSize), needsRecovery: false });
    expect(fileSystem.sizeInBytes).toBeLessThanOrEqual(file.sizeInBytes);
    const end = await fileSystem.open('/links/chain-38');
    expect(await readText(end)).toBe('the end');
  };
  await check();
  // The same after e2fsck gave large directories their index.
  if (!variant.includes('none')) {
    indexDirectories(image);
    await check();
  }
});

/** Exit code 1 means that something was changed, as is asked for. */
function indexDirectories(image: string): void {
  tool('sh', '-c', 'e2fsck -f -y -D "$0" || [ $? = 1 ]', image);
}

/** With inline_data, mke2fs 1.47 loses the hole at a file's end: what debugfs reads is what is to be read. */
function holesAsWritten(image: string): Listing {
  const paths = ['/sizes/one-hole', '/sizes/fragments', '/sizes/far'];
  return Object.fromEntries(
    paths.map((path) => {
      const dump = directory.path('dump');
      tool('debugfs', '-R', `dump ${path} ${dump}`, image);
      const bytes = readFileSync(dump);
      return [path, `file 0644 ${bytes.length} ${sha256(bytes)}`];
    }),
  );
}

test('directories have an index after e2fsck -D, and unwritten extents read as zeroes', async () => {
  const image = make('changed.img', ['ext4', '-b', '1024'], '-d', source);
  indexDirectories(image);
  expect(tool('debugfs', '-R', 'htree_dump /many', image)).toContain('Root node dump');
  tool('debugfs', '-w', '-R', 'fallocate /sizes/all-hole 100 300', image);
  tool('debugfs', '-w', '-R', 'feature needs_recovery', image);
  const dump = directory.path('dump');
  tool('debugfs', '-R', `dump /sizes/all-hole ${dump}`, image);
  expect(tool('debugfs', '-R', 'stat /sizes/all-hole', image)).toMatch(/\(100\[u\]-?|100-300\[u\]/);
  await using file = await openFile(image);
  const fileSystem = await openExt(file);
  expect(fileSystem.needsRecovery).toBe(true);
  expect(await sha256Of(await fileSystem.open('/sizes/all-hole'))).toBe(sha256(readFileSync(dump)));
});

test.for([
  ['ext4', '-b', '4096'],
  ['ext4', '-b', '1024', '-O', '^extent,^64bit'],
])('a file of more than 4 GiB: %s %s %s', async (variant) => {
  const large = directory.path('large');
  mkdirSync(large, { recursive: true });
  const path = `${large}/sparse`;
  writeFileSync(path, noise(10_000, 5));
  truncateSync(path, 5 * 2 ** 30);
  appendFileSync(path, noise(10_000, 6));
  const image = make('large.img', variant, '-d', large);
  await using file = await openFile(image);
  const blob = await (await openFileSystem(file)).open('/sparse');
  expect(blob.sizeInBytes).toBe(5 * 2 ** 30 + 10_000);
  expect(await blob.read(0, 10_000)).toEqual(noise(10_000, 5));
  expect(await blob.read(5 * 2 ** 30 - 100, 10_100)).toEqual(
    Buffer.concat([Buffer.alloc(100), noise(10_000, 6)]),
  );
  expect((await blob.read(3 * 2 ** 30, 1_000_000)).every((byte) => byte === 0)).toBe(true);
});
