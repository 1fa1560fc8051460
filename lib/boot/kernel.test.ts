import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bootFixture, outcomeOf, outcomes } from '../../fixtures/boot/fixture.ts';
import { memoryBlob } from '../blob/memory.ts';
import { FormatError } from '../errors.ts';
import { type Kernel, readKernel } from './kernel.ts';

async function kernelOf(bytes: Buffer): Promise<Omit<Kernel, 'architecture'> & { architecture: string }> {
  const kernel = await readKernel(memoryBlob(bytes, 'deploy_kernel'));
  return { ...kernel, architecture: kernel.architecture.name };
}

describe('kernels', () => {
  // What the sources beside the fixtures state: 64 KiB pages, the banner, the sizes of their headers.
  test('an arm64 Image', async () => {
    expect(await kernelOf(bootFixture('Image'))).toEqual({
      form: 'arm64 Image',
      architecture: 'aarch64',
      release: '6.8.0-45-generic-64k',
      pageSizeInBytes: 65_536,
      efiStub: true,
      neededSizeInBytes: 768,
    });
  });

  test('a gzip-compressed Image, as Ubuntu ships for arm64: no firmware starts it', async () => {
    expect(await kernelOf(bootFixture('Image.gz'))).toEqual({
      form: 'gzip-compressed arm64 Image',
      architecture: 'aarch64',
      release: '6.8.0-45-generic-64k',
      compression: 'gzip',
      pageSizeInBytes: 65_536,
      efiStub: false,
    });
  });

  test('EFI zboot', async () => {
    expect(await kernelOf(bootFixture('vmlinuz.zboot'))).toEqual({
      form: 'EFI zboot',
      architecture: 'aarch64',
      release: '6.8.0-45-generic-64k',
      compression: 'gzip',
      pageSizeInBytes: 65_536,
      efiStub: true,
      neededSizeInBytes: 768,
    });
  });

  test('an x86 bzImage', async () => {
    expect(await kernelOf(bootFixture('bzImage'))).toEqual({
      form: 'x86 bzImage',
      architecture: 'x86_64',
      release: '6.8.0-45-generic',
      compression: 'zstd',
      efiStub: true,
      neededSizeInBytes: 0x600 + 40 * 16 - 15,
    });
  });

  test('a RISC-V Image and a LoongArch kernel by their headers', async () => {
    const image = Buffer.alloc(256);
    image.write('RISCV\0\0\0RSC\x05', 0x30, 'latin1');
    image.write('Linux version 6.12.0-1-riscv64 (x@y)', 100);
    expect(await kernelOf(image)).toEqual({
      form: 'riscv Image',
      architecture: 'riscv64',
      release: '6.12.0-1-riscv64',
      efiStub: false,
    });
    const loong = Buffer.from(bootFixture('Image'));
    loong.writeUInt32LE(0x818223cd, 0x38);
    loong.writeUInt16LE(0x6264, loong.readUInt32LE(0x3c) + 4);
    expect(await kernelOf(loong)).toMatchObject({ form: 'EFI stub', architecture: 'loongarch64' });
  });

  test('an ELF kernel has the banner; another ELF file has not', async () => {
    const elf = bootFixture('program-aarch64.elf');
    await expect(kernelOf(elf)).rejects.toThrow('deploy_kernel: not a Linux kernel but another ELF file');
    const vmlinux = Buffer.concat([elf, Buffer.from('\0Linux version 6.1.0-1-arm64 (x@y) (gcc)')]);
    expect(await kernelOf(vmlinux)).toMatchObject({ form: 'ELF vmlinux', release: '6.1.0-1-arm64' });
  });
});

describe('damaged kernels', () => {
  test('one that is cut behind its header is recognised, and said to be truncated', async () => {
    const image = await kernelOf(bootFixture('Image').subarray(0, 700));
    expect(image).toMatchObject({
      form: 'arm64 Image',
      damage: 'truncated: 700 bytes, but its headers speak of 768',
    });
    const bzImage = await kernelOf(bootFixture('bzImage').subarray(0, 2000));
    expect(bzImage.damage).toBe('truncated: 2000 bytes, but its headers speak of 2161');
  });

  test('a cut Image.gz is damaged: it holds an Image, and ends too early', async () => {
    const cut = await kernelOf(bootFixture('Image.gz').subarray(0, -6));
    expect(cut.form).toBe('gzip-compressed arm64 Image');
    expect(cut.damage).toMatch('ends in the middle of its gzip trailer');
  });

  test('a damaged payload of zboot is damage', async () => {
    const bytes = Buffer.from(bootFixture('vmlinuz.zboot'));
    const payload = bytes.readUInt32LE(8);
    bytes.writeUInt8(bytes.readUInt8(payload + 60) ^ 0x10, payload + 60);
    const kernel = await kernelOf(bytes);
    expect(kernel.form).toBe('EFI zboot');
    expect(kernel.damage).toMatch(/damaged gzip data|ends in the middle/);
  });
});

describe('what is no kernel', () => {
  test.for([
    ['numbers.gz', 'a text file, compressed with gzip'],
    ['ipa.initramfs', 'an initramfs, compressed with gzip'],
    ['microcode-and-zstd.initramfs', 'a cpio archive'],
    ['program-aarch64.efi', 'another EFI program'],
    ['ipa.list', 'a text file'],
    ['numbers.xz', 'xz-compressed data'],
  ] as const)('%s is %s', async ([name, what]) => {
    await expect(kernelOf(bootFixture(name))).rejects.toThrow(
      `deploy_kernel: not a Linux kernel but ${what}`,
    );
  });

  test('an empty file', async () => {
    await expect(kernelOf(Buffer.alloc(0))).rejects.toThrow('not a Linux kernel but an empty file');
  });

  test('changed bytes and cuts give a kernel or an error of this program', async () => {
    const names = ['Image', 'Image.gz', 'vmlinuz.zboot', 'bzImage'] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.nat(),
        fc.nat(255),
        fc.nat(),
        async (name, at, value, cut) => {
          const bytes = Buffer.from(bootFixture(name));
          bytes[at % bytes.length] = value;
          expect(outcomes).toContain(
            await outcomeOf(readKernel(memoryBlob(bytes.subarray(0, cut % (bytes.length + 1)), 'x'))),
          );
        },
      ),
      { numRuns: 400 },
    );
    await expect(readKernel(memoryBlob(Buffer.from([0x1f, 0x8b]), 'x'))).rejects.toThrow(FormatError);
  });
});
