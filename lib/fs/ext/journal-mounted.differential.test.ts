import {
  appendFileSync,
  closeSync,
  copyFileSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { mountPointAt } from '../../../fixtures/disks/mount-point.ts';
import { noise, temporaryDirectory, tool } from '../../../fixtures/disks/tools.ts';
import { listFileSystem, listHost } from '../../../fixtures/disks/tree.ts';
import { openFile } from '../../blob/file.ts';
import { openExt } from './ext.ts';

// What Linux leaves when a machine stops, and has after the next mount. Needs root and loop devices.

const directory = temporaryDirectory();
const [live, stopped] = ['live', 'stopped'].map((name) => directory.path(name)) as [string, string];
const { path: mountPoint, at, mounted } = mountPointAt(directory.path('mounted'));
afterAll(() => directory[Symbol.dispose]());

/** Ends a transaction: into the journal, and not yet to its place. */
function commit(): void {
  const file = openSync(at('commit'), 'a');
  appendFileSync(file, 'x');
  fsyncSync(file);
  closeSync(file);
}

/** Makes, renames and removes many directories and files, so that blocks are used again; the log goes round. */
function work(rounds: number): void {
  // An index of two levels where blocks are small.
  mkdirSync(at('many'));
  for (let index = 0; index < 1800; index++) writeFileSync(at(`many/${index}-${'m'.repeat(150)}`), '');
  for (let round = 0; round < rounds; round++) {
    mkdirSync(at(`round-${round}`));
    for (let index = 0; index < 40; index++) {
      writeFileSync(at(`round-${round}/${index}-${'n'.repeat(80)}`), noise(index * 90, round + index));
    }
    writeFileSync(at('grows'), noise(3000 * round, round));
    // As a descriptor of a journal begins.
    writeFileSync(at('magic'), Buffer.concat([Buffer.from('c03b399800000001', 'hex'), noise(5000, round)]));
    symlinkSync(`${'target/'.repeat(20)}${round}`, at(`link-${round}`));
    commit();
    if (round % 3 === 2) {
      rmSync(at(`round-${round - 1}`), { recursive: true });
      renameSync(at(`round-${round}`), at(`renamed-${round}`));
      commit();
    }
  }
}

const features = '^resize_inode,^fast_commit';
const variants = [
  { make: ['-t', 'ext4', '-b', '1024', '-O', features], options: 'data=ordered' },
  { make: ['-t', 'ext4', '-b', '4096', '-O', features], options: 'data=ordered,nodelalloc' },
  { make: ['-t', 'ext4', '-b', '4096', '-O', `${features},^64bit`], options: 'data=journal' },
  { make: ['-t', 'ext4', '-b', '1024', '-O', `${features},inline_data`], options: 'data=writeback' },
  {
    make: ['-t', 'ext4', '-b', '4096', '-O', `${features},bigalloc`],
    options: 'data=writeback,journal_async_commit',
  },
  {
    make: ['-t', 'ext4', '-b', '1024', '-O', `${features},^metadata_csum`],
    options: 'data=ordered,journal_checksum',
  },
  {
    make: ['-t', 'ext4', '-b', '2048', '-O', `${features},^metadata_csum,^64bit`],
    options: 'data=journal,journal_async_commit',
  },
  { make: ['-t', 'ext3', '-b', '1024'], options: 'data=ordered' },
  { make: ['-t', 'ext3', '-b', '4096'], options: 'data=journal' },
];

test.for(variants.flatMap((variant) => [3, 20].map((rounds) => ({ ...variant, rounds }))))(
  '$options, mke2fs $make, $rounds rounds',
  async ({ make, options, rounds }) => {
    writeFileSync(live, '');
    truncateSync(live, 64 * 1024 * 1024);
    tool('mke2fs', '-q', '-F', ...make, '-J', 'size=4', '-N', '4096', live);
    mounted(live, `commit=300,${options}`, () => {
      work(rounds);
      tool('cp', '--sparse=always', live, stopped);
    });
    expect(tool('dumpe2fs', '-h', stopped)).toContain('needs_recovery');
    const copy = directory.path('copy');
    copyFileSync(stopped, copy);
    const expected = mounted(copy, 'rw', () => listHost(mountPoint));
    expect(Object.keys(expected).length).toBeGreaterThan(40);

    await using file = await openFile(stopped);
    const fileSystem = await openExt(file);
    expect(await listFileSystem(fileSystem)).toEqual(expected);
    expect(fileSystem.needsRecovery).toBe(true);
    const log = tool('debugfs', '-R', 'logdump -a', stopped);
    expect(fileSystem.replayedTransactions).toBe(log.split('(commit block)').length - 1);
    expect(fileSystem.replayedTransactions).toBeGreaterThan(0);
  },
);

test('the index of a directory that Linux made has a checksum, which is checked', async () => {
  writeFileSync(live, '');
  truncateSync(live, 64 * 1024 * 1024);
  tool('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '1024', '-N', '4096', live);
  mounted(live, 'rw', () => work(1));
  const list = async (path: string) => {
    await using file = await openFile(live);
    return (await (await openExt(file)).list(path)).length;
  };
  expect(await list('/many')).toBe(1800);
  expect(tool('debugfs', '-R', 'htree_dump /many', live)).toContain('Indirect levels: 1');
  // The first block is the root of the index. Entries of it that are not in use are not checked.
  const [root = 0] = tool('debugfs', '-R', 'blocks /many', live).trim().split(/\s+/).map(Number);
  for (const offset of [28, 40]) {
    const file = openSync(live, 'r+');
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, root * 1024 + offset);
    writeSync(file, Buffer.from([byte.readUInt8() ^ 1]), 0, 1, root * 1024 + offset);
    await expect(list('/many')).rejects.toThrow('/many: directory block 0: checksum 0x');
    expect(await list('/round-0')).toBe(40);
    writeSync(file, byte, 0, 1, root * 1024 + offset);
    closeSync(file);
  }
  expect(await list('/many')).toBe(1800);
});
