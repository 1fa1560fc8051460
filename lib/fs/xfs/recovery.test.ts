import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { damaged, outcome, touchAll } from '../../../fixtures/disks/damage.ts';
import { listFileSystem } from '../../../fixtures/disks/tree.ts';
import { xfsLogExpected, xfsLogImage } from '../../../fixtures/disks/xfs-log/images.ts';
import { logOf } from '../../../fixtures/disks/xfs-log/log.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { findExtent } from './log-head.ts';
import { openLog } from './log-layout.ts';
import { readSuperblock } from './layout.ts';
import { openXfs } from './xfs.ts';

const names = Object.keys(xfsLogExpected);
const open = (bytes: Buffer) => openXfs(memoryBlob(bytes, 'disk'));

/** Where the records begin that are to be replayed, in their order: of all that are there, the others are blank. */
function recordsOf(name: string, log: Buffer): number[] {
  const { tail = 0 } = xfsLogExpected[name] ?? {};
  const found: number[] = [];
  for (let at = 0; at < log.length; at += 512) if (log.readUInt32BE(at) === 0xfeed_babe) found.push(at);
  const isBefore = (at: number) => at < tail * 512;
  return [...found.filter((at) => !isBefore(at)), ...found.filter((at) => isBefore(at))];
}

test.for(names)('%s: what Linux has after it replayed the log', async (name) => {
  const { tree, transactions } = xfsLogExpected[name] ?? {};
  const fileSystem = await open(xfsLogImage(name));
  expect(await listFileSystem(fileSystem)).toEqual(tree);
  expect(fileSystem).toMatchObject({ needsRecovery: true, replayedTransactions: transactions });
});

test.for(names)('%s: from where to where, as xfs_logprint finds it', async (name) => {
  const { tail, head } = xfsLogExpected[name] ?? {};
  const blob = memoryBlob(xfsLogImage(name), 'disk');
  expect(await findExtent(openLog(blob, await readSuperblock(blob)))).toEqual({ tail, head });
});

test('the images have what is hard in logs', () => {
  const { tail = 0, head = 0 } = xfsLogExpected['wrapped'] ?? {};
  expect(head).toBeLessThan(tail);
  const log = logOf(xfsLogImage('large-records'));
  const [first = 0] = recordsOf('large-records', log);
  expect(log.readUInt32BE(first + 320)).toBe(256 * 1024);
  expect(log.readUInt32BE(first + 12)).toBeGreaterThan(32 * 1024);
});

describe('records that did not arrive whole', () => {
  test('the last ones do not count, from the first that is torn', async () => {
    for (const name of names) {
      const { transactions = 0 } = xfsLogExpected[name] ?? {};
      const counts: number[] = [];
      for (const back of [1, 2, 3]) {
        const bytes = xfsLogImage(name);
        const log = logOf(bytes);
        const at = recordsOf(name, log).at(-back) ?? 0;
        const place = at + 512 * (1 + log.readUInt32BE(at + 320) / 32_768) + 40;
        log.writeUInt8(log.readUInt8(place % log.length) ^ 1, place % log.length);
        counts.push((await open(bytes)).replayedTransactions);
      }
      expect(counts[0]).toBeLessThan(transactions);
      expect(counts).toEqual(counts.toSorted((one, other) => other - one));
    }
  });

  test('nor does what is behind a hole', async () => {
    const bytes = xfsLogImage('plain');
    const log = logOf(bytes);
    const at = recordsOf('plain', log).at(-1) ?? 0;
    // As it was before: never written.
    log.fill(0, at + 512, at + 1024);
    const { transactions = 0 } = xfsLogExpected['plain'] ?? {};
    expect((await open(bytes)).replayedTransactions).toBe(transactions - 1);
  });

  test('damage before the last few is told', async () => {
    const bytes = xfsLogImage('wrapped');
    const log = logOf(bytes);
    const records = recordsOf('wrapped', log);
    expect(records.length).toBeGreaterThan(16);
    const at = records.at(-12) ?? 0;
    log.writeUInt8(log.readUInt8((at + 1100) % log.length) ^ 1, (at + 1100) % log.length);
    await expect(open(bytes)).rejects.toThrow(
      `disk: xfs log: record at block ${at / 512}: its checksum is wrong`,
    );
  });
});

describe('damage', () => {
  test.for([
    { at: 8, value: 4, message: /record at block \d+: h_version 4/ },
    { at: 12, value: 0, message: /record at block \d+: h_len 0, of 1 to 32768/ },
    { at: 12, value: 0x7fff_ffff, message: /record at block \d+: h_len 2147483647, of 1 to 32768/ },
    { at: 300, value: 2, message: /record at block \d+: h_fmt 2 \(of a big-endian machine\)/ },
    { at: 304, value: 0, message: /record at block \d+: h_fs_uuid 00000000/ },
    { at: 320, value: 0x7fff_0000, message: /record at block \d+: h_size 2147418112, more than 262144/ },
  ])('of a header: $message', async ({ at, value, message }) => {
    const bytes = xfsLogImage('wrapped');
    const log = logOf(bytes);
    log.writeUInt32BE(value, (recordsOf('wrapped', log).at(-12) ?? 0) + at);
    await expect(open(bytes)).rejects.toThrow(message);
  });

  test.for(names)('%s: any damage of the log is told, or older', { timeout: 240_000 }, async (name) => {
    const bytes = xfsLogImage(name);
    const log = logOf(bytes);
    const start = log.byteOffset - bytes.byteOffset;
    const change = damaged(log).map((changed) => {
      const copy = Buffer.from(bytes);
      changed.copy(copy, start);
      return copy;
    });
    await fc.assert(
      fc.asyncProperty(change, async (changed) => {
        const walking = outcome('disk', async () => touchAll('disk', await open(changed)));
        expect(await walking).toMatch(/^(?:fine|told)$/);
      }),
      { numRuns: 40 },
    );
  });
});
