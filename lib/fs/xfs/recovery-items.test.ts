import { describe, expect, test } from 'vitest';
import { fixtureDisk } from '../../../fixtures/disks/images.ts';
import {
  type Operation,
  bufferItem,
  cancelItem,
  inodeItem,
  logOf,
  transaction,
  transactionHeader,
  withRecords,
  words,
} from '../../../fixtures/disks/xfs-log/log.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { openXfs } from './xfs.ts';

async function bytesOf(name: string): Promise<Buffer> {
  const disk = await fixtureDisk(name);
  return Buffer.from(await disk.read(0, disk.sizeInBytes));
}
const open = (bytes: Buffer) => openXfs(memoryBlob(bytes, 'disk'));

/** Where in an image an inode is: the only one of its mode, or whose content begins so. */
function inodeIn(bytes: Buffer, mode: number, content = ''): number {
  const size = bytes.readUInt16BE(104);
  for (let at = 0; at < bytes.length; at += size) {
    if (bytes.readUInt16BE(at) !== 0x494e || bytes.readUInt16BE(at + 2) !== mode) continue;
    if (bytes.toString('latin1', at + 100, at + 100 + content.length) === content) return at;
  }
  throw new Error('no such inode');
}
const toolMode = 0o104755;

/** An item that tells of a change of inodes that goes on in other transactions, and the one that ends it. */
const intent = (type: number, ...inodes: number[]) => [
  Buffer.concat([
    words(type | 0x1_0000, 1, 5, 0),
    words(...inodes.flatMap((inode) => [inode, 0]), 0, 0, 0, 0),
  ]),
];
const done = (type: number) => [words(type | 0x1_0000, 0, 5, 0)];

/** The file's inode as it is logged, after so many writes of it, where there were 7 before. */
const changeTool = async (flushes: number, isCommitted = true, start = 0) => {
  const bytes = await bytesOf('xfs-v4');
  const at = inodeIn(bytes, toolMode);
  bytes.writeUInt16BE(7, at + 30);
  const raw = Buffer.from(bytes.subarray(at, at + 256));
  raw.writeUInt16BE(0o100600, 2);
  raw.writeBigUInt64BE(4000n, 56);
  raw.writeUInt16BE(flushes, 30);
  const items = [inodeItem(raw, at)];
  const fileSystem = await open(withRecords(bytes, [transaction(9, items, isCommitted)], start));
  return { ...fileSystem, tool: await fileSystem.lookup('/usr/bin/tool') };
};

/** How many transactions of these records are replayed. */
const replayed = async (records: Operation[][]) => {
  const bytes = await bytesOf('xfs-v4');
  return (await open(withRecords(bytes, records))).replayedTransactions;
};

/** Version 4: mkfs.xfs made the file system, and few kernels still write to it. */
describe('version 4', () => {
  test('an inode is replayed when it is not older than on the disk', async () => {
    const changed = { mode: 0o600, sizeInBytes: 4000 };
    const { tool, needsRecovery, replayedTransactions } = await changeTool(7);
    expect(tool).toMatchObject(changed);
    expect({ needsRecovery, replayedTransactions }).toEqual({ needsRecovery: true, replayedTransactions: 1 });
    expect((await changeTool(8)).tool).toMatchObject(changed);
    expect((await changeTool(6)).tool).toMatchObject({ mode: 0o4755, sizeInBytes: 4500 });
  });

  test('nor is it without a commit', async () => {
    const { tool, replayedTransactions } = await changeTool(8, false);
    expect(tool).toMatchObject({ mode: 0o4755, sizeInBytes: 4500 });
    expect(replayedTransactions).toBe(0);
  });

  test('a record that goes on at the beginning of the log', async () => {
    const count = logOf(await bytesOf('xfs-v4')).length / 512;
    for (const before of [1, 2])
      expect((await changeTool(8, true, count - before)).tool).toMatchObject({ mode: 0o600 });
  });

  test('a link in its inode', async () => {
    const bytes = await bytesOf('xfs-v4');
    const at = inodeIn(bytes, 0o120777, 'os-release.real');
    const fork = Buffer.from('os-release.fake\0');
    const item = inodeItem(bytes.subarray(at, at + 256), at, 2, fork);
    const fileSystem = await open(withRecords(bytes, [transaction(9, [item])]));
    expect(await fileSystem.readlink('/etc/os-release')).toBe('os-release.fake');
    const large = inodeItem(bytes.subarray(at, at + 256), at, 2, Buffer.alloc(160));
    await expect(open(withRecords(bytes, [transaction(9, [large])]))).rejects.toThrow(
      'disk: xfs log: inode 77: 160 bytes for a fork of 156',
    );
  });

  test('what was given up is not replayed, up to then', async () => {
    const bytes = await bytesOf('xfs-v4');
    const at = bytes.indexOf('XD2B');
    expect(at % 512).toBe(0);
    const content = Buffer.from(bytes.subarray(at, at + 128));
    content.write('XXXX', 'latin1');
    const change = bufferItem(at, 8, 0, content);
    const first = async (...items: Buffer[][]) => {
      const transactions = items.map((item, index) => transaction(index + 1, [item]));
      const fileSystem = await open(withRecords(bytes, transactions));
      return fileSystem.list('/block').then(
        ({ length }) => length,
        (error: unknown) => String(error),
      );
    };
    const refused = /directory block 0: magic "XXXX"/;
    expect(await first(change)).toMatch(refused);
    expect(await first(change, cancelItem(at, 8))).toBe(40);
    expect(await first(cancelItem(at, 8), change)).toMatch(refused);
    expect(await first(change, cancelItem(at, 8), cancelItem(at, 8))).toBe(40);
    // Another buffer that begins there.
    expect(await first(change, cancelItem(at, 1))).toMatch(refused);
  });
});

describe('transactions', () => {
  const ignored = words(0x0001_1236, 0, 1, 0);

  test('can be divided anywhere between records, and run besides each other', async () => {
    const header = transactionHeader(1);
    const records = [
      [
        { id: 1, flags: 1 },
        { id: 2, flags: 1 },
        { id: 1, flags: 4, data: header.subarray(0, 8) },
      ],
      [
        { id: 1, flags: 0x18, data: header.subarray(8) },
        { id: 1, flags: 4, data: ignored.subarray(0, 4) },
        { id: 2, data: header },
      ],
      [
        { id: 1, flags: 0x0c, data: ignored.subarray(4, 8) },
        { id: 1, flags: 0x18, data: ignored.subarray(8) },
        { id: 2, data: ignored },
        { id: 2, flags: 2 },
      ],
      // What began before all that is in the log, and is in place.
      [
        { id: 3, data: ignored },
        { id: 3, flags: 2 },
        { id: 1, flags: 2 },
      ],
    ];
    expect(await replayed(records)).toBe(2);
  });

  test.for([
    {
      operations: [
        { id: 1, flags: 1 },
        { id: 1, data: words(1, 2, 3, 4) },
      ],
      message: 'a transaction with magic 0x1, not 0x5452414e',
    },
    {
      operations: [
        { id: 1, flags: 1 },
        { id: 1, data: Buffer.alloc(20) },
      ],
      message: 'a transaction whose header has 20 bytes',
    },
    { operations: transaction(1, [[words(0x0000_1236, 0)]]), message: 'an item of 0 regions, of 1 to 257' },
    { operations: transaction(1, [[words(0x0102_1236, 0)]]), message: 'an item of 258 regions, of 1 to 257' },
    {
      operations: transaction(1, [[words(0x0002_1236, 0)]]),
      message: 'an item of type 0x1236 with 1 of 2 regions',
    },
    {
      operations: [
        { id: 1, flags: 1 },
        { id: 1, flags: 0x40 },
      ],
      message: 'an operation with flags 0x40',
    },
    {
      operations: [...transaction(1, [], false), { id: 1, flags: 8, data: words(1) }],
      message: 'the rest of a region that did not begin',
    },
  ])('$message', async ({ operations, message }) => {
    await expect(replayed([operations])).rejects.toThrow(FormatError);
    await expect(replayed([operations])).rejects.toThrow(`disk: xfs log: record at block 0: ${message}`);
  });

  test('items that are not known', async () => {
    const records = [transaction(1, [[words(0x0001_1250, 0)]])];
    await expect(replayed(records)).rejects.toThrow(UnsupportedError);
    await expect(replayed(records)).rejects.toThrow('disk: xfs log: an item of the unknown type 0x1250');
  });
});

describe('changes that were begun', () => {
  test.for([
    { type: 0x1244, name: 'a change of its blocks (BUI)' },
    { type: 0x1248, name: 'an exchange of blocks with another inode (XMI)' },
  ])('$name: the inode is not verified until it is done', async ({ type, name }) => {
    const bytes = await bytesOf('xfs-v5');
    const number = Number(bytes.readBigUInt64BE(inodeIn(bytes, toolMode) + 152));
    const begun = await open(withRecords(bytes, [transaction(1, [intent(type, number)])]));
    await expect(begun.open('/usr/bin/tool')).rejects.toThrow(UnsupportedError);
    await expect(begun.open('/usr/bin/tool')).rejects.toThrow(
      `disk: xfs: inode ${number}: ${name} is in the log, and is not replayed`,
    );
    expect(await begun.lookup('/etc/os-release')).toMatchObject({ type: 'file' });
    const finished = [transaction(1, [intent(type, number)]), transaction(2, [done(type + 1)])];
    expect(await (await open(withRecords(bytes, finished))).lookup('/usr/bin/tool')).toMatchObject({
      sizeInBytes: 4500,
    });
  });
});
