import type { FileSystem } from '../fs/filesystem.ts';
import { readDpkgStatus } from './dpkg.ts';
import type { InstalledPackage } from './package.ts';
import { readRpmDatabase } from './rpm.ts';

export interface InstalledPackages {
  readonly manager: 'dpkg' | 'rpm' | 'none';
  /** The first of that name; of several architectures the one recorded first. */
  find(name: string): InstalledPackage | undefined;
  readonly count: number;
  /** How many packages there are of each architecture. */
  readonly architectures: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
}

/**
 * What is installed in the guest, by the package manager's own database.
 * @throws UnsupportedError for an rpm database of another kind than sqlite, by its name
 * @throws FormatError for one that cannot be read
 */
export async function installedPackages(fs: FileSystem): Promise<InstalledPackages> {
  const dpkg = await readDpkgStatus(fs);
  if (dpkg !== undefined) return index('dpkg', dpkg.packages, dpkg.problems);
  const rpm = await readRpmDatabase(fs);
  if (rpm !== undefined) return index('rpm', rpm, []);
  return index('none', [], []);
}

function index(
  manager: InstalledPackages['manager'],
  packages: readonly InstalledPackage[],
  problems: readonly string[],
): InstalledPackages {
  const byName = new Map<string, InstalledPackage>();
  const architectures = new Map<string, number>();
  for (const installed of packages) {
    if (!byName.has(installed.name)) byName.set(installed.name, installed);
    architectures.set(installed.architecture, (architectures.get(installed.architecture) ?? 0) + 1);
  }
  return { manager, find: (name) => byName.get(name), count: packages.length, architectures, problems };
}
