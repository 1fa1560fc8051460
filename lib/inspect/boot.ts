import type { FileSystem } from '../fs/filesystem.ts';
import { type BootEntry, readBootMenu } from '../guest/boot-entries/boot-entries.ts';
import { isFile } from '../guest/files.ts';
import { type BootKernelFacts, bootKernels } from './boot-kernels.ts';
import { type Read, attempt, valueOf } from './read.ts';
import { startedOf } from './started.ts';
import type { Surroundings } from './surroundings.ts';

/** How a guest boots: its kernels, and the boot loader's menu. */
export interface BootFacts {
  readonly kernels: Read<readonly BootKernelFacts[]>;
  readonly menu: Read<BootMenuFacts>;
}

export interface BootMenuFacts {
  readonly entries: readonly BootEntryFacts[];
  /** What was not followed. */
  readonly notes: readonly string[];
}

export interface BootEntryFacts {
  readonly title: string;
  /** File and line. */
  readonly source: string;
  readonly isDefault: boolean;
  readonly kernel: FileFacts;
  readonly initrds: readonly FileFacts[];
  /** `LABEL=cloudimg-rootfs`. */
  readonly root?: string;
  /** What on the disk has that name; absent where that cannot be told. */
  readonly rootLeadsTo?: Read<string>;
  readonly consoles: readonly string[];
  /** The kernel's command line. */
  readonly options: string;
  /** What only a running GRUB can tell of it. */
  readonly unevaluated: readonly string[];
}

export interface FileFacts {
  readonly path: string;
  readonly exists: boolean;
}

/** @param fs the root with its /boot */
export async function bootFacts(fs: FileSystem, around: Surroundings): Promise<BootFacts> {
  const menu = await attempt(() => menuFacts(fs, around), 'no grub.cfg and no /boot/loader/entries');
  const kernels = await attempt(async () => {
    const started = startedOf(valueOf(menu)?.entries ?? []);
    const found = await bootKernels(fs, started?.initrds[0]?.path);
    return found.length === 0 ? undefined : found;
  }, 'none in /boot');
  return { kernels, menu };
}

async function menuFacts(fs: FileSystem, around: Surroundings): Promise<BootMenuFacts | undefined> {
  const { entries, scripts, unevaluated } = await readBootMenu(fs);
  if (entries.length === 0 && scripts.length === 0) return undefined;
  return {
    entries: await Promise.all(entries.map(async (entry) => entryFacts(fs, entry, around))),
    notes: unevaluated,
  };
}

async function entryFacts(fs: FileSystem, entry: BootEntry, around: Surroundings): Promise<BootEntryFacts> {
  const { title, source, isDefault, kernel, initrds, root, consoles, options, unevaluated } = entry;
  const leadsTo = root && around.leadsTo({ reference: root.kind, device: root.value });
  return {
    title,
    source,
    isDefault,
    kernel: await fileFacts(fs, kernel),
    initrds: await Promise.all(initrds.map(async (path) => fileFacts(fs, path))),
    ...(root !== undefined && { root: root.kind === 'device' ? root.value : `${root.kind}=${root.value}` }),
    ...(leadsTo !== undefined && { rootLeadsTo: leadsTo }),
    consoles,
    options,
    unevaluated,
  };
}

/**
 * A path of GRUB's in the guest: it counts from the top of the file system that it looks in, which may be mounted at
 * /boot, or begin with a subvolume of btrfs.
 */
async function fileFacts(fs: FileSystem, path: string): Promise<FileFacts> {
  const inSubvolume = fs.type === 'btrfs' ? path.slice(Math.max(0, path.indexOf('/boot/'))) : path;
  for (const candidate of [path, inSubvolume, `/boot${path}`])
    if (await isFile(fs, candidate)) return { path: candidate, exists: true };
  return { path, exists: false };
}
