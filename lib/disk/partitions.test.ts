import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { damaged, outcome } from '../../fixtures/disks/damage.ts';
import { expected, fixtureDisk } from '../../fixtures/disks/images.ts';
import type { Blob } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { type PartitionTable, readPartitionTable } from './partitions.ts';

const names = Object.keys(expected.tables);

async function bytesOf(name: string): Promise<Buffer> {
  const disk = await fixtureDisk(name);
  return Buffer.from(await disk.read(0, disk.sizeInBytes));
}
const codes = (table: PartitionTable) => table.problems.map(({ code }) => code);
const readBytes = (bytes: Buffer) => readPartitionTable(memoryBlob(bytes, 'disk'));

test.for(names)('%s: as sgdisk, fdisk and sfdisk have it', async (name) => {
  const disk = await fixtureDisk(name);
  const table = await readPartitionTable(disk);
  expect(table.partitions).toMatchObject(expected.tables[name] ?? []);
  expect(table.problems).toEqual([]);
  for (const { blob, sizeInBytes, number } of table.partitions) {
    expect(blob).toMatchObject({ sizeInBytes, origin: `${name} › partition ${number}` });
  }
});

test("diskimage-builder's layout", async () => {
  const table = await readPartitionTable(await fixtureDisk('whole-disk'));
  expect(table).toMatchObject({
    scheme: 'gpt',
    sectorSizeInBytes: 512,
    diskUuid: '11111111-2222-4333-8444-555555555555',
  });
  expect(table.partitions.map(({ name, typeName }) => [name, typeName])).toEqual([
    ['ESP', 'EFI system partition'],
    ['BSP', 'BIOS boot partition'],
    ['root', 'Linux filesystem'],
  ]);
  const signature = await table.partitions[0]?.blob.read(54, 8);
  expect(signature?.toString('latin1')).toBe('FAT12   ');
});

test('sectors of 4096 bytes, and logical partitions', async () => {
  expect(await readPartitionTable(await fixtureDisk('gpt-4096'))).toMatchObject({
    scheme: 'gpt',
    sectorSizeInBytes: 4096,
  });
  const table = await readPartitionTable(await fixtureDisk('mbr'));
  expect(table).toMatchObject({ scheme: 'mbr', diskUuid: 'a1b2c3d4' });
  expect(table.partitions.map(({ uuid, typeName }) => `${uuid} ${typeName}`)).toEqual([
    'a1b2c3d4-01 EFI system partition',
    'a1b2c3d4-02 Extended',
    'a1b2c3d4-03 Linux filesystem',
    'a1b2c3d4-05 Linux swap',
    'a1b2c3d4-06 Linux LVM',
  ]);
});

/** What of the disk with an MBR and sectors of 4096 bytes is read when it was changed. */
const sizeOf = async (change: (bytes: Buffer) => unknown) => {
  const bytes = await bytesOf('mbr-4096');
  change(bytes);
  const { sectorSizeInBytes, partitions } = await readBytes(bytes);
  return [sectorSizeInBytes, partitions[0]?.startInBytes];
};

describe('an MBR counts in the sectors of its disk', () => {
  test.for([
    { what: 'a file system', change: (bytes: Buffer) => bytes.fill(0, 2 * 2 ** 20, 3 * 2 ** 20) },
    { what: 'logical partitions', change: (bytes: Buffer) => bytes.fill(0, 2 ** 20, 2 * 2 ** 20) },
  ])('of 4096 bytes, where that finds $what', async ({ change }) => {
    expect(await sizeOf(change)).toEqual([4096, 2 ** 20]);
  });

  test('of 512 bytes where both find something, or neither', async () => {
    expect(await sizeOf((bytes) => bytes.write('XFSB', 256 * 512))).toEqual([512, 256 * 512]);
    expect(await sizeOf((bytes) => bytes.fill(0, 4096))).toEqual([512, 256 * 512]);
  });

  test('as a GPT has them that lies behind it', async () => {
    const bytes = await bytesOf('gpt-4096');
    bytes.writeUInt8(0x83, 446 + 4);
    bytes.writeUInt32LE(256, 446 + 8);
    expect(await readBytes(bytes)).toMatchObject({ scheme: 'mbr', sectorSizeInBytes: 4096 });
  });
});

describe('a damaged GPT', () => {
  const end = 12 * 2 ** 20;
  test.for([
    { what: 'the header', offset: 512 + 30, code: 'primary-header' },
    { what: 'its signature', offset: 512, code: 'primary-header' },
    { what: 'the entries', offset: 1024 + 60, code: 'primary-entries' },
    { what: 'the backup header', offset: end - 512 + 20, code: 'backup-header' },
    { what: 'the backup entries', offset: end - 33 * 512, code: 'backup-entries' },
    { what: 'the protective MBR', offset: 446 + 4, code: 'protective-mbr' },
  ])('$what', async ({ offset, code }) => {
    const bytes = await bytesOf('whole-disk');
    bytes.writeUInt8(bytes.readUInt8(offset) ^ 0xff, offset);
    // What would be a partition of an unknown type is no entry at all here.
    if (code === 'protective-mbr') bytes.fill(0, 446, 510);
    const table = await readBytes(bytes);
    expect(codes(table)).toEqual([code]);
    expect(table.partitions).toMatchObject(expected.tables['whole-disk'] ?? []);
  });

  test('neither copy', async () => {
    const bytes = await bytesOf('whole-disk');
    bytes.fill(0xff, 520, 600);
    bytes.fill(0xff, end - 500, end - 400);
    const table = await readBytes(bytes);
    expect(table).toMatchObject({ scheme: 'gpt', partitions: [] });
    expect(codes(table)).toEqual(['primary-header', 'backup-header']);
  });

  test('only the MBR says that there is one', async () => {
    const table = await readBytes((await bytesOf('whole-disk')).fill(0, 512, 2048).fill(0, end - 512));
    expect(table.scheme).toBe('mbr');
    expect(codes(table)).toEqual(['primary-header']);
  });

  test('grown, and cut short', async () => {
    const bytes = await bytesOf('whole-disk');
    const grown = await readBytes(Buffer.concat([bytes, Buffer.alloc(2 ** 20)]));
    expect(codes(grown)).toEqual(['backup-misplaced']);
    expect(grown.problems[0]?.message).toContain('not at the end of the disk');
    const cut = await readBytes(bytes.subarray(0, 5 * 2 ** 20));
    expect(codes(cut)).toEqual(['backup-misplaced', 'out-of-disk']);
    expect(cut.problems[0]?.message).toContain('past the end of the disk: it is cut short');
    const root = cut.partitions[2]?.blob as Blob;
    await expect(root.read(3 * 2 ** 20, 1)).rejects.toThrow('but it ends at 5242880');
  });

  /** Changes an entry of both copies and mends all checksums, as a partitioning tool with a fault would. */
  async function withEntry(change: (entries: Buffer) => void): Promise<PartitionTable> {
    const bytes = await bytesOf('whole-disk');
    for (const [header, entries] of [
      [512, 1024],
      [end - 512, end - 33 * 512],
    ] as const) {
      const array = bytes.subarray(entries, entries + 128 * 128);
      change(array);
      bytes.writeUInt32LE(crc32(array), header + 88);
      bytes.writeUInt32LE(0, header + 16);
      bytes.writeUInt32LE(crc32(bytes.subarray(header, header + 92)), header + 16);
    }
    return readBytes(bytes);
  }

  test.for([
    { at: 128 + 32, lba: 2100n, codes: ['overlap'] },
    { at: 256 + 40, lba: 2n ** 40n, codes: ['outside-usable', 'out-of-disk'] },
    { at: 256 + 40, lba: 2n ** 63n, codes: ['out-of-disk'] },
    { at: 256 + 40, lba: 3n, codes: ['entry'] },
    { at: 32, lba: 1n, codes: ['outside-usable'] },
  ])('an entry with $lba at $at: $codes', async ({ at, lba, codes: wanted }) => {
    const table = await withEntry((entries) => entries.writeBigUInt64LE(lba, at));
    expect(codes(table)).toEqual(wanted);
  });

  test('two partitions with one UUID', async () => {
    const table = await withEntry((entries) => entries.copy(entries, 128 + 16, 16, 32));
    expect(table.problems).toEqual([
      { code: 'duplicate-uuid', message: 'partitions 1 and 2 are both aaaaaaaa-0000-4000-8000-000000000001' },
    ]);
  });
});

test('an MBR with partitions of its own beside a GPT: hybrid, or hiding it', async () => {
  const bytes = await bytesOf('whole-disk');
  bytes.writeUInt8(0xef, 462 + 4);
  bytes.writeUInt32LE(2048, 462 + 8);
  bytes.writeUInt32LE(2048, 462 + 12);
  expect(codes(await readBytes(bytes))).toEqual(['hybrid-mbr']);
  bytes.fill(0, 446, 462);
  const table = await readBytes(bytes);
  expect(table.scheme).toBe('mbr');
  expect(codes(table)).toEqual(['protective-mbr']);
});

test('an extended partition that leads back to itself ends', async () => {
  const bytes = await bytesOf('mbr');
  const extended = bytes.readUInt32LE(462 + 8) * 512;
  bytes.writeUInt32LE(0, extended + 462 + 8);
  const table = await readBytes(bytes);
  expect(codes(table)).toEqual(['extended-chain']);
  expect(table.partitions.map(({ number }) => number)).toEqual([1, 2, 3, 5]);
});

test('what has no table', async () => {
  for (const disk of [
    memoryBlob(Buffer.alloc(0), 'empty'),
    memoryBlob(Buffer.alloc(100_000), 'zeroes'),
    await fixtureDisk('fat16'),
    await fixtureDisk('ext4'),
  ]) {
    expect(await readPartitionTable(disk)).toMatchObject({ scheme: 'none', partitions: [], problems: [] });
  }
});

test.for(names)('%s: any damage is told', async (name) => {
  const bytes = await bytesOf(name);
  await fc.assert(
    fc.asyncProperty(damaged(bytes, 40_000), async (changed) => {
      const reading = outcome('disk', async () => {
        const { partitions } = await readBytes(changed);
        for (const { blob } of partitions) {
          await outcome('disk', () => blob.read(0, Math.min(512, blob.sizeInBytes)));
        }
      });
      expect(await reading).toMatch(/^(?:fine|told)$/);
    }),
    { numRuns: 200 },
  );
});
