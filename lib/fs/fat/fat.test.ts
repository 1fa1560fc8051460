import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { damaged, outcome, touchAll } from '../../../fixtures/disks/damage.ts';
import { expected, fixtureDisk } from '../../../fixtures/disks/images.ts';
import { listFileSystem } from '../../../fixtures/disks/tree.ts';
import { readText } from '../../blob/blob.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { readPartitionTable } from '../../disk/partitions.ts';
import { parseFatDirectory } from './directory.ts';
import { openFat } from './fat.ts';

const names = ['fat12', 'fat16', 'fat32'];

async function bytesOf(name: string): Promise<Buffer> {
  const disk = await fixtureDisk(name);
  return Buffer.from(await disk.read(0, disk.sizeInBytes));
}

test.for(names)('%s: names and contents as mtools has them, label and UUID as blkid', async (name) => {
  const fileSystem = await openFat(await fixtureDisk(name));
  expect(await listFileSystem(fileSystem)).toEqual(expected.trees[name]);
  expect(fileSystem).toMatchObject({ ...expected.fileSystems[name], width: Number(name.slice(3)) });
});

test('in a partition of a disk', async () => {
  const { partitions } = await readPartitionTable(await fixtureDisk('whole-disk'));
  const [esp] = partitions;
  if (esp === undefined) throw new Error('no ESP');
  const fileSystem = await openFat(esp.blob);
  expect(await listFileSystem(fileSystem)).toEqual(expected.trees['fat12']);
});

test('paths compare without case; a missing one says where it was looked for', async () => {
  const fileSystem = await openFat(await fixtureDisk('fat16'));
  expect(await readText(await fileSystem.open('/efi/boot/bootAA64.efi'))).toBe('MZ and so on');
  expect(await fileSystem.lookup('/EFI/UBUNTU/a rather LONG name, with commas.EFI')).toMatchObject({
    name: 'A rather long name, with commas.efi',
    sizeInBytes: 1500,
  });
  expect(await fileSystem.lookup('/EFI/BOOT/BOOTX64.EFI')).toBeUndefined();
  await expect(fileSystem.open('/EFI/BOOT/BOOTX64.EFI')).rejects.toThrow(
    'fat16 › /EFI/BOOT/BOOTX64.EFI: no such file or directory',
  );
  await expect(fileSystem.open('/EFI')).rejects.toThrow('fat16 › /EFI: a directory, not a regular file');
});

const entry = (name: string, change: (bytes: Buffer) => void = () => {}) => {
  const bytes = Buffer.alloc(32);
  bytes.write(name, 0, 'latin1');
  change(bytes);
  return bytes;
};
const namesIn = (...entries: Buffer[]) =>
  parseFatDirectory(Buffer.concat(entries), 16).entries.map(({ name }) => name);

describe('directory entries, by hand', () => {
  test('short names: padding, case flags, code page 437, and the escape of 0xE5', () => {
    expect(namesIn(entry('GRUB    CFG'), entry('NOEXT      '))).toEqual(['GRUB.CFG', 'NOEXT']);
    expect(namesIn(entry('GRUB    CFG', (bytes) => bytes.writeUInt8(0x18, 12)))).toEqual(['grub.cfg']);
    expect(namesIn(entry('GRUB    CFG', (bytes) => bytes.writeUInt8(0x08, 12)))).toEqual(['grub.CFG']);
    expect(namesIn(entry('GR\x81N    TXT'))).toEqual(['GRüN.TXT']);
    expect(namesIn(entry('\x05BC        '))).toEqual(['σBC']);
  });

  test('deleted entries are skipped, and nothing comes after the end', () => {
    expect(namesIn(entry('\xe5LD     TXT'), entry('NEW     TXT'), entry(''), entry('AFTER      '))).toEqual([
      'NEW.TXT',
    ]);
  });

  test('a long name whose checksum is of another entry is not taken', () => {
    const long = entry('', (bytes) => {
      bytes.fill(0xff);
      bytes.writeUInt8(0x41, 0);
      bytes.write('a\0b\0\0\0', 1, 'latin1');
      bytes.writeUInt8(0x0f, 11);
      bytes.writeUInt8(0, 12);
      bytes.writeUInt8(0x77, 13);
    });
    expect(namesIn(long, entry('SHORT      '))).toEqual(['SHORT']);
  });
});

/** FAT16 with one sector a cluster: the table follows the boot sector. */
async function withChain(change: (table: Buffer, first: number) => void) {
  const bytes = await bytesOf('fat16');
  const name = bytes.indexOf('ARATHE~1EFI', 0, 'latin1');
  change(bytes.subarray(bytes.readUInt16LE(14) * 512), bytes.readUInt16LE(name + 26));
  return openFat(memoryBlob(bytes, 'disk'));
}

describe('damage', () => {
  test.for([
    { at: 11, value: 3, message: 'FAT boot sector: BPB_BytsPerSec 3' },
    { at: 13, value: 3, message: 'BPB_SecPerClus 3, not a power of two' },
    { at: 16, value: 0, message: 'BPB_NumFATs 0' },
    { at: 32, value: 0xff_ffff, message: 'truncated: a FAT file system of 8589934080 bytes in 5242880' },
  ])('$message', async ({ at, value, message }) => {
    const bytes = await bytesOf('fat16');
    if (at === 32) {
      bytes.writeUInt16LE(0, 19);
      bytes.writeUInt32LE(value, at);
    } else if (at === 11) bytes.writeUInt16LE(value, at);
    else bytes.writeUInt8(value, at);
    await expect(openFat(memoryBlob(bytes, 'disk'))).rejects.toThrow(message);
  });

  const path = '/EFI/ubuntu/A rather long name, with commas.efi';

  test('a chain with a loop', async () => {
    const fileSystem = await withChain((table, first) => table.writeUInt16LE(first, first * 2));
    await expect(fileSystem.open(path)).rejects.toThrow(/commas\.efi: cluster \d+ comes again: a loop/);
  });

  test('a chain that ends early', async () => {
    const fileSystem = await withChain((table, first) => table.writeUInt16LE(0xffff, first * 2));
    await expect(fileSystem.open(path)).rejects.toThrow('1500 bytes, but only 1 clusters of 512');
  });

  test('a chain that leads nowhere', async () => {
    const fileSystem = await withChain((table, first) => table.writeUInt16LE(0xfff0, first * 2));
    await expect(fileSystem.open(path)).rejects.toThrow('goes on in cluster 65520, where there are 2 to');
  });

  test('a directory inside itself', async () => {
    const bytes = await bytesOf('fat16');
    const efi = bytes.indexOf('EFI        \x10', 0, 'latin1');
    const boot = bytes.indexOf('BOOT       \x10', 0, 'latin1');
    bytes.copy(bytes, boot + 26, efi + 26, efi + 28);
    const fileSystem = await openFat(memoryBlob(bytes, 'disk'));
    await expect(fileSystem.list('/EFI/BOOT')).rejects.toThrow('disk › /EFI/BOOT: a directory inside itself');
  });

  test.for(names)('%s: any damage is told', { timeout: 120_000 }, async (name) => {
    const bytes = await bytesOf(name);
    await fc.assert(
      fc.asyncProperty(damaged(bytes), async (changed) => {
        const walking = outcome('disk', async () =>
          touchAll('disk', await openFat(memoryBlob(changed, 'disk'))),
        );
        expect(await walking).toMatch(/^(?:fine|told)$/);
      }),
      { numRuns: 100 },
    );
  });
});
