import type { Blob } from '../blob/blob.ts';
import { readPe } from '../boot/pe.ts';
import { openFileSystem, recogniseFileSystem } from '../fs/detect.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { entriesIfPresent, isDirectory } from '../guest/files.ts';
import type { BootKernelFacts } from './boot-kernels.ts';
import { holdsKernels, mountedAtBoot } from './boot-volume.ts';
import { peFacts } from './efi.ts';
import type { GuestFacts } from './guest.ts';
import { type Read, attempt } from './read.ts';

/** What a partition holds, or a disk without a partition table. */
export interface VolumeFacts {
  /** As blkid prints TYPE: `ext4`, `vfat`, `swap`. */
  readonly type: string;
  readonly fileSystem: Read<FileSystemFacts>;
}

export interface FileSystemFacts {
  readonly label: string;
  /** As blkid prints it. */
  readonly uuid: string;
  /** It was not unmounted, and has a journal or log to replay; absent where it cannot tell. */
  readonly needsRecovery?: boolean;
  /** The programs that firmware could start, where there is a folder /EFI. */
  readonly loaders?: Read<readonly LoaderFacts[]>;
  /** The kernels, where it is a partition for /boot. */
  readonly kernels?: Read<readonly BootKernelFacts[]>;
  /** The operating system, where it is the root of one. */
  readonly guest?: GuestFacts;
}

export interface LoaderFacts {
  readonly path: string;
  readonly pe: Read<ReturnType<typeof peFacts>>;
}

/** Holds data or other volumes, and no files: there is nothing more to read. */
const withoutFiles = new Set(['swap', 'swsuspend']);

const maximumLoaders = 100;
const maximumDepth = 4;

/** Recognises what a partition holds, and looks into what it can read. */
export async function inspectVolume(blob: Blob): Promise<Read<VolumeFacts>> {
  return attempt(async () => {
    const type = await recogniseFileSystem(blob);
    if (type === undefined) return undefined;
    const fileSystem: VolumeFacts['fileSystem'] = withoutFiles.has(type)
      ? { absent: 'no files in it' }
      : await attempt(async () => fileSystemFacts(await openFileSystem(blob)));
    return { type, fileSystem };
  }, 'no known file system');
}

async function fileSystemFacts(fs: FileSystem): Promise<FileSystemFacts> {
  const { label, uuid } = fs;
  const needsRecovery = 'needsRecovery' in fs ? fs.needsRecovery === true : undefined;
  const hasLoaders = await isDirectory(fs, '/EFI');
  const isRoot = (await isDirectory(fs, '/etc')) && (await isDirectory(fs, '/usr'));
  const isBoot = !isRoot && (await holdsKernels(fs));
  return {
    label,
    uuid,
    ...(needsRecovery !== undefined && { needsRecovery }),
    ...(hasLoaders && {
      loaders: await attempt(() => loadersOf(fs), 'no EFI program under /EFI'),
    }),
    ...(isBoot && {
      kernels: await attempt(async () => {
        const { bootKernels } = await import('./boot-kernels.ts');
        return bootKernels(mountedAtBoot(fs));
      }),
    }),
    ...(isRoot && { guest: await (await import('./guest.ts')).inspectGuest(fs) }),
  };
}

/** Every `.efi` file under /EFI. */
async function loadersOf(fs: FileSystem): Promise<LoaderFacts[] | undefined> {
  const loaders: LoaderFacts[] = [];
  const search = async (folder: string, depth: number): Promise<void> => {
    for (const { name, type } of await entriesIfPresent(fs, folder)) {
      const path = `${folder}/${name}`;
      if (type === 'directory' && depth < maximumDepth) await search(path, depth + 1);
      if (type !== 'file' || !/\.efi$/i.test(name) || loaders.length >= maximumLoaders) continue;
      const pe = await attempt(async () => {
        const blob = await fs.open(path);
        return peFacts(await readPe(blob), blob.sizeInBytes);
      });
      loaders.push({ path, pe });
    }
  };
  await search('/EFI', 1);
  return loaders.length === 0 ? undefined : loaders;
}
