import { type Architecture, architectureNamed } from '../arch.ts';
import { type Blob, stream } from '../blob/blob.ts';
import { sliceBlob } from '../blob/slice.ts';
import { FormatError, UnsupportedError } from '../errors.ts';
import { readBzImageHeader } from './bzimage.ts';
import { decompressed } from './decompressed.ts';
import { type Content, contentNames, isCompression, recogniseContent } from './content.ts';
import { readElf } from './elf.ts';
import { type KernelImageHeader, readKernelImageHeader } from './kernel-image.ts';
import { readPe } from './pe.ts';
import { searchText } from './search.ts';
import { readZbootHeader } from './zboot.ts';

/** LINUX_PE_MAGIC in include/linux/pe.h: at 0x38 of an EFI-stub kernel that has no header of its own. */
const linuxPeMagic = 0x818223cd;
const linuxPeMagicOffset = 0x38;

const unpackedLimitInBytes = 512 * 1024 * 1024;
const headInBytes = 64 * 1024;

/** init/version-timestamp.c: `Linux version 6.1.0-40-arm64 (builder@host) (gcc …`. */
const banner = /Linux version (\d[^\s%()]{0,80}) \(/;

export interface Kernel {
  readonly form:
    | 'arm64 Image'
    | 'riscv Image'
    | 'gzip-compressed arm64 Image'
    | 'gzip-compressed riscv Image'
    | 'EFI zboot'
    | 'x86 bzImage'
    | 'EFI stub'
    | 'ELF vmlinux';
  readonly architecture: Architecture;
  /** As `uname -r` will say. */
  readonly release?: string;
  /** What the kernel proper is compressed with, inside or around its form. */
  readonly compression?: Content;
  /** Of an arm64 kernel: a CPU that lacks this granule resets at once. */
  readonly pageSizeInBytes?: number;
  /** Whether EFI firmware can start it as it is. */
  readonly efiStub: boolean;
  /** How long the file must be, by its headers; absent where they do not say. */
  readonly neededSizeInBytes?: number;
  /** Why it cannot be whole: truncated, wrong checksum. */
  readonly damage?: string;
}

/**
 * Recognises a Linux kernel and reads its architecture and release from its bytes.
 * @throws FormatError when it is no kernel, saying what it is
 */
export async function readKernel(blob: Blob): Promise<Kernel> {
  const head = await blob.read(0, Math.min(headInBytes, blob.sizeInBytes));
  const content = recogniseContent(head, blob.sizeInBytes);
  const kernel =
    (await readBzImage(blob, head)) ??
    (await readZboot(blob, head)) ??
    (await readImage(blob, head)) ??
    (await readGzipImage(blob, content)) ??
    (await readEfiStub(blob, head, content)) ??
    (await readVmlinux(blob, head));
  if (kernel === undefined) throw notAKernel(blob, contentNames[content]);
  const needed = kernel.neededSizeInBytes;
  if (kernel.damage !== undefined || needed === undefined || needed <= blob.sizeInBytes) return kernel;
  return { ...kernel, damage: `truncated: ${blob.sizeInBytes} bytes, but its headers speak of ${needed}` };
}

function notAKernel(blob: Blob, what: string): FormatError {
  return new FormatError(`${blob.origin}: not a Linux kernel but ${what}`);
}

async function readBzImage(blob: Blob, head: Buffer): Promise<Kernel | undefined> {
  const header = readBzImageHeader(head);
  if (header === undefined) return undefined;
  const isPe = head.toString('latin1', 0, 2) === 'MZ';
  const pe = isPe ? await readPe(blob) : undefined;
  const architecture = architectureNamed(header.is64Bit ? 'x86_64' : 'i686');
  if (architecture === undefined) return undefined;
  const release = await releaseAt(blob, header.releaseOffset);
  const compression = await compressionAt(blob, header.payloadOffset);
  return {
    form: 'x86 bzImage',
    architecture,
    ...(release !== undefined && { release }),
    ...(compression !== undefined && { compression }),
    efiStub: isPe || header.hasEfiHandover,
    neededSizeInBytes: Math.max(header.neededSizeInBytes, pe?.neededSizeInBytes ?? 0),
  };
}

async function releaseAt(blob: Blob, offset: number | undefined): Promise<string | undefined> {
  if (offset === undefined || offset >= blob.sizeInBytes) return undefined;
  const text = await blob.read(offset, Math.min(128, blob.sizeInBytes - offset));
  return /^[!-~]+/.exec(text.toString('latin1'))?.[0];
}

async function compressionAt(blob: Blob, offset: number | undefined): Promise<Content | undefined> {
  if (offset === undefined || offset >= blob.sizeInBytes) return undefined;
  const bytes = await blob.read(offset, Math.min(512, blob.sizeInBytes - offset));
  const content = recogniseContent(bytes, bytes.length);
  return isCompression(content) ? content : undefined;
}

async function readImage(blob: Blob, head: Buffer): Promise<Kernel | undefined> {
  const header = readKernelImageHeader(head);
  if (header === undefined) return undefined;
  const pe = header.efiStub ? await readPe(blob) : undefined;
  const release = await releaseIn(stream(blob));
  return {
    ...imageFacts(header),
    form: header.name,
    ...(release !== undefined && { release }),
    ...(pe !== undefined && { neededSizeInBytes: pe.neededSizeInBytes }),
  };
}

async function readZboot(blob: Blob, head: Buffer): Promise<Kernel | undefined> {
  const header = readZbootHeader(head);
  if (header === undefined) return undefined;
  const pe = await readPe(blob);
  if (pe.architecture === undefined) {
    throw new UnsupportedError(
      `${blob.origin}: an EFI zboot kernel for PE machine 0x${pe.machine.toString(16)}`,
    );
  }
  const { payloadOffset, payloadSizeInBytes, compression } = header;
  const sizeInBytes = Math.max(0, Math.min(payloadSizeInBytes, blob.sizeInBytes - payloadOffset));
  const payload = sliceBlob(blob, payloadOffset, sizeInBytes, `${blob.origin} › payload`);
  const inside =
    compression === undefined
      ? { damage: `a compression that is not known: ${JSON.stringify(header.compressionName)}` }
      : await readCompressed(payload, compression);
  const image = inside.head === undefined ? undefined : readKernelImageHeader(inside.head);
  return {
    form: 'EFI zboot',
    architecture: pe.architecture,
    ...(inside.release !== undefined && { release: inside.release }),
    ...(compression !== undefined && { compression }),
    ...(image?.pageSizeInBytes !== undefined && { pageSizeInBytes: image.pageSizeInBytes }),
    efiStub: true,
    neededSizeInBytes: Math.max(pe.neededSizeInBytes, payloadOffset + payloadSizeInBytes),
    ...(inside.damage !== undefined && { damage: inside.damage }),
  };
}

async function readGzipImage(blob: Blob, content: Content): Promise<Kernel | undefined> {
  if (content !== 'gzip') return undefined;
  const inside = await readCompressed(blob, 'gzip');
  const image = inside.head === undefined ? undefined : readKernelImageHeader(inside.head);
  if (image === undefined) {
    if (inside.head === undefined)
      throw new FormatError(inside.damage ?? `${blob.origin}: nothing in its gzip data`);
    const what = recogniseContent(inside.head, inside.head.length);
    const name = what === 'cpio' ? 'an initramfs' : contentNames[what];
    throw notAKernel(blob, `${name}, compressed with gzip`);
  }
  return {
    ...imageFacts(image),
    form: `gzip-compressed ${image.name}`,
    efiStub: false,
    ...(inside.release !== undefined && { release: inside.release }),
    compression: 'gzip',
    ...(inside.damage !== undefined && { damage: inside.damage }),
  };
}

/** A kernel that is known by the Linux mark in its PE header alone: LoongArch. */
async function readEfiStub(blob: Blob, head: Buffer, content: Content): Promise<Kernel | undefined> {
  if (content !== 'pe') return undefined;
  const isLinux =
    head.length > linuxPeMagicOffset + 4 && head.readUInt32LE(linuxPeMagicOffset) === linuxPeMagic;
  if (!isLinux) throw notAKernel(blob, 'another EFI program');
  const pe = await readPe(blob);
  if (pe.architecture === undefined) {
    throw new UnsupportedError(`${blob.origin}: an EFI kernel for PE machine 0x${pe.machine.toString(16)}`);
  }
  const release = await releaseIn(stream(blob));
  return {
    form: 'EFI stub',
    architecture: pe.architecture,
    ...(release !== undefined && { release }),
    efiStub: true,
    neededSizeInBytes: pe.neededSizeInBytes,
  };
}

async function readVmlinux(blob: Blob, head: Buffer): Promise<Kernel | undefined> {
  const elf = readElf(head);
  if (elf === undefined) return undefined;
  const release = await releaseIn(stream(blob));
  if (release === undefined) throw notAKernel(blob, 'another ELF file');
  if (elf.architecture === undefined) {
    throw new UnsupportedError(`${blob.origin}: an ELF kernel for machine 0x${elf.machine.toString(16)}`);
  }
  return { form: 'ELF vmlinux', architecture: elf.architecture, release, efiStub: false };
}

function imageFacts(header: KernelImageHeader): Pick<Kernel, 'architecture' | 'pageSizeInBytes' | 'efiStub'> {
  const { architecture, pageSizeInBytes, efiStub } = header;
  return { architecture, efiStub, ...(pageSizeInBytes !== undefined && { pageSizeInBytes }) };
}

/** Unpacks to the end, so that a cut or damaged file is known, and looks for the release on the way. */
async function readCompressed(
  blob: Blob,
  compression: Content,
): Promise<{ head?: Buffer; release?: string; damage?: string }> {
  let head: Buffer = Buffer.alloc(0);
  let release: string | undefined;
  let damage: string | undefined;
  try {
    const unpacked = decompressed(compression, stream(blob), {
      limitInBytes: unpackedLimitInBytes,
      origin: blob.origin,
      members: 'one',
    });
    await searchText(unpacked, 256, (window) => {
      if (head.length === 0) head = Buffer.from(window.slice(0, headInBytes), 'latin1');
      release ??= banner.exec(window)?.[1];
      return false;
    });
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
    damage = error.message;
  }
  return {
    ...(head.length > 0 && { head }),
    ...(release !== undefined && { release }),
    ...(damage !== undefined && { damage }),
  };
}

async function releaseIn(pieces: AsyncIterable<Buffer>): Promise<string | undefined> {
  let release: string | undefined;
  let searchedInBytes = 0;
  await searchText(pieces, 256, (window) => {
    release = banner.exec(window)?.[1];
    searchedInBytes += window.length;
    return release !== undefined || searchedInBytes > unpackedLimitInBytes;
  });
  return release;
}
