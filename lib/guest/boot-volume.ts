import type { FileSystem } from '../fs/filesystem.ts';
import { isDirectory, isFile } from './files.ts';

// A file system for /boot alone, as cloud images of Fedora's family have one.

/**
 * A partition that is mounted at /boot, seen as it is from the root: `/boot/vmlinuz-…` for its `/vmlinuz-…`. What is
 * outside /boot is not there.
 */
export function mountedAtBoot(fs: FileSystem): FileSystem {
  return {
    ...fs,
    lookup: async (path) => (isWithin(path) ? fs.lookup(within(path)) : undefined),
    list: (path) => fs.list(isWithin(path) ? within(path) : nowhere),
    open: (path) => fs.open(isWithin(path) ? within(path) : nowhere),
    readlink: (path) => fs.readlink(isWithin(path) ? within(path) : nowhere),
  };
}

/** A root with another file system at its /boot. Links are followed within each of the two. */
export function withBoot(root: FileSystem, boot: FileSystem): FileSystem {
  const at = (path: string) => (isWithin(path) ? boot : root);
  return {
    ...root,
    lookup: async (path) => at(path).lookup(within(path)),
    list: (path) => at(path).list(within(path)),
    open: (path) => at(path).open(within(path)),
    readlink: (path) => at(path).readlink(within(path)),
  };
}

/** Whether the top folder holds a kernel, or a boot loader's menu, as /boot does. */
export async function isBootVolume(fs: FileSystem): Promise<boolean> {
  const isKernel = (await fs.list('/')).some(({ name }) => /^(vmlinuz|vmlinux|Image)-/.test(name));
  return (
    isKernel ||
    (await isFile(fs, '/grub2/grub.cfg')) ||
    (await isFile(fs, '/grub/grub.cfg')) ||
    (await isDirectory(fs, '/loader/entries'))
  );
}

const nowhere = '/\0';

function isWithin(path: string): boolean {
  return /^\/boot(?=\/|$)/.test(path);
}

/** The path within the partition that is mounted at /boot; another is as it was. */
function within(path: string): string {
  return isWithin(path) ? path.slice('/boot'.length) || '/' : path;
}
