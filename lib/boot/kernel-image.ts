import { type Architecture, architectureNamed } from '../arch.ts';

// arm64: https://docs.kernel.org/arch/arm64/booting.html; RISC-V: https://docs.kernel.org/arch/riscv/boot-image-header.html.
const flags = 0x18;
const magic = 0x38;
const ARM64_IMAGE_MAGIC = 'ARMd';
const RISCV_IMAGE_MAGIC2 = 'RSC\x05';
const pageSizes: Readonly<Record<number, number>> = { 1: 4096, 2: 16_384, 3: 65_536 };

export interface KernelImageHeader {
  readonly name: 'arm64 Image' | 'riscv Image';
  readonly architecture: Architecture;
  /** Absent where the header leaves it open (arm64 before Linux 4.6, RISC-V). */
  readonly pageSizeInBytes?: number;
  /** Whether it is also an EFI binary. */
  readonly efiStub: boolean;
}

/** The header of an uncompressed `Image`, from its first 64 bytes, or undefined when there is none. */
export function readKernelImageHeader(head: Buffer): KernelImageHeader | undefined {
  if (head.length < 64) return undefined;
  const text = head.toString('latin1', magic, magic + 4);
  if (text !== ARM64_IMAGE_MAGIC && text !== RISCV_IMAGE_MAGIC2) return undefined;
  const isArm = text === ARM64_IMAGE_MAGIC;
  const architecture = architectureNamed(isArm ? 'aarch64' : 'riscv64');
  if (architecture === undefined) return undefined;
  const pageSizeInBytes = isArm ? pageSizes[(head.readUInt8(flags) >> 1) & 3] : undefined;
  return {
    name: isArm ? 'arm64 Image' : 'riscv Image',
    architecture,
    ...(pageSizeInBytes !== undefined && { pageSizeInBytes }),
    efiStub: head.toString('latin1', 0, 2) === 'MZ',
  };
}
