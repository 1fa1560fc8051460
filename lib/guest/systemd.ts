import type { FileSystem } from '../fs/filesystem.ts';
import { entriesIfPresent, linkIfPresent } from './files.ts';

/** Where unit files are, the winning directory first: systemd.unit(5). */
const unitDirectories = [
  '/etc/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];

/** A unit of the guest, as `systemctl is-enabled` would judge it from its files. */
export interface UnitState {
  readonly name: string;
  /** The unit file, absent when there is none (a link to it may still dangle). */
  readonly file?: string;
  /** The `….wants/` and `….requires/` links that start it, directly or by an alias. */
  readonly enabledBy: readonly string[];
  /** The link to /dev/null (or empty file) that forbids it. */
  readonly maskedBy?: string;
  /** There, wanted by something, and not masked. */
  readonly enabled: boolean;
}

/** The state of a unit, for instance `ssh.service`. */
export async function unitState(fs: FileSystem, name: string): Promise<UnitState> {
  const maskedBy = await maskOf(fs, name);
  let file: string | undefined;
  const enabledBy: string[] = [];
  for (const directory of unitDirectories) {
    const path = `${directory}/${name}`;
    if (file === undefined && (await fs.lookup(path))?.type === 'file') file = path;
    // Debian's /lib is a link to /usr/lib: its links would be told twice.
    if (directory === '/lib/systemd/system' && (await linkIfPresent(fs, '/lib')) !== undefined) continue;
    for (const entry of await entriesIfPresent(fs, directory)) {
      if (!/\.(wants|requires)$/.test(entry.name)) continue;
      const links = await entriesIfPresent(fs, `${directory}/${entry.name}`);
      if (links.some((link) => link.name === name)) enabledBy.push(`${directory}/${entry.name}/${name}`);
    }
  }
  const enabled = file !== undefined && maskedBy === undefined && enabledBy.length > 0;
  return {
    name,
    ...(file !== undefined && { file }),
    enabledBy,
    ...(maskedBy !== undefined && { maskedBy }),
    enabled,
  };
}

async function maskOf(fs: FileSystem, name: string): Promise<string | undefined> {
  const path = `/etc/systemd/system/${name}`;
  if ((await linkIfPresent(fs, path)) === '/dev/null') return path;
  const entry = await fs.lookup(path);
  return entry?.type === 'file' && entry.sizeInBytes === 0 ? path : undefined;
}
