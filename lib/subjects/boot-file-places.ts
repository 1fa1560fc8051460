import { posix } from 'node:path';
import { FormatError } from '../errors.ts';
import { fact } from '../facts.ts';
import type { IronicConfig } from '../ironic/config.ts';
import type { FileStatus } from '../source/source.ts';
import type { ConductorSource } from '../world.ts';
import type { BootFileSubject } from './boot-files.ts';
import { usableConfig } from './config.ts';

/** A file or directory on a conductor's machine, and what its system says of it. */
export interface Place {
  readonly path: string;
  readonly status: FileStatus;
}

const rootOptions = {
  tftp: { group: 'pxe', name: 'tftp_root' },
  http: { group: 'deploy', name: 'http_root' },
} as const;

/** The directories that lead to the TFTP and HTTP roots of a conductor, from `/` on. */
const rootsOf = fact('roots on a conductor', async (source: ConductorSource, use) => {
  const status = source.host?.status;
  if (status === undefined) return undefined;
  const config = await use(usableConfig, source);
  const ways = new Map<string, Promise<readonly Place[]>>();
  const wayTo = async (transport: BootFileSubject['transport']): Promise<readonly Place[]> => {
    const root = rootOf(config, transport, source.name);
    let way = ways.get(root);
    if (way === undefined) ways.set(root, (way = statusOfAll(status, directoriesTo(root))));
    return way;
  };
  return { status, wayTo };
});

/**
 * A boot file in its root on the conductor's machine, with all directories above it, from `/` on. A path with a
 * symbolic link in it is seen as the path says; what it leads to has the status.
 * Undefined where the conductor's machine is not seen.
 * @throws AccessError where it is not reached or does not tell, MissingError when the file is not there
 */
export const bootFilePlace = fact('boot file on the conductor', async (file: BootFileSubject, use) => {
  const roots = await use(rootsOf, file.conductor);
  if (roots === undefined) return undefined;
  const { status, wayTo } = roots;
  const way = await wayTo(file.transport);
  const root = way.at(-1)?.path ?? '/';
  const path = posix.join(root, file.name.replace(/^.*:\/\/[^/]*/, ''));
  const between = directoriesTo(posix.dirname(path)).slice(way.length);
  const inside = await statusOfAll(status, between);
  return { directories: [...way, ...inside], file: { path, status: await status(path) } };
});

function rootOf(config: IronicConfig, transport: BootFileSubject['transport'], conductor: string): string {
  const { group, name } = rootOptions[transport];
  const reading = config.string(group, name);
  if (!reading.ok) throw new FormatError(`${conductor}: ${reading.problem}`);
  if (reading.value === undefined || !reading.value.startsWith('/')) {
    throw new FormatError(
      `${conductor}: [${group}] ${name} is no absolute path: ${reading.value ?? 'not set'}`,
    );
  }
  return posix.normalize(reading.value).replace(/(?<=.)\/$/, '');
}

/** `/`, `/var`, `/var/lib` for `/var/lib`. */
function directoriesTo(directory: string): string[] {
  const parts = directory.split('/').filter((part) => part !== '');
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}

async function statusOfAll(
  status: (path: string) => Promise<FileStatus>,
  paths: readonly string[],
): Promise<readonly Place[]> {
  return Promise.all(paths.map(async (path) => ({ path, status: await status(path) })));
}
