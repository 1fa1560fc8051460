import { describe, expect, test } from 'vitest';
import { bootFixture } from '../../fixtures/boot/fixture.ts';
import { readElf } from './elf.ts';

function header(data: number, machine: readonly number[]): Buffer {
  return Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, data, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, ...machine]);
}

describe('the ELF header', () => {
  // As `file` says: ELF 64-bit LSB executable, ARM aarch64.
  test.for([
    ['program-aarch64.elf', 'aarch64', 183],
    ['program-x86-64.elf', 'x86_64', 62],
  ] as const)('%s is for %s', ([name, architecture, machine]) => {
    const elf = readElf(bootFixture(name));
    expect(elf).toMatchObject({ machine, bits: 64, littleEndian: true, type: 'executable' });
    expect(elf?.architecture?.name).toBe(architecture);
  });

  // Header facts of other machines: System V gABI, e_machine values.
  test('big-endian POWER is not ppc64le, little-endian is', () => {
    expect(readElf(header(2, [0, 21]))?.machine).toBe(21);
    expect(readElf(header(2, [0, 21]))?.architecture).toBeUndefined();
    expect(readElf(header(1, [21, 0]))?.architecture?.name).toBe('ppc64le');
    expect(readElf(header(2, [0, 22]))?.architecture?.name).toBe('s390x');
  });

  test.for([
    ['cut', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1])],
    ['of another class', Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 3, 1]), Buffer.alloc(20)])],
    ['not ELF', Buffer.from('#!/bin/sh\necho hello world')],
  ] as const)('%s is none', ([, bytes]) => {
    expect(readElf(bytes)).toBeUndefined();
  });
});
