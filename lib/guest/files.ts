import { readWhole } from '../blob/blob.ts';
import { FormatError } from '../errors.ts';
import type { Entry, FileSystem } from '../fs/filesystem.ts';

/** Files of a guest that people write by hand are small; more is damage. */
const textLimitInBytes = 1024 * 1024;

/**
 * The text of a file of the guest, or undefined when there is none.
 * @param decoding `lossy` takes bytes that are not UTF-8 as U+FFFD
 * @throws FormatError when it is not a regular file, is larger than `limitInBytes` or is not UTF-8
 */
export async function textIfPresent(
  fs: FileSystem,
  path: string,
  limitInBytes = textLimitInBytes,
  decoding: 'strict' | 'lossy' = 'strict',
): Promise<string | undefined> {
  if ((await fs.lookup(path)) === undefined) return undefined;
  const blob = await fs.open(path);
  const bytes = await readWhole(blob, limitInBytes);
  try {
    return new TextDecoder('utf-8', { fatal: decoding === 'strict' }).decode(bytes);
  } catch (cause) {
    throw new FormatError(`${blob.origin}: not UTF-8 text`, { cause });
  }
}

/** The entries of a directory sorted by name as bytes, or none when there is no such directory. */
export async function entriesIfPresent(fs: FileSystem, path: string): Promise<Entry[]> {
  if ((await fs.lookup(path))?.type !== 'directory') return [];
  const entries = await fs.list(path);
  return entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

/** The first of the paths that leads to a regular file. */
export async function firstFile(fs: FileSystem, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if (await isFile(fs, path)) return path;
  }
  return undefined;
}

export async function isFile(fs: FileSystem, path: string): Promise<boolean> {
  return (await fs.lookup(path))?.type === 'file';
}

export async function isDirectory(fs: FileSystem, path: string): Promise<boolean> {
  return (await fs.lookup(path))?.type === 'directory';
}

/** The target of the symbolic link at a path, or undefined when there is none or it is no link. */
export async function linkIfPresent(fs: FileSystem, path: string): Promise<string | undefined> {
  const slash = path.lastIndexOf('/');
  const entries = await entriesIfPresent(fs, path.slice(0, slash) || '/');
  const entry = entries.find(({ name }) => name === path.slice(slash + 1));
  return entry?.type === 'symlink' ? fs.readlink(path) : undefined;
}

/** The directories where Linux distributions keep programs, most usual first. */
export const programDirectories = [
  '/usr/bin',
  '/usr/sbin',
  '/bin',
  '/sbin',
  '/usr/local/bin',
  '/usr/local/sbin',
];

/** Where a program of that name is, as a path search would find it. */
export function findProgram(fs: FileSystem, name: string): Promise<string | undefined> {
  return firstFile(
    fs,
    programDirectories.map((directory) => `${directory}/${name}`),
  );
}
