import { AssayError, FormatError } from '../errors.ts';
import type { BtrfsFileSystem } from '../fs/btrfs/btrfs.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { type BootEntry, readBootEntries } from './boot-entries/boot-entries.ts';
import { isDirectory } from './files.ts';

// In which subvolume of btrfs the operating system is. The kernel mounts the default one, unless rootflags= on its
// command line names another.

/** The root file system of an operating system, and why it is that one. */
export interface RootSubvolume {
  readonly fs: FileSystem;
  /** From the top level; absent for the default subvolume. */
  readonly path?: string;
  readonly because: string;
}

/** Of Fedora (kiwi, Anaconda), of Ubuntu and openSUSE, of Debian's installer. */
const knownNames = ['root', '@', '@rootfs'];
const maximumOthers = 50;

export function isBtrfs(fs: FileSystem): fs is BtrfsFileSystem {
  return fs.type === 'btrfs' && 'subvolume' in fs;
}

/** Whether a file system holds an operating system. */
export async function isRoot(fs: FileSystem): Promise<boolean> {
  return (await isDirectory(fs, '/etc')) && (await isDirectory(fs, '/usr'));
}

/**
 * Finds the operating system in btrfs: where boot entries say that it is, or else in the default subvolume, in one of
 * a known name, or in one at the top. Undefined where none holds one.
 * @param elsewhere the boot entries in other file systems, asked for when they matter
 * @throws MissingError or FormatError when entries name a subvolume that is not there or holds no operating system
 */
export async function findRootSubvolume(
  fs: BtrfsFileSystem,
  elsewhere: () => Promise<readonly BootEntry[]>,
): Promise<RootSubvolume | undefined> {
  const named = await rootNamedBy(await elsewhere(), fs);
  if (named !== undefined) return named;
  const found = await likelyRoot(fs);
  if (found === undefined) return undefined;
  // Its own /boot may name a snapshot of it, or that it is another one.
  return (await rootNamedBy(await entriesOf(found.fs), fs)) ?? found;
}

/** A menu that GRUB refuses, or that is damaged, names nothing here; whoever reads the menu says so. */
export async function entriesOf(fs: FileSystem): Promise<readonly BootEntry[]> {
  try {
    return await readBootEntries(fs);
  } catch (error) {
    if (error instanceof AssayError) return [];
    throw error;
  }
}

async function likelyRoot(fs: BtrfsFileSystem): Promise<RootSubvolume | undefined> {
  if (await isRoot(fs)) return { fs, because: 'the default subvolume' };
  const paths = (await fs.subvolumes()).map(({ path }) => path);
  const known = knownNames.filter((name) => paths.includes(name));
  const others = paths.filter((path) => !path.includes('/') && !known.includes(path));
  for (const path of [...known, ...others.slice(0, maximumOthers)]) {
    const root = await fs.subvolume(path);
    const because = 'no boot entry names one, and it holds an operating system';
    if (await isRoot(root)) return { fs: root, path, because };
  }
  return undefined;
}

/** What `rootflags=` names in the entries that start by themselves, or else in any. */
async function rootNamedBy(
  entries: readonly BootEntry[],
  fs: BtrfsFileSystem,
): Promise<RootSubvolume | undefined> {
  const own = entries.filter((entry) => mayMean(entry, fs));
  const byDefault = own.filter(({ isDefault }) => isDefault);
  for (const entry of byDefault.length > 0 ? byDefault : own) {
    const path = await subvolumeOf(entry, fs);
    if (path === undefined) continue;
    const root = await fs.subvolume(path);
    if (!(await isRoot(root)))
      throw new FormatError(
        `${root.origin}: ${entry.source} names it as the root, and it holds no operating system`,
      );
    return { fs: root, path, because: `rootflags= in ${entry.source}` };
  }
  return undefined;
}

/** Another file system's root is not in this one; a partition may be. */
function mayMean({ root }: BootEntry, { uuid, label }: FileSystem): boolean {
  if (root?.kind === 'UUID') return root.value.toLowerCase() === uuid.toLowerCase();
  if (root?.kind === 'LABEL') return root.value === label;
  return true;
}

/** The path that the last `subvol=` or `subvolid=` of `rootflags=` means. Source: Linux, fs/btrfs/super.c. */
async function subvolumeOf({ options }: BootEntry, fs: BtrfsFileSystem): Promise<string | undefined> {
  const flags = options
    .split(/\s+/)
    .findLast((option) => option.startsWith('rootflags='))
    ?.slice('rootflags='.length)
    .replace(/^(["'])(.*)\1$/s, '$2');
  const [, kind, value = ''] = /^(subvol|subvolid)=(.*)$/s.exec(lastNaming(flags?.split(',') ?? [])) ?? [];
  if (kind === 'subvol' && value !== '' && !value.includes('$')) return value;
  if (kind !== 'subvolid' || !/^\d{1,20}$/.test(value)) return undefined;
  const id = BigInt(value);
  // 0 and 5 are both the top level.
  if (id === 0n || id === 5n) return '/';
  return (await fs.subvolumes()).find((subvolume) => subvolume.id === id)?.path ?? `subvolid ${value}`;
}

function lastNaming(flags: readonly string[]): string {
  return flags.findLast((flag) => /^subvol(id)?=/.test(flag)) ?? '';
}
