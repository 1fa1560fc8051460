import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEncrypted, noise, sha256Of, temporaryDirectory, tool } from '../../fixtures/disks/tools.ts';
import { openFile } from '../blob/file.ts';
import { FormatError } from '../errors.ts';
import { openVirtualDisk, readContainer } from './container.ts';
import { qcow2Extent } from './qcow2.ts';

// Every kind of image that qemu-img writes, read by us and by qemu-img.

const directory = temporaryDirectory();
const raw = directory.path('source.raw');

beforeAll(() => {
  // Not a whole number of clusters; noise, text, holes and lone sectors.
  const disk = Buffer.alloc(9 * 1024 * 1024 + 1536);
  noise(1_500_000, 7).copy(disk, 100_000);
  disk.fill('Ironic deploys what it is given. ', 3 * 1024 * 1024, 5 * 1024 * 1024);
  for (let at = 6 * 1024 * 1024; at < 7 * 1024 * 1024; at += 40_960) noise(512, at).copy(disk, at);
  noise(1536, 9).copy(disk, disk.length - 1536);
  writeFileSync(raw, disk);
});
afterAll(() => directory[Symbol.dispose]());

interface Variant {
  readonly options: string;
  readonly compressed?: boolean;
}

const variants: Variant[] = [
  ...['0.10', '1.1'].flatMap((compat) =>
    ['512', '1k', '4k', '32k', '64k', '512k', '2M'].flatMap((size) => [
      { options: `compat=${compat},cluster_size=${size}` },
      { options: `compat=${compat},cluster_size=${size}`, compressed: true },
    ]),
  ),
  ...['512', '16k', '64k', '2M'].map((size) => ({
    options: `cluster_size=${size},compression_type=zstd`,
    compressed: true,
  })),
  ...['metadata', 'falloc', 'full'].map((how) => ({ options: `preallocation=${how}` })),
  { options: 'cluster_size=512,preallocation=metadata' },
  { options: 'lazy_refcounts=on' },
  { options: 'refcount_bits=1' },
  ...['16k', '64k', '2M'].map((size) => ({ options: `extended_l2=on,cluster_size=${size}` })),
  { options: 'extended_l2=on', compressed: true },
  { options: 'extended_l2=on,preallocation=metadata' },
];

interface QemuInfo {
  'virtual-size': number;
  'cluster-size': number;
  snapshots?: unknown[];
  'format-specific': {
    data: { compat: string; 'compression-type': string; 'extended-l2'?: boolean; corrupt?: boolean };
  };
}

type QemuMap = { offset?: number; length: number; zero: boolean }[];

/** Header, content and extent of one image, as we read them and as qemu-img does. */
async function readBoth(image: string) {
  const plain = `${image}.plain`;
  tool('qemu-img', 'convert', '-O', 'raw', image, plain);
  await using expected = await openFile(plain);
  await using file = await openFile(image);
  const container = await readContainer(file);
  const disk = openVirtualDisk(container, file);
  if (container.qcow2 === undefined) throw new Error('no header');
  const { neededInBytes } = await qcow2Extent(file, container.qcow2);

  const info = JSON.parse(tool('qemu-img', 'info', '--output=json', image)) as QemuInfo;
  const data = info['format-specific'].data;
  const map = JSON.parse(tool('qemu-img', 'map', '--output=json', image)) as QemuMap;
  // A compressed cluster has no offset there.
  const ends = map.flatMap(({ offset, length, zero }) =>
    zero || offset === undefined ? [] : [offset + length],
  );
  const sha256 = await sha256Of(expected);
  return {
    ours: {
      header: container.qcow2,
      sizeInBytes: disk.sizeInBytes,
      sha256: [await sha256Of(disk), await sha256Of(disk, 7_777_777)],
    },
    theirs: {
      header: {
        version: data.compat === '0.10' ? 2 : 3,
        virtualSizeInBytes: info['virtual-size'],
        clusterSizeInBytes: info['cluster-size'],
        compression: data['compression-type'],
        extendedL2: data['extended-l2'] ?? false,
        corrupt: data.corrupt ?? false,
        snapshots: info.snapshots?.length ?? 0,
        encryption: 'none',
        externalDataFile: false,
        unknownIncompatibleBits: [],
      },
      sizeInBytes: expected.sizeInBytes,
      sha256: [sha256, sha256],
    },
    neededInBytes,
    leastInBytes: Math.max(0, ...ends),
    fileInBytes: file.sizeInBytes,
  };
}

test.for(variants)('$options, compressed: $compressed', async ({ options, compressed }) => {
  const image = directory.path(`${options.replaceAll(/[=,.]/g, '-')}${compressed ? '-c' : ''}.qcow2`);
  tool('qemu-img', 'convert', '-O', 'qcow2', '-o', options, ...(compressed ? ['-c'] : []), raw, image);
  const { ours, theirs, neededInBytes, leastInBytes, fileInBytes } = await readBoth(image);
  expect(ours).toMatchObject(theirs);
  expect(neededInBytes).toBeGreaterThanOrEqual(leastInBytes);
  expect(neededInBytes).toBeLessThanOrEqual(fileInBytes);
});

describe('images that were written to', () => {
  test.for(['cluster_size=64k', 'cluster_size=4k', 'extended_l2=on', 'compat=0.10'])(
    '%s',
    async (options) => {
      const image = directory.path(`written-${options.replaceAll(/[=.]/g, '-')}.qcow2`);
      tool('qemu-img', 'convert', '-c', '-O', 'qcow2', '-o', options, raw, image);
      tool('qemu-img', 'snapshot', '-c', 'before', image);
      tool(
        'qemu-io',
        ...[
          'write -P 0x5a 1M 300k',
          'write -z 2M 192k',
          'discard 3M 1M',
          'write -P 1 5000k 3k',
          'write -z -u 6M 64k',
        ].flatMap((command) => ['-c', command]),
        image,
      );
      tool('qemu-img', 'snapshot', '-c', 'after', image);
      const { ours, theirs, neededInBytes, leastInBytes, fileInBytes } = await readBoth(image);
      expect(ours).toMatchObject(theirs);
      expect(neededInBytes).toBeGreaterThanOrEqual(leastInBytes);
      expect(neededInBytes).toBeLessThanOrEqual(fileInBytes);
    },
  );
});

test('a file cut anywhere is noticed, by the extent or when it is read', async () => {
  const image = directory.path('cut.qcow2');
  tool('qemu-img', 'convert', '-c', '-O', 'qcow2', raw, image);
  const whole = statSync(image).size;
  for (const size of [whole - 2048, Math.floor(whole / 2), 300_000, 70_000]) {
    truncateSync(image, size);
    await using file = await openFile(image);
    const container = await readContainer(file);
    const disk = openVirtualDisk(container, file);
    await expect(sha256Of(disk)).rejects.toThrow(FormatError);
    if (container.qcow2 === undefined) throw new Error('no header');
    const needed = await qcow2Extent(file, container.qcow2).then(
      ({ neededInBytes }) => neededInBytes,
      (error: unknown) => {
        expect(error).toBeInstanceOf(FormatError);
        return Infinity;
      },
    );
    expect(needed).toBeGreaterThan(size);
  }
});

test('what qemu-img makes with a backing file, a data file or a password is named and refused', async () => {
  const base = directory.path('base.raw');
  writeFileSync(base, Buffer.alloc(1024 * 1024));
  const make = async (name: string, ...args: string[]) => {
    const image = directory.path(name);
    createEncrypted('-f', 'qcow2', ...args, image, '1M');
    await using file = await openFile(image, name);
    const container = await readContainer(file);
    expect(() => openVirtualDisk(container, file)).toThrow(/^[a-z]+\.qcow2: a qcow2 image /);
    return container.qcow2;
  };
  expect(await make('backed.qcow2', '-b', base, '-F', 'raw')).toMatchObject({ backingFile: base });
  const dataFile = directory.path('data.bin');
  expect(await make('external.qcow2', '-o', `data_file=${dataFile}`)).toMatchObject({
    externalDataFile: true,
    dataFileName: dataFile,
  });
  const secret = ['--object', 'secret,id=s,data=password'];
  expect(
    await make(
      'luks.qcow2',
      ...secret,
      '-o',
      'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10',
    ),
  ).toMatchObject({
    encryption: 'luks',
  });
  expect(await make('aes.qcow2', ...secret, '-o', 'encrypt.format=aes,encrypt.key-secret=s')).toMatchObject({
    encryption: 'aes',
  });
});

test.for(['vmdk', 'vdi', 'vhdx', 'qed', 'vpc', 'raw', 'luks'])('%s is recognised', async (format) => {
  const image = directory.path(`other.${format}`);
  const luks = ['--object', 'secret,id=s,data=password', '-o', 'key-secret=s,iter-time=10'];
  createEncrypted('-f', format, ...(format === 'luks' ? luks : []), image, '1M');
  await using file = await openFile(image);
  expect((await readContainer(file)).format).toBe(format === 'vpc' ? 'vhd' : format);
});

test.for(['fixed', 'dynamic'])('a VHD of kind %s is recognised', async (kind) => {
  const image = directory.path(`${kind}.vhd`);
  tool('qemu-img', 'create', '-f', 'vpc', '-o', `subformat=${kind}`, image, '1M');
  await using file = await openFile(image);
  expect((await readContainer(file)).format).toBe('vhd');
});
