import type { FileSystem } from '../fs/filesystem.ts';
import { entriesIfPresent, textIfPresent } from './files.ts';

/** What diskimage-builder wrote down about the build, when element `manifests` was used. */
export interface DibManifest {
  /** `/etc/dib-manifests` */
  readonly path: string;
  /** The command line's arguments, when recorded. */
  readonly arguments?: string;
  /** What `-a` asked for, in the words of the operator; the host's own when it was not given. */
  readonly architecture?: string;
  /** The DIB_* variables, as `declare -p` printed them. */
  readonly environment: ReadonlyMap<string, string>;
  /** Other manifests: `dib-manifest-dpkg-…`, `dib-manifest-rpm-…`, `dib-manifest-git-…`, `dib-element-manifest`. */
  readonly files: readonly string[];
  readonly problems: readonly string[];
}

/** Source: diskimage-builder elements/manifests (cleanup.d/01-copy-manifests-dir), lib/disk-image-create (DIB_ENV). Undefined when not recorded. */
export async function readDibManifest(fs: FileSystem): Promise<DibManifest | undefined> {
  const path = '/etc/dib-manifests';
  if ((await fs.lookup(path))?.type !== 'directory') return undefined;
  const args = await textIfPresent(fs, `${path}/dib_arguments`);
  const environment = new Map<string, string>();
  const problems: string[] = [];
  const text = (await textIfPresent(fs, `${path}/dib_environment`)) ?? '';
  // `declare -p` of bash: `declare -x NAME="value"`, where the value may run over several lines.
  for (const record of text.split(/^(?=declare -)/m)) {
    if (record.trim() === '') continue;
    const match = /^declare -[-\w]+ (\w+)(?:=(.*))?$/s.exec(record.trim());
    if (match?.[1] === undefined) {
      problems.push(`${path}/dib_environment: not a bash declaration: ${record.trim().slice(0, 80)}`);
    } else {
      environment.set(match[1], plain(match[2] ?? ''));
    }
  }
  const names = (await entriesIfPresent(fs, path)).map(({ name }) => name);
  return {
    path,
    ...(args !== undefined && { arguments: args.trim(), ...architectureIn(args) }),
    environment,
    files: names.filter((name) => name !== 'dib_arguments' && name !== 'dib_environment'),
    problems,
  };
}

/** The last `-a`, as getopt takes it: `-a arm64`, `-aarm64`, `-xa arm64`. Words were joined by spaces when recorded. */
function architectureIn(args: string): { architecture: string } | undefined {
  const architecture = [...args.matchAll(/(?:^|\s)-[cnux]*a\s*(\S+)/g)].at(-1)?.[1];
  return architecture === undefined ? undefined : { architecture };
}

/** The names in DIB_CLOUD_INIT_DATASOURCES; diskimage-builder appends `None` itself. Undefined when it was not set. */
export function askedDatasources({ environment }: DibManifest): string[] | undefined {
  const value = environment.get('DIB_CLOUD_INIT_DATASOURCES');
  const names = value?.split(',').map((name) => name.trim().replaceAll(/^(['"])(.*)\1$/g, '$2'));
  return names?.filter((name) => name !== '' && name !== 'None');
}

function plain(value: string): string {
  return /^".*"$/s.test(value) ? value.slice(1, -1).replaceAll(/\\([$`"\\])/g, '$1') : value;
}
