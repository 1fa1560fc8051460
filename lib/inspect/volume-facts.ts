import { FormatError } from '../errors.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { isBootVolume, mountedAtBoot } from '../guest/boot-volume.ts';
import { isBtrfs } from '../guest/root-subvolume.ts';
import { isDirectory } from '../guest/files.ts';
import type { BootFacts } from './boot.ts';
import type { EspFacts } from './esp.ts';
import type { GuestFacts } from './guest.ts';
import { type Read, attempt, valueOf } from './read.ts';
import type { Surroundings } from './surroundings.ts';
import type { Volume } from './volume.ts';

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
  /** Of btrfs. */
  readonly subvolumes?: Read<SubvolumeFacts>;
  /** What firmware and Ironic's agent make of it, where there is a folder /EFI. */
  readonly esp?: Read<EspFacts>;
  /** Of a partition for /boot: the place of the root that mounts it. */
  readonly bootOf?: string;
  /** The kernels and the boot loader's menu, where it is a partition for /boot that no root mounts. */
  readonly boot?: Read<BootFacts>;
  /** The operating system, where it is the root of one. */
  readonly guest?: GuestFacts;
}

export interface SubvolumeFacts {
  /** From the top level, as the mount option `subvol=` names them. */
  readonly paths: readonly string[];
  /** What is mounted without an option. */
  readonly default: string;
  /** Where the operating system is, and why it is taken for that. */
  readonly root: Read<{ readonly path: string; readonly because: string }>;
}

const topLevel = '/';

/** Looks into what a volume holds. */
export async function inspectVolume(volume: Volume, around: Surroundings): Promise<Read<VolumeFacts>> {
  const { type, fs } = volume;
  if (!('value' in type)) return type;
  if (!('value' in fs)) return { value: { type: type.value, fileSystem: fs } };
  const facts = await attempt(() => fileSystemFacts(volume, fs.value, around));
  return { value: { type: type.value, fileSystem: facts } };
}

async function fileSystemFacts(
  volume: Volume,
  fs: FileSystem,
  around: Surroundings,
): Promise<FileSystemFacts> {
  const { label, uuid } = fs;
  const needsRecovery = 'needsRecovery' in fs ? fs.needsRecovery === true : undefined;
  const hasLoaders = await isDirectory(fs, '/EFI');
  const found = await around.rootOf(volume);
  // In btrfs it is told with the subvolumes, beside what could be read.
  if ('notRead' in found && !isBtrfs(fs)) throw new FormatError(found.notRead);
  const root = valueOf(found);
  const subvolumes = isBtrfs(fs) ? await attempt(() => subvolumeFacts(volume, around)) : undefined;
  const isBoot = root === undefined && (await isBootVolume(fs));
  const bootOf = isBoot ? await around.rootThatBootsFrom(volume) : undefined;
  return {
    label,
    uuid,
    ...(needsRecovery !== undefined && { needsRecovery }),
    ...(subvolumes !== undefined && { subvolumes }),
    ...(hasLoaders && {
      esp: await attempt(async () => (await import('./esp.ts')).espFacts(fs), 'no EFI program under /EFI'),
    }),
    ...(bootOf !== undefined && { bootOf: bootOf.place }),
    ...(isBoot &&
      bootOf === undefined && {
        boot: await attempt(async () => {
          const { bootFacts } = await import('./boot.ts');
          return bootFacts(mountedAtBoot(fs), around);
        }),
      }),
    ...(root !== undefined && {
      guest: await (await import('./guest.ts')).inspectGuest(root.fs, around, volume.isLogical),
    }),
  };
}

async function subvolumeFacts(volume: Volume, around: Surroundings): Promise<SubvolumeFacts | undefined> {
  const fs = valueOf(volume.fs);
  if (fs === undefined || !isBtrfs(fs)) return undefined;
  const subvolumes = await fs.subvolumes();
  const named = subvolumes.find(({ id }) => id === fs.defaultSubvolume)?.path ?? topLevel;
  const root = await around.rootOf(volume);
  return {
    paths: subvolumes.map(({ path }) => path),
    default: named,
    root: 'value' in root ? { value: { path: root.value.path ?? named, because: root.value.because } } : root,
  };
}
