import type { FileSystem } from '../fs/filesystem.ts';
import { textIfPresent } from './files.ts';

/** How fstab(5) names a device. */
export type FstabReference = 'LABEL' | 'UUID' | 'PARTLABEL' | 'PARTUUID' | 'ID' | 'path' | 'other';

/** A line of /etc/fstab: fstab(5). */
export interface FstabEntry {
  readonly reference: FstabReference;
  /** The label, UUID or path. FAT labels are stored and compared in upper case. */
  readonly device: string;
  /** `/`, `/boot/efi`; `none` or `swap` for swap. */
  readonly mountPoint: string;
  readonly type: string;
  readonly options: readonly string[];
  readonly line: number;
}

export interface Fstab {
  readonly path: string;
  readonly entries: readonly FstabEntry[];
  readonly problems: readonly string[];
}

/** The guest's /etc/fstab, or undefined when it has none. */
export async function readFstab(fs: FileSystem): Promise<Fstab | undefined> {
  const path = '/etc/fstab';
  const text = await textIfPresent(fs, path);
  if (text === undefined) return undefined;
  const entries: FstabEntry[] = [];
  const problems: string[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [spec, mountPoint, type, options] = line.split(/[ \t]+/).map(unescape);
    if (spec === undefined || mountPoint === undefined || type === undefined) {
      problems.push(`${path}:${index + 1}: fewer than three fields: ${line.slice(0, 80)}`);
      continue;
    }
    const named = (options ?? 'defaults').split(',');
    entries.push({ ...referenceOf(spec), mountPoint, type, options: named, line: index + 1 });
  }
  return { path, entries, problems };
}

function referenceOf(spec: string): Pick<FstabEntry, 'reference' | 'device'> {
  const tag = /^(LABEL|UUID|PARTLABEL|PARTUUID|ID)=(.*)$/.exec(spec);
  if (tag !== null) {
    return { reference: tag[1] as FstabReference, device: (tag[2] ?? '').replace(/^(["'])(.*)\1$/, '$2') };
  }
  return { reference: spec.startsWith('/') ? 'path' : 'other', device: spec };
}

/** fstab writes a space as \040, and so on: getmntent(3). */
function unescape(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
