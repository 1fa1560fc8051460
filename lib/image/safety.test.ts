import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { damaged, outcome } from '../../fixtures/disks/damage.ts';
import { bytesOf, committedBases } from '../../fixtures/image-safety/corpus.ts';
import { oneLine } from '../../fixtures/image-safety/oracle.ts';
import { recordedCases, recordedVerdicts } from '../../fixtures/image-safety/recorded.ts';
import type { Blob } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { inspectImage } from './safety.ts';

const bases = committedBases();

/** Some words of each that oslo.utils gives. */
const reasons = [
  'backing_file: Image has a backing file',
  'data_file: Image has data_file set',
  'unknown_features: Unsupported qcow2 version',
  'unknown_features: Unknown QCOW2 features',
  'banned: This file format is not allowed',
  'version: LUKS version 2',
  'complete: Incomplete file',
  'mbr: MBR PTE 0 has invalid boot flag',
  'mbr: GPT MBR has invalid start CHS',
  'mbr: GPT MBR has invalid start LBA',
  'mbr: GPT MBR defines invalid extra partitions',
  'mbr: GPT MBR has no partitions defined',
  'descriptor: No descriptor found',
  'descriptor: Unsupported subformat',
  'descriptor: Invalid VMDK descriptor data',
  'descriptor: Invalid extent filenames found',
  'descriptor: No extents found',
  'footer: Header and footer signature do not match',
  'footer: Header and footer versions do not match',
  'footer: Footer specifies a different descriptor than header',
  'footer: Footer indicates another footer',
  'footer: Footer marker is invalid',
  'footer: End-of-stream marker is invalid',
];

test('more than 2000 images, whole and damaged, have the verdict of oslo.utils itself', async () => {
  const cases = recordedCases();
  const { version, verdicts } = recordedVerdicts();
  expect(version).toBe('oslo.utils 10.1.1');
  expect(verdicts.length).toBe(cases.length);
  expect(cases.length).toBeGreaterThan(2000);
  const different: object[] = [];
  for (const [index, one] of cases.entries()) {
    const bytes = bytesOf(bases.get(one.base) ?? Buffer.alloc(0), one);
    const ours = oneLine(await inspectImage(memoryBlob(bytes, 'image')));
    if (ours !== verdicts[index]) different.push({ ...one, ours, theirs: verdicts[index] });
  }
  expect(different).toEqual([]);
  // The corpus reaches every format and every reason.
  const all = verdicts.join('\n');
  for (const format of [
    'raw',
    'qcow2',
    'vhd',
    'vhdx',
    'vmdk',
    'vdi',
    'qed',
    'iso',
    'gpt',
    'luks',
    'broken',
  ]) {
    expect(all).toMatch(new RegExp(`^${format}`, 'm'));
  }
  for (const reason of reasons) {
    expect(all).toContain(reason);
  }
});

const sector = (...parts: readonly (readonly [offset: number, hex: string])[]) => {
  const bytes = Buffer.alloc(2048);
  bytes.write('55aa', 510, 'hex');
  for (const [offset, hex] of parts) bytes.write(hex, offset, 'hex');
  return bytes;
};
const protective = '00000200eeffffff01000000ffffffff';
const linux = '80000000830000000008000000100000';

// UEFI specification, "Protective MBR", and the rules of GPTInspector in oslo_utils.
test.for([
  { name: 'a protective MBR', bytes: sector([446, protective]), found: [] },
  { name: 'an MBR', bytes: sector([446, linux]), found: [] },
  {
    name: 'a hybrid MBR',
    bytes: sector([446, protective], [462, linux]),
    found: ['GPT MBR defines invalid extra partitions: records 1, 2 of the MBR are in use'],
  },
  {
    name: 'a protective record in the second place',
    bytes: sector([462, protective]),
    found: ['GPT MBR defines invalid extra partitions: records 2 of the MBR are in use'],
  },
  {
    name: 'a protective record that starts elsewhere',
    bytes: sector([446, '00000100eeffffff01000000ffffffff']),
    found: ['GPT MBR has invalid start CHS: 0x000100, not 0x000200'],
  },
  {
    name: 'an x86 kernel',
    bytes: sector(),
    found: ['GPT MBR has no partitions defined: all four records are empty'],
  },
  { name: 'a boot flag', bytes: sector([446, '01']), found: ['MBR PTE 0 has invalid boot flag: 0x1'] },
])('gpt: $name', async ({ bytes, found }) => {
  const { formats } = await inspectImage(memoryBlob(bytes, 'disk'));
  const told = formats.map(({ violations }) => violations.map(({ reason, found }) => `${reason}: ${found}`));
  expect(formats.map(({ format }) => format)).toEqual(['gpt']);
  expect(told).toEqual([found]);
  expect((await inspectImage(memoryBlob(bytes, 'disk'), 'ironic')).formats).toEqual([
    { format: 'raw', virtualSizeInBytes: 2048n, violations: [] },
  ]);
});

test('a FAT boot sector is raw', async () => {
  const { formats } = await inspectImage(memoryBlob(sector([0x10, '02'], [0x15, 'f8']), 'floppy'));
  expect(formats.map(({ format }) => format)).toEqual(['raw']);
});

test('a large image is judged by a few kilobytes', async () => {
  for (const [name, bytes] of bases) {
    let read = 0;
    const blob: Blob = {
      origin: name,
      sizeInBytes: 2 ** 40,
      async read(offset, length) {
        read += length;
        const piece = Buffer.alloc(length);
        bytes.copy(piece, 0, Math.min(offset, bytes.length), Math.min(offset + length, bytes.length));
        return piece;
      },
    };
    await inspectImage(blob);
    expect(read).toBeLessThan(150_000);
  }
});

test('a VHDX whose tables lead anywhere is answered at once', async () => {
  const vhdx = bases.get('vhdx') ?? Buffer.alloc(0);
  for (const offset of [0n, 1n << 40n, (1n << 53n) - 1n, 1n << 62n, (1n << 64n) - 1n]) {
    const bytes = Buffer.from(vhdx);
    for (let at = 196_608 + 32; at < 196_608 + 96; at += 32) bytes.writeBigUInt64LE(offset, at);
    const { formats } = await inspectImage({ ...memoryBlob(bytes, 'far.vhdx'), sizeInBytes: bytes.length });
    expect(formats.map(({ violations }) => violations.map(({ check }) => check))).toEqual([['complete']]);
  }
});

test('a descriptor of NULs with something behind them is judged in no long time', async () => {
  const base = bases.get('vmdk-sparse') ?? Buffer.alloc(0);
  const bytes = Buffer.alloc(2 * 1024 * 1024);
  base.copy(bytes, 0, 0, 1024);
  // The descriptor's size, in sectors, and its last byte but one.
  bytes.writeBigUInt64LE(2048n, 36);
  bytes.fill(0, 512);
  bytes.write('x', 512 + 2 ** 20 - 3);
  const { formats } = await inspectImage(memoryBlob(bytes, 'nuls.vmdk'), 'ironic');
  expect(formats).toMatchObject([{ format: 'vmdk', violations: [{ check: 'descriptor' }] }]);
});

test('any bytes have a verdict', async () => {
  for (const name of ['vmdk-sparse', 'vmdk-stream', 'vhdx', 'qcow2-data-file', 'iso-hybrid', 'luks']) {
    const base = bases.get(name) ?? Buffer.alloc(0);
    await fc.assert(
      fc.asyncProperty(damaged(base), fc.constantFrom('oslo.utils', 'ironic'), async (bytes, inspector) => {
        expect(await outcome(name, async () => inspectImage(memoryBlob(bytes, name), inspector))).toBe(
          'fine',
        );
      }),
      { numRuns: 100 },
    );
  }
});
