import { FormatError } from '../errors.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { userlandArchitectures } from '../guest/architecture.ts';
import { type FstabEntry, readFstab } from '../guest/fstab.ts';
import { type MachineId, readMachineId } from '../guest/machine-id.ts';
import { readOsRelease } from '../guest/os-release.ts';
import { type InstalledPackages, installedPackages } from '../guest/packages.ts';
import { sshServer } from '../guest/ssh.ts';
import { type BootKernelFacts, bootKernels } from './boot-kernels.ts';
import type { CloudInitFacts } from './cloud-init.ts';
import { type ProgramFacts, architecturesOf } from './programs.ts';
import { type Read, attempt, valueOf } from './read.ts';

/** The operating system in a root file system. What its configuration lacks is in `notes`, which are no damage. */
export interface GuestFacts {
  readonly osRelease: Read<OsFacts>;
  readonly programs: Read<ProgramFacts>;
  readonly packages: Read<PackageFacts>;
  readonly kernels: Read<readonly BootKernelFacts[]>;
  readonly cloudInit: Read<CloudInitFacts>;
  readonly ssh: Read<SshFacts>;
  readonly fstab: Read<FstabFacts>;
  readonly machineId: Read<MachineId>;
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

export interface FstabFacts {
  readonly entries: readonly FstabEntry[];
  readonly notes: readonly string[];
}

/** Reads what can be known of an operating system from its files. */
export async function inspectGuest(fs: FileSystem): Promise<GuestFacts> {
  const programs = await attempt(
    async () => architecturesOf(await userlandArchitectures(fs)),
    'none of the usual programs is there',
  );
  const installed = await attempt(() => installedPackages(fs));
  return {
    osRelease: await attempt(() => osFacts(fs), 'no /etc/os-release'),
    programs,
    packages: await attempt(async () => packageFacts(installed), 'no database of dpkg or rpm'),
    kernels: await attempt(async () => {
      const kernels = await bootKernels(fs);
      return kernels.length === 0 ? undefined : kernels;
    }, 'none in /boot'),
    cloudInit: await attempt(async () => {
      const { cloudInitFacts } = await import('./cloud-init.ts');
      return cloudInitFacts(fs, valueOf(programs)?.architectures[0], valueOf(installed));
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
      return { entries: fstab.entries, notes: fstab.problems };
    }, 'no /etc/fstab'),
    machineId: await attempt(() => readMachineId(fs), 'no /etc/machine-id: made on the first boot'),
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
