import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { UsageError, describeError } from '../../errors.ts';
import { parseSettings } from './parse.ts';
import type { Settings } from './settings.ts';

/** What openstacksdk sees of the machine that it runs on. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder that relative paths start from: where the command was given. */
  readonly folder: string;
}

export interface ConfigFile {
  readonly path: string;
  readonly settings: Settings;
}

const suffixes = ['.yaml', '.yml', '.json'];
const maximumSizeInBytes = 256 * 1024;

/** The variables that name a file to be read before all others. */
const overrides = {
  clouds: 'OS_CLIENT_CONFIG_FILE',
  secure: 'OS_CLIENT_SECURE_FILE',
  'clouds-public': 'OS_CLIENT_VENDOR_FILE',
} as const;

export type FileStem = keyof typeof overrides;

/**
 * The folders in which openstacksdk looks, in its order.
 * Source: openstack/config/loader.py, with the XDG folders of platformdirs
 */
export function searchPath({ environment, folder }: Surroundings): string[] {
  const home = environment['HOME'] || homedir();
  const configHome = environment['XDG_CONFIG_HOME'] || join(home, '.config');
  const systemHomes = (environment['XDG_CONFIG_DIRS'] || '/etc/xdg').split(':');
  const folders = [
    folder,
    join(configHome, 'openstack'),
    join(environment['SNAP_REAL_HOME'] || home, '.config', 'openstack'),
    // Of several, openstacksdk makes one name with colons in it, and finds nothing there.
    systemHomes.map((at) => join(at, 'openstack')).join(':'),
    '/etc/openstack',
  ];
  return [...new Set(folders)];
}

/** `~` and `~/…` are the home folder; everything else starts from the folder that the command was given in. */
export function expandedPath(path: string, { environment, folder }: Surroundings): string {
  const home = environment['HOME'] || homedir();
  return resolve(
    folder,
    path.replace(/^~(?=\/|$)/, () => home),
  );
}

/**
 * The first of these files that is there; one that may not be read is passed over, as openstacksdk does.
 * @param options.before - folders that go before everything else
 * @param options.passedOver - gets the path of each file that may not be read
 * @throws UsageError for a file that cannot be understood, or is named by the environment and is not there
 */
export async function findFile(
  stem: FileStem,
  surroundings: Surroundings,
  { before = [], passedOver = [] }: { before?: readonly string[]; passedOver?: string[] } = {},
): Promise<ConfigFile | undefined> {
  const first = async (folders: readonly string[]): Promise<ConfigFile | undefined> => {
    for (const path of folders.flatMap((at) => suffixes.map((suffix) => join(at, `${stem}${suffix}`)))) {
      const text = await textAt(path, passedOver);
      if (text !== undefined) return { path, settings: parseSettings(text, path) };
    }
    return undefined;
  };
  const near = await first(before);
  if (near !== undefined) return near;
  const variable = overrides[stem];
  const named = surroundings.environment[variable];
  if (named !== undefined && named !== '') {
    return readConfigFile(resolve(surroundings.folder, named), `the environment: ${variable}`);
  }
  return first(searchPath(surroundings));
}

/** @throws UsageError when it cannot be read or understood */
export async function readConfigFile(path: string, where: string): Promise<ConfigFile> {
  const text = await readRegular(path, maximumSizeInBytes).catch((error: unknown) => {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${where}: ${path} cannot be read: ${describeError(error)}`, { cause: error });
  });
  return { path, settings: parseSettings(text.toString('utf8'), path) };
}

async function textAt(path: string, passedOver: string[]): Promise<string | undefined> {
  try {
    return (await readRegular(path, maximumSizeInBytes)).toString('utf8');
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code } = error as { code?: unknown };
    if (code !== 'ENOENT' && code !== 'ENOTDIR') passedOver.push(path);
    return undefined;
  }
}

/** The bytes of a file that is one: a pipe might have no end. @throws UsageError for one that is too large */
export async function readRegular(path: string, limitInBytes: number): Promise<Buffer> {
  const status = await stat(path);
  if (!status.isFile()) throw new Error('not a regular file');
  if (status.size > limitInBytes) {
    throw new UsageError(`${path}: ${status.size} bytes, more than the ${limitInBytes} that are read`);
  }
  return readFile(path);
}
