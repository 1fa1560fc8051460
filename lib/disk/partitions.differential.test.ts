import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { temporaryDirectory, tool } from '../../fixtures/disks/tools.ts';
import { openFile } from '../blob/file.ts';
import { type PartitionTable, readPartitionTable } from './partitions.ts';

// Tables that sgdisk and sfdisk write, read by us and by sfdisk and blkid.

const directory = temporaryDirectory();
afterAll(() => directory[Symbol.dispose]());

interface SfdiskTable {
  label: string;
  id: string;
  sectorsize: number;
  partitions: {
    start: number;
    size: number;
    type: string;
    uuid?: string;
    name?: string;
    bootable?: boolean;
  }[];
}

function blank(name: string, size = 64 * 2 ** 20): string {
  const image = directory.path(name);
  writeFileSync(image, '');
  truncateSync(image, size);
  return image;
}

async function read(image: string): Promise<PartitionTable> {
  await using file = await openFile(image);
  return await readPartitionTable(file);
}

function sfdisk(image: string): SfdiskTable {
  return (JSON.parse(tool('sfdisk', '--json', image)) as { partitiontable: SfdiskTable }).partitiontable;
}

function overwrite(image: string, offset: number, bytes: Buffer): void {
  const file = openSync(image, 'r+');
  writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
}

function makeGpt(name: string): string {
  const image = blank(name);
  const parts = [
    '-n',
    '1:0:+20M',
    '-t',
    '1:EF00',
    '-c',
    '1:ESP',
    '-n',
    '2:0:+8M',
    '-t',
    '2:EF02',
    '-c',
    '2:BSP',
  ];
  tool('sgdisk', ...parts, '-n', '5:0:0', '-t', '5:8300', '-c', '5:root ü', '-A', '5:set:2', image);
  return image;
}

function compare(table: PartitionTable, expected: SfdiskTable): void {
  expect(table.scheme).toBe(expected.label === 'dos' ? 'mbr' : 'gpt');
  expect(table.sectorSizeInBytes).toBe(expected.sectorsize);
  expect(table.diskUuid).toBe(expected.id.replace(/^0x/, '').toLowerCase());
  const ours = table.partitions.map(({ startInBytes, sizeInBytes, type, typeGuid, uuid, name }) => ({
    start: startInBytes / table.sectorSizeInBytes,
    size: sizeInBytes / table.sectorSizeInBytes,
    type: typeGuid ?? type?.toString(16),
    ...(typeGuid !== undefined && { uuid: uuid.toUpperCase(), ...(name !== '' && { name }) }),
  }));
  const theirs = expected.partitions.map(({ start, size, type, uuid, name }) => ({
    start,
    size,
    type,
    ...(uuid !== undefined && { uuid }),
    ...(name !== undefined && { name }),
  }));
  expect(ours).toEqual(theirs);
}

test('a GPT of sgdisk', async () => {
  const image = makeGpt('gpt.img');
  const table = await read(image);
  compare(table, sfdisk(image));
  expect(table.problems).toEqual([]);
  expect(table.partitions.map(({ number }) => number)).toEqual([1, 2, 5]);
  expect(table.partitions[2]?.attributes).toBe(4n);
  for (const { number, uuid, typeName } of table.partitions) {
    const about = tool('sgdisk', '-i', String(number), image);
    expect(about.toLowerCase()).toContain(`unique guid: ${uuid}`);
    expect(typeName).toBe(
      { 1: 'EFI system partition', 2: 'BIOS boot partition', 5: 'Linux filesystem' }[number],
    );
  }
});

test.for([512, 4096])('a GPT of fdisk with sectors of %d bytes', async (sector) => {
  const image = blank(`fdisk-${sector}.img`);
  const keys = ['g', 'n', '1', '', '+4M', 't', '1', 'n', '2', '', '', 'w', ''].join('\n');
  const script = directory.path('keys');
  writeFileSync(script, keys);
  tool('sh', '-c', 'fdisk -b "$1" "$0" < "$2"', image, String(sector), script);
  const table = await read(image);
  expect(table).toMatchObject({ scheme: 'gpt', sectorSizeInBytes: sector, problems: [] });
  const listed = tool('fdisk', '-b', String(sector), '-l', '-o', 'Start,Sectors,Type-UUID,UUID', image);
  expect(listed).toContain(`Disk identifier: ${table.diskUuid?.toUpperCase()}\n`);
  const ours = table.partitions.map(({ startInBytes, sizeInBytes, typeGuid, uuid }) =>
    [startInBytes / sector, sizeInBytes / sector, typeGuid, uuid.toUpperCase()].join(' '),
  );
  const [, rows = ''] = listed.split(/^ *Start.*\n/m);
  expect(ours).toEqual(
    rows
      .trim()
      .split('\n')
      .map((row) => row.trim().replaceAll(/ +/g, ' ')),
  );
  expect(ours).toHaveLength(2);
});

test('each copy of a GPT is used when the other is damaged, and the damage is told', async () => {
  const image = makeGpt('damaged.img');
  const expected = sfdisk(image);
  const size = 64 * 2 ** 20;
  const damage = /invalid|damaged|corrupt|Problem:|CRC/i;
  const places = [
    { offset: 512 + 40, code: 'primary-header' },
    { offset: 1024 + 56, code: 'primary-entries' },
    { offset: size - 512 + 40, code: 'backup-header' },
    { offset: size - 33 * 512 + 56, code: 'backup-entries' },
  ];
  for (const { offset, code } of places) {
    const copy = directory.path('damaged-copy.img');
    tool('cp', image, copy);
    overwrite(copy, offset, Buffer.from([0xaa]));
    const table = await read(copy);
    compare(table, expected);
    expect(table.problems.map((problem) => problem.code)).toContain(code);
    // sgdisk sees damage there too, and none in the whole one.
    const verdict = tool('sh', '-c', 'sgdisk -v "$0" 2>&1 || true', copy);
    expect(verdict).toMatch(damage);
  }
  expect(tool('sgdisk', '-v', image)).not.toMatch(damage);
});

test('an image that grew or was cut', async () => {
  const image = makeGpt('grown.img');
  truncateSync(image, 80 * 2 ** 20);
  expect((await read(image)).problems.map(({ code }) => code)).toEqual(['backup-misplaced']);
  truncateSync(image, 40 * 2 ** 20);
  expect((await read(image)).problems.map(({ code }) => code)).toEqual(['backup-misplaced', 'out-of-disk']);
});

test('a hybrid MBR', async () => {
  const image = makeGpt('hybrid.img');
  tool('sgdisk', '-h', '1', image);
  expect((await read(image)).problems.map(({ code }) => code)).toEqual(['hybrid-mbr']);
});

test.for([
  'label: dos\n,20M,ef,*\n,20M,83\n,,8e\n',
  'label: dos\n,10M,c\n,40M,5\n,4M,83\n,4M,82\n,4M,83\n,4M,fd\n',
  'label: dos\n,10M,c\n,,f\n,4M,83\n,4M,82\n',
])('an MBR of sfdisk: %j', async (script) => {
  const image = blank('mbr.img');
  const text = directory.path('script');
  writeFileSync(text, script);
  tool('sh', '-c', 'sfdisk -q "$0" < "$1"', image, text);
  const table = await read(image);
  const expected = sfdisk(image);
  compare(table, expected);
  expect(table.problems).toEqual([]);
  expect(table.partitions.map(({ active }) => active)).toEqual(
    expected.partitions.map(({ bootable }) => bootable ?? false),
  );
});

test.for([
  { begins: 'FAT in the first', make: ['mkfs.vfat', '-S', '4096', '--offset', '256'] },
  { begins: 'ext4 in the first', make: ['mke2fs', '-q', '-t', 'ext4', '-E', 'offset=1048576'] },
  { begins: 'logical partitions only', make: undefined },
])('an MBR of fdisk with sectors of 4096 bytes: $begins', async ({ make }) => {
  const image = blank('mbr-4096.img');
  const keys = [
    'o',
    'n',
    'p',
    '1',
    '',
    '+16M',
    'n',
    'e',
    '2',
    '',
    '',
    'n',
    '',
    '+8M',
    'n',
    '',
    '+4M',
    't',
    '5',
    '82',
  ];
  const script = directory.path('keys');
  writeFileSync(script, [...keys, 'w', ''].join('\n'));
  tool('sh', '-c', 'fdisk -b 4096 "$0" < "$1"', image, script);
  // Sizes there are in KiB.
  if (make !== undefined) tool(make[0] ?? '', ...make.slice(1), image, '16384');
  const table = await read(image);
  expect(table).toMatchObject({ scheme: 'mbr', sectorSizeInBytes: 4096, problems: [] });
  const ours = table.partitions.map(({ number, startInBytes, sizeInBytes, type, uuid }) =>
    [number, startInBytes / 512, sizeInBytes / 512, `0x${type?.toString(16)}`, uuid].join(' '),
  );
  // partx has another reader than fdisk, libblkid's, and counts in 512 bytes whatever sectors are.
  const listed = tool('partx', '-r', '-g', '-o', 'NR,START,SECTORS,TYPE,UUID', '-S', '4096', image);
  expect(ours).toEqual(listed.trim().split('\n'));
  expect(ours).toHaveLength(4);
});

test.for(['12', '16', '32'])('a FAT%s volume has no partition table', async (width) => {
  const image = blank(`fat${width}.img`, width === '12' ? 2 ** 20 : 64 * 2 ** 20);
  tool('mkfs.vfat', '-F', width, image);
  expect((await read(image)).scheme).toBe('none');
});
