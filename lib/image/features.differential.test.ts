import { closeSync, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { featureTable, reasonOf } from '../../fixtures/coverage/feature-table.ts';
import { createEncrypted, noise, sha256Of, temporaryDirectory, tool } from '../../fixtures/disks/tools.ts';
import { openFile } from '../blob/file.ts';
import { openVirtualDisk, readContainer } from './container.ts';

// Every feature of every kind of image that qemu-img makes, each in an image of its own: that the feature is there is
// for qemu-img to say, and what is in the disk too. The table is printed, and none of its cells may be left out.

const versions = { 'qcow2 v2': '0.10', 'qcow2 v3': '1.1' } as const;
const v2 = 'qcow2 v2';
const v3 = 'qcow2 v3';
const rows = {
  size: 'a size that is no whole cluster',
  huge: 'virtual size of 8 TiB',
  unallocated: 'clusters without content',
  clusters: 'clusters of 512 B … 2 MiB',
  zlib: 'compressed, zlib',
  zstd: 'compressed, zstd',
  extended: 'extended L2 entries (subclusters)',
  zero: 'clusters marked as zero',
  zeroOver: 'zeroed and discarded over content',
  metadata: 'preallocation=metadata',
  falloc: 'preallocation=falloc',
  full: 'preallocation=full',
  snapshots: 'internal snapshots',
  bitmaps: 'persistent dirty bitmaps',
  extensions: 'header extensions, one unknown',
  refcounts: 'reference counts of 1 … 64 bits',
  dirty: 'not closed (dirty bit)',
  backing: 'backing file',
  dataFile: 'external data file',
  rawDataFile: 'external data file, raw',
  aes: 'encrypted, AES',
  luks: 'encrypted, LUKS',
  corrupt: 'marked as corrupt',
  unknown: 'unknown incompatible bit',
} as const;
const table = featureTable('Images: features × containers', Object.values(rows), ['raw', v2, v3]);
/** What each has to be called when it is refused. */
const others = {
  vmdk: 'VMDK',
  'vmdk stream': 'VMDK',
  vhdx: 'VHDX',
  vdi: 'VDI',
  vpc: 'VHD',
  'vpc fixed': 'VHD',
  qed: 'QED',
  qcow: 'version 1',
  luks: 'LUKS',
} as const;
const files = {
  iso: 'ISO 9660',
  gzip: 'gzip',
  xz: 'xz',
  zstd: 'zstd',
  bzip2: 'bzip2',
  empty: 'empty',
  html: 'HTML',
} as const;
const asDisk = 'read as a disk';
const otherNames = [...Object.keys(others), ...Object.keys(files)];
const otherTable = featureTable('Files that are no raw or qcow2 disk', otherNames, [asDisk]);

const directory = temporaryDirectory();
const source = directory.path('source.raw');
const image = directory.path('image');
const base = directory.path('base.raw');
const sizeInBytes = 3 * 1024 * 1024 + 1536;

beforeAll(() => {
  const disk = Buffer.alloc(sizeInBytes);
  noise(300_000, 7).copy(disk, 100_000);
  disk.fill('Ironic deploys what it is given. ', 1024 * 1024, 1_400_000);
  noise(1536, 9).copy(disk, disk.length - 1536);
  writeFileSync(source, disk);
  writeFileSync(base, Buffer.alloc(1024 * 1024, 0x5a));
});
afterAll(() => directory[Symbol.dispose]());

interface QemuInfo {
  'virtual-size': number;
  'cluster-size': number;
  'dirty-flag': boolean;
  snapshots?: { name: string }[];
  'format-specific': {
    data: {
      compat: string;
      'compression-type': string;
      'refcount-bits': number;
      'extended-l2'?: boolean;
      corrupt?: boolean;
      bitmaps?: { name: string }[];
      'data-file'?: string;
    };
  };
}
const info = (): QemuInfo => JSON.parse(tool('qemu-img', 'info', '-U', '--output=json', image)) as QemuInfo;
const data = () => info()['format-specific'].data;
const map = () => JSON.parse(tool('qemu-img', 'map', '--output=json', image)) as Record<string, unknown>[];
const io = (...commands: string[]) =>
  tool('qemu-io', ...commands.flatMap((command) => ['-c', command]), image);

function convert(compat: string, options = '', ...more: string[]): void {
  const all = [`compat=${compat}`, ...(options === '' ? [] : [options])].join(',');
  tool('qemu-img', 'convert', '-O', 'qcow2', '-o', all, ...more, source, image);
}

/** What is in the disk, as we read it and as qemu-img does; and that it is of the version asked for. */
async function compare(compat: string): Promise<void> {
  expect(data().compat).toBe(compat);
  const plain = directory.path('plain.raw');
  tool('qemu-img', 'convert', '-U', '-O', 'raw', image, plain);
  await using expected = await openFile(plain);
  await using file = await openFile(image);
  const disk = openVirtualDisk(await readContainer(file), file);
  expect(disk.sizeInBytes).toBe(expected.sizeInBytes);
  expect(await sha256Of(disk)).toBe(await sha256Of(expected));
}

/** Why it is not read. */
async function refusal(path = image): Promise<string> {
  await using file = await openFile(path);
  const container = await readContainer(file);
  try {
    openVirtualDisk(container, file);
  } catch (error) {
    return reasonOf(error, file.origin).replaceAll(directory.path(''), '');
  }
  throw new Error(`${path} was read`);
}

function setIncompatibleBit(bit: number): void {
  const file = openSync(image, 'r+');
  const bits = Buffer.alloc(8);
  bits.writeBigUInt64BE(1n << BigInt(bit));
  writeSync(file, bits, 0, 8, 72);
  closeSync(file);
}

test('raw: of any size, with holes', async () => {
  truncateSync(base, 8 * 2 ** 40);
  for (const [path, row] of [
    [source, rows.size],
    [base, rows.huge],
  ] as const) {
    await using file = await openFile(path);
    const disk = openVirtualDisk(await readContainer(file), file);
    expect(disk.sizeInBytes).toBe(file.sizeInBytes);
    table.reads(row, 'raw');
  }
  const holes = JSON.parse(tool('qemu-img', 'map', '-f', 'raw', '--output=json', base)) as object[];
  expect(holes).toContainEqual(expect.objectContaining({ data: false }));
  truncateSync(base, 1024 * 1024);
  await using file = await openFile(source);
  expect(await sha256Of(openVirtualDisk(await readContainer(file), file))).toBe(await sha256Of(file));
  table.reads(rows.unallocated, 'raw');
  const ofQcow2 = Object.values(rows).filter(
    (row) => ![rows.size, rows.huge, rows.unallocated].includes(row as never),
  );
  for (const row of ofQcow2) table.lacks(row, 'raw');
});

describe.each(Object.entries(versions))('%s', (version, compat) => {
  const reads = async (row: string) => {
    await compare(compat);
    table.reads(row, version);
  };

  test('sizes and clusters', async () => {
    for (let size = 512; size <= 2 * 1024 * 1024; size *= 2) {
      convert(compat, `cluster_size=${size}`);
      expect(info()['cluster-size']).toBe(size);
      await compare(compat);
    }
    table.reads(rows.clusters, version);
    expect(info()['virtual-size'] % info()['cluster-size']).not.toBe(0);
    table.reads(rows.size, version);
    tool('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', `compat=${compat}`, image, '8T');
    io('write -P 0x33 7T 100k', 'write -P 0x34 100 5000');
    await using file = await openFile(image);
    const disk = openVirtualDisk(await readContainer(file), file);
    expect(disk.sizeInBytes).toBe(info()['virtual-size']);
    expect(await disk.read(7 * 2 ** 40, 102_400)).toEqual(Buffer.alloc(102_400, 0x33));
    expect(await disk.read(100, 5000)).toEqual(Buffer.alloc(5000, 0x34));
    expect(await disk.read(7 * 2 ** 40 - 1000, 1000)).toEqual(Buffer.alloc(1000));
    table.reads(rows.huge, version);
  });

  test('compressed', async () => {
    convert(compat, '', '-c');
    // What is compressed has no offset there, and is data all the same.
    expect(map().some((part) => part['data'] === true && !('offset' in part))).toBe(true);
    expect(data()['compression-type']).toBe('zlib');
    await reads(rows.zlib);
  });

  test.for(['metadata', 'falloc', 'full'] as const)('preallocation=%s', async (how) => {
    convert(compat, `preallocation=${how}`);
    expect(map().every((part) => 'offset' in part)).toBe(true);
    await reads(rows[how]);
  });

  test('zeroed and discarded, and snapshots', async () => {
    convert(compat);
    tool('qemu-img', 'snapshot', '-c', 'before', image);
    io('write -z 128k 64k', 'discard 1M 64k', 'write -P 0x5a 200k 70k');
    expect(map()).toContainEqual(expect.objectContaining({ data: false, present: false }));
    table.reads(rows.unallocated, version);
    await reads(rows.zeroOver);
    expect(info().snapshots?.map(({ name }) => name)).toEqual(['before']);
    await reads(rows.snapshots);
  });

  test('an extension of the header that nobody knows', async () => {
    convert(compat);
    const bytes = Buffer.from(readFileSync(image).subarray(0, 512));
    const start = compat === '0.10' ? 72 : bytes.readUInt32BE(100);
    // In the place of what is there, at worst the names of features, which are for people.
    bytes.writeUInt32BE(0x12345678, start);
    bytes.writeUInt32BE(11, start + 4);
    bytes.write('hello world', start + 8, 'latin1');
    bytes.fill(0, start + 24);
    const file = openSync(image, 'r+');
    writeSync(file, bytes);
    closeSync(file);
    expect(tool('qemu-io', '-c', 'read -P 0 0 64k', image)).toContain('read 65536/65536');
    await reads(rows.extensions);
  });

  test('what is refused', async () => {
    const refuses = async (row: string, ...args: string[]) => {
      createEncrypted('-f', 'qcow2', ...args, image, '1M');
      expect(data().compat).toBe(compat);
      table.refuses(row, await refusal(), version);
    };
    const options = (text: string) => ['-o', `compat=${compat},${text}`];
    await refuses(rows.backing, '-o', `compat=${compat}`, '-b', base, '-F', 'raw');
    const secret = ['--object', 'secret,id=s,data=password'];
    await refuses(rows.aes, ...secret, ...options('encrypt.format=aes,encrypt.key-secret=s'));
    const luks = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10';
    await refuses(rows.luks, ...secret, ...options(luks));
  });
});

describe('version 3 alone', () => {
  const compat = versions[v3];

  test('has bits for what is incompatible, and these features', async () => {
    convert(compat, 'compression_type=zstd', '-c');
    expect(data()['compression-type']).toBe('zstd');
    await compare(compat);
    table.reads(rows.zstd, v3);

    convert(compat, 'extended_l2=on');
    io('write -P 0x44 130k 3k', 'write -z 256k 2k');
    expect(data()['extended-l2']).toBe(true);
    await compare(compat);
    table.reads(rows.extended, v3);

    tool('qemu-img', 'create', '-q', '-f', 'qcow2', image, '1M');
    io('write -z 0 512k', 'write -P 1 600k 9k');
    expect(map()[0]).toMatchObject({ start: 0, length: 512 * 1024, present: true, zero: true });
    await compare(compat);
    table.reads(rows.zero, v3);

    convert(compat);
    tool('qemu-img', 'bitmap', '--add', image, 'backup');
    io('write -P 0x77 0 100k');
    expect(data().bitmaps).toMatchObject([{ name: 'backup' }]);
    await compare(compat);
    table.reads(rows.bitmaps, v3);

    for (const bits of [1, 2, 4, 8, 16, 32, 64]) {
      convert(compat, `refcount_bits=${bits}`);
      expect(data()['refcount-bits']).toBe(bits);
      await compare(compat);
    }
    table.reads(rows.refcounts, v3);

    convert(compat, 'lazy_refcounts=on');
    expect(() => io('write -P 0x66 2M 64k', 'flush', 'abort')).toThrow('Command failed: qemu-io');
    expect(info()['dirty-flag']).toBe(true);
    await compare(compat);
    table.reads(rows.dirty, v3);
    for (const row of [rows.zstd, rows.extended, rows.zero, rows.bitmaps, rows.refcounts, rows.dirty]) {
      table.lacks(row, v2);
    }
  });

  test('and these refusals', async () => {
    for (const [row, more] of [
      [rows.dataFile, ''],
      [rows.rawDataFile, ',data_file_raw=on'],
    ] as const) {
      const file = directory.path('data.bin');
      tool('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', `data_file=${file}${more}`, image, '1M');
      expect(data()['data-file']).toBe(file);
      table.refuses(row, await refusal(), v3);
    }
    convert(compat);
    setIncompatibleBit(1);
    expect(data().corrupt).toBe(true);
    table.refuses(rows.corrupt, await refusal(), v3);
    setIncompatibleBit(40);
    expect(() => info()).toThrow('Unsupported qcow2 feature');
    table.refuses(rows.unknown, await refusal(), v3);
    for (const row of [rows.dataFile, rows.rawDataFile, rows.corrupt, rows.unknown]) table.lacks(row, v2);
  });
});

test.for(Object.entries(others))('%s is refused', async ([name, called]) => {
  const [format = '', kind] = name.split(' ');
  const luks = ['--object', 'secret,id=s,data=password', '-o', 'key-secret=s,iter-time=10'];
  const kinds = { stream: ['-o', 'subformat=streamOptimized'], fixed: ['-o', 'subformat=fixed'] } as const;
  const path = directory.path('other');
  createEncrypted(
    '-f',
    format,
    ...(kind === undefined ? [] : kinds[kind as keyof typeof kinds]),
    ...(format === 'luks' ? luks : []),
    path,
    '1M',
  );
  const why = await refusal(path);
  expect(why).toContain(called);
  otherTable.refuses(name, why, asDisk);
});

test.for(Object.entries(files))('%s is refused', async ([name, called]) => {
  const path = directory.path(`file.${name}`);
  if (name === 'iso') tool('genisoimage', '-quiet', '-o', path, source);
  else if (name === 'empty') writeFileSync(path, '');
  else if (name === 'html') writeFileSync(path, '<!DOCTYPE html>\n<html><body>404</body></html>\n');
  else tool('sh', '-c', '"$0" -c "$1" > "$2"', name, source, path);
  const why = await refusal(path);
  expect(why).toContain(called);
  otherTable.refuses(name, why, asDisk);
});

test('no cell is left out', () => {
  expect([...table.undeclared(), ...otherTable.undeclared()]).toEqual([]);
  console.log(`\n${table.render()}\n${otherTable.render()}`);
});
