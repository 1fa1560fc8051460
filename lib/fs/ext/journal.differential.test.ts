import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noise, sha256Of, temporaryDirectory, tool } from '../../../fixtures/disks/tools.ts';
import { type Listing, listFileSystem } from '../../../fixtures/disks/tree.ts';
import { openFile } from '../../blob/file.ts';
import { openExt } from './ext.ts';

// debugfs changes a copy of a file system, and writes the blocks that differ into the journal of the other: that is
// then to look as the copy does, to us as to e2fsck.

const directory = temporaryDirectory();
const [before, after, dirty, checked, payload] = ['before', 'after', 'dirty', 'checked', 'payload'].map(
  (name) => directory.path(name),
) as [string, string, string, string, string];
const source = directory.path('source');
const added = directory.path('added');
afterAll(() => directory[Symbol.dispose]());

const sizeInBytes = 24 * 1024 * 1024;
const magic = Buffer.from('c03b3998', 'hex');

beforeAll(() => {
  mkdirSync(source);
  mkdirSync(`${source}/many`);
  for (let index = 0; index < 200; index++) writeFileSync(`${source}/many/${index}-${'x'.repeat(50)}`, '');
  writeFileSync(`${source}/stays`, noise(50_000, 7));
  writeFileSync(`${source}/goes`, noise(50_000, 8));
  mkdirSync(added);
  writeFileSync(`${added}/noise`, noise(30_000, 9));
  // Every block of it begins as those of a journal do.
  writeFileSync(
    `${added}/magic`,
    Buffer.concat(Array.from({ length: 40 }, (_, index) => [magic, noise(1020, index)]).flat()),
  );
});

const variants: { journal: string; make: string[] }[] = [];
for (const journal of ['jo', 'jo -c -v 2', 'jo -c -v 3']) {
  for (const make of [
    ['-t', 'ext4', '-b', '1024'],
    ['-t', 'ext4', '-b', '4096', '-O', '^64bit'],
    ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum,^64bit'],
    ['-t', 'ext4', '-b', '4096', '-O', '^metadata_csum'],
    ['-t', 'ext3', '-b', '1024'],
    ['-t', 'ext3', '-b', '4096'],
  ])
    variants.push({ journal, make });
}

/** The block numbers in which the two images differ, but for the superblock's. */
function changedBlocks(blockInBytes: number): number[] {
  const [one, other] = [readFileSync(before), readFileSync(after)];
  const changed: number[] = [];
  for (let at = 0; at < sizeInBytes; at += blockInBytes) {
    const holdsSuperblock = at <= 1024 && at + blockInBytes > 1024;
    if (!holdsSuperblock && one.compare(other, at, at + blockInBytes, at, at + blockInBytes) !== 0)
      changed.push(at / blockInBytes);
  }
  return changed;
}

function blocksOf(image: string, blocks: readonly number[], blockInBytes: number): Buffer {
  const file = openSync(image, 'r');
  const parts = blocks.map((block) => {
    const bytes = Buffer.alloc(blockInBytes);
    readSync(file, bytes, 0, blockInBytes, block * blockInBytes);
    return bytes;
  });
  closeSync(file);
  return Buffer.concat(parts);
}

function debugfs(image: string, ...commands: string[]): void {
  const script = directory.path('commands');
  writeFileSync(script, `${commands.join('\n')}\n`);
  const said = tool('debugfs', '-w', '-f', script, image);
  expect(said).not.toMatch(/error|corrupt|while/i);
}

async function view(image: string): Promise<{ tree: Listing; replayed: number; sum: string }> {
  await using file = await openFile(image);
  const fileSystem = await openExt(file);
  const stays = await fileSystem.open('/stays');
  return {
    tree: await listFileSystem(fileSystem),
    replayed: fileSystem.replayedTransactions,
    sum: await sha256Of(stays),
  };
}

test.for(variants)('$journal, mke2fs $make', async ({ journal, make }) => {
  writeFileSync(before, '');
  truncateSync(before, sizeInBytes);
  tool('mke2fs', '-q', '-F', ...make, '-N', '512', '-d', source, before);
  copyFileSync(before, after);
  debugfs(
    after,
    'mkdir /new',
    ...['noise', 'magic'].map((name) => `write ${added}/${name} new/${name}`),
    'symlink /new/link ../stays',
    'rm /goes',
    'rm /many/77-' + 'x'.repeat(50),
    'sif /new/noise mode 0104755',
  );
  const blockInBytes = Number(make[3]);
  const changed = changedBlocks(blockInBytes);
  expect(changed.length).toBeGreaterThan(20);

  // Transactions: some of it twice, once wrong; a block of a file that stays, revoked; and one without an end.
  const stays = tool('debugfs', '-R', 'blocks /stays', before).trim().split(/\s+/).map(Number).slice(-4);
  const transactions: { blocks: number[]; bytes: Buffer; options?: string }[] = [];
  const twice = changed.slice(3, 9);
  transactions.push({ blocks: twice, bytes: noise(twice.length * blockInBytes, 3) });
  // With v1, in which revoke blocks are not checked, debugfs checks them: its own e2fsck takes that for damage.
  const isV1 =
    journal !== 'jo' && !/^Filesystem features:.* metadata_csum/m.test(tool('dumpe2fs', '-h', before));
  if (!isV1) {
    transactions.push({ blocks: stays, bytes: noise(stays.length * blockInBytes, 4) });
    const revoked = [...stays, twice[0]].join(',');
    transactions.push({ blocks: [], bytes: Buffer.alloc(0), options: `-r ${revoked}` });
  }
  for (let at = 0; at < changed.length; at += 25) {
    const blocks = changed.slice(at, at + 25);
    transactions.push({ blocks, bytes: blocksOf(after, blocks, blockInBytes) });
  }
  const complete = transactions.length;
  transactions.push({ blocks: stays, bytes: noise(stays.length * blockInBytes, 5), options: '-c' });

  copyFileSync(before, dirty);
  const commands = transactions.map(({ blocks, bytes, options = '' }, index) => {
    writeFileSync(`${payload}-${index}`, bytes);
    return `jw ${options} ${blocks.length > 0 ? `-b ${blocks.join(',')}` : ''} ${payload}-${index}`;
  });
  debugfs(dirty, journal, ...commands, 'jc');
  const about = tool('dumpe2fs', '-h', dirty);
  expect(about).toContain('needs_recovery');
  const checksum = isV1 ? 'journal_checksum' : `journal_checksum_v${journal.at(-1)}`;
  const [used] = /journal_checksum\S*/.exec(about) ?? [];
  expect(used).toBe(journal === 'jo' ? undefined : checksum);

  const expected = await view(after);
  expect(expected.replayed).toBe(0);
  expect(Object.keys(expected.tree)).toContain('/new/magic');
  const ours = await view(dirty);
  expect(ours).toEqual({ ...expected, replayed: complete });

  copyFileSync(dirty, checked);
  tool('sh', '-c', 'e2fsck -fy "$0" || [ $? = 1 ]', checked);
  expect(await view(checked)).toEqual(expected);
});
