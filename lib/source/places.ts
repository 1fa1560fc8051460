import type { Blob } from '../blob/blob.ts';
import { LimitError, UsageError } from '../errors.ts';
import type { Hosts } from './ssh/hosts.ts';
import { type Location, parseLocation } from './location.ts';
import type { Files, ListedFiles } from './source.ts';

/** What deployment.yaml says of how hosts are reached; `folder` is what its relative paths start from. */
export interface HostSettings {
  readonly folder: string;
  /** How long an answer is waited for, in milliseconds. */
  readonly timeout?: number | undefined;
  readonly ssh: {
    readonly user?: string | undefined;
    readonly identity?: string | undefined;
    readonly known_hosts?: string | undefined;
    readonly config?: string | undefined;
  };
  readonly hosts: Readonly<
    Record<
      string,
      {
        readonly address?: string | undefined;
        readonly port?: number | undefined;
        readonly user?: string | undefined;
        readonly sudo?: boolean | undefined;
        readonly container?: string | undefined;
      }
    >
  >;
}

/** Files where deployment.yaml names them, on this machine and on others. */
export interface Places {
  /**
   * What is to be read for one entry of `config`: the file, or the *.conf of a directory in the order of their names.
   * @throws UsageError for a place where no configuration can be
   */
  config(text: string): Promise<() => Promise<readonly Blob[]>>;
  /** The machine or container that a place is on; undefined for one on this machine. */
  host(text: string): Promise<Files | undefined>;
}

/** Bounds a directory of configuration; each file of it is opened. */
const maximumConfigFiles = 1000;

export function places(settings: HostSettings, held: AsyncDisposableStack): Places {
  let opening: Promise<Hosts> | undefined;
  const hosts = async () => (opening ??= openHosts(settings, held));

  async function filesOf(at: Location, text: string): Promise<{ files: ListedFiles; path: string }> {
    switch (at.kind) {
      case 'path': {
        const { folderFiles } = await import('./folder.ts');
        const isDirectory = text.endsWith('/');
        const files = held.use(folderFiles(isDirectory ? at.path : at.folder));
        return { files, path: isDirectory ? '/' : at.name };
      }
      case 'ssh':
        return { files: (await hosts()).files(at), path: at.path };
      case 'tftp':
        throw new UsageError(`${text}: configuration is not read over TFTP; a path or ssh:// is expected`);
    }
  }

  return {
    async config(text) {
      const { files, path } = await filesOf(parseLocation(text, settings.folder), text);
      if (!text.endsWith('/')) return async () => [await files.open(path)];
      return async () => confFiles(files, path);
    },
    async host(text) {
      const at = parseLocation(text, settings.folder);
      return at.kind === 'ssh' ? (await hosts()).files(at) : undefined;
    },
  };
}

/** The hosts that deployment.yaml names, and all others. */
export async function openHosts(
  { folder, ssh, hosts, timeout }: HostSettings,
  held: AsyncDisposableStack,
): Promise<Hosts> {
  const { sshHosts } = await import('./ssh/hosts.ts');
  const { user, config } = ssh;
  const path = (text: string | undefined) => (text === undefined ? undefined : pathOf(text, folder));
  const defaults = {
    user,
    identity: path(ssh.identity),
    knownHosts: path(ssh.known_hosts),
    config: config === 'none' ? config : path(config),
  };
  return held.use(
    sshHosts({ defaults, hosts, ...(timeout !== undefined && { timeoutInMilliseconds: timeout }) }),
  );
}

function pathOf(text: string, folder: string): string {
  const at = parseLocation(text, folder);
  if (at.kind !== 'path') throw new UsageError(`${text}: a file is expected here`);
  return at.path;
}

/** As oslo.config's --config-dir: oslo_config/cfg.py, _ConfigDirOpt. */
async function confFiles(files: ListedFiles, directory: string): Promise<readonly Blob[]> {
  const names = (await files.list(directory.replace(/(?<=.)\/+$/, '')))
    .filter((name) => name.endsWith('.conf') && !name.startsWith('.'))
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  if (names.length > maximumConfigFiles) {
    throw new LimitError(
      `${files.origin}${directory}: ${names.length} configuration files, more than ${maximumConfigFiles}`,
    );
  }
  return Promise.all(names.map(async (name) => files.open(`${directory}${name}`)));
}
