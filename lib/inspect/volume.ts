import type { Blob } from '../blob/blob.ts';
import { openFileSystem, recogniseFileSystem } from '../fs/detect.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { type Read, attempt, valueOf } from './read.ts';

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

/** Holds data or other volumes, and no files of its own. */
const withoutFiles: Readonly<Record<string, string>> = {
  swap: 'no files in it',
  swsuspend: 'no files in it',
  LVM2_member: 'belongs to a volume group',
};

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
