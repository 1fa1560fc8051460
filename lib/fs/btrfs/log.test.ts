import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seal } from '../../../fixtures/disks/btrfs-images.ts';
import { btrfsLogExpected, btrfsLogImage } from '../../../fixtures/disks/btrfs-log/images.ts';
import { outcome, touchAll } from '../../../fixtures/disks/damage.ts';
import { listFileSystem } from '../../../fixtures/disks/tree.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { FormatError } from '../../errors.ts';
import { openBtrfs } from './btrfs.ts';

const open = (bytes: Buffer) => openBtrfs(memoryBlob(bytes, 'disk'));
const superblockAt = 0x1_0000;
const nodeInBytes = 4096;
const logOwner = 2n ** 64n - 6n;

/** Where the nodes of logs are: also those of an earlier state, which nothing leads to. */
function logNodes(bytes: Buffer): number[] {
  const fsid = bytes.subarray(superblockAt + 32, superblockAt + 48);
  const found: number[] = [];
  for (let at = 0; at < bytes.length; at += nodeInBytes) {
    const isNode = bytes.subarray(at + 32, at + 48).equals(fsid) && at !== superblockAt;
    if (isNode && bytes.readBigUInt64LE(at + 88) === logOwner) found.push(at);
  }
  return found;
}

function withSuperblock(change: (superblock: Buffer) => unknown): Buffer {
  const bytes = btrfsLogImage();
  const superblock = bytes.subarray(superblockAt, superblockAt + 4096);
  change(superblock);
  seal(superblock);
  return bytes;
}

test('names, modes, links and contents as Linux has them after it replayed the log', async () => {
  const fileSystem = await open(btrfsLogImage());
  expect(fileSystem.needsRecovery).toBe(true);
  expect(await listFileSystem(fileSystem)).toEqual(btrfsLogExpected.replayed);
  for (const [path, about] of Object.entries(btrfsLogExpected.replayed)) {
    if (about.startsWith('symlink')) continue;
    expect(await fileSystem.lookup(path)).toMatchObject({ type: about.split(' ', 1)[0] });
  }
  for (const path of Object.keys(btrfsLogExpected.committed)) {
    if (path in btrfsLogExpected.replayed) continue;
    expect(await fileSystem.lookup(path)).toBeUndefined();
  }
});

test('the image has what is hard in logs', () => {
  const { committed, replayed } = btrfsLogExpected;
  expect(replayed).not.toHaveProperty(['/etc/removed']);
  expect(replayed).not.toHaveProperty(['/etc/renamed']);
  expect(committed['/etc/renamed']).toBe(replayed['/etc/new-name']);
  for (const path of [
    '/etc/appended',
    '/etc/cut',
    '/etc/holes',
    '/etc/inline',
    '/etc/mode',
    '/home/profile',
  ]) {
    expect(committed[path]).toBeDefined();
    expect(replayed[path]).not.toBe(committed[path]);
  }
  for (const path of ['/made/inside', '/etc/link', '/to/linked']) expect(replayed[path]).toBeDefined();
});

test('without the log what is read is what was committed', async () => {
  const fileSystem = await open(withSuperblock((superblock) => superblock.writeBigUInt64LE(0n, 0x60)));
  expect(fileSystem.needsRecovery).toBe(false);
  expect(await listFileSystem(fileSystem)).toEqual(btrfsLogExpected.committed);
});

describe('damage', () => {
  test('a log that cannot be read is told, as Linux would not mount it', async () => {
    const bytes = btrfsLogImage();
    for (const at of logNodes(bytes)) bytes.writeUInt8(bytes.readUInt8(at + 200) ^ 1, at + 200);
    await expect(open(bytes)).rejects.toThrow(FormatError);
    await expect(open(bytes)).rejects.toThrow(/disk: btrfs node \d+: checksum 0x/);
    const elsewhere = withSuperblock((superblock) => superblock.writeBigUInt64LE(2n ** 40n, 0x60));
    await expect(open(elsewhere)).rejects.toThrow('disk: btrfs node 1099511627776: 4096 bytes at logical');
    const deep = withSuperblock((superblock) => superblock.writeUInt8(9, 0xc8));
    await expect(open(deep)).rejects.toThrow('disk: btrfs superblock: log_root_level 9');
  });

  test('any damage of its items under right checksums is told', { timeout: 120_000 }, async () => {
    const original = btrfsLogImage();
    const nodes = logNodes(original);
    expect(nodes.length).toBeGreaterThan(3);
    const change = fc.tuple(
      fc.constantFrom(...nodes),
      fc.integer({ min: 96, max: nodeInBytes - 1 }),
      fc.nat(255),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), async (changes) => {
        const bytes = Buffer.from(original);
        for (const [at, within, value] of changes) {
          bytes.writeUInt8(value, at + within);
          seal(bytes.subarray(at, at + nodeInBytes));
        }
        const walking = outcome('disk', async () => touchAll('disk', await open(bytes)));
        expect(await walking).toMatch(/^(?:fine|told)$/);
      }),
      { numRuns: 200 },
    );
  });
});
