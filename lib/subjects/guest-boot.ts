import { readInitramfs } from '../boot/initramfs.ts';
import { type Kernel, readKernel } from '../boot/kernel.ts';
import { moduleReleases } from '../boot/modules.ts';
import { FormatError, UnsupportedError } from '../errors.ts';
import { fact } from '../facts.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { type BootEntry, type BootMenu, readBootMenu } from '../guest/boot-entries/boot-entries.ts';
import { readEsp } from '../guest/esp.ts';
import { isDirectory, isFile } from '../guest/files.ts';
import { readKernels } from '../guest/kernels.ts';
import { needsSecureBoot } from '../ironic/secure-boot.ts';
import { fstab } from './guests.ts';
import { allNodes } from './nodes.ts';
import { type UserImage, espFileSystem, root } from './user-images.ts';

/** The root file system, with the /boot in it. @throws UnsupportedError where /boot is a file system of its own */
const bootFileSystem = fact('boot of a user image', async (image: UserImage, use): Promise<FileSystem> => {
  const { fs } = await use(root, image);
  const own = (await use(fstab, image))?.entries.find(({ mountPoint }) => mountPoint === '/boot');
  if (own === undefined) return fs;
  const device = own.reference === 'path' ? own.device : `${own.reference}=${own.device}`;
  throw new UnsupportedError(
    `${fs.origin}: /boot is a file system of its own (${device}), which is not read`,
  );
});

/** The boot loader's menu. */
export const bootMenu = fact('boot entries', async (image: UserImage, use) =>
  readBootMenu(await use(bootFileSystem, image)),
);

/** The entries that may be started when nobody chooses; all, where none of them can be told. */
export function entriesInUse({ entries }: BootMenu): readonly BootEntry[] {
  const byDefault = entries.filter(({ isDefault }) => isDefault);
  return byDefault.length > 0 ? byDefault : entries;
}

/** A kernel in /boot, as its bytes say. */
export interface GuestKernel {
  readonly path: string;
  /** Fedora's kernel of last resort. */
  readonly rescue: boolean;
  /** Absent where it is none, as `problem` says. */
  readonly kernel?: Kernel;
  readonly problem?: string;
  /** The directory of modules for its release; absent where there is none or the release is not known. */
  readonly modules?: string;
  /** Whether depmod has listed them there, without which modprobe finds none. */
  readonly modulesListed: boolean;
}

/** Every kernel in /boot. */
export const kernels = fact('kernels', async (image: UserImage, use): Promise<readonly GuestKernel[]> => {
  const fs = await use(bootFileSystem, image);
  const installed = await readKernels(fs);
  return Promise.all(installed.map(async ({ path, rescue }) => ({ rescue, ...(await kernelAt(fs, path)) })));
});

async function kernelAt(fs: FileSystem, path: string): Promise<Omit<GuestKernel, 'rescue'>> {
  try {
    const kernel = await readKernel(await fs.open(path));
    const modules = kernel.release === undefined ? undefined : await modulesOf(fs, kernel.release);
    const modulesListed =
      modules !== undefined &&
      ((await isFile(fs, `${modules}/modules.dep`)) || (await isFile(fs, `${modules}/modules.dep.bin`)));
    return { path, kernel, modulesListed, ...(modules !== undefined && { modules }) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { path, problem: error.message, modulesListed: false };
  }
}

async function modulesOf(fs: FileSystem, release: string): Promise<string | undefined> {
  for (const path of [`/usr/lib/modules/${release}`, `/lib/modules/${release}`]) {
    if (await isDirectory(fs, path)) return path;
  }
  return undefined;
}

/** A path of GRUB's in the guest's root. In btrfs it starts at the top, with the subvolume that is the root. */
async function fileAt(fs: FileSystem, path: string): Promise<string | undefined> {
  if (await isFile(fs, path)) return path;
  const boot = fs.type === 'btrfs' ? path.indexOf('/boot/') : -1;
  return boot > 0 && (await isFile(fs, path.slice(boot))) ? path.slice(boot) : undefined;
}

/** A file that a boot entry has loaded, and what became of it. */
export interface LoadedFile {
  readonly entry: BootEntry;
  readonly path: string;
  readonly exists: boolean;
}

/** The kernels that the entries in use start. */
export const startedKernels = fact(
  'kernels that boot entries start',
  async (image: UserImage, use): Promise<readonly LoadedFile[]> => {
    const fs = await use(bootFileSystem, image);
    return Promise.all(
      entriesInUse(await use(bootMenu, image)).map(async (entry) => {
        const found = await fileAt(fs, entry.kernel);
        return { entry, path: found ?? entry.kernel, exists: found !== undefined };
      }),
    );
  },
);

export interface LoadedInitrd extends LoadedFile {
  /** Why it does not unpack. */
  readonly problem?: string;
  /** The kernel releases that it has modules for. */
  readonly releases: readonly string[];
}

const initrdAt = fact('initrds of a user image', async (image: UserImage, use) => {
  const fs = await use(bootFileSystem, image);
  const known = new Map<string, Promise<Pick<LoadedInitrd, 'exists' | 'problem' | 'releases'>>>();
  return (path: string) => {
    let initrd = known.get(path);
    if (initrd === undefined) known.set(path, (initrd = readInitrd(fs, path)));
    return initrd;
  };
});

async function readInitrd(fs: FileSystem, named: string) {
  const path = await fileAt(fs, named);
  if (path === undefined) return { exists: false, releases: [] };
  try {
    const initramfs = await readInitramfs(await fs.open(path));
    return { exists: true, releases: await moduleReleases(initramfs) };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { exists: true, problem: error.message, releases: [] };
  }
}

/** What the entries in use have loaded beside the kernel. Each file is unpacked once, to its end. */
export const loadedInitrds = fact(
  'initrds that boot entries load',
  async (image: UserImage, use): Promise<readonly LoadedInitrd[]> => {
    const read = await use(initrdAt, image);
    const loaded: LoadedInitrd[] = [];
    for (const entry of entriesInUse(await use(bootMenu, image))) {
      for (const path of entry.initrds) loaded.push({ entry, path, ...(await read(path)) });
    }
    return loaded;
  },
);

/** What is on the EFI system partition. */
export const espContent = fact('content of the ESP', async (image: UserImage, use) =>
  readEsp(await use(espFileSystem, image)),
);

/** The nodes that have the image deployed and must have Secure Boot. */
export const secureBootNodes = fact('nodes with Secure Boot', async (image: UserImage, use) => {
  if (image.affects.length === 0) return [];
  const deployed = new Set(image.affects);
  const nodes = await use(allNodes, 'all');
  return nodes
    .filter(({ label, record }) => deployed.has(label) && needsSecureBoot(record))
    .map(({ label }) => label);
});
