import type { FstabEntry } from '../guest/fstab.ts';
import { readFstab } from '../guest/fstab.ts';
import { isBootVolume, mountedAtBoot, withBoot } from '../guest/boot-volume.ts';
import {
  type RootSubvolume,
  entriesOf,
  findRootSubvolume,
  isBtrfs,
  isRoot,
} from '../guest/root-subvolume.ts';
import type { BootEntry } from '../guest/boot-entries/boot-entries.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { type Read, attempt, valueOf } from './read.ts';
import type { Volume } from './volume.ts';

/** What the volumes of one disk are to each other: which is a root, what its fstab and boot entries lead to. */
export interface Surroundings {
  /** The root of an operating system in a volume. */
  rootOf(volume: Volume): Promise<Read<RootSubvolume>>;
  /** The volume whose root has this one at its /boot. */
  rootThatBootsFrom(volume: Volume): Promise<Volume | undefined>;
  /** A root with its /boot, where that is a file system of its own on the same disk. */
  withBoot(root: FileSystem): Promise<FileSystem>;
  /**
   * The place of the device that fstab or a boot entry names; absent where the disk has none of that name, undefined
   * where that cannot be told: a device of the kernel's numbering, or another file system that was not read.
   */
  leadsTo(device: DeviceReference): Read<string> | undefined;
}

export interface DeviceReference {
  readonly reference: FstabEntry['reference'] | 'device';
  readonly device: string;
}

const decidable: ReadonlySet<string> = new Set(['LABEL', 'UUID', 'PARTLABEL', 'PARTUUID']);

export function surroundingsOf(volumes: readonly Volume[]): Surroundings {
  const roots = new Map<Volume, Promise<Read<RootSubvolume>>>();

  async function findRoot(volume: Volume): Promise<RootSubvolume | undefined> {
    const fs = valueOf(volume.fs);
    if (fs === undefined) return undefined;
    if (isBtrfs(fs)) return findRootSubvolume(fs, () => entriesBeside(volume));
    return (await isRoot(fs)) ? { fs, because: 'it holds one' } : undefined;
  }

  async function entriesBeside(volume: Volume): Promise<BootEntry[]> {
    const entries: BootEntry[] = [];
    for (const other of volumes) {
      const fs = other === volume ? undefined : valueOf(other.fs);
      const boots = await attempt(async () => fs !== undefined && (await isBootVolume(fs)));
      if (fs !== undefined && valueOf(boots) === true) entries.push(...(await entriesOf(mountedAtBoot(fs))));
    }
    return entries;
  }

  function rootOf(volume: Volume): Promise<Read<RootSubvolume>> {
    const root = roots.get(volume) ?? attempt(() => findRoot(volume), 'no operating system');
    roots.set(volume, root);
    return root;
  }

  async function bootOf(root: FileSystem): Promise<Volume | undefined> {
    const fstab = valueOf(await attempt(() => readFstab(root)));
    const own = fstab?.entries.find(({ mountPoint }) => mountPoint === '/boot');
    const found = own === undefined ? undefined : volumeNamed(own);
    return found !== undefined && 'value' in found.fs && found.fs.value !== root ? found : undefined;
  }

  function volumeNamed({ reference, device }: DeviceReference): Volume | undefined {
    return volumes.find(({ names, fs }) => {
      const { label, uuid } = valueOf(fs) ?? {};
      if (reference === 'UUID') return uuid !== undefined && uuid.toLowerCase() === device.toLowerCase();
      if (reference === 'LABEL') return label !== undefined && label !== '' && label === device;
      const name = reference.startsWith('PART') ? `${reference}=${device}` : device;
      return names.some((own) => own.toLowerCase() === name.toLowerCase());
    });
  }

  return {
    rootOf,
    async rootThatBootsFrom(volume) {
      for (const other of volumes) {
        const root = other === volume ? undefined : valueOf(await rootOf(other));
        if (root !== undefined && (await bootOf(root.fs)) === volume) return other;
      }
      return undefined;
    },
    async withBoot(root) {
      const boot = valueOf((await bootOf(root))?.fs);
      return boot === undefined ? root : withBoot(root, boot);
    },
    leadsTo(device) {
      const found = volumeNamed(device);
      if (found !== undefined) return { value: found.place };
      const isLogical = /^\/dev\/mapper\/[^/]+-[^/]+$/.test(device.device);
      if (!decidable.has(device.reference) && !isLogical) return undefined;
      // Swap and what is not read have labels and UUIDs that are not known here.
      const isUnknown = volumes.some(
        ({ type, fs }) => 'value' in type && !('value' in fs) && type.value !== 'LVM2_member',
      );
      const isOfFileSystem = device.reference === 'LABEL' || device.reference === 'UUID';
      if (isUnknown && isOfFileSystem) return undefined;
      return { absent: 'nothing on this disk has it' };
    },
  };
}
