import { readFile, readdir, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { AccessError, FormatError, LimitError, describeError } from '../../errors.ts';

/** Bounds one file of configuration; a very large one has some hundred kilobytes. */
const maximumFileInBytes = 1024 * 1024;

/**
 * A file of OpenSSH's configuration; undefined when there is none.
 * @param checkOwner refuses a file that others could have written, as OpenSSH does
 */
export async function readConfigFile(path: string, checkOwner: boolean): Promise<string | undefined> {
  try {
    const { size, uid, mode } = await stat(path);
    if (size > maximumFileInBytes) {
      throw new LimitError(`${path}: ${size} bytes, more than the ${maximumFileInBytes} read of such a file`);
    }
    if (checkOwner && ((uid !== 0 && uid !== userInfo().uid) || (mode & 0o022) !== 0)) {
      throw new FormatError(
        `${path}: ssh refuses it: owner ${uid}, mode ${(mode & 0o7777).toString(8)}; others may write to it`,
      );
    }
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof FormatError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new AccessError(`${path}: cannot be read: ${describeError(error)}`, { cause: error });
  }
}

const isSpecial = (part: string) => /[*?[]/.test(part);

/**
 * The files that a path with wildcards names, in the order of their bytes, as glob(3) has it: `*` and `?` stand for
 * no slash and no leading dot.
 */
export async function expandGlob(pattern: string): Promise<string[]> {
  let found = [''];
  for (const part of pattern.split('/').filter((one) => one !== '')) {
    if (!isSpecial(part)) {
      found = found.map((folder) => `${folder}/${part}`);
      continue;
    }
    const fits = globPart(part);
    const deeper = await Promise.all(
      found.map(async (folder) => {
        const names = await readdir(folder === '' ? '/' : folder).catch(() => []);
        return names.filter((name) => fits.test(name)).map((name) => `${folder}/${name}`);
      }),
    );
    found = deeper.flat();
  }
  return found.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function globPart(part: string): RegExp {
  const source = part.replaceAll(/\[([!^]?)(\]?[^\]]*)\]|[*?]|[\\^$.|+(){}[\]]/g, (text, not, inside) => {
    if (text === '*') return '[^/]*';
    if (text === '?') return '[^/]';
    if (inside === undefined) return `\\${text}`;
    return `[${not === '' ? '' : '^'}${String(inside).replaceAll(/[\\\]^[]/g, String.raw`\$&`)}]`;
  });
  return new RegExp(`^${/^\.|^\[/.test(part) ? '' : String.raw`(?!\.)`}${source}$`, 'su');
}
