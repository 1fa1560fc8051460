import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { damaged, outcome, touchEnds } from '../../fixtures/disks/damage.ts';
import {
  lvmAreaAt as areaAt,
  lvmExpected,
  physicalVolume,
  withText,
} from '../../fixtures/disks/lvm/images.ts';
import { sha256Of } from '../../fixtures/disks/tools.ts';
import { readText } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { FormatError, MissingError, UnsupportedError } from '../errors.ts';
import { openFileSystem, recogniseFileSystem } from '../fs/detect.ts';
import { type LogicalVolume, readLvm } from './lvm.ts';

const partition = (index: 0 | 1, bytes = physicalVolume(index)) =>
  memoryBlob(bytes, `disk › partition ${index}`);
const both = () => readLvm([partition(0), partition(1)]);

async function volume(name: string, partitions = [partition(0), partition(1)]): Promise<LogicalVolume> {
  const [group] = await readLvm(partitions);
  const found = group?.logicalVolumes.find((volume) => volume.name === name);
  if (found === undefined) throw new Error(`no ${name}`);
  return found;
}

test('a volume group over two partitions, as LVM has it', async () => {
  const [group, ...others] = await both();
  expect(others).toEqual([]);
  expect(group).toMatchObject({ name: lvmExpected.name, uuid: lvmExpected.uuid });
  const sizes = group?.logicalVolumes.map(({ name, sizeInBytes }) => [name, sizeInBytes] as const);
  const expected = Object.entries(lvmExpected.logicalVolumes);
  expect(new Map(sizes)).toEqual(new Map(expected.map(([name, { sizeInBytes }]) => [name, sizeInBytes])));
  expect(await recogniseFileSystem(partition(1))).toBe('LVM2_member');
});

test.for(['lv_first', 'lv_root', 'lv_between', 'lv_striped'])('%s: as GRUB reads it', async (name) => {
  const { blob, sizeInBytes } = await volume(name);
  expect(blob.sizeInBytes).toBe(sizeInBytes);
  expect(await sha256Of(blob)).toBe(lvmExpected.logicalVolumes[name]?.sha256);
  expect(await sha256Of(blob, 1000)).toBe(lvmExpected.logicalVolumes[name]?.sha256);
});

test('the file system in a logical volume', async () => {
  const { blob } = await volume('lv_root');
  expect(blob.origin).toBe('disk › partition 0 › vg/lv_root');
  const fileSystem = await openFileSystem(blob);
  expect(await readText(await fileSystem.open('/etc/os-release'))).toBe(
    'NAME="Rocky Linux"\nVERSION_ID="9.4"\n',
  );
});

test.for([
  ['lv_raid', 'of the type raid1, which is not read'],
  ['lv_pool', 'of the type thin-pool, which is not read'],
  ['lv_thin', 'of the type thin, which is not read'],
  ['lv_zero', 'of the type zero, which is not read'],
  ['lv_cow', 'a snapshot, which is not read'],
] as const)('%s is named', async ([name, message]) => {
  const { blob } = await volume(name);
  await expect(blob.read(0, 512)).rejects.toThrow(UnsupportedError);
  await expect(blob.read(0, 512)).rejects.toThrow(`disk › partition 0 › vg/${name}: ${message}`);
});

test('with one partition alone, what lies in it is read, and what is missing is named', async () => {
  const alone = [partition(0)];
  expect(await sha256Of((await volume('lv_first', alone)).blob)).toBe(
    lvmExpected.logicalVolumes['lv_first']?.sha256,
  );
  const { blob } = await volume('lv_root', alone);
  await expect(blob.read(0, 512)).rejects.toThrow(MissingError);
  await expect(blob.read(0, 512)).rejects.toThrow(
    `on the physical volume ${lvmExpected.physicalVolumes[1]}, which is not there`,
  );
});

const renamed = (seqno: number) => withText([/seqno = ../, `seqno = ${seqno}`], ['lv_between', 'lv_changed']);

test('the newest copy of the metadata counts, and a damaged one does not matter beside it', async () => {
  const { seqno } = lvmExpected;
  const names = async (bytes: Buffer) =>
    (await readLvm([partition(0, bytes), partition(1)]))[0]?.logicalVolumes.map(({ name }) => name);
  expect(await names(renamed(seqno + 1))).toContain('lv_changed');
  expect(await names(renamed(seqno - 1))).toContain('lv_between');
  const lost = renamed(seqno + 1).fill(0x55, areaAt, areaAt + 512);
  expect(await names(lost)).toContain('lv_between');
  await expect(readLvm([partition(0, lost)])).rejects.toThrow(
    'disk › partition 0: LVM2 metadata area at 4096: checksum 0x',
  );
});

describe('damage', () => {
  const labelAt = 512;
  test.for([
    { at: labelAt, message: 'no LVM2 label in its first 4 sectors' },
    { at: labelAt + 8, message: 'LVM2 label: in sector 1, but it says ' },
    { at: labelAt + 40, message: 'LVM2 label: checksum 0x' },
  ])('$message', async ({ at, message }) => {
    const bytes = physicalVolume(0);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 0x10, at);
    await expect(readLvm([partition(0, bytes)])).rejects.toThrow(FormatError);
    await expect(readLvm([partition(0, bytes)])).rejects.toThrow(`disk › partition 0: ${message}`);
  });

  test('two partitions that say that they are the same', async () => {
    await expect(readLvm([partition(0), partition(1, physicalVolume(0))])).rejects.toThrow(
      `disk › partition 1: the physical volume ${lvmExpected.physicalVolumes[0]}, as disk › partition 0 is`,
    );
  });

  test.for([
    ['extent_size = 128', 'extent_size = 000', 'line 8: 000, not a value'],
    ['extent_size = 128', 'extent_size =   0', 'extent_size 0 sectors'],
    ['segment_count = 3', 'segment_count = 4', 'vg/lv_root: no segment4 of 4'],
    ['start_extent = 5', 'start_extent = 6', 'vg/lv_root: segment2 begins at extent 6, not 5'],
    ['"pv0", 2\n', '"pv0",99\n', 'vg/lv_root: 5 extents at 99 of pv0, which has'],
    ['stripe_size = 8', 'stripe_size = 7', 'stripes of 3584 bytes in extents of 65536'],
    ['stripe_count = 2', 'stripe_count = 3', 'vg/lv_striped: stripe_count 3, and not as many stripes'],
    ['pe_count = ', 'pe_xxxxx = ', 'pv0: pe_count is absent'],
  ] as const)('%j becomes %j', async ([from, to, message]) => {
    await expect(readLvm([partition(0, withText([from, to]))])).rejects.toThrow(message);
  });

  test('a stripe on another logical volume is named', async () => {
    const bytes = withText(['"pv0", 2\n', '"pv7", 2\n']);
    const { blob } = await volume('lv_root', [partition(0, bytes)]);
    await expect(blob.read(0, 1)).rejects.toThrow('vg/lv_root: on the logical volume pv7, which is not read');
  });

  test('any damage is told', { timeout: 120_000 }, async () => {
    const bytes = physicalVolume(0);
    const head = 64 * 1024;
    const inHead = damaged(bytes.subarray(0, head)).map((changed) =>
      Buffer.concat([changed, bytes.subarray(changed.length)]),
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(inHead, damaged(bytes)), async (changed) => {
        const reading = outcome('disk', async () => {
          for (const { logicalVolumes } of await readLvm([partition(0, changed)]))
            for (const { blob } of logicalVolumes) await outcome('disk', async () => touchEnds(blob));
        });
        expect(await reading).toMatch(/^(?:fine|told)$/);
      }),
      { numRuns: 100 },
    );
  });
});
