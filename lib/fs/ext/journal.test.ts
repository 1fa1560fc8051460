import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { damaged, outcome, touchAll } from '../../../fixtures/disks/damage.ts';
import { journalExpected, journalImage } from '../../../fixtures/disks/journal/images.ts';
import {
  blockAt,
  blockInBytes,
  changedInTransaction,
  commit,
  data,
  descriptor,
  header,
  journalHead,
  magic,
  revoke,
  withLog,
} from '../../../fixtures/disks/journal/log.ts';
import { listFileSystem } from '../../../fixtures/disks/tree.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { crc32BigEndian } from './journal-layout.ts';
import { recoverExt } from './journal.ts';
import { readSuperblock } from './layout.ts';
import { openExt } from './ext.ts';

const names = Object.keys(journalExpected).filter((name) => name !== 'ext4-fast');
const superblockAt = 1024;
const open = (bytes: Buffer) => openExt(memoryBlob(bytes, 'disk'));

async function recovered(bytes: Buffer) {
  const blob = memoryBlob(bytes, 'disk');
  const { disk, replayedTransactions } = await recoverExt(blob, await readSuperblock(blob));
  return { replayedTransactions, block: (block: number) => disk.read(block * blockInBytes, blockInBytes) };
}

test.for(names)('%s: what Linux has after it replayed the journal', async (name) => {
  const { tree, commits } = journalExpected[name] ?? {};
  const fileSystem = await open(journalImage(name));
  expect(await listFileSystem(fileSystem)).toEqual(tree);
  expect(fileSystem).toMatchObject({ needsRecovery: true, replayedTransactions: commits });
});

test('without the flag the journal is no concern, and what is there is older', async () => {
  const bytes = journalImage('ext3-plain');
  bytes.writeUInt32LE(bytes.readUInt32LE(superblockAt + 0x60) & ~0x4, superblockAt + 0x60);
  const fileSystem = await open(bytes);
  expect(fileSystem).toMatchObject({ needsRecovery: false, replayedTransactions: 0 });
  expect(await fileSystem.lookup('/usr/reused')).toBeUndefined();
  expect(journalExpected['ext3-plain']?.tree['/usr/reused']).toMatch(/^file 0644 30000 /);
});

test('a journal that is empty changes nothing', async () => {
  const bytes = journalImage('ext4-checksum');
  journalHead(bytes).writeUInt32BE(0, 0x1c);
  expect(await open(bytes)).toMatchObject({ needsRecovery: true, replayedTransactions: 0 });
});

test('the CRC of v1', () => {
  // CRC-32/MPEG-2 of "123456789", from the catalogue of parametrised CRC algorithms.
  expect(crc32BigEndian(0xffff_ffff, Buffer.from('123456789'))).toBe(0x0376_e6e7);
});

describe('logs by hand', () => {
  test('the last write of a complete transaction counts, across the log’s end and that of the numbers', async () => {
    const last = 0xffff_ffff;
    const log = [
      descriptor(last, 5000, 5001),
      data(1),
      data(2),
      commit(last),
      descriptor(0, 5001),
      data(3),
      commit(0),
      descriptor(1, 5001),
      data(4),
    ];
    for (const start of [1, 1017, 1019, 1020, 1021, 1022, 1023]) {
      const { block, replayedTransactions } = await recovered(withLog(log, { sequence: last, start }));
      expect(replayedTransactions).toBe(2);
      expect(await block(5000)).toEqual(data(1));
      expect(await block(5001)).toEqual(data(3));
    }
  });

  test('what is revoked is not replayed, up to the transaction that says so, if that is complete', async () => {
    const log = [
      descriptor(7, 5000, 5001, 5002),
      data(1),
      data(2),
      data(3),
      commit(7),
      revoke(8, 5000, 5001),
      descriptor(8, 5001),
      data(4),
      commit(8),
      descriptor(9, 5000),
      data(5),
      commit(9),
      revoke(10, 5002),
    ];
    const bytes = withLog(log);
    const { block, replayedTransactions } = await recovered(bytes);
    expect(replayedTransactions).toBe(3);
    expect(await block(5000)).toEqual(data(5));
    expect(await block(5001)).toEqual(blockAt(bytes, 5001));
    expect(await block(5002)).toEqual(data(3));
  });

  test('an escaped block gets its magic back', async () => {
    const first = descriptor(7, 5000);
    first.writeUInt16BE(8 | 1, 18);
    const escaped = data(6);
    escaped.writeUInt32BE(0);
    const { block } = await recovered(withLog([first, escaped, commit(7)]));
    const expected = data(6);
    expected.writeUInt32BE(magic);
    expect(await block(5000)).toEqual(expected);
  });

  test('64-bit tags and revokes', async () => {
    const first = header(1, 7);
    // The flags "same UUID" and "last".
    for (const [at, value] of [
      [12, 5000],
      [20, 0],
      [24 + 16, 5001],
      [24 + 24, 0],
    ] as const)
      first.writeUInt32BE(value, at);
    first.writeUInt16BE(2 | 8, 24 + 16 + 6);
    const second = header(5, 8);
    second.writeUInt32BE(16 + 8, 12);
    second.writeBigUInt64BE(5001n, 16);
    const bytes = withLog([first, data(1), data(2), commit(7), second, commit(8)], { is64bit: true });
    const { block } = await recovered(bytes);
    expect(await block(5000)).toEqual(data(1));
    expect(await block(5001)).toEqual(blockAt(bytes, 5001));
    first.writeUInt32BE(1, 20);
    await expect(recovered(withLog([first, data(1), data(2), commit(7)], { is64bit: true }))).rejects.toThrow(
      'disk › journal: transaction 7: block 4294972296, of the 8192 that there are',
    );
  });

  test('damage is told', async () => {
    await expect(recovered(withLog([descriptor(7, 8192), data(1), commit(7)]))).rejects.toThrow(
      'disk › journal: transaction 7: block 8192, of the 8192 that there are',
    );
    const endless = Array.from({ length: 1023 }, () => descriptor(7, 5000));
    await expect(recovered(withLog(endless))).rejects.toThrow(
      'disk › journal: transaction 7 does not end in a log of 1023 blocks',
    );
    const revoked = revoke(7, 5000);
    revoked.writeUInt32BE(1025, 12);
    await expect(recovered(withLog([revoked, commit(7)]))).rejects.toThrow(
      'disk › journal: transaction 7: revoke block: r_count 1025, room for 1024',
    );
  });
});

async function withField(offset: number, value: number) {
  const bytes = journalImage('ext4-checksum');
  journalHead(bytes).writeUInt32BE(value, offset);
  return open(bytes);
}

describe('features and fields', () => {
  test.for([
    { offset: 0, value: 1, message: 'superblock: magic 0x00000001, not 0xc03b3998' },
    { offset: 4, value: 2, message: 'superblock: a block of type 2' },
    { offset: 0xc, value: 4096, message: 'superblock: s_blocksize 4096, where the file system has 1024' },
    { offset: 0x10, value: 1025, message: 's_maxlen 1025 blocks of 1024, but its inode has 1048576 bytes' },
    { offset: 0x14, value: 1024, message: 'superblock: s_first 1024 of 1024 blocks' },
    { offset: 0x1c, value: 1024, message: 'superblock: s_start 1024, not from 1 to 1024' },
    { offset: 0x28, value: 0x18, message: 'superblock: checksums v1 and v2 and v3 at once' },
  ])('$message', async ({ offset, value, message }) => {
    await expect(withField(offset, value)).rejects.toThrow(FormatError);
    await expect(withField(offset, value)).rejects.toThrow(`disk › journal: ${message}`);
  });

  test('what is not known is named', async () => {
    await expect(withField(0x28, 0x80)).rejects.toThrow(UnsupportedError);
    await expect(withField(0x28, 0x80)).rejects.toThrow('unknown incompatible features 0x00000080');
    await expect(withField(0x2c, 1)).rejects.toThrow('unknown read-only features 0x00000001');
  });

  test('an external journal', async () => {
    const bytes = journalImage('ext3-plain');
    bytes.writeUInt32LE(0x812, superblockAt + 0xe4);
    await expect(open(bytes)).rejects.toThrow('said to be both in inode 8 and on device 0x812');
    bytes.writeUInt32LE(0, superblockAt + 0xe0);
    await expect(open(bytes)).rejects.toThrow(UnsupportedError);
    await expect(open(bytes)).rejects.toThrow(
      'disk: its journal has to be replayed and is external (device 0x812',
    );
  });

  test('fast commits', async () => {
    const { commits = 0 } = journalExpected['ext4-fast'] ?? {};
    expect(commits).toBeGreaterThan(0);
    await expect(open(journalImage('ext4-fast'))).rejects.toThrow(UnsupportedError);
    await expect(open(journalImage('ext4-fast'))).rejects.toThrow('fast commits after transaction');
  });
});

describe('damage', () => {
  test('a changed byte does not pass where the log has checksums', async () => {
    for (const [name, message] of [
      ['ext4-ordered', /journal: transaction \d+: block \d+: checksum 0x/],
      ['ext4-data', /journal: transaction \d+: block \d+: checksum 0x/],
      ['ext4-checksum', /journal: transaction \d+ is corrupt, .*commit block: checksum 0x/],
    ] as const) {
      await expect(open(changedInTransaction(name, 1))).rejects.toThrow(message);
      await expect(open(changedInTransaction(name, 2))).rejects.toThrow(message);
    }
  });

  test('with asynchronous commits the last transaction may be incomplete, and no other', async () => {
    const { commits = 0 } = journalExpected['ext4-async'] ?? {};
    const fileSystem = await open(changedInTransaction('ext4-async', 1));
    expect(fileSystem.replayedTransactions).toBe(commits - 1);
    await expect(open(changedInTransaction('ext4-async', 2))).rejects.toThrow(
      /transaction \d+ is corrupt, .*: its checksum, and transaction \d+ is complete/,
    );
  });

  test.for([...names, 'ext4-fast'])('%s: any damage is told', { timeout: 120_000 }, async (name) => {
    const bytes = journalImage(name);
    // That of ext3 begins at block 34, the others at 17.
    const log = 17 * blockInBytes;
    /** Damage in the log alone, and anywhere. */
    const inLog = damaged(bytes.subarray(log, log + 300 * blockInBytes)).map((changed) =>
      Buffer.concat([bytes.subarray(0, log), changed, bytes.subarray(log + changed.length)]),
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(inLog, damaged(bytes)), async (changed) => {
        const walking = outcome('disk', async () => touchAll('disk', await open(changed)));
        expect(await walking).toMatch(/^(?:fine|told)$/);
      }),
      { numRuns: 50 },
    );
  });
});
