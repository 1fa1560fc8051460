import type { Blob } from '../blob/blob.ts';
import { type CachedBlob, cachedBlob } from '../blob/cache.ts';
import { type Content, contentNames, isCompression, recogniseContent } from '../boot/content.ts';
import type { DiskInspection } from './disk-facts.ts';
import type { BiosInspection, EfiInspection } from './efi.ts';
import type { InitramfsInspection } from './initramfs.ts';
import type { KernelInspection } from './kernel.ts';
import type { OtherInspection } from './other.ts';
import { isWhole } from './read.ts';

/** What the bytes are, by kind. */
export type Inspected =
  | DiskInspection
  | KernelInspection
  | InitramfsInspection
  | EfiInspection
  | BiosInspection
  | OtherInspection;

export type Inspection = Inspected & {
  /** Where the bytes are. */
  readonly origin: string;
  readonly sizeInBytes: number;
  /** How many of them were read or fetched, in blocks of 64 KiB. */
  readonly bytesRead: number;
  /** What its first bytes are the magic number of, and as a person calls that. */
  readonly content: Content;
  readonly contentName: string;
  /** Whether it is known, sound, and everything that was looked for could be read. */
  readonly understood: boolean;
};

/** ISO images are recognised behind their first 32 KiB. */
const headInBytes = 36 * 1024;

const kernels: ReadonlySet<Content> = new Set(['bzimage', 'zboot', 'arm64-image', 'riscv-image', 'elf']);
const texts: ReadonlySet<Content> = new Set(['empty', 'html', 'xml', 'json', 'git-lfs-pointer', 'text']);

/**
 * Says what some bytes are: a disk image, a kernel, an initramfs, a boot file, or something else. Only the readers
 * that it needs are loaded. Damage is told in the result, at its place.
 * @throws AccessError, FormatError and the like when not even the first bytes can be read
 */
export async function inspect(blob: Blob): Promise<Inspection> {
  const cached = cachedBlob(blob);
  const head = await cached.read(0, Math.min(headInBytes, cached.sizeInBytes));
  const content = recogniseContent(head, cached.sizeInBytes);
  const inspected = await inspectAs(content, cached);
  return {
    origin: blob.origin,
    sizeInBytes: blob.sizeInBytes,
    bytesRead: counts(blob) ? blob.bytesRead : cached.bytesRead,
    content,
    contentName: contentNames[content],
    understood: isWhole(inspected),
    ...inspected,
  };
}

/** A blob that knows better how much was fetched for it: a server without ranges sends more than is asked for. */
function counts(blob: Blob): blob is CachedBlob {
  return 'bytesRead' in blob;
}

async function inspectAs(content: Content, blob: Blob): Promise<Inspected> {
  if (kernels.has(content)) return (await import('./kernel.ts')).inspectKernel(blob);
  if (content === 'pe') return (await import('./efi.ts')).inspectEfi(blob);
  if (content === 'cpio') return (await import('./initramfs.ts')).inspectInitramfs(blob);
  if (isCompression(content)) return inspectPacked(content, blob);
  if (content === 'unknown') {
    const bios = await (await import('./efi.ts')).inspectBios(blob);
    if (bios !== undefined) return bios;
  }
  const { inspectDisk } = await import('./disk.ts');
  const disk = await inspectDisk(blob);
  if (disk !== undefined) return disk;
  if (texts.has(content)) return other(blob, `${contentNames[content]}, nothing that a node boots`);
  const start = await blob.read(0, Math.min(16, blob.sizeInBytes));
  const bytes = start.toString('hex').replaceAll(/(..)(?!$)/g, '$1 ');
  return other(
    blob,
    content === 'unknown'
      ? `of no known format, neither partitions nor a file system; it begins with ${bytes}`
      : `${contentNames[content]}, neither partitions nor a file system`,
  );
}

/** A compressed kernel, an initramfs, or something else of which only what it is can be said. */
async function inspectPacked(content: Content, blob: Blob): Promise<Inspected> {
  const { contentInside } = await import('./packed.ts');
  const inside = await contentInside(content, blob);
  if ('notRead' in inside) return other(blob, inside.notRead, false);
  if (inside.content === 'cpio') return (await import('./initramfs.ts')).inspectInitramfs(blob);
  if (content === 'gzip' && kernels.has(inside.content)) {
    return (await import('./kernel.ts')).inspectKernel(blob);
  }
  const isDisk = inside.content === 'unknown' && inside.isDisk;
  const known = isDisk ? 'a raw disk image' : contentNames[inside.content];
  const what = known === contentNames.unknown ? 'something of no known format' : known;
  const isImage = isDisk || inside.content === 'qcow2' || inside.content === 'iso';
  const why = isImage ? ': to be unpacked before it is uploaded' : ', neither a kernel nor an initramfs';
  return other(blob, `${what} within ${contentNames[content]}${why}`);
}

function other(blob: Blob, problem: string, withOrigin = true): OtherInspection {
  return { kind: 'other', problems: [withOrigin ? `${blob.origin}: ${problem}` : problem] };
}
