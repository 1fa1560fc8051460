import { FormatError } from '../errors.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { userlandArchitectures } from '../guest/architecture.ts';
import { readDibManifest } from '../guest/dib.ts';
import { type FstabEntry, readFstab } from '../guest/fstab.ts';
import { type MachineId, readMachineId } from '../guest/machine-id.ts';
import { readOsRelease } from '../guest/os-release.ts';
import { type InstalledPackages, installedPackages } from '../guest/packages.ts';
import { sshServer } from '../guest/ssh.ts';
import { type BootFacts, bootFacts } from './boot.ts';
import type { CloudInitFacts } from './cloud-init.ts';
import { type ProgramFacts, architecturesOf } from './programs.ts';
import { type Read, attempt, valueOf } from './read.ts';
import { startedOf } from './started.ts';
import type { Surroundings } from './surroundings.ts';

/** The operating system in a root file system. What its configuration lacks is in `notes`, which are no damage. */
export interface GuestFacts {
  readonly osRelease: Read<OsFacts>;
  readonly programs: Read<ProgramFacts>;
  readonly packages: Read<PackageFacts>;
  readonly boot: BootFacts;
  readonly cloudInit: Read<CloudInitFacts>;
  readonly ssh: Read<SshFacts>;
  readonly fstab: Read<FstabFacts>;
  readonly machineId: Read<MachineId>;
  /** Where diskimage-builder wrote down what it was asked for. */
  readonly dib?: Read<DibFacts>;
}

export interface OsFacts {
  readonly id: string;
  readonly versionId: string;
  /** `PRETTY_NAME`, or else `NAME`. */
  readonly name: string;
  readonly path: string;
  readonly notes: readonly string[];
}

export interface PackageFacts {
  readonly manager: 'dpkg' | 'rpm';
  readonly count: number;
  /** How many of each architecture, in the package manager's words. */
  readonly architectures: Readonly<Record<string, number>>;
  readonly notes: readonly string[];
}

export interface SshFacts {
  readonly program?: string;
  readonly config?: string;
  /** The unit that starts it at boot. */
  readonly startedBy?: string;
}

/** Of the recorded variables only these: others may hold passwords. */
export interface DibFacts {
  readonly path: string;
  readonly architecture?: string;
  readonly release?: string;
  readonly datasources?: string;
  readonly notes: readonly string[];
}

export interface FstabEntryFacts extends FstabEntry {
  /** What on the disk has that name; absent where that cannot be told. */
  readonly leadsTo?: Read<string>;
}

export interface FstabFacts {
  readonly entries: readonly FstabEntryFacts[];
  readonly notes: readonly string[];
}

/**
 * Reads what can be known of an operating system from its files.
 * @param fs its root
 * @param around the disk that it is on: its /boot may be elsewhere
 * @param isLogicalVolume whether the root is a logical volume
 */
export async function inspectGuest(
  fs: FileSystem,
  around: Surroundings,
  isLogicalVolume: boolean,
): Promise<GuestFacts> {
  const programs = await attempt(
    async () => architecturesOf(await userlandArchitectures(fs)),
    'none of the usual programs is there',
  );
  const installed = await attempt(() => installedPackages(fs));
  const boot = await bootFacts(await around.withBoot(fs), around);
  const started = startedOf(valueOf(boot.menu)?.entries ?? []);
  const dib = await attempt(() => dibFacts(fs), 'no /etc/dib-manifests');
  return {
    osRelease: await attempt(() => osFacts(fs), 'no /etc/os-release'),
    programs,
    packages: await attempt(async () => packageFacts(installed), 'no database of dpkg or rpm'),
    boot,
    cloudInit: await attempt(async () => {
      const { cloudInitFacts } = await import('./cloud-init.ts');
      const [architecture] = valueOf(programs)?.architectures ?? [];
      const facts = await cloudInitFacts(fs, architecture, valueOf(installed), started?.options);
      if (facts === undefined || !isLogicalVolume) return facts;
      return {
        ...facts,
        growpart: {
          absent: 'not known: the root is a logical volume, which a grown partition does not grow by itself',
        },
      };
    }, 'not installed'),
    ssh: await attempt(async () => {
      const { program, config, startedBy, units } = await sshServer(fs);
      if (program === undefined && units.length === 0) return undefined;
      return {
        ...(program !== undefined && { program }),
        ...(config !== undefined && { config }),
        ...(startedBy !== undefined && { startedBy }),
      };
    }, 'not installed'),
    fstab: await attempt(async () => {
      const fstab = await readFstab(fs);
      if (fstab === undefined) return undefined;
      const entries = fstab.entries.map((entry): FstabEntryFacts => {
        const leadsTo = around.leadsTo(entry);
        return { ...entry, ...(leadsTo !== undefined && { leadsTo }) };
      });
      return { entries, notes: fstab.problems };
    }, 'no /etc/fstab'),
    machineId: await attempt(() => readMachineId(fs), 'no /etc/machine-id: made on the first boot'),
    ...(!('absent' in dib) && { dib }),
  };
}

async function dibFacts(fs: FileSystem): Promise<DibFacts | undefined> {
  const manifest = await readDibManifest(fs);
  if (manifest === undefined) return undefined;
  const { path, architecture, environment, problems } = manifest;
  const release = environment.get('DIB_RELEASE');
  const datasources = environment.get('DIB_CLOUD_INIT_DATASOURCES');
  return {
    path,
    ...(architecture !== undefined && { architecture }),
    ...(release !== undefined && { release }),
    ...(datasources !== undefined && { datasources }),
    notes:
      problems.length === 0 ? [] : [`${problems.length} lines of its dib_environment are not understood`],
  };
}

async function osFacts(fs: FileSystem): Promise<OsFacts | undefined> {
  const osRelease = await readOsRelease(fs);
  if (osRelease === undefined) return undefined;
  const { id, versionId, name, path, fields, problems } = osRelease;
  return { id, versionId, name: fields.get('PRETTY_NAME') ?? name, path, notes: problems };
}

/** A database that could not be read keeps saying why. */
function packageFacts(installed: Read<InstalledPackages>): PackageFacts | undefined {
  if (!('value' in installed)) {
    throw new FormatError('notRead' in installed ? installed.notRead : installed.absent);
  }
  const { manager, count, architectures, problems } = installed.value;
  if (manager === 'none') return undefined;
  return { manager, count, architectures: Object.fromEntries(architectures), notes: problems };
}
