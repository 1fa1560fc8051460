import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { featureTable, reasonOf } from '../../fixtures/coverage/feature-table.ts';
import { lvmExpected, physicalVolume, withText } from '../../fixtures/disks/lvm/images.ts';
import { sha256, sha256Of, temporaryDirectory, tool } from '../../fixtures/disks/tools.ts';
import { openFile } from '../blob/file.ts';
import { memoryBlob } from '../blob/memory.ts';
import { recogniseFileSystem } from '../fs/detect.ts';
import { type LogicalVolume, readLvm } from './lvm.ts';
import { type PartitionTable, type TableProblem, readPartitionTable } from './partitions.ts';

// Every form of a partition table with sectors of both sizes, made by fdisk and read by us and by partx, which has its
// reader from libblkid; and every kind of logical volume. The tables are printed, and none of their cells may be left
// out.

const rows = {
  gpt: 'GPT, partitions and their names',
  backup: 'GPT, first header damaged',
  entries: 'GPT, first entries damaged',
  second: 'GPT, backup header damaged',
  neither: 'GPT, both headers damaged',
  grown: 'GPT, disk grown since',
  cut: 'GPT, disk cut short',
  hybrid: 'GPT, hybrid MBR',
  unprotected: 'GPT, no protective MBR',
  primary: 'MBR, primary partitions',
  logical: 'MBR, logical partitions',
  loop: 'MBR, logical partitions in a loop',
  overlap: 'MBR, partitions that overlap',
  outside: 'MBR, a partition past the end',
  none: 'a file system on the whole disk',
} as const;
const sectors = [512, 4096] as const;
const columnOf = (sector: number) => `sectors of ${sector} bytes`;
const table = featureTable('Partition tables', Object.values(rows), sectors.map(columnOf));

const directory = temporaryDirectory();
const image = directory.path('disk.img');
const script = directory.path('keys');
const sizeInBytes = 64 * 2 ** 20;
afterAll(() => directory[Symbol.dispose]());

function blank(): void {
  writeFileSync(image, '');
  truncateSync(image, sizeInBytes);
}

function fdisk(sector: number, ...keys: string[]): void {
  blank();
  writeFileSync(script, [...keys, 'w', ''].join('\n'));
  tool('sh', '-c', 'fdisk -b "$1" "$0" < "$2"', image, String(sector), script);
}

/** Where libblkid has the partitions, in bytes, and their UUIDs. */
function partx(sector: number): string[] {
  return tool('partx', '-r', '-g', '-o', 'NR,START,SECTORS,TYPE,UUID', '-S', String(sector), image)
    .trim()
    .split('\n')
    .map((line) => {
      const [number, start, size, type, uuid] = line.split(' ');
      return [number, Number(start) * 512, Number(size) * 512, type, uuid].join(' ');
    });
}

async function read(): Promise<PartitionTable> {
  await using file = await openFile(image);
  return await readPartitionTable(file);
}

function listed({ partitions }: PartitionTable): string[] {
  return partitions.map(({ number, startInBytes, sizeInBytes, type, typeGuid, uuid }) =>
    [number, startInBytes, sizeInBytes, typeGuid?.toLowerCase() ?? `0x${type?.toString(16)}`, uuid].join(' '),
  );
}

/** Changes some bytes. */
function change(offset: number, ...values: number[]): void {
  const file = openSync(image, 'r+');
  writeSync(file, Buffer.from(values), 0, values.length, offset);
  closeSync(file);
}

function bytesAt(offset: number, length: number): Buffer {
  const file = openSync(image, 'r');
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, offset);
  closeSync(file);
  return bytes;
}

const codes = (problems: readonly TableProblem[]) => problems.map(({ code }) => code);
const messages = (problems: readonly TableProblem[]) => problems.map(({ message }) => message).join('; ');

/** Makes an ext4 file system from the byte where the first partition begins, by which an MBR's sectors are told. */
function fill(startInBytes: number): void {
  tool('mke2fs', '-q', '-t', 'ext4', '-E', `offset=${startInBytes}`, image, '4096');
}

describe.each(sectors)('sectors of %d bytes', (sector) => {
  const column = columnOf(sector);
  const gpt = () =>
    fdisk(sector, 'g', 'n', '1', '', '+20M', 't', '1', 'n', '3', '', '', 'x', 'n', '3', 'root ü', 'r');
  const end = sizeInBytes - sector;

  test('a GPT', async () => {
    gpt();
    const found = await read();
    expect(found).toMatchObject({ scheme: 'gpt', sectorSizeInBytes: sector, problems: [] });
    expect(listed(found)).toEqual(partx(sector));
    expect(found.partitions.map(({ number, name }) => [number, name])).toEqual([
      [1, ''],
      [3, 'root ü'],
    ]);
    table.reads(rows.gpt, column);
  });

  test.for([
    { row: rows.backup, code: 'primary-header', offset: sector + 40 },
    { row: rows.entries, code: 'primary-entries', offset: 2 * sector + 56 },
    { row: rows.second, code: 'backup-header', offset: end + 40 },
  ])('$row', async ({ row, code, offset }) => {
    gpt();
    const expected = partx(sector);
    change(offset, 0xaa);
    const found = await read();
    expect(listed(found)).toEqual(expected);
    expect(codes(found.problems)).toEqual([code]);
    // The checksums differ from image to image.
    table.tells(row, messages(found.problems).replaceAll(/0x[0-9a-f]{8}/g, '0x…'), column);
  });

  test('a GPT of which no header is whole', async () => {
    gpt();
    change(sector + 40, 0xaa);
    change(end + 40, 0xaa);
    const found = await read();
    expect(found).toMatchObject({ scheme: 'gpt', partitions: [] });
    expect(partx(sector).join()).not.toMatch(/[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}/);
    expect(codes(found.problems)).toEqual(['primary-header', 'backup-header']);
    table.refuses(rows.neither, messages(found.problems).replaceAll(/0x[0-9a-f]{8}/g, '0x…'), column);
  });

  test('a GPT on a disk that is of another size now', async () => {
    gpt();
    const expected = partx(sector);
    truncateSync(image, sizeInBytes + 2 ** 20);
    const grown = await read();
    expect(listed(grown)).toEqual(expected);
    expect(codes(grown.problems)).toEqual(['backup-misplaced']);
    table.tells(rows.grown, messages(grown.problems), column);
    truncateSync(image, sizeInBytes - 2 * 2 ** 20);
    const cut = await read();
    expect(listed(cut)).toEqual(expected);
    expect(codes(cut.problems)).toEqual(['backup-misplaced', 'out-of-disk']);
    table.tells(rows.cut, messages(cut.problems), column);
  });

  test('a GPT, and an MBR that says more or less', async () => {
    gpt();
    const expected = partx(sector);
    // A second entry: from sector 2048 on, 4096 sectors of Linux.
    change(446 + 16, 0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0);
    expect(tool('fdisk', '-b', String(sector), '-t', 'dos', '-l', '-o', 'Start,Sectors,Id', image)).toMatch(
      /^ *2048 +4096 +83$/m,
    );
    const hybrid = await read();
    expect(listed(hybrid)).toEqual(expected);
    expect(codes(hybrid.problems)).toEqual(['hybrid-mbr']);
    table.tells(rows.hybrid, messages(hybrid.problems), column);
    change(446, ...Buffer.alloc(66));
    const bare = await read();
    expect(listed(bare)).toEqual(expected);
    expect(codes(bare.problems)).toEqual(['protective-mbr']);
    table.tells(rows.unprotected, messages(bare.problems), column);
  });

  const withLogical = ['o', 'n', 'p', '1', '', '+16M', 'n', 'e', '2', '', '', 'n', '', '+8M', 'n', '', '+4M'];

  test('an MBR', async () => {
    fdisk(sector, 'o', 'n', 'p', '1', '', '+16M', 'n', 'p', '4', '', '', 't', '4', '82', 'a', '1');
    fill(2 ** 20);
    const primary = await read();
    expect(primary).toMatchObject({ scheme: 'mbr', sectorSizeInBytes: sector, problems: [] });
    expect(listed(primary)).toEqual(partx(sector));
    expect(primary.partitions.map(({ number, active }) => [number, active])).toEqual([
      [1, true],
      [4, false],
    ]);
    table.reads(rows.primary, column);

    fdisk(sector, ...withLogical);
    const logical = await read();
    expect(logical).toMatchObject({ scheme: 'mbr', sectorSizeInBytes: sector, problems: [] });
    expect(listed(logical)).toEqual(partx(sector));
    expect(logical.partitions.map(({ number }) => number)).toEqual([1, 2, 5, 6]);
    table.reads(rows.logical, column);
  });

  test('an MBR that makes no sense', async () => {
    fdisk(sector, ...withLogical);
    const extended = bytesAt(446 + 16 + 8, 4).readUInt32LE() * sector;
    // The chain's second record is said to be its first.
    change(extended + 446 + 16 + 8, 0, 0, 0, 0);
    const looped = await read();
    expect(codes(looped.problems)).toEqual(['extended-chain']);
    expect(looped.partitions.map(({ number }) => number)).toEqual([1, 2, 5]);
    table.tells(rows.loop, messages(looped.problems).replace(/\d+/, '…'), column);

    fdisk(sector, 'o', 'n', 'p', '1', '', '+16M', 'n', 'p', '2', '', '+16M');
    fill(2 ** 20);
    const start = Buffer.alloc(4);
    start.writeUInt32LE((2 * 2 ** 20) / sector);
    change(446 + 16 + 8, ...start);
    const overlapping = await read();
    expect(listed(overlapping)).toEqual(partx(sector));
    expect(codes(overlapping.problems)).toEqual(['overlap']);
    table.tells(rows.overlap, messages(overlapping.problems), column);

    fdisk(sector, 'o', 'n', 'p', '1', '', '');
    fill(2 ** 20);
    truncateSync(image, sizeInBytes / 2);
    const outside = await read();
    expect(codes(outside.problems)).toEqual(['out-of-disk']);
    expect(outside.partitions).toMatchObject([{ startInBytes: 2 ** 20, sizeInBytes: sizeInBytes - 2 ** 20 }]);
    table.tells(rows.outside, messages(outside.problems), column);
  });

  test('no table', async () => {
    blank();
    tool('mkfs.vfat', '-S', String(sector), image);
    await using file = await openFile(image);
    expect(await readPartitionTable(file)).toMatchObject({ scheme: 'none', partitions: [], problems: [] });
    const type = tool('blkid', '-p', '-s', 'TYPE', '-o', 'value', image).trim();
    expect(await recogniseFileSystem(file)).toBe(type);
    table.reads(rows.none, column);
  });
});

async function volume(
  name: string,
  volumes = [physicalVolume(0), physicalVolume(1)],
): Promise<LogicalVolume> {
  const [group] = await readLvm(volumes.map((bytes, index) => memoryBlob(bytes, `pv${index}`)));
  const found = group?.logicalVolumes.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

/** Why it is not read. */
async function refusal(name: string, ...volumes: Buffer[]): Promise<string> {
  const { blob } = await volume(name, ...(volumes.length > 0 ? [volumes] : []));
  const error: unknown = await blob.read(0, 512).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(error instanceof Error)) throw new Error(`${name} was read`);
  return reasonOf(error, 'pv0');
}

describe('LVM2', () => {
  const read = 'read';
  const lvmRows = {
    linear: 'linear',
    segments: 'linear, segments',
    striped: 'striped',
    alone: 'linear, alone',
    missing: 'a volume missing',
    zero: 'zero',
    raid: 'raid1',
    pool: 'thin pool',
    thin: 'thin',
    snapshot: 'snapshot',
    cache: 'cache',
    mirror: 'mirror',
  } as const;
  const lvmTable = featureTable('LVM2: logical volumes', Object.values(lvmRows), [read]);
  const paths = ([0, 1] as const).map((index) => directory.path(`pv${index}`));
  beforeAll(() => {
    for (const index of [0, 1] as const) writeFileSync(paths[index] ?? '', physicalVolume(index));
  });

  /** GRUB has a reader of LVM of its own. */
  function readByGrub(name: string, sizeInBytes: number): string {
    const whole = `(lvm/vg-${name})0+${sizeInBytes / 512}`;
    return sha256(
      execFileSync('grub-fstest', [...paths, '-c', '2', 'cat', whole], { maxBuffer: 2 * sizeInBytes }),
    );
  }

  test.for([
    ['lv_first', lvmRows.linear, 'linear'],
    ['lv_root', lvmRows.segments, 'linear'],
    ['lv_striped', lvmRows.striped, 'striped'],
  ] as const)('%s, %s, is read as GRUB does', async ([name, row, type]) => {
    const { blob, sizeInBytes } = await volume(name);
    expect(lvmExpected.logicalVolumes[name]).toMatchObject({ type, sizeInBytes });
    expect(await sha256Of(blob)).toBe(readByGrub(name, sizeInBytes));
    lvmTable.reads(row, read);
  });

  test('with one of two physical volumes', async () => {
    const { blob, sizeInBytes } = await volume('lv_first', [physicalVolume(0)]);
    expect(await sha256Of(blob)).toBe(readByGrub('lv_first', sizeInBytes));
    lvmTable.reads(lvmRows.alone, read);
    const why = await refusal('lv_root', physicalVolume(0));
    expect(why).toContain(lvmExpected.physicalVolumes[1]);
    lvmTable.refuses(lvmRows.missing, why, read);
  });

  test.for([
    ['lv_zero', lvmRows.zero, 'zero'],
    ['lv_raid', lvmRows.raid, 'raid1'],
    ['lv_pool', lvmRows.pool, 'thin-pool'],
    ['lv_thin', lvmRows.thin, 'thin'],
    ['lv_cow', lvmRows.snapshot, 'linear'],
  ] as const)('%s, %s, is refused', async ([name, row, type]) => {
    expect(lvmExpected.logicalVolumes[name]?.type).toBe(type);
    const why = await refusal(name);
    expect(why).toContain(row === lvmRows.snapshot ? 'snapshot' : type);
    lvmTable.refuses(row, why, read);
  });

  test('what needs a device mapper to be made is refused by the name of its type', async () => {
    for (const row of [lvmRows.cache, lvmRows.mirror]) {
      // As long as what it stands for.
      const from = row === 'cache' ? 'type = "raid1"' : 'type = "raid1"\n';
      const why = await refusal('lv_raid', withText([from, `type = "${row}"`]), physicalVolume(1));
      expect(why).toContain(row);
      lvmTable.refuses(row, why, read);
    }
  });

  test('no cell is left out', () => {
    expect([...table.undeclared(), ...lvmTable.undeclared()]).toEqual([]);
    console.log(`\n${table.render()}\n${lvmTable.render()}`);
  });
});
