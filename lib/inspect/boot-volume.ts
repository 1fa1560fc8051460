import type { FileSystem } from '../fs/filesystem.ts';

/**
 * A partition that is mounted at /boot, seen as it is from the root: `/boot/vmlinuz-…` for its `/vmlinuz-…`. What is
 * outside /boot is not there.
 */
export function mountedAtBoot(fs: FileSystem): FileSystem {
  return {
    ...fs,
    lookup: async (path) => (inside(path) === '/\0' ? undefined : fs.lookup(inside(path))),
    list: (path) => fs.list(inside(path)),
    open: (path) => fs.open(inside(path)),
    readlink: (path) => fs.readlink(inside(path)),
  };
}

/** Whether the top folder holds a kernel as /boot does. */
export async function holdsKernels(fs: FileSystem): Promise<boolean> {
  return (await fs.list('/')).some(({ name }) => /^(vmlinuz|vmlinux|Image)-/.test(name));
}

/** The path within the partition; elsewhere one that no file system has. */
function inside(path: string): string {
  return /^\/boot(?=\/|$)/.test(path) ? path.slice('/boot'.length) || '/' : '/\0';
}
