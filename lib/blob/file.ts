import { constants, open } from 'node:fs/promises';
import { AccessError, FormatError, MissingError, describeError } from '../errors.ts';
import { type Blob, checkRange } from './blob.ts';

/** A named pipe would be waited for; it is opened, looked at and refused instead. */
const readWithoutWaiting = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * A regular file on this machine, opened for reading only. The caller disposes of it.
 * @throws MissingError, AccessError, or FormatError for what is not a regular file
 */
export async function openFile(path: string, origin = path): Promise<Blob & AsyncDisposable> {
  const handle = await open(path, readWithoutWaiting).catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new MissingError(`${origin}: no such file`);
    throw new AccessError(`${origin}: cannot be opened: ${describeError(error)}`, { cause: error });
  });
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new FormatError(
      `${origin}: ${stat.isDirectory() ? 'a directory' : 'not a regular file'}, where a file is expected`,
    );
  }
  const blob: Blob & AsyncDisposable = {
    origin,
    sizeInBytes: stat.size,
    async read(offset, length) {
      checkRange(blob, offset, length);
      const buffer = Buffer.allocUnsafe(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(buffer, filled, length - filled, offset + filled);
        if (bytesRead === 0)
          throw new FormatError(`${origin}: became shorter while it was read, at ${offset + filled}`);
        filled += bytesRead;
      }
      return buffer;
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
  return blob;
}
