// Linux x86 boot protocol: https://docs.kernel.org/arch/x86/boot.html, in its own names.
const setup_sects = 0x1f1;
const syssize = 0x1f4;
const version = 0x206;
const kernel_version = 0x20e;
const xloadflags = 0x236;
const payload_offset = 0x248;
const payload_length = 0x24c;
const XLF_KERNEL_64 = 0x01;
const XLF_EFI_HANDOVER_32 = 0x04;
const XLF_EFI_HANDOVER_64 = 0x08;
const sectorInBytes = 512;

export interface BzImageHeader {
  readonly is64Bit: boolean;
  readonly hasEfiHandover: boolean;
  /** Setup sectors and protected-mode code; a signature may follow. */
  readonly neededSizeInBytes: number;
  /** Where the text `6.1.0-40-amd64 (debian…` stands in the file; undefined where there is none. */
  readonly releaseOffset: number | undefined;
  /** Where the compressed kernel starts in the file (protocol 2.08 and later). */
  readonly payloadOffset: number | undefined;
}

/** The setup header of a bzImage, from its first kilobyte, or undefined when there is none. */
export function readBzImageHeader(head: Buffer): BzImageHeader | undefined {
  if (head.length < 0x260 || head.readUInt16LE(0x1fe) !== 0xaa55) return undefined;
  if (head.toString('latin1', 0x202, 0x206) !== 'HdrS') return undefined;
  const protocol = head.readUInt16LE(version);
  // Zero means 4, for the sake of very old boot loaders.
  const setupInBytes = ((head.readUInt8(setup_sects) || 4) + 1) * sectorInBytes;
  const flags = protocol >= 0x020c ? head.readUInt16LE(xloadflags) : 0;
  const hasPayload = protocol >= 0x0208 && head.readUInt32LE(payload_length) > 0;
  const releasePointer = head.readUInt16LE(kernel_version);
  return {
    is64Bit: (flags & XLF_KERNEL_64) !== 0,
    hasEfiHandover: (flags & (XLF_EFI_HANDOVER_32 | XLF_EFI_HANDOVER_64)) !== 0,
    // The size is rounded up to paragraphs of 16 bytes; builds other than Linux do not pad the file.
    neededSizeInBytes: setupInBytes + Math.max(0, head.readUInt32LE(syssize) * 16 - 15),
    releaseOffset: releasePointer === 0 ? undefined : releasePointer + sectorInBytes,
    payloadOffset: hasPayload ? setupInBytes + head.readUInt32LE(payload_offset) : undefined,
  };
}
