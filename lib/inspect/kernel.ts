import type { Blob } from '../blob/blob.ts';
import type { Content } from '../boot/content.ts';
import { readElf } from '../boot/elf.ts';
import { type Kernel, readKernel } from '../boot/kernel.ts';
import { readPe } from '../boot/pe.ts';
import type { OtherInspection } from './other.ts';
import { type Read, attempt } from './read.ts';

/** A Linux kernel. */
export interface KernelInspection {
  readonly kind: 'kernel';
  readonly kernel: Read<KernelFacts>;
}

export interface KernelFacts {
  readonly form: Kernel['form'];
  /** As `uname -m` says. */
  readonly architecture: string;
  /** As `uname -r` will say. */
  readonly release: Read<string>;
  readonly compression?: Content;
  /** Of an arm64 kernel whose header says it. */
  readonly pageSizeInBytes?: number;
  readonly efiStub: boolean;
  /** Whether a signature for Secure Boot is there (it is not verified); absent where it is no PE binary. */
  readonly signed?: boolean;
  /** How long the file must be, by its headers. */
  readonly neededSizeInBytes?: number;
  readonly damage?: string;
}

/** What a kernel is. Its release stands in its compressed part, so that all of it is read and unpacked. */
export async function inspectKernel(blob: Blob): Promise<KernelInspection | OtherInspection> {
  const kernel = await attempt(() => kernelFacts(blob));
  const elf = readElf(await blob.read(0, Math.min(64, blob.sizeInBytes)));
  if ('value' in kernel || elf === undefined) return { kind: 'kernel', kernel };
  const machine = elf.architecture?.name ?? `machine 0x${elf.machine.toString(16)}`;
  return { kind: 'other', problems: [`${blob.origin}: an ELF file for ${machine}, and no Linux kernel`] };
}

async function kernelFacts(blob: Blob): Promise<KernelFacts> {
  const { architecture, release, ...facts } = await readKernel(blob);
  const head = await blob.read(0, Math.min(64, blob.sizeInBytes));
  const isPe = head.toString('latin1', 0, 2) === 'MZ' && readElf(head) === undefined;
  return {
    ...facts,
    architecture: architecture.name,
    release:
      release === undefined ? { absent: 'no text that says its release was found' } : { value: release },
    ...(isPe && { signed: (await readPe(blob)).signed }),
  };
}
