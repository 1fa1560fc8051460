import { mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noise, temporaryDirectory, tool } from '../../../fixtures/disks/tools.ts';
import { type Listing, listFileSystem, listHost } from '../../../fixtures/disks/tree.ts';
import { openFile } from '../../blob/file.ts';
import { recogniseFileSystem } from '../detect.ts';
import { openFat } from './fat.ts';

// FAT of every width, made by mkfs.vfat and filled by mtools, compared with the directory that it was filled from.

const directory = temporaryDirectory();
const source = directory.path('source');
let expected: Listing;

beforeAll(() => {
  mkdirSync(`${source}/EFI/BOOT`, { recursive: true });
  mkdirSync(`${source}/EFI/ubuntu`);
  mkdirSync(`${source}/many`);
  mkdirSync(`${source}/empty`);
  writeFileSync(`${source}/EFI/BOOT/BOOTAA64.EFI`, noise(300_000, 1));
  writeFileSync(`${source}/EFI/BOOT/grub.cfg`, 'search --label cloudimg-rootfs\n');
  writeFileSync(`${source}/EFI/ubuntu/shimaa64.efi`, noise(65_536, 2));
  for (const size of [0, 1, 511, 512, 513, 2048, 4096, 4097])
    writeFileSync(`${source}/${size}.bin`, noise(size, 3));
  for (let index = 0; index < 300; index++) {
    writeFileSync(`${source}/many/file ${index} with a long name.txt`, String(index));
  }
  writeFileSync(`${source}/lower.txt`, 'lower');
  writeFileSync(`${source}/UPPER.TXT`, 'upper');
  writeFileSync(`${source}/Mixed.Case.conf`, 'mixed');
  writeFileSync(`${source}/exactly 13 cs`, '13');
  writeFileSync(`${source}/exactly twenty six letters`, '26');
  writeFileSync(`${source}/${'l'.repeat(200)}`, 'long');
  writeFileSync(`${source}/größe–日本語.txt`, 'unicode');
  expected = withoutModes(listHost(source));
});
afterAll(() => directory[Symbol.dispose]());

const variants = [
  { width: 12, size: 2 * 2 ** 20, options: ['-F', '12'] },
  { width: 12, size: 8 * 2 ** 20, options: ['-F', '12', '-s', '8'] },
  { width: 16, size: 32 * 2 ** 20, options: ['-F', '16'] },
  { width: 16, size: 64 * 2 ** 20, options: ['-F', '16', '-S', '2048'] },
  { width: 32, size: 64 * 2 ** 20, options: ['-F', '32'] },
  { width: 32, size: 40 * 2 ** 20, options: ['-F', '32', '-s', '1'] },
  { width: 32, size: 550 * 2 ** 20, options: [] },
  { width: 32, size: 300 * 2 ** 20, options: ['-F', '32', '-S', '4096'] },
  { width: 16, size: 20 * 2 ** 20, options: ['-f', '1', '-F', '16', '-r', '512'] },
];

test.for(variants)('FAT$width in $size bytes, $options', async ({ width, size, options }) => {
  const image = directory.path('volume.img');
  writeFileSync(image, '');
  truncateSync(image, size);
  tool('mkfs.vfat', '-n', 'MKFS_ESP', '-i', '1a2b3c4d', ...options, image);
  // Fragments: a file that is deleted before the others leaves a gap.
  writeFileSync(directory.path('gap'), noise(50_000, 4));
  tool('mcopy', '-i', image, directory.path('gap'), '::gap');
  tool('mcopy', '-i', image, directory.path('gap'), '::gap2');
  tool('mdel', '-i', image, '::gap');
  const top = readdirSync(source).map((name) => `${source}/${name}`);
  tool('mcopy', '-s', '-i', image, ...top, '::');
  tool('mdel', '-i', image, '::gap2');

  await using file = await openFile(image);
  const fileSystem = await openFat(file);
  expect(await listFileSystem(fileSystem)).toEqual(expected);
  expect(fileSystem.width).toBe(width);
  expect(fileSystem.sizeInBytes).toBeLessThanOrEqual(statSync(image).size);
  const about = tool('blkid', '-p', '-o', 'export', image);
  expect(about).toContain(`LABEL=${fileSystem.label}\n`);
  expect(about).toContain(`UUID=${fileSystem.uuid}\n`);
  expect(about).toContain(`TYPE=${await recogniseFileSystem(file)}\n`);
  expect(about).toContain(`VERSION=FAT${width}\n`);
  const short = '/MIXEDC~1.CON';
  expect(tool('mtype', '-i', image, `::${short}`)).toBe('mixed');
  for (const path of [short, '/efi/boot/bootaa64.efi', '/EFI/Boot/BootAA64.EFI']) {
    expect(await fileSystem.lookup(path)).toMatchObject({ type: 'file' });
  }
});

test('a FAT32 volume with fewer clusters than its width calls for is what its boot sector says', async () => {
  const image = directory.path('small.img');
  writeFileSync(image, '');
  truncateSync(image, 8 * 2 ** 20);
  tool('mkfs.vfat', '-F', '32', '-s', '1', '-n', 'small', image);
  await using file = await openFile(image);
  const fileSystem = await openFat(file);
  expect(fileSystem.width).toBe(32);
  expect(await fileSystem.list('/')).toEqual([]);
  const about = tool('blkid', '-p', '-o', 'export', image);
  expect(about).toContain('VERSION=FAT32\n');
  expect(about).toContain(`LABEL=${fileSystem.label}\n`);
});

function withoutModes(listing: Listing): Listing {
  return Object.fromEntries(
    Object.entries(listing).map(([path, about]) => [path, about.replace(/^(\w+) \d{4}/, '$1')]),
  );
}
