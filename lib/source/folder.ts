import { readdir, realpath, stat } from 'node:fs/promises';
import { join, normalize, sep } from 'node:path';
import type { Blob } from '../blob/blob.ts';
import { openFile } from '../blob/file.ts';
import { AccessError, FormatError, MissingError, describeError } from '../errors.ts';
import { statusOf } from './file-kind.ts';
import type { ListedFiles } from './source.ts';

/**
 * The files of a folder on this machine. Paths are relative to it, with or without a leading `/`; neither `..` nor
 * a symbolic link leads out of it. Each file is opened once; disposing closes them all.
 * @throws on `open`: AccessError for a path out of the folder, MissingError, FormatError for what is no file
 */
export function folderFiles(root: string): ListedFiles & AsyncDisposable {
  const opened = new Map<string, Promise<Blob & AsyncDisposable>>();

  async function realRoot(): Promise<string> {
    return realpath(root).catch((error: unknown) => {
      throw new AccessError(`${root}: the folder cannot be read: ${describeError(error)}`, { cause: error });
    });
  }

  async function locate(path: string, origin: string): Promise<string> {
    if (path.includes('\0')) throw new FormatError(`${origin}: a path with a NUL character`);
    const inside = normalize(path.replace(/^\/+/, '') || '.');
    if (inside === '..' || inside.startsWith(`..${sep}`)) {
      throw new AccessError(`${origin}: leads out of the folder`);
    }
    const base = await realRoot();
    const real = await realpath(join(base, inside)).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') throw new MissingError(`${origin}: no such file`);
      throw new AccessError(`${origin}: cannot be opened: ${describeError(error)}`, { cause: error });
    });
    if (real !== base && !real.startsWith(base === sep ? sep : base + sep)) {
      throw new AccessError(`${origin}: a symbolic link out of the folder, to ${real}`);
    }
    // Opening a named pipe would wait for a writer, so it is refused before.
    const found = await stat(real);
    if (!found.isFile() && !found.isDirectory()) throw new FormatError(`${origin}: not a regular file`);
    return real;
  }

  const originOf = (path: string) => `${root.replace(/\/+$/, '')}/${path.replace(/^\/+/, '')}`;

  return {
    origin: root,
    async list(path) {
      const origin = originOf(path);
      const real = await locate(path, origin);
      return readdir(real).catch((error: unknown) => {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOTDIR') throw new FormatError(`${origin}: no directory, where one is expected`);
        throw new AccessError(`${origin}: cannot be listed: ${describeError(error)}`, { cause: error });
      });
    },
    async status(path) {
      return statusOf(await stat(await locate(path, originOf(path))));
    },
    async open(path) {
      const origin = originOf(path);
      const real = await locate(path, origin);
      let file = opened.get(origin);
      if (file === undefined) {
        file = openFile(real, origin);
        opened.set(origin, file);
        file.catch(() => opened.delete(origin));
      }
      return file;
    },
    async [Symbol.asyncDispose]() {
      const files = await Promise.allSettled(opened.values());
      opened.clear();
      for (const file of files) {
        if (file.status === 'fulfilled') await file.value[Symbol.asyncDispose]();
      }
    },
  };
}
