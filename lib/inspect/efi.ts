import type { Blob } from '../blob/blob.ts';
import { type Ipxe, readIpxe } from '../boot/ipxe.ts';
import { readNbp } from '../boot/nbp.ts';
import { type Pe, readPe } from '../boot/pe.ts';
import type { OtherInspection } from './other.ts';
import type { KernelInspection } from './kernel.ts';
import { type Read, attempt } from './read.ts';

/** An EFI program: what firmware starts. */
export interface EfiInspection {
  readonly kind: 'EFI program';
  readonly efi: Read<EfiFacts>;
}

export interface EfiFacts {
  /** As `uname -m` says, or `machine 0x…` for one that is not known. */
  readonly architecture: string;
  readonly subsystem: string;
  /** Whether a signature for Secure Boot is there (it is not verified). */
  readonly signed: boolean;
  readonly magic: Pe['magic'];
  readonly sections: readonly string[];
  /** How long the file must be, by its headers. */
  readonly neededSizeInBytes: number;
  readonly damage?: string;
  readonly ipxe: Read<Omit<Ipxe, 'isIpxe'>>;
}

/** A boot file for BIOS. */
export interface BiosInspection {
  readonly kind: 'BIOS boot file';
  readonly bios: 'iPXE' | 'PXELINUX';
}

/** LINUX_PE_MAGIC in include/linux/pe.h, at 0x38: a kernel that is known by this alone. */
const linuxPeMagic = 0x818223cd;

// PE format, "Windows Subsystem": https://learn.microsoft.com/windows/win32/debug/pe-format
const subsystems: Readonly<Record<number, string>> = {
  10: 'EFI application',
  11: 'EFI boot service driver',
  12: 'EFI runtime driver',
  13: 'EFI ROM',
};

export async function inspectEfi(blob: Blob): Promise<EfiInspection | KernelInspection | OtherInspection> {
  const head = await blob.read(0, Math.min(64, blob.sizeInBytes));
  if (head.length === 64 && head.readUInt32LE(0x38) === linuxPeMagic) {
    return (await import('./kernel.ts')).inspectKernel(blob);
  }
  return { kind: 'EFI program', efi: await attempt(() => efiFacts(blob)) };
}

async function efiFacts(blob: Blob): Promise<EfiFacts> {
  const pe = await readPe(blob);
  const ipxe = await attempt(async () => {
    const { isIpxe, ...facts } = await readIpxe(blob);
    return isIpxe ? facts : undefined;
  }, 'not iPXE');
  return { ...peFacts(pe, blob.sizeInBytes), ipxe };
}

/** A PE binary's subsystem in words. */
export function subsystemName(subsystem: number): string {
  return subsystems[subsystem] ?? `subsystem ${subsystem}, nothing that EFI starts`;
}

/** What the headers of a PE binary say, in words. */
function peFacts(pe: Pe, sizeInBytes: number): Omit<EfiFacts, 'ipxe'> {
  const { machine, architecture, subsystem, signed, magic, sections, neededSizeInBytes } = pe;
  return {
    architecture: architecture?.name ?? `machine 0x${machine.toString(16)}`,
    subsystem: subsystemName(subsystem),
    signed,
    magic,
    sections: sections.map(({ name }) => name),
    neededSizeInBytes,
    ...(sizeInBytes < neededSizeInBytes && {
      damage: `truncated: ${sizeInBytes} bytes, but its headers speak of ${neededSizeInBytes}`,
    }),
  };
}

/** A boot file for BIOS, or undefined when it is none that is known. */
export async function inspectBios(blob: Blob): Promise<BiosInspection | undefined> {
  const nbp = await readNbp(blob);
  if (nbp.kind === 'bios-ipxe') return { kind: 'BIOS boot file', bios: 'iPXE' };
  if (nbp.kind === 'bios-pxelinux') return { kind: 'BIOS boot file', bios: 'PXELINUX' };
  return undefined;
}
