import type { Blob } from '../blob/blob.ts';
import { FormatError } from '../errors.ts';
import { openFileSystem, recogniseFileSystem } from '../fs/detect.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { isBootVolume, mountedAtBoot } from '../guest/boot-volume.ts';
import { isBtrfs } from '../guest/root-subvolume.ts';
import { isDirectory } from '../guest/files.ts';
import type { BootFacts } from './boot.ts';
import type { EspFacts } from './esp.ts';
import type { GuestFacts } from './guest.ts';
import { type Read, attempt, valueOf } from './read.ts';
import type { Surroundings } from './surroundings.ts';

/** What may hold a file system: a partition, a logical volume, or a whole disk. */
export interface Volume {
  /** `partition 3`, `vg/lv_root`, `the disk`. */
  readonly place: string;
  /** What a device can be called beside its label and UUID: `PARTUUID=…`, `PARTLABEL=…`, `/dev/vg/lv_root`. */
  readonly names: readonly string[];
  /** Whether it is a logical volume. */
  readonly isLogical: boolean;
  readonly type: Read<string>;
  readonly fs: Read<FileSystem>;
}

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

/** Holds data or other volumes, and no files of its own. */
const withoutFiles: Readonly<Record<string, string>> = {
  swap: 'no files in it',
  swsuspend: 'no files in it',
  LVM2_member: 'belongs to a volume group',
};
const topLevel = '/';

/** Recognises what is there, and opens its file system. */
export async function openVolume(
  place: string,
  blob: Blob,
  names: readonly string[] = [],
  isLogical = false,
): Promise<Volume> {
  const type = await attempt(() => recogniseFileSystem(blob), 'no known file system');
  const reason = withoutFiles[valueOf(type) ?? ''];
  const fs: Volume['fs'] =
    reason !== undefined || !('value' in type)
      ? { absent: reason ?? 'no known file system' }
      : await attempt(() => openFileSystem(blob));
  return { place, names, isLogical, type, fs };
}

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
