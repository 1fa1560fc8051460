import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { outcome } from '../../fixtures/disks/damage.ts';
import { expected, fixtureDisk } from '../../fixtures/disks/images.ts';
import { memoryBlob } from '../blob/memory.ts';
import { FormatError, UnsupportedError } from '../errors.ts';
import { openFileSystem, recogniseFileSystem } from './detect.ts';

test.for(Object.entries(expected.fileSystems))(
  '%s is recognised as by blkid, and opened',
  async ([name, { type }]) => {
    const disk = await fixtureDisk(name);
    expect(await recogniseFileSystem(disk)).toBe(type);
    expect(await openFileSystem(disk)).toMatchObject({ type, label: expected.fileSystems[name]?.label });
  },
);

// Magic numbers and offsets from the formats' own documentation.
const others = [
  { type: 'LVM2_member', offset: 512, magic: 'LABELONE' },
  { type: 'crypto_LUKS', offset: 0, magic: 'LUKS\xba\xbe' },
  { type: 'swap', offset: 4096 - 10, magic: 'SWAPSPACE2' },
  { type: 'squashfs', offset: 0, magic: 'hsqs' },
  { type: 'iso9660', offset: 32769, magic: 'CD001' },
  { type: 'linux_raid_member', offset: 4096, magic: '\xfc\x4e\x2b\xa9' },
  { type: 'linux_raid_member', offset: 200_000 - (200_000 % 4096) - 8192, magic: '\xfc\x4e\x2b\xa9\x01' },
  { type: 'ntfs', offset: 3, magic: 'NTFS    ' },
];

test.for(others)('$type is named and refused', async ({ type, offset, magic }) => {
  const bytes = Buffer.alloc(200_000);
  bytes.write(magic, offset, 'latin1');
  const blob = memoryBlob(bytes, 'partition 3');
  expect(await recogniseFileSystem(blob)).toBe(type);
  await expect(openFileSystem(blob)).rejects.toThrow(UnsupportedError);
  await expect(openFileSystem(blob)).rejects.toThrow(`partition 3: holds ${type}, which is not read`);
});

test('a mirror whose member begins with a file system is a mirror', async () => {
  const disk = await fixtureDisk('ext2');
  const bytes = Buffer.from(await disk.read(0, disk.sizeInBytes));
  bytes.write('\xfc\x4e\x2b\xa9\x01', bytes.length - 8192, 'latin1');
  expect(await recogniseFileSystem(memoryBlob(bytes, 'partition 3'))).toBe('linux_raid_member');
});

test('nothing known is an error that says so', async () => {
  for (const size of [0, 1, 511, 4096, 100_000]) {
    const blob = memoryBlob(Buffer.alloc(size), 'partition 2');
    expect(await recogniseFileSystem(blob)).toBeUndefined();
    await expect(openFileSystem(blob)).rejects.toThrow(FormatError);
    await expect(openFileSystem(blob)).rejects.toThrow(`partition 2: no known file system (${size} bytes)`);
  }
});

test('any bytes are recognised or not', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...others),
      fc.uint8Array({ maxLength: 5000 }),
      async ({ offset, magic }, noise) => {
        const bytes = Buffer.concat([noise, Buffer.alloc(Math.min(offset, 70_000))]);
        bytes.write(magic, Math.min(offset, bytes.length), 'latin1');
        const opening = outcome('any', () => openFileSystem(memoryBlob(bytes, 'any')));
        expect(await opening).toMatch(/^(?:fine|told)$/);
      },
    ),
  );
});
