import type { FileSystem } from '../fs/filesystem.ts';
import { entriesIfPresent, isDirectory, isFile } from './files.ts';

/** A kernel that the guest can boot, by its names in /boot. */
export interface InstalledKernel {
  /** `/boot/vmlinuz-6.8.0-45-generic` */
  readonly path: string;
  /** `6.8.0-45-generic`; `0-rescue-…` for the rescue kernel of Fedora's family. */
  readonly version: string;
  readonly rescue: boolean;
  readonly sizeInBytes: number;
  /** The first bytes, at most 4 KiB: enough for `MZ`, the x86 setup header, the arm64 Image header, gzip. */
  readonly head: Buffer;
  /** Initial RAM file systems named after this version. */
  readonly initrds: readonly { readonly path: string; readonly sizeInBytes: number }[];
  /** `/usr/lib/modules/<version>`, where it exists. */
  readonly modules?: string;
}

const headInBytes = 4096;
const maximumKernels = 64;

/** Every `/boot/vmlinuz-*` (and `Image-*`, `vmlinux-*`) with what belongs to it; none when /boot holds none. */
export async function readKernels(fs: FileSystem): Promise<InstalledKernel[]> {
  const names = await entriesIfPresent(fs, '/boot');
  const kernels: InstalledKernel[] = [];
  for (const { name } of names) {
    const version = /^(?:vmlinuz|vmlinux|Image)-(.+)$/.exec(name)?.[1];
    if (version === undefined || version.endsWith('.hmac')) continue;
    if (kernels.length >= maximumKernels) break;
    const path = `/boot/${name}`;
    if (!(await isFile(fs, path))) continue;
    const blob = await fs.open(path);
    const modules = await modulesOf(fs, version);
    kernels.push({
      path,
      version,
      rescue: version.startsWith('0-rescue-'),
      sizeInBytes: blob.sizeInBytes,
      head: await blob.read(0, Math.min(headInBytes, blob.sizeInBytes)),
      initrds: await initrdsOf(fs, version),
      ...(modules !== undefined && { modules }),
    });
  }
  return kernels;
}

/** Debian: `initrd.img-V`; Fedora and dracut: `initramfs-V.img`; SUSE: `initrd-V`. */
async function initrdsOf(fs: FileSystem, version: string): Promise<InstalledKernel['initrds']> {
  const found: { path: string; sizeInBytes: number }[] = [];
  for (const name of [`initrd.img-${version}`, `initramfs-${version}.img`, `initrd-${version}`]) {
    const entry = await fs.lookup(`/boot/${name}`);
    if (entry?.type === 'file') found.push({ path: `/boot/${name}`, sizeInBytes: entry.sizeInBytes });
  }
  return found;
}

async function modulesOf(fs: FileSystem, version: string): Promise<string | undefined> {
  for (const path of [`/usr/lib/modules/${version}`, `/lib/modules/${version}`]) {
    if (await isDirectory(fs, path)) return path;
  }
  return undefined;
}
