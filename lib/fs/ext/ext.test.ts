import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { damaged, outcome, touchAll } from '../../../fixtures/disks/damage.ts';
import { expected, fixtureDisk } from '../../../fixtures/disks/images.ts';
import { listFileSystem } from '../../../fixtures/disks/tree.ts';
import { readText } from '../../blob/blob.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { readPartitionTable } from '../../disk/partitions.ts';
import { UnsupportedError } from '../../errors.ts';
import { crc32c } from '../crc32c.ts';
import { openExt } from './ext.ts';

const names = ['ext2', 'ext3', 'ext4', 'ext4-inline', 'ext4-bigalloc'];

async function bytesOf(name: string): Promise<Buffer> {
  const disk = await fixtureDisk(name);
  return Buffer.from(await disk.read(0, disk.sizeInBytes));
}

test.for(names)('%s: names, modes, links and contents as debugfs has them', async (name) => {
  const disk = await fixtureDisk(name);
  const fileSystem = await openExt(disk);
  const { '/lost+found': lostAndFound, ...listing } = await listFileSystem(fileSystem);
  expect(lostAndFound).toBe('directory 0700');
  expect(listing).toEqual(expected.trees[name]);
  expect(fileSystem).toMatchObject({
    ...expected.fileSystems[name],
    needsRecovery: false,
    sizeInBytes: disk.sizeInBytes,
    blockSizeInBytes: name === 'ext4' ? 4096 : 1024,
  });
});

test('in a partition of a disk, through links', async () => {
  const { partitions } = await readPartitionTable(await fixtureDisk('whole-disk'));
  const root = partitions.find(({ name }) => name === 'root');
  if (root === undefined) throw new Error('no root');
  const fileSystem = await openExt(root.blob);
  expect(await readText(await fileSystem.open('/etc/os-release'))).toBe(
    'NAME="Ubuntu"\nVERSION_ID="24.04"\n',
  );
  expect(await fileSystem.lookup('/bin/tool')).toEqual({
    name: 'tool',
    type: 'file',
    sizeInBytes: 4500,
    mode: 0o4755,
  });
  expect(await fileSystem.readlink('/etc/long-link')).toBe('x'.repeat(80));
  await expect(fileSystem.open('/etc/fstab')).rejects.toThrow(
    'whole-disk › partition 3 › /etc/fstab: no such file',
  );
});

test('a small file is read without the rest of the disk', async () => {
  const disk = await fixtureDisk('whole-disk');
  let bytesRead = 0;
  const { partitions } = await readPartitionTable({
    ...disk,
    read: (offset, length) => {
      bytesRead += length;
      return disk.read(offset, length);
    },
  });
  const root = partitions[2]?.blob;
  if (root === undefined) throw new Error('no root');
  await readText(await (await openExt(root)).open('/etc/os-release'));
  expect(bytesRead).toBeLessThan(150_000);
});

/** Published values are inverted at the end, those of ext4 are not. */
const inverted = (value: number) => ~value >>> 0;

test('CRC32C', () => {
  // RFC 3720, B.4: 32 bytes of zeroes, of ones, and counting.
  expect(crc32c(0xffff_ffff, new Uint8Array(32))).toBe(inverted(0x8a9136aa));
  expect(crc32c(0xffff_ffff, new Uint8Array(32).fill(0xff))).toBe(inverted(0x62a8ab43));
  expect(
    crc32c(
      0xffff_ffff,
      Uint8Array.from({ length: 32 }, (_, index) => index),
    ),
  ).toBe(inverted(0x46dd794e));
});

/** ext2's superblock has no checksum. */
async function withIncompat(bits: number) {
  const bytes = await bytesOf('ext2');
  bytes.writeUInt32LE((bytes.readUInt32LE(1024 + 0x60) | bits) >>> 0, 1024 + 0x60);
  return openExt(memoryBlob(bytes, 'disk'));
}

describe('features', () => {
  test('a journal that was not replayed is told', async () => {
    expect((await withIncompat(0x4)).needsRecovery).toBe(true);
  });

  test.for([
    { bits: 0x1, message: 'the incompatible feature compression' },
    { bits: 0x8, message: 'an external ext journal, not a file system' },
    { bits: 0x1000, message: 'the incompatible feature dirdata' },
    { bits: 0x8000_0000, message: 'the incompatible feature unknown (0x80000000)' },
  ])('$message', async ({ bits, message }) => {
    await expect(withIncompat(bits)).rejects.toThrow(UnsupportedError);
    await expect(withIncompat(bits)).rejects.toThrow(message);
  });

  test('an encrypted directory is told when it is listed, and not before', async () => {
    const bytes = await bytesOf('ext2');
    const fileSystem = () => openExt(memoryBlob(bytes, 'disk'));
    expect(await (await fileSystem()).lookup('/etc')).toMatchObject({ type: 'directory' });
    // Inode 2 is the second of the table that the only group's descriptor, in block 2, points to.
    const table = bytes.readUInt32LE(2 * 1024 + 8) * 1024;
    const rootFlags = table + bytes.readUInt16LE(1024 + 0x58) + 0x20;
    bytes.writeUInt32LE(0x800, rootFlags);
    await expect((await fileSystem()).list('/')).rejects.toThrow('disk › /: encrypted (fscrypt)');
    bytes.writeUInt32LE(0x4000_0000, rootFlags);
    const folded = await fileSystem();
    expect(await folded.lookup('/etc')).toMatchObject({ type: 'directory' });
    await expect(folded.lookup('/ETC')).rejects.toThrow('a case-insensitive directory, without exactly ETC');
  });
});

describe('damage', () => {
  test.for([
    { at: 0x38, message: 'magic 0x' },
    { at: 0x18, message: 's_log_block_size' },
    { at: 0x20, message: 's_blocks_per_group' },
    { at: 0x28, message: 's_inodes_per_group' },
    { at: 0x58, message: 's_inode_size' },
    { at: 0, message: 's_inodes_count 4294967295, more than 1 groups of 256 have' },
  ])('$message', async ({ at, message }) => {
    const bytes = await bytesOf('ext2');
    bytes.fill(0xff, 1024 + at, 1024 + at + (at === 0x38 || at === 0x58 ? 2 : 4));
    await expect(openExt(memoryBlob(bytes, 'disk'))).rejects.toThrow(`disk: ext superblock: ${message}`);
  });

  test('one changed byte of the metadata of ext4 does not go unnoticed', async () => {
    const bytes = await bytesOf('ext4');
    const find = (text: string) => bytes.indexOf(text, 0, 'latin1');
    for (const [at, message] of [
      [1024 + 0x78, /ext superblock: checksum/],
      [4096 + 0x20, /descriptor of group 0: checksum/],
      [find('os-release.real'), /checksum/],
    ] as const) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      const attempt = async () => (await openExt(memoryBlob(changed, 'disk'))).lookup('/etc/os-release');
      await expect(attempt()).rejects.toThrow(message);
    }
  });

  test('a directory inside itself', async () => {
    const bytes = await bytesOf('ext2');
    // The entry "cloud.cfg.d" in /etc/cloud is led back to /etc.
    const entryOf = (name: string) => bytes.indexOf(name, 0, 'latin1') - 8;
    const etc = bytes.readUInt32LE(bytes.indexOf('\x03\x02etc\0', 0, 'latin1') - 6);
    bytes.writeUInt32LE(etc, entryOf('cloud.cfg.d'));
    const fileSystem = await openExt(memoryBlob(bytes, 'disk'));
    await expect(fileSystem.list('/etc/cloud/cloud.cfg.d')).rejects.toThrow('a directory inside itself');
  });

  test('a file system that is cut short says so where it matters', async () => {
    const bytes = await bytesOf('ext2');
    const fileSystem = await openExt(memoryBlob(bytes.subarray(0, 60_000), 'disk'));
    expect(fileSystem.sizeInBytes).toBe(bytes.length);
    await expect(fileSystem.open('/usr/bin/tool').then((blob) => blob.read(0, 4500))).rejects.toThrow(
      /disk.* (?:ends|the disk ends) at 60000/,
    );
  });

  test.for(names)('%s: any damage is told', { timeout: 120_000 }, async (name) => {
    const bytes = await bytesOf(name);
    await fc.assert(
      fc.asyncProperty(damaged(bytes), async (changed) => {
        const walking = outcome('disk', async () =>
          touchAll('disk', await openExt(memoryBlob(changed, 'disk'))),
        );
        expect(await walking).toMatch(/^(?:fine|told)$/);
      }),
      { numRuns: 100 },
    );
  });
});
