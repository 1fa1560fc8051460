import type { FileSystem } from '../fs/filesystem.ts';
import type { Initramfs } from './initramfs.ts';

const moduleFolders = ['/lib/modules', '/usr/lib/modules'];
const isModule = /\.ko(\.(gz|xz|zst))?$/;
const maximumDepth = 16;

/**
 * The kernel releases for which an initramfs has modules: folders of `lib/modules` with a `modules.dep` or at
 * least one module. One of them has to be the release of the kernel that it is booted with.
 */
export async function moduleReleases(initramfs: Initramfs): Promise<string[]> {
  const { fs } = initramfs;
  const releases = new Set<string>();
  for (const folder of moduleFolders) {
    if ((await fs.lookup(folder))?.type !== 'directory') continue;
    for (const { name, type } of await fs.list(folder)) {
      if (type !== 'directory' || releases.has(name)) continue;
      const path = `${folder}/${name}`;
      const hasIndex = (await fs.lookup(`${path}/modules.dep`))?.type === 'file';
      if (hasIndex || (await hasModule(fs, path, maximumDepth))) releases.add(name);
    }
  }
  return [...releases].toSorted();
}

async function hasModule(fs: FileSystem, folder: string, depth: number): Promise<boolean> {
  const entries = await fs.list(folder);
  if (entries.some(({ name, type }) => type === 'file' && isModule.test(name))) return true;
  if (depth === 0) return false;
  for (const { name, type } of entries) {
    if (type === 'directory' && (await hasModule(fs, `${folder}/${name}`, depth - 1))) return true;
  }
  return false;
}
