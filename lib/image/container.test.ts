import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { outcome } from '../../fixtures/disks/damage.ts';
import { memoryBlob } from '../blob/memory.ts';
import { FormatError, UnsupportedError } from '../errors.ts';
import { openVirtualDisk, readContainer } from './container.ts';

const at = (offset: number, text: string, size = offset + text.length) => {
  const bytes = Buffer.alloc(size);
  bytes.write(text, offset, 'latin1');
  return bytes;
};

// Magic numbers from the formats' own specifications.
const known = [
  { format: 'empty', bytes: Buffer.alloc(0), message: /empty \(0 bytes\)/ },
  { format: 'qed', bytes: at(0, 'QED\0', 512), message: /a QED image; Ironic deploys raw and qcow2/ },
  { format: 'vmdk', bytes: at(0, 'KDMV', 512), message: /a VMDK image; Ironic deploys raw and qcow2/ },
  { format: 'vmdk', bytes: at(0, '# Disk DescriptorFile\n'), message: /a VMDK image/ },
  { format: 'vhdx', bytes: at(0, 'vhdxfile', 512), message: /a VHDX image/ },
  { format: 'vhd', bytes: at(0, 'conectix', 2048), message: /a VHD image/ },
  { format: 'vhd', bytes: at(4096 - 512, 'conectix', 4096), message: /a VHD image/ },
  { format: 'vdi', bytes: at(0x40, '\x7f\x10\xda\xbe', 512), message: /a VDI image/ },
  { format: 'luks', bytes: at(0, 'LUKS\xba\xbe\0\x02', 512), message: /LUKS/ },
  { format: 'iso', bytes: at(32769, 'CD001', 40_000), message: /an ISO 9660 image/ },
  { format: 'gzip', bytes: at(0, '\x1f\x8b\x08\0\0'), message: /compressed with gzip/ },
  { format: 'xz', bytes: at(0, '\xfd7zXZ\0\0\x04'), message: /compressed with xz/ },
  { format: 'zstd', bytes: at(0, '(\xb5/\xfd$'), message: /compressed with zstd/ },
  { format: 'bzip2', bytes: at(0, 'BZh91AY&SY'), message: /compressed with bzip2/ },
  { format: 'html', bytes: at(0, '<!DOCTYPE html>\n<title>404</title>'), message: /an HTML page, where/ },
  { format: 'html', bytes: at(0, '\xef\xbb\xbf\n<html lang="en">'), message: /an HTML page/ },
  {
    format: 'git-lfs-pointer',
    bytes: at(0, 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'),
    message: /Git LFS pointer/,
  },
] as const;

test.for(known)('$format', async ({ format, bytes, message }) => {
  const blob = memoryBlob(bytes, 'image');
  const container = await readContainer(blob);
  expect(container).toEqual({ format });
  expect(() => openVirtualDisk(container, blob)).toThrow(message);
  const isNoImage = ['empty', 'html', 'git-lfs-pointer'].includes(format);
  expect(() => openVirtualDisk(container, blob)).toThrow(isNoImage ? FormatError : UnsupportedError);
});

test('anything else is raw, and is its own disk', async () => {
  for (const bytes of [
    at(0, 'BZh9 is a name'),
    at(510, '\x55\xaa'),
    at(0, 'html and body'),
    Buffer.alloc(100_000),
  ]) {
    const blob = memoryBlob(bytes, 'image');
    const container = await readContainer(blob);
    expect(container).toEqual({ format: 'raw' });
    expect(openVirtualDisk(container, blob)).toBe(blob);
  }
});

test('a qcow2 that ends in its header is recognised and told to be damaged', async () => {
  const blob = memoryBlob(at(0, 'QFI\xfb\0\0\0\x03', 60), 'short.qcow2');
  const container = await readContainer(blob);
  expect(container.damage).toBe('short.qcow2: qcow2 header: 60 bytes, less than the 72 of a header');
  expect(() => openVirtualDisk(container, blob)).toThrow(FormatError);
});

test('any bytes are something', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...known),
      fc.uint8Array({ maxLength: 3000 }),
      async ({ bytes }, more) => {
        const blob = memoryBlob(Buffer.concat([bytes.subarray(0, 16), more]), 'any');
        const opening = outcome('any', async () => openVirtualDisk(await readContainer(blob), blob));
        expect(await opening).toMatch(/^(?:fine|told)$/);
      },
    ),
  );
});
