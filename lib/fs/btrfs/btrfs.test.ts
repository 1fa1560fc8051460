import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  expectedBtrfs,
  mirrorAt,
  nodesRead,
  patched,
  seal,
  superblockAt,
  withSuperblock,
} from '../../../fixtures/disks/btrfs-images.ts';
import { damaged, outcome, touchAll } from '../../../fixtures/disks/damage.ts';
import { fixtureDisk } from '../../../fixtures/disks/images.ts';
import { listFileSystem } from '../../../fixtures/disks/tree.ts';
import { type Blob, readText } from '../../blob/blob.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { nameHash } from './checksum.ts';
import { openBtrfs } from './btrfs.ts';
import { openFileSystem, recogniseFileSystem } from '../detect.ts';

const names = Object.keys(expectedBtrfs.trees);
const disks = new Map<string, Blob>();

/** The whole disk in memory, so that reading it again and again is quick. */
async function diskOf(name: string): Promise<Blob> {
  const known = disks.get(name);
  if (known !== undefined) return known;
  const disk = await fixtureDisk(name);
  const blob = memoryBlob(await disk.read(0, disk.sizeInBytes), 'disk');
  disks.set(name, blob);
  return blob;
}

/** Part of the entries of a listing, from a directory on. */
function below(directory: string): Record<string, string> {
  const inside = Object.entries(expectedBtrfs.topLevel).filter(([path]) => path.startsWith(`${directory}/`));
  return Object.fromEntries(inside.map(([path, about]) => [path.slice(directory.length), about]));
}

test.for(names)('%s: names, modes, links and contents as Linux has them', async (name) => {
  const disk = await diskOf(name);
  const fileSystem = await openBtrfs(disk);
  // What is in a log is told apart below.
  const tree = name === 'btrfs-log' ? expectedBtrfs.replayed : expectedBtrfs.trees[name];
  expect(await listFileSystem(fileSystem)).toEqual(tree);
  const { extents: _, ...about } = expectedBtrfs.fileSystems[name] ?? {};
  expect(fileSystem).toMatchObject({ ...about, type: 'btrfs' });
  const type = name === 'btrfs-sha256' ? 'sha256' : 'crc32c';
  expect(fileSystem.checksums).toEqual({ type, areVerified: true });
});

test('the images have what is hard to read', () => {
  const kinds = Object.keys(expectedBtrfs.fileSystems['btrfs']?.extents ?? {});
  for (const algorithm of ['none', 'zlib', 'lzo', 'zstd']) {
    expect(kinds).toContain(`inline ${algorithm}`);
    expect(kinds).toContain(`regular ${algorithm}`);
  }
  expect(kinds.some((kind) => kind.startsWith('prealloc'))).toBe(true);
  expect(nameHash(Buffer.from('73fb305c6b38.conf'))).toBe(nameHash(Buffer.from('6075e112f956.conf')));
  // As `btrfs inspect-internal dump-tree` prints for the default subvolume of any file system.
  expect(nameHash(Buffer.from('default'))).toBe(2378154706n);
});

test('it is recognised and opened as btrfs', async () => {
  const disk = await diskOf('btrfs-mixed');
  expect(await recogniseFileSystem(disk)).toBe('btrfs');
  expect(await openFileSystem(disk)).toMatchObject({ type: 'btrfs', label: 'cloudimg-rootfs' });
});

describe('subvolumes', () => {
  test('paths go on into other subvolumes, but not from a snapshot', async () => {
    const fileSystem = await openBtrfs(await diskOf('btrfs'));
    const top = await fileSystem.subvolume('/');
    expect(await listFileSystem(top)).toEqual(expectedBtrfs.topLevel);
    expect(await readText(await top.open('/@/nested/inside'))).toBe('inside');
    expect(await top.lookup('/@before/nested')).toMatchObject({ type: 'directory', mode: 0o755 });
    expect(await top.lookup('/@before/nested/inside')).toBeUndefined();
  });

  test('the default one is what is mounted, and another can be asked for', async () => {
    const fileSystem = await openBtrfs(await diskOf('btrfs'));
    expect(fileSystem.defaultSubvolume).toBeGreaterThanOrEqual(256n);
    expect((await openBtrfs(await diskOf('btrfs-mixed'))).defaultSubvolume).toBe(5n);
    for (const path of ['/@', '/@home', '/@/nested', '/@before']) {
      expect(await listFileSystem(await fileSystem.subvolume(path))).toEqual(below(path));
    }
    await expect(fileSystem.subvolume('@var')).rejects.toThrow('disk › @var: no such subvolume');
    await expect(fileSystem.subvolume('@/etc')).rejects.toThrow(
      'disk › @/etc: a directory, not where a subvolume begins',
    );
  });

  test('each is listed with its path from the top level', async () => {
    const fileSystem = await openBtrfs(await diskOf('btrfs'));
    const paths = (await fileSystem.subvolumes()).map(({ path }) => path);
    expect(paths.toSorted()).toEqual(['@', '@/nested', '@before', '@home']);
    const byId = (await fileSystem.subvolumes()).find(({ id }) => id === fileSystem.defaultSubvolume);
    expect(byId?.path).toBe('@');
    expect(await (await openBtrfs(await diskOf('btrfs-mixed'))).subvolumes()).toEqual([]);
  });

  test('messages name the subvolume', async () => {
    const home = await (await openBtrfs(await diskOf('btrfs'))).subvolume('/@home/');
    await expect(home.open('/none')).rejects.toThrow(
      'disk › subvol=@home › /none: no such file or directory',
    );
    expect(home.needsRecovery).toBe(false);
  });

  test('links begin in the subvolume that is looked at', async () => {
    const home = await (await openBtrfs(await diskOf('btrfs'))).subvolume('@/nested');
    expect(await home.lookup('/../../inside')).toMatchObject({ name: 'inside', type: 'file' });
  });
});

test('what is in the log only is read from there', async () => {
  const fileSystem = await openBtrfs(await diskOf('btrfs-log'));
  expect(fileSystem.needsRecovery).toBe(true);
  expect(Object.keys(expectedBtrfs.replayed)).toEqual(['/file', '/other']);
  expect(expectedBtrfs.trees['btrfs-log']).not.toEqual(expectedBtrfs.replayed);
  expect(await listFileSystem(fileSystem)).toEqual(expectedBtrfs.replayed);
  expect(await readText(await fileSystem.open('/file'))).toBe('new');
  expect(await fileSystem.lookup('/other')).toMatchObject({ type: 'file', sizeInBytes: 4 });
});

test('a small file is read without the rest of the disk', async () => {
  const disk = await diskOf('btrfs');
  let bytesRead = 0;
  const watched: Blob = {
    ...disk,
    read: (offset, length) => {
      bytesRead += length;
      return disk.read(offset, length);
    },
  };
  const fileSystem = await openBtrfs(watched);
  expect(await readText(await fileSystem.open('/etc/os-release'))).toBe(
    'NAME="Fedora Linux"\nVERSION_ID="42"\n',
  );
  expect(bytesRead).toBeLessThan(200_000);
});

test('any part of a compressed file can be read by itself', async () => {
  const fileSystem = await openBtrfs(await diskOf('btrfs'));
  for (const algorithm of ['zlib', 'lzo', 'zstd']) {
    const blob = await fileSystem.open(`/${algorithm}/clone`);
    const whole = await blob.read(0, blob.sizeInBytes);
    await fc.assert(
      fc.asyncProperty(fc.nat(blob.sizeInBytes), fc.nat(blob.sizeInBytes), async (one, other) => {
        const [from, to] = [Math.min(one, other), Math.max(one, other)];
        expect((await blob.read(from, to - from)).equals(whole.subarray(from, to))).toBe(true);
      }),
      { numRuns: 50 },
    );
  }
});

async function opening(change: (bytes: Buffer) => unknown) {
  return openBtrfs(await withSuperblock(await diskOf('btrfs-mixed'), change));
}

function setBit(at: number, bit: number) {
  return (bytes: Buffer) => bytes.writeBigUInt64LE(bytes.readBigUInt64LE(at) | (1n << BigInt(bit)), at);
}

describe('features', () => {
  // https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html: offsets in the superblock, and of its first chunk.
  const [flags, devices, incompat, chunkType] = [0x38, 0x88, 0xbc, 0x32b + 17 + 24];
  test.for<[string, (bytes: Buffer) => unknown]>([
    ['the incompatible feature zoned', setBit(incompat, 12)],
    ['the incompatible feature extent-tree-v2', setBit(incompat, 13)],
    ['the incompatible feature raid-stripe-tree', setBit(incompat, 14)],
    ['the incompatible feature unknown (0x8000000000000000)', setBit(incompat, 63)],
    ['a dump of metadata (btrfs-image), not a file system', setBit(flags, 33)],
    ['btrfs over 3 devices, of which this is one', setBit(devices, 1)],
    ['its profile raid0 is not read', setBit(chunkType, 3)],
    ['its profile raid1 is not read', setBit(chunkType, 4)],
    ['its profile raid1c4 is not read', setBit(chunkType, 10)],
    ['its profile unknown (bit 40) is not read', setBit(chunkType, 40)],
    ['the unknown checksum type 7', (bytes) => bytes.writeUInt16LE(7, 0xc4)],
  ])('%s', async ([message, change]) => {
    await expect(opening(change)).rejects.toThrow(UnsupportedError);
    await expect(opening(change)).rejects.toThrow(message);
  });

  test.for([0, 3, 6, 7, 8, 11, 16])('bit %i changes nothing for a reader', async (bit) => {
    const fileSystem = await opening(setBit(incompat, bit));
    expect(await fileSystem.lookup('/usr/bin/tool')).toMatchObject({ sizeInBytes: 4500, mode: 0o4755 });
  });

  test('checksums that Node cannot compute are not verified, and that is told', async () => {
    for (const [number, type] of [
      [1, 'xxhash64'],
      [3, 'blake2b'],
    ] as const) {
      const fileSystem = await opening((bytes) => bytes.writeUInt16LE(number, 0xc4));
      expect(fileSystem.checksums).toEqual({ type, areVerified: false });
      expect(await listFileSystem(fileSystem)).toEqual(expectedBtrfs.trees['btrfs-mixed']);
    }
  });

  test('a metadata_uuid is what nodes have, and not what is shown', async () => {
    const fileSystem = await opening((bytes) => {
      bytes.copy(bytes, 0x23b, 0x20, 0x30);
      bytes.fill(0xab, 0x20, 0x30);
      setBit(incompat, 10)(bytes);
    });
    expect(fileSystem.uuid).toBe('abababab-abab-abab-abab-abababababab');
    expect(await listFileSystem(fileSystem)).toEqual(expectedBtrfs.trees['btrfs-mixed']);
  });
});

async function walk(blob: Blob) {
  return touchAll('disk', await openBtrfs(blob));
}

/** Where the entries of that name are in a node, by their item's layout: the location's type, and the name's length. */
function entriesNamed(name: string, bytes: Buffer): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(name); at > 0; at = bytes.indexOf(name, at + 1)) {
    const isEntry = bytes.readUInt8(at - 22) === 1 && bytes.readUInt16LE(at - 3) === name.length;
    if (isEntry) places.push(at - 30);
  }
  return places;
}

describe('damage', () => {
  test.for<[string, (bytes: Buffer) => unknown]>([
    ['magic "_BHRfS_X", not _BHRfS_M', (bytes) => bytes.write('X', 0x47)],
    ['it belongs at 65537, but is at 65536', (bytes) => bytes.writeUInt8(1, 0x30)],
    ['num_devices 0', (bytes) => bytes.writeUInt8(0, 0x88)],
    ['sectorsize 4097', (bytes) => bytes.writeUInt8(1, 0x90)],
    ['nodesize 131072', (bytes) => bytes.writeUInt32LE(131072, 0x94)],
    ['sys_chunk_array_size 2049', (bytes) => bytes.writeUInt32LE(2049, 0xa0)],
    ['root_level 8', (bytes) => bytes.writeUInt8(8, 0xc6)],
    ['sys_chunk_array: an entry of type 0 at 0, of', (bytes) => bytes.writeUInt8(0, 0x32b + 8)],
    ['root is impossible: 18446744073709551615', (bytes) => bytes.fill(0xff, 0x50, 0x58)],
  ])('superblock: %s', async ([message, change]) => {
    const disk = await withSuperblock(await diskOf('btrfs-mixed'), change);
    await expect(openBtrfs(disk)).rejects.toThrow(FormatError);
    await expect(openBtrfs(disk)).rejects.toThrow(`disk: btrfs superblock: ${message}`);
  });

  test('a damaged superblock is damage, though a copy is intact', async () => {
    const disk = await diskOf('btrfs');
    const bytes = Buffer.from(await disk.read(superblockAt, 4096));
    bytes.write('other', 0x12b);
    const one = new Map([[superblockAt, bytes]]);
    const message = /^disk: btrfs superblock: checksum 0x[0-9a-f]{8}, but it says 0x[0-9a-f]{8}/;
    await expect(openBtrfs(patched(disk, one))).rejects.toThrow(message);
    await expect(openBtrfs(patched(disk, one))).rejects.toThrow(
      'the copy at 67108864 is intact (btrfs rescue super-recover)',
    );
    const both = new Map([...one, [mirrorAt, Buffer.alloc(4096)]]);
    await expect(openBtrfs(patched(disk, both))).rejects.toThrow(message);
    await expect(openBtrfs(patched(disk, both))).rejects.not.toThrow('copy');
  });

  test('the second copy of a damaged node is read', async () => {
    const disk = await diskOf('btrfs');
    const nodes = await nodesRead(disk, walk);
    const broken = new Map([...nodes.keys()].map((at) => [at + 200, Buffer.from('damage')]));
    const halfBroken = patched(disk, broken);
    expect(await listFileSystem(await openBtrfs(halfBroken))).toEqual(expectedBtrfs.trees['btrfs']);
    const copies = await nodesRead(halfBroken, walk);
    for (const at of copies.keys()) broken.set(at + 200, Buffer.from('damage'));
    await expect(openBtrfs(patched(disk, broken))).rejects.toThrow(/^disk: btrfs node \d+: checksum 0x/);
  });

  test('one changed byte of the metadata does not go unnoticed', async () => {
    for (const name of ['btrfs-mixed', 'btrfs-sha256']) {
      const disk = await diskOf(name);
      const nodes = await nodesRead(disk, walk);
      expect(nodes.size).toBeGreaterThan(3);
      for (const [at, bytes] of nodes) {
        const changed = patched(disk, new Map([[at + 99, Buffer.from([bytes.readUInt8(99) ^ 1])]]));
        const listing = openBtrfs(changed).then((fileSystem) => listFileSystem(fileSystem));
        await expect(listing).rejects.toThrow(/disk: btrfs node \d+: checksum 0x/);
      }
    }
  });

  describe('with right checksums', () => {
    let nodes: Map<number, Buffer>;
    beforeAll(async () => {
      nodes = await nodesRead(await diskOf('btrfs-mixed'), walk);
    });

    /** The file system with every node changed by `change`. */
    async function changed(change: (bytes: Buffer) => unknown): Promise<Blob> {
      const patches = [...nodes].map(([at, bytes]) => {
        const copy = Buffer.from(bytes);
        change(copy);
        return [at, seal(copy)] as const;
      });
      return patched(await diskOf('btrfs-mixed'), new Map(patches));
    }

    // https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#header: offsets in every node.
    test.for<[RegExp, (bytes: Buffer) => unknown]>([
      [/of the file system 00.*, not this one/, (bytes) => bytes.fill(0, 32, 48)],
      [/says that it is node 4096/, (bytes) => bytes.writeBigUInt64LE(4096n, 48)],
      [/generation 99, not \d+/, (bytes) => bytes.writeBigUInt64LE(99n, 80)],
      [/of the tree 9, found in the tree 3/, (bytes) => bytes.writeBigUInt64LE(9n, 88)],
      [/level 7, not 0/, (bytes) => bytes.writeUInt8(7, 100)],
      [/65535 items, room for 159/, (bytes) => bytes.writeUInt32LE(65535, 96)],
      [/key 1 of \d+ is not in order/, (bytes) => bytes.copy(bytes, 101 + 25, 101, 101 + 17)],
      [/item 0 of \d+ bytes at 4294967396, of 4096/, (bytes) => bytes.writeUInt32LE(0xffff_ffff, 101 + 17)],
    ])('%s', async ([message, change]) => {
      const disk = await changed(change);
      await expect(openBtrfs(disk)).rejects.toThrow(FormatError);
      await expect(openBtrfs(disk)).rejects.toThrow(message);
    });

    test('a directory inside itself', async () => {
      const fileSystem = await openBtrfs(await diskOf('btrfs-mixed'));
      expect(await fileSystem.lookup('/etc/cloud/cloud.cfg.d')).toMatchObject({ type: 'directory' });
      const etc = [...nodes.values()].flatMap((bytes) =>
        entriesNamed('etc', bytes).map((at) => bytes.readBigUInt64LE(at)),
      )[0];
      if (etc === undefined) throw new Error('no entry for /etc');
      const disk = await changed((bytes) => {
        for (const at of entriesNamed('cloud.cfg.d', bytes)) bytes.writeBigUInt64LE(etc, at);
      });
      await expect((await openBtrfs(disk)).list('/etc/cloud/cloud.cfg.d')).rejects.toThrow(
        'a directory inside itself',
      );
    });
  });

  test('a file system that is cut short says so where it matters', async () => {
    const disk = await diskOf('btrfs-mixed');
    const bytes = await disk.read(0, disk.sizeInBytes);
    for (const length of [0, 70_000, 2_000_000]) {
      const opening = openBtrfs(memoryBlob(bytes.subarray(0, length), 'disk'));
      await expect(opening).rejects.toThrow(`, but it ends at ${length}`);
    }
  });

  test.for(['btrfs-mixed', 'btrfs-sha256'])('%s: any damage is told', { timeout: 120_000 }, async (name) => {
    const disk = await diskOf(name);
    const bytes = await disk.read(0, disk.sizeInBytes);
    await fc.assert(
      fc.asyncProperty(damaged(bytes), async (changed) => {
        expect(await outcome('disk', () => walk(memoryBlob(changed, 'disk')))).toMatch(/^(?:fine|told)$/);
      }),
      { numRuns: 50 },
    );
  });

  test.for(['btrfs', 'btrfs-mixed'])(
    '%s: any damage under right checksums is told',
    { timeout: 120_000 },
    async (name) => {
      const disk = await diskOf(name);
      const nodes = await nodesRead(disk, walk);
      const superblock = await disk.read(superblockAt, 4096);
      const whole = [...nodes, [superblockAt, superblock] as const];
      const one = fc.constantFrom(...whole).chain(([at, bytes]) =>
        damaged(bytes)
          .filter((changed) => changed.length === bytes.length)
          .map((changed) => [at, seal(changed)] as const),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 3 }), async (changes) => {
          const walking = outcome('disk', () => walk(patched(disk, new Map(changes))));
          expect(await walking).toMatch(/^(?:fine|told)$/);
        }),
        { numRuns: 200 },
      );
    },
  );
});
