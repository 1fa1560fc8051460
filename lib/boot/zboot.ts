import type { Content } from './content.ts';

// EFI zboot: Linux, drivers/firmware/efi/libstub/zboot-header.S.
const payloadOffset = 8;
const payloadSize = 12;
const compressionName = 0x18;

/** As the kernel's build calls them (drivers/firmware/efi/libstub/Makefile.zboot). */
const contents: Readonly<Record<string, Content>> = {
  gzip: 'gzip',
  lz4: 'lz4-legacy',
  lzma: 'lzma',
  lzo: 'lzo',
  xzkern: 'xz',
  xz: 'xz',
  zstd22: 'zstd',
  zstd: 'zstd',
};

export interface ZbootHeader {
  readonly payloadOffset: number;
  readonly payloadSizeInBytes: number;
  /** As it is written there: `gzip`, `zstd22`. */
  readonly compressionName: string;
  /** Absent for a compression that is not known. */
  readonly compression?: Content;
}

/** The header of an EFI zboot kernel, or undefined when there is none. */
export function readZbootHeader(head: Buffer): ZbootHeader | undefined {
  if (head.length < 64 || head.toString('latin1', 0, 2) !== 'MZ') return undefined;
  if (head.toString('latin1', 4, 8) !== 'zimg') return undefined;
  const name = head.toString('latin1', compressionName, 0x38).replace(/\0.*$/s, '');
  const compression = contents[name];
  return {
    payloadOffset: head.readUInt32LE(payloadOffset),
    payloadSizeInBytes: head.readUInt32LE(payloadSize),
    compressionName: name,
    ...(compression !== undefined && { compression }),
  };
}
