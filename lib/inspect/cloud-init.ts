import type { FileSystem } from '../fs/filesystem.ts';
import { cloudInitEnabled } from '../guest/cloud-init/enabled.ts';
import { growpart } from '../guest/cloud-init/growpart.ts';
import { type GuestDatasource, guestDatasource } from '../guest/cloud-init/guest.ts';
import type { InstalledPackages } from '../guest/packages.ts';
import { type Read, attempt } from './read.ts';

/** cloud-init as it is configured in an image, and what it will do on bare metal. */
export interface CloudInitFacts {
  readonly version: Read<{ readonly version: string; readonly from: string }>;
  readonly enabled: Read<{ readonly enabled: boolean; readonly because: readonly string[] }>;
  readonly datasourceList: readonly string[];
  /** The file and line that set the list, or `built-in`. */
  readonly setBy: string;
  /** What it will do on bare metal, without a config drive and with one. */
  readonly onBareMetal: Read<Pick<GuestDatasource, 'withoutConfigDrive' | 'withConfigDrive'>>;
  readonly growpart: Read<{ readonly growsRoot: boolean; readonly notes: readonly string[] }>;
  readonly notes: readonly string[];
}

/**
 * Undefined when neither its code nor its configuration is there.
 * @param architecture that of the programs, on which ds-identify's policy depends
 * @param kernelCommandLine of the boot entry that starts by itself, which may name a datasource
 */
export async function cloudInitFacts(
  fs: FileSystem,
  architecture: string | undefined,
  packages: InstalledPackages | undefined,
  kernelCommandLine: string | undefined,
): Promise<CloudInitFacts | undefined> {
  const about = {
    ...(packages !== undefined && { packages }),
    ...(kernelCommandLine !== undefined && { kernelCommandLine }),
  };
  const guest = await guestDatasource(fs, architecture ?? 'unknown', about);
  const { version, config, datasources, withoutConfigDrive, withConfigDrive } = guest;
  if (version === undefined && config.files.length === 0) return undefined;
  return {
    version:
      version === undefined
        ? { absent: 'nothing tells its release' }
        : { value: { version: version.version, from: version.from } },
    enabled: await attempt(async () => {
      const { enabled, because } = await cloudInitEnabled(fs);
      return { enabled, because };
    }),
    datasourceList: datasources.list,
    setBy: datasources.setBy,
    onBareMetal:
      architecture === undefined
        ? { absent: 'not known: it depends on the architecture, which no program told' }
        : { value: { withoutConfigDrive, withConfigDrive } },
    growpart: await attempt(async () => {
      const { growsRoot, problems, notices } = await growpart(fs, config);
      return { growsRoot, notes: [...problems, ...notices] };
    }),
    notes: [...config.problems, ...datasources.problems],
  };
}
