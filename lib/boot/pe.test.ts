import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bootFixture, outcomeOf, outcomes } from '../../fixtures/boot/fixture.ts';
import { memoryBlob } from '../blob/memory.ts';
import { FormatError } from '../errors.ts';
import { readPe } from './pe.ts';

/** The first 352 bytes of Debian 12's vmlinuz-6.1.0-*-arm64, a signed kernel of 27,303,872 bytes. */
const debianKernelHead =
  'TVpA+kZjThQAAAAAAAAAAAAAqwEAAAAACgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABBUk1kQAAAAFBFAABkqgIAAAAAAAAAAAAAAAAAoAAGAgsCAhQAAEQBAABmAAAAAADwxz4BAAABAAAAAAAAAAAAAAABAAACAAAAAAAAAQAAAAAAAAAAAAAAAACrAQAAAQCUsaABCgAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACaoAHABQAAAAAAAAAAAAAudGV4dAAAAAAARAEAAAEAAABEAQAAAQAAAAAAAAAAAAAAAAAgAABgLmRhdGEAAAAAAGYAAABFAQCaWwAAAEUBAAAAAAAAAAAAAAAAQAAAwB8gA9UfIAPVHyAD1R8gA9UfIAPVHyAD1Q==';

describe('PE headers', () => {
  // As objdump -h says of them: one section .text at 0x200.
  test.for([
    ['program-aarch64.efi', 'aarch64', 0xaa64],
    ['program-x86-64.efi', 'x86_64', 0x8664],
  ] as const)('%s is an EFI application for %s', async ([name, architecture, machine]) => {
    const bytes = bootFixture(name);
    const pe = await readPe(memoryBlob(bytes, name));
    expect(pe).toMatchObject({
      machine,
      magic: 'PE32+',
      subsystem: 10,
      isEfiApplication: true,
      signed: false,
    });
    expect(pe.architecture?.name).toBe(architecture);
    expect(pe.sections).toMatchObject([{ name: '.text', rawOffset: 0x200 }]);
    expect(pe.neededSizeInBytes).toBeLessThanOrEqual(bytes.length);
  });

  test('a signed kernel needs all its bytes, with no more than its headers at hand', async () => {
    const pe = await readPe(memoryBlob(Buffer.from(debianKernelHead, 'base64'), 'kernel'));
    expect(pe.neededSizeInBytes).toBe(27_303_872);
    expect(pe.signed).toBe(true);
    expect(pe.architecture?.name).toBe('aarch64');
    expect(pe.sections.map((section) => section.name)).toEqual(['.text', '.data']);
  });

  test('says what it is instead', async () => {
    const page = memoryBlob(Buffer.from('<html><body>Not Found</body></html>'), 'ipxe.efi');
    await expect(readPe(page)).rejects.toThrow('ipxe.efi: not a PE (EFI) binary but an HTML page');
    await expect(readPe(memoryBlob(Buffer.alloc(0), 'ipxe.efi'))).rejects.toThrow('an empty file');
    await expect(readPe(memoryBlob(bootFixture('ipa.initramfs'), 'x'))).rejects.toThrow(
      'gzip-compressed data',
    );
  });

  test('a file that is cut within its headers says where', async () => {
    const cut = memoryBlob(bootFixture('program-aarch64.efi').subarray(0, 0x90), 'x');
    await expect(readPe(cut)).rejects.toThrow('but the file ends at 144');
  });

  test('a file that is cut behind its headers is read', async () => {
    const whole = await readPe(memoryBlob(bootFixture('vmlinuz.zboot'), 'x'));
    const cut = await readPe(memoryBlob(bootFixture('vmlinuz.zboot').subarray(0, 0x210), 'x'));
    expect(cut).toEqual(whole);
    expect(cut.neededSizeInBytes).toBe(bootFixture('vmlinuz.zboot').length);
  });

  test('damage is a FormatError', async () => {
    const good = bootFixture('program-x86-64.efi').subarray(0, 0x300);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.nat(255),
        fc.nat(good.length),
        async (at, value, length) => {
          const bytes = Buffer.from(good);
          bytes[at] = value;
          expect(outcomes).toContain(await outcomeOf(readPe(memoryBlob(bytes.subarray(0, length), 'x'))));
        },
      ),
      { numRuns: 500 },
    );
    await expect(readPe(memoryBlob(good.subarray(0, 2), 'x'))).rejects.toThrow(FormatError);
  });
});
