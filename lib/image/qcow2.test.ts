import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { damaged, outcome, touchEnds } from '../../fixtures/disks/damage.ts';
import { expected, imageBytes } from '../../fixtures/disks/images.ts';
import { sha256Of } from '../../fixtures/disks/tools.ts';
import type { Blob } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { FormatError, UnsupportedError } from '../errors.ts';
import { openVirtualDisk, readContainer } from './container.ts';
import { qcow2Extent } from './qcow2.ts';

const names = Object.keys(expected.images);
const contents = names.filter((name) => name.startsWith('content-'));

test.for(names)('%s: header and content as qemu-img has them', async (name) => {
  const { sha256, ...facts } = expected.images[name] ?? { sha256: '' };
  const blob = memoryBlob(imageBytes(name), name);
  const container = await readContainer(blob);
  expect(container).toMatchObject({ format: 'qcow2', qcow2: facts });
  expect(container.qcow2).toMatchObject({
    encryption: 'none',
    dirty: false,
    corrupt: false,
    externalDataFile: false,
  });
  const disk = openVirtualDisk(container, blob);
  expect(disk.sizeInBytes).toBe(facts['virtualSizeInBytes']);
  expect(await sha256Of(disk, 100_001)).toBe(sha256);
});

test('a piece read alone is the same as in the whole', async () => {
  for (const name of contents) {
    const blob = memoryBlob(imageBytes(name), name);
    const disk = openVirtualDisk(await readContainer(blob), blob);
    const whole = await disk.read(0, disk.sizeInBytes);
    const range = fc.tuple(fc.nat(disk.sizeInBytes), fc.nat(20_000));
    await fc.assert(
      fc.asyncProperty(range, async ([offset, wanted]) => {
        const length = Math.min(wanted, disk.sizeInBytes - offset);
        expect((await disk.read(offset, length)).equals(whole.subarray(offset, offset + length))).toBe(true);
      }),
      { numRuns: 50 },
    );
  }
});

test('neighbouring clusters are fetched together, and again from memory', async () => {
  const reads: [offset: number, length: number][] = [];
  const counted = (blob: Blob): Blob => ({
    ...blob,
    read: (offset, length) => {
      reads.push([offset, length]);
      return blob.read(offset, length);
    },
  });
  for (const name of ['content-zlib', 'content-v2']) {
    const blob = counted(memoryBlob(imageBytes(name), name));
    const disk = openVirtualDisk(await readContainer(blob), blob);
    await disk.read(0, 1);
    reads.length = 0;
    // 16 clusters of text follow each other there, compressed in one image and plain in the other.
    const first = await disk.read(300 * 1024, 64 * 1024);
    expect(reads.length).toBeLessThanOrEqual(1);
    expect(first.includes('Ironic deploys what it is given.')).toBe(true);
    reads.length = 0;
    if (name === 'content-zlib') await disk.read(310 * 1024, 32 * 1024);
    expect(reads).toEqual([]);
  }
});

describe('an image that lacks its end', () => {
  test.for(contents)('%s', async (name) => {
    const bytes = imageBytes(name);
    const whole = memoryBlob(bytes, name);
    const { qcow2 } = await readContainer(whole);
    if (qcow2 === undefined) throw new Error('no header');
    const { neededInBytes } = await qcow2Extent(whole, qcow2);
    expect(neededInBytes).toBeLessThanOrEqual(bytes.length);
    // What is needed is enough, and one byte less is not.
    const enough = memoryBlob(bytes.subarray(0, neededInBytes + 511), name);
    expect(await sha256Of(openVirtualDisk(await readContainer(enough), enough))).toBe(
      expected.images[name]?.sha256,
    );
    const short = memoryBlob(bytes.subarray(0, neededInBytes - 1), name);
    const disk = openVirtualDisk(await readContainer(short), short);
    await expect(sha256Of(disk)).rejects.toThrow(/truncated|damaged/);
  });
});

/** A version 3 header by hand: the offsets are those of the specification. */
function header(change: (bytes: Buffer) => void): Blob {
  const bytes = Buffer.alloc(3 * 65536);
  bytes.write('QFI\xfb', 0, 'latin1');
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(16, 20);
  bytes.writeBigUInt64BE(1024n * 1024n, 24);
  bytes.writeUInt32BE(1, 36);
  bytes.writeBigUInt64BE(65536n, 40);
  bytes.writeUInt32BE(104, 100);
  change(bytes);
  return memoryBlob(bytes, 'by-hand.qcow2');
}
async function opened(blob: Blob): Promise<Blob> {
  return openVirtualDisk(await readContainer(blob), blob);
}

describe('what the header says', () => {
  test('an image with nothing in it is all zeroes', async () => {
    const disk = await opened(header(() => {}));
    expect(await disk.read(1000, 5000)).toEqual(Buffer.alloc(5000));
  });

  test.for([
    { what: 'corrupt', bits: 2n, error: FormatError, message: 'marked corrupt' },
    {
      what: 'an external data file',
      bits: 4n,
      error: UnsupportedError,
      message: 'in another file: (not named)',
    },
    {
      what: 'unknown features',
      bits: 0x8000_0000_0000_0060n,
      error: UnsupportedError,
      message: 'bits 5, 6, 63',
    },
  ])('$what', async ({ bits, error, message }) => {
    const blob = header((bytes) => bytes.writeBigUInt64BE(bits, 72));
    await expect(opened(blob)).rejects.toThrow(error);
    await expect(opened(blob)).rejects.toThrow(message);
  });

  test('dirty is told and read', async () => {
    const blob = header((bytes) => bytes.writeBigUInt64BE(1n, 72));
    expect((await readContainer(blob)).qcow2).toMatchObject({ dirty: true });
    expect((await opened(blob)).sizeInBytes).toBe(1024 * 1024);
  });

  test('a backing file', async () => {
    const blob = header((bytes) => {
      bytes.writeBigUInt64BE(512n, 8);
      bytes.writeUInt32BE(11, 16);
      bytes.write('/etc/passwd', 512);
    });
    expect((await readContainer(blob)).qcow2).toMatchObject({ backingFile: '/etc/passwd' });
    await expect(opened(blob)).rejects.toThrow(
      'by-hand.qcow2: a qcow2 image with a backing file: /etc/passwd',
    );
  });

  test.for([
    { at: 4, value: 1, message: 'version 1, where 2 and 3 are known' },
    { at: 20, value: 8, message: 'cluster_bits 8' },
    { at: 20, value: 22, message: 'cluster_bits 22' },
    { at: 24, value: 0xffff_ffff, message: 'size is impossible' },
    { at: 24, value: 1, message: 'l1_size 1, but 9 are needed for 4296015872 bytes' },
    { at: 36, value: 0xffff_ffff, message: 'l1_size 4294967295' },
    { at: 44, value: 65537, message: 'l1_table_offset 65537' },
    { at: 100, value: 90, message: 'header_length 90' },
  ])('$message', async ({ at, value, message }) => {
    const blob = header((bytes) => bytes.writeUInt32BE(value, at));
    const container = await readContainer(blob);
    expect(container).toMatchObject({ format: 'qcow2', damage: expect.stringContaining(message) });
    expect(() => openVirtualDisk(container, blob)).toThrow(`by-hand.qcow2: qcow2 header: ${message}`);
  });

  test('tables that are not at a cluster', async () => {
    const disk = await opened(header((bytes) => bytes.writeUInt32BE(0x20200, 65540)));
    await expect(disk.read(0, 1)).rejects.toThrow('L2 table 0 at 131584, not at a cluster of 65536 bytes');
  });
});

test.for(contents)('%s: damage is told, and never anything but told', async (name) => {
  await fc.assert(
    fc.asyncProperty(damaged(imageBytes(name)), async (bytes) => {
      const blob = memoryBlob(bytes, name);
      const reading = outcome(name, async () => touchEnds(await opened(blob)));
      expect(await reading).toMatch(/^(?:fine|told)$/);
      const measuring = outcome(name, async () => {
        const { qcow2 } = await readContainer(blob);
        if (qcow2 !== undefined) await qcow2Extent(blob, qcow2);
      });
      expect(await measuring).toMatch(/^(?:fine|told)$/);
    }),
    { numRuns: 150 },
  );
});
