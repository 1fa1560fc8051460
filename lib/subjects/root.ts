import type { Blob } from '../blob/blob.ts';
import { readLvm } from '../disk/lvm.ts';
import type { Partition } from '../disk/partitions.ts';
import { AssayError, FormatError } from '../errors.ts';
import { openFileSystem, recogniseFileSystem } from '../fs/detect.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import type { BootEntry } from '../guest/boot-entries/boot-entries.ts';
import { isBootVolume, mountedAtBoot } from '../guest/boot-volume.ts';
import { entriesOf, findRootSubvolume, isBtrfs, isRoot } from '../guest/root-subvolume.ts';

/** The root file system, found by what it holds rather than by name or number. */
export interface Root {
  /** Where it is or, when it is on a logical volume, the last that belongs to LVM. */
  readonly partition: Partition;
  readonly fs: FileSystem;
}

const linuxFileSystems = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs']);
/** The ESP holds the boot entries of systemd-boot. */
const bootFileSystems = new Set([...linuxFileSystems, 'vfat']);
const physicalVolume = 'LVM2_member';

/**
 * The first file system with /etc and /usr, from the last partition on; partitions that belong to LVM are looked
 * through as the logical volumes that they hold together. In btrfs it is the subvolume that boot entries name.
 * @throws what kept the first candidate from being read, or FormatError with what there is
 */
export async function findRoot(partitions: readonly Partition[], label: string): Promise<Root> {
  const seen: string[] = [];
  let refusal: unknown;
  let isLvmSeen = false;
  for (const partition of partitions.toReversed()) {
    const type = await recogniseFileSystem(partition.blob);
    seen.push(`${partition.number}: ${type ?? 'no known file system'}`);
    try {
      if (type !== physicalVolume) {
        const fs = await rootIn(partition, type, partitions);
        if (fs !== undefined) return { partition, fs };
      } else if (!isLvmSeen) {
        isLvmSeen = true;
        for (const { name, blob } of await logicalVolumes(partitions)) {
          try {
            const held = await recogniseFileSystem(blob);
            seen.push(`${name}: ${held ?? 'no known file system'}`);
            const fs = await rootIn({ blob }, held, partitions);
            if (fs !== undefined) return { partition, fs };
          } catch (error) {
            refusal ??= error;
          }
        }
      }
    } catch (error) {
      refusal ??= error;
    }
  }
  if (refusal !== undefined) throw refusal;
  throw new FormatError(
    `${label}: no partition holds a root file system (${seen.join(', ') || 'no partitions'})`,
  );
}

async function rootIn(
  holder: Pick<Partition, 'blob'>,
  type: string | undefined,
  partitions: readonly Partition[],
): Promise<FileSystem | undefined> {
  if (type === undefined || !linuxFileSystems.has(type)) return undefined;
  const fs = await openFileSystem(holder.blob);
  if (!isBtrfs(fs)) return (await isRoot(fs)) ? fs : undefined;
  const others = partitions.filter((partition) => partition !== holder);
  return (await findRootSubvolume(fs, () => bootEntriesIn(others)))?.fs;
}

/** The boot entries of partitions that are mounted at /boot. */
async function bootEntriesIn(partitions: readonly Partition[]): Promise<BootEntry[]> {
  const entries: BootEntry[] = [];
  for (const { blob } of partitions) {
    try {
      if (!bootFileSystems.has((await recogniseFileSystem(blob)) ?? '')) continue;
      const fs = await openFileSystem(blob);
      if (await isBootVolume(fs)) entries.push(...(await entriesOf(mountedAtBoot(fs))));
    } catch (error) {
      // One that cannot be read names nothing; whoever needs it says so.
      if (!(error instanceof AssayError)) throw error;
    }
  }
  return entries;
}

async function logicalVolumes(partitions: readonly Partition[]) {
  const members: Blob[] = [];
  for (const { blob } of partitions)
    if ((await recogniseFileSystem(blob)) === physicalVolume) members.push(blob);
  return (await readLvm(members)).flatMap((group) =>
    group.logicalVolumes.map(({ name, blob }) => ({ name: `${group.name}/${name}`, blob })),
  );
}
