import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { damaged, outcome, touchAll } from '../../../fixtures/disks/damage.ts';
import { fixtureDisk } from '../../../fixtures/disks/images.ts';
import { sha256 } from '../../../fixtures/disks/tools.ts';
import { type Listing, listFileSystem } from '../../../fixtures/disks/tree.ts';
import { readText } from '../../blob/blob.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { openFileSystem, recogniseFileSystem } from '../detect.ts';
import { crc32c } from '../crc32c.ts';
import { openXfs } from './xfs.ts';

/** What was put into the images of `xfs-make.sh`, and what blkid, xfs_db and xfs_logprint say of them. */
const expected = JSON.parse(
  readFileSync(new URL('../../../fixtures/disks/xfs-expected.json', import.meta.url), 'utf8'),
) as {
  readonly fileSystems: Readonly<Record<string, object>>;
  readonly trees: Readonly<Record<string, Listing>>;
};
const names = Object.keys(expected.fileSystems);

const cache = new Map<string, Buffer>();
async function bytesOf(name: string): Promise<Buffer> {
  const held = cache.get(name);
  if (held !== undefined) return held;
  const disk = await fixtureDisk(name);
  const bytes = await disk.read(0, disk.sizeInBytes);
  cache.set(name, bytes);
  return bytes;
}

const openFixture = async (name: string) => openXfs(memoryBlob(await bytesOf(name), name));

/** The directories of many entries as `xfs-make.sh` counts them. */
function folded(listing: Listing): Listing {
  const found: Listing = { ...listing };
  for (const many of ['/block/', '/leaf/', '/node/']) {
    const paths = Object.keys(found).filter((path) => path.startsWith(many));
    const lines = paths.map((path) => `${path} ${found[path]}`).toSorted();
    for (const path of paths) delete found[path];
    found[`${many}*`] = `${lines.length} ${sha256(Buffer.from(lines.join('\n')))}`;
  }
  return found;
}

test.for(names)('%s: as blkid, xfs_db and xfs_logprint have it', async (name) => {
  expect(await openFixture(name)).toMatchObject(expected.fileSystems[name] ?? {});
  const disk = await fixtureDisk(name);
  expect(await recogniseFileSystem(disk)).toBe('xfs');
  expect(await openFileSystem(disk)).toMatchObject(expected.fileSystems[name] ?? {});
});

test.for(Object.keys(expected.trees))('%s: names, modes, links and contents', async (name) => {
  expect(folded(await listFileSystem(await openFixture(name)))).toEqual(expected.trees[name]);
});

test('a change that is in the log only is read from there', async () => {
  const fileSystem = await openFixture('xfs-dirty');
  expect(fileSystem).toMatchObject({ needsRecovery: true });
  expect(fileSystem.replayedTransactions).toBeGreaterThan(0);
  expect(await fileSystem.lookup('/etc/changed')).toMatchObject({ type: 'file', sizeInBytes: 0 });
  expect(await readText(await fileSystem.open('/etc/os-release'))).toContain('Rocky Linux');
});

test('names without case, where they have none', async () => {
  const fileSystem = await openFixture('xfs-v4-ci');
  expect(await readText(await fileSystem.open('/ETC/OS-Release'))).toContain('Rocky Linux');
  expect(await fileSystem.lookup('/ETC/other')).toBeUndefined();
  expect(await (await openFixture('xfs-v4')).lookup('/ETC/os-release')).toBeUndefined();
});

test('a small file is read without the rest of the disk', async () => {
  const disk = await fixtureDisk('xfs-v5');
  let bytesRead = 0;
  const fileSystem = await openXfs({
    ...disk,
    read: (offset, length) => {
      bytesRead += length;
      return disk.read(offset, length);
    },
  });
  await readText(await fileSystem.open('/etc/os-release'));
  expect(bytesRead).toBeLessThan(100_000);
});

/** The first superblock with a field changed, and the checksum of version 5 made right again. */
async function withField(name: string, at: number, value: Uint8Array): Promise<Buffer> {
  const bytes = Buffer.from(await bytesOf(name));
  bytes.set(value, at);
  if ((bytes.readUInt16BE(100) & 0xf) === 5) sum(bytes.subarray(0, bytes.readUInt16BE(102)), 224);
  return bytes;
}

function sum(block: Buffer, at: number): void {
  block.writeUInt32LE(0, at);
  block.writeUInt32LE(~crc32c(0xffff_ffff, block) >>> 0, at);
}

const opening = (bytes: Buffer) => openXfs(memoryBlob(bytes, 'disk'));

describe('features', () => {
  // Offsets: sb_features_incompat 216, sb_versionnum 100, sb_features2 200, sb_logstart 48.
  test.for([
    { bits: 0x101, message: 'the incompatible feature metadir' },
    { bits: 0x201, message: 'the incompatible feature zoned' },
    { bits: 0x401, message: 'the incompatible feature zone-gaps' },
    { bits: 0x800_0001, message: 'the incompatible feature unknown (0x8000000)' },
    { bits: 0x8000_0001, message: 'the incompatible feature unknown (0x80000000)' },
  ])('$message', async ({ bits, message }) => {
    const field = Buffer.alloc(4);
    field.writeUInt32BE(bits);
    const bytes = await withField('xfs-v5', 216, field);
    await expect(opening(bytes)).rejects.toThrow(UnsupportedError);
    await expect(opening(bytes)).rejects.toThrow(`disk: xfs file system with ${message}`);
  });

  test('those that change nothing here are read', async () => {
    const [, , , present] = (await bytesOf('xfs-v5')).subarray(216, 220);
    const bytes = await withField('xfs-v5', 219, Uint8Array.of((present ?? 0) | 0xc0));
    expect(await (await opening(bytes)).lookup('/etc/os-release')).toMatchObject({ type: 'file' });
  });

  test('what xfs_repair has to see to first', async () => {
    const bytes = await withField('xfs-v5', 219, Uint8Array.of(0x1b));
    await expect(opening(bytes)).rejects.toThrow(FormatError);
    await expect(opening(bytes)).rejects.toThrow('in need of xfs_repair');
  });

  test.for([
    { name: 'xfs-v4', at: 100, value: [0x94, 0xa4], message: 'directories of version 1' },
    { name: 'xfs-v4', at: 100, value: [0xb6, 0xa4], message: 'the feature shared' },
    { name: 'xfs-v4', at: 200, value: [0, 0, 0, 0x9a], message: 'unknown (sb_features2 0x10)' },
    { name: 'xfs-v4', at: 100, value: [0xb4, 0xa3], message: 'xfs of version 3, where 4 and 5 are read' },
    {
      name: 'xfs-v5',
      at: 48,
      value: [0, 0, 0, 0, 0, 0, 0, 0],
      message: 'xfs whose log is on another device',
    },
  ])('$message', async ({ name, at, value, message }) => {
    const bytes = await withField(name, at, Uint8Array.from(value));
    await expect(opening(bytes)).rejects.toThrow(UnsupportedError);
    await expect(opening(bytes)).rejects.toThrow(message);
  });

  test('a file on the realtime device is told when it is read, and not before', async () => {
    const bytes = Buffer.from(await bytesOf('xfs-v4'));
    const [inode] = inodesOf(bytes, (at) => bytes.readUInt16BE(at + 2) === 0o104755);
    bytes.writeUInt16BE(bytes.readUInt16BE((inode ?? 0) + 90) | 1, (inode ?? 0) + 90);
    const fileSystem = await opening(bytes);
    expect(await fileSystem.lookup('/usr/bin/tool')).toMatchObject({ sizeInBytes: 4500 });
    await expect(fileSystem.open('/usr/bin/tool')).rejects.toThrow(UnsupportedError);
    await expect(fileSystem.open('/usr/bin/tool')).rejects.toThrow('is on the realtime device of xfs');
  });
});

/** Where things are that begin with a magic number, at multiples of a size, outside the log (in the first group). */
function placesOf(bytes: Buffer, magic: string, size: number, isSought = (_at: number) => true): number[] {
  const blockSize = bytes.readUInt32BE(4);
  const logStart = Number(bytes.readBigUInt64BE(48)) * blockSize;
  const logEnd = logStart + bytes.readUInt32BE(96) * blockSize;
  const found: number[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const isInLog = at >= logStart && at < logEnd;
    if (!isInLog && bytes.toString('latin1', at, at + magic.length) === magic && isSought(at)) found.push(at);
  }
  return found;
}

const inodesOf = (bytes: Buffer, isSought: (at: number) => boolean) =>
  placesOf(bytes, 'IN', bytes.readUInt16BE(104), isSought);

describe('damage', () => {
  test.for([
    { at: 0, value: [0x59], message: 'magic "YFSB", not "XFSB"' },
    { at: 4, value: [0, 0, 3, 0], message: 'sb_blocksize 768 with sb_blocklog 9' },
    { at: 8, value: [0, 0, 0, 1], message: 'sb_dblocks 4295' },
    { at: 84, value: [0, 0, 0, 0], message: 'sb_agblocks 0' },
    { at: 88, value: [0xff, 0xff, 0xff, 0xff], message: 'sb_dblocks 32768, with 4294967295 groups of' },
    { at: 102, value: [0, 1], message: 'sb_sectsize 1' },
    { at: 102, value: [4, 0], message: 'sb_sectsize 1024 of blocks of 512' },
    { at: 104, value: [0, 0], message: 'sb_inodesize 0' },
    { at: 104, value: [8, 0], message: 'sb_inodesize 2048' },
    { at: 123, value: [9], message: 'sb_inopblog 9, with inodes of 256 in blocks of 512' },
    { at: 124, value: [0xff], message: 'with sb_agblklog 255' },
    { at: 126, value: [1], message: 'sb_inprogress 1: mkfs.xfs did not finish' },
    { at: 192, value: [8], message: 'sb_dirblklog 8' },
    { at: 56, value: [0xff, 0xff], message: 'sb_rootino is impossible' },
    { at: 56, value: [0, 1], message: 'disk: inode 281474976' },
    { at: 96, value: [0, 0xff, 0xff, 0xff], message: 'disk: xfs log: 16777215 blocks' },
  ])('$message', async ({ at, value, message }) => {
    const bytes = await withField('xfs-v4', at, Uint8Array.from(value));
    await expect(opening(bytes)).rejects.toThrow(FormatError);
    await expect(opening(bytes)).rejects.toThrow(message);
  });

  test.for([
    ['the superblock', 'XFSB', 110, /xfs superblock: checksum 0x/],
    ['an inode', 'IN', 60, /inode \d+: checksum/],
    ['a directory of one block', 'XDB3', 100, /block.* directory block 0: checksum/],
    ['a directory of many', 'XDD3', 100, /(?:leaf|node).* directory block \d+: checksum/],
    ['a tree of extents', 'BMA3', 80, /fragments: extents in block \d+: checksum/],
    ['a link', 'XSLM', 900, /remote-link: block 0 of the link: checksum/],
  ] as const)('one changed byte of %s does not go unnoticed', async ([, magic, within, message]) => {
    const bytes = Buffer.from(await bytesOf('xfs-kernel'));
    const places = placesOf(bytes, magic, magic === 'IN' ? 512 : 1024);
    expect(places).not.toEqual([]);
    for (const at of places) bytes.writeUInt8(bytes.readUInt8(at + within) ^ 1, at + within);
    await expect(opening(bytes).then((fileSystem) => listFileSystem(fileSystem))).rejects.toThrow(message);
  });

  // Offsets in xfs_btree_block_lhdr: blkno 24, uuid 40, owner 56.
  test.for([
    { at: 31, message: /is at \d+, but says that it is at/ },
    { at: 40, message: /of another file system: UUID/ },
    { at: 63, message: /is of inode \d+, but says that it is of/ },
    { at: 5, message: /bb_level \d+, not 0/ },
    { at: 6, message: /bb_numrecs \d+ at level 0, room for 59/ },
  ])('a block of extents elsewhere: $message', async ({ at, message }) => {
    const bytes = Buffer.from(await bytesOf('xfs-kernel'));
    for (const from of placesOf(bytes, 'BMA3', 1024)) {
      bytes.writeUInt8(bytes.readUInt8(from + at) ^ 0x10, from + at);
      sum(bytes.subarray(from, from + 1024), 64);
    }
    const fileSystem = await opening(bytes);
    const reading = fileSystem.open('/fragments').then((blob) => blob.read(0, 10));
    await expect(reading).rejects.toThrow(message);
  });

  test('a directory inside itself', async () => {
    const bytes = Buffer.from(await bytesOf('xfs-v4'));
    // In the directories / and /etc, in their inodes, a name is followed by the number of an inode.
    const numberAfter = (text: string) => {
      const [at] = inodesOf(bytes, (at) => bytes.subarray(at + 100, at + 256).includes(text));
      return bytes.indexOf(text, at) + text.length;
    };
    bytes.writeUInt32BE(bytes.readUInt32BE(numberAfter('etc')), numberAfter('cloud'));
    const fileSystem = await opening(bytes);
    await expect(fileSystem.list('/etc/cloud')).rejects.toThrow('a directory inside itself');
  });

  test('a file system that is cut short says so where it matters', async () => {
    const bytes = await bytesOf('xfs-v5');
    await expect(opening(bytes.subarray(0, 60_000))).rejects.toThrow(/disk.* ends at 60000/);
    await expect(opening(bytes.subarray(0, 100))).rejects.toThrow(
      'disk: 512 bytes wanted at offset 0, but it ends at 100',
    );
  });

  test.for(names)('%s: any damage is told', { timeout: 120_000 }, async (name) => {
    const bytes = await bytesOf(name);
    // Most of the rest is the log.
    const within = Math.min(bytes.length, 4 * 1024 * 1024);
    await fc.assert(
      fc.asyncProperty(damaged(bytes, within), async (changed) => {
        const walking = outcome('disk', async () => touchAll('disk', await opening(changed)));
        expect(await walking).toMatch(/^(?:fine|told)$/);
      }),
      { numRuns: 60 },
    );
  });

  test.for(['xfs-v5', 'xfs-kernel'])(
    '%s: any damage with a checksum that is right is told too',
    { timeout: 120_000 },
    async (name) => {
      const bytes = await bytesOf(name);
      const blocks = sealed(bytes);
      expect(blocks.length).toBeGreaterThan(100);
      const change = fc.tuple(
        fc.constantFrom(...blocks),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(255),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
          const changed = Buffer.from(bytes);
          for (const [{ at, sizeInBytes, crcOffset }, where, value] of changes) {
            // What decides is rather at the beginning.
            changed[at + Math.floor(where ** 3 * (sizeInBytes - 1))] = value;
            sum(changed.subarray(at, at + sizeInBytes), crcOffset);
          }
          const walking = outcome('disk', async () => touchAll('disk', await opening(changed)));
          expect(await walking).toMatch(/^(?:fine|told)$/);
        }),
        { numRuns: 150 },
      );
    },
  );
});

/** The pieces of metadata whose checksums are right, of any size that they can have. */
function sealed(bytes: Buffer): { at: number; sizeInBytes: number; crcOffset: number }[] {
  const blockSize = bytes.readUInt32BE(4);
  const kinds = [
    { magic: 'XFSB', sizes: [512], crcOffset: 224 },
    { magic: 'IN', sizes: [512], crcOffset: 100 },
    ...['XDB3', 'XDD3'].map((magic) => ({ magic, sizes: [blockSize], crcOffset: 4 })),
    { magic: 'BMA3', sizes: [blockSize], crcOffset: 64 },
    { magic: 'XSLM', sizes: [blockSize, 2 * blockSize], crcOffset: 12 },
  ];
  return kinds.flatMap(({ magic, sizes, crcOffset }) =>
    placesOf(bytes, magic, 512).flatMap((at) =>
      sizes
        .map((sizeInBytes) => ({ at, sizeInBytes, crcOffset }))
        .filter(({ sizeInBytes }) => {
          const block = Buffer.from(bytes.subarray(at, at + sizeInBytes));
          const before = block.readUInt32LE(crcOffset);
          sum(block, crcOffset);
          return block.readUInt32LE(crcOffset) === before;
        }),
    ),
  );
}
