import { type Architecture, architectureOfElf } from '../arch.ts';

// The ELF header: System V gABI, chapter 4, in its own names.
const EI_CLASS = 4;
const EI_DATA = 5;
const e_type = 16;
const e_machine = 18;
const ELFCLASS32 = 1;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const ELFDATA2MSB = 2;
const EM_PPC64 = 0x15;

const types: Readonly<Record<number, ElfType>> = {
  1: 'relocatable',
  2: 'executable',
  3: 'shared',
  4: 'core',
};

/** e_type; `shared` is also a position-independent program. */
export type ElfType = 'relocatable' | 'executable' | 'shared' | 'core' | 'other';

export interface Elf {
  /** e_machine. */
  readonly machine: number;
  readonly bits: 32 | 64;
  readonly littleEndian: boolean;
  readonly type: ElfType;
  /** Absent for a machine that the table of architectures does not have. */
  readonly architecture?: Architecture;
}

/** What the first 20 bytes of an ELF file say, or undefined when they are not ELF's. */
export function readElf(head: Buffer): Elf | undefined {
  if (head.length < 20 || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const elfClass = head.readUInt8(EI_CLASS);
  const data = head.readUInt8(EI_DATA);
  if (elfClass !== ELFCLASS32 && elfClass !== ELFCLASS64) return undefined;
  if (data !== ELFDATA2LSB && data !== ELFDATA2MSB) return undefined;
  const bits = elfClass === ELFCLASS64 ? 64 : 32;
  const littleEndian = data === ELFDATA2LSB;
  const at = (offset: number) => (littleEndian ? head.readUInt16LE(offset) : head.readUInt16BE(offset));
  const machine = at(e_machine);
  // The table's POWER is the little-endian one; the number is the same for both.
  const architecture = machine === EM_PPC64 && !littleEndian ? undefined : architectureOfElf(machine, bits);
  const type = types[at(e_type)] ?? 'other';
  return { machine, bits, littleEndian, type, ...(architecture !== undefined && { architecture }) };
}
