import type { SFTPWrapper, Stats } from 'ssh2';
import { type Blob, checkRange } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { AccessError, AssayError, FormatError, MissingError, describeError } from '../errors.ts';
import type { Files } from './source.ts';
import { type SshConnection, type SshOptions, connectSsh, sshOrigin } from './ssh-connection.ts';

export type { SshOptions } from './ssh-connection.ts';

/** SFTP status codes: draft-ietf-secsh-filexfer-02, section 7. */
const SSH_FX_EOF = 1;
const SSH_FX_NO_SUCH_FILE = 2;
const SSH_FX_PERMISSION_DENIED = 3;

/** What every server gives in one answer; several are asked for at a time. */
const pieceInBytes = 32 * 1024;
const piecesAtATime = 16;

/** Files up to this size are read at once, so that no handle stays open on the host for them. */
const smallInBytes = 128 * 1024;

/**
 * The files of a host over SFTP, read-only, over one connection that is made when first needed. Paths are absolute.
 * A connection that cannot be made is not tried again. Disposing closes it.
 * @throws on `open`: AccessError (host key, authentication, permission, timeouts), MissingError, FormatError
 */
export function sshFiles(options: SshOptions): Files & AsyncDisposable {
  const origin = sshOrigin(options);
  const { timeoutInMilliseconds = 15_000 } = options;
  let connecting: Promise<SshConnection> | undefined;
  let current: SshConnection | undefined;
  let disposed = false;

  async function connection(): Promise<SshConnection> {
    if (disposed) throw new AccessError(`${origin}: the connection is closed already`);
    if (current?.isClosed() === true) current = connecting = undefined;
    connecting ??= connectSsh(options);
    current = await connecting;
    return current;
  }

  /** One request, with its answer in bounded time and its refusal in our words. */
  async function ask<Answer>(
    what: string,
    request: (sftp: SFTPWrapper, done: (error: Error | null | undefined, answer: Answer) => void) => unknown,
  ): Promise<Answer> {
    const { sftp, close, isClosed } = await connection();
    return new Promise<Answer>((resolve, reject) => {
      const settle = (result: () => void) => {
        clearTimeout(timer);
        sftp.off('close', lost);
        result();
      };
      const lost = () => settle(() => reject(new AccessError(`${what}: the connection was lost`)));
      const timer = setTimeout(() => {
        const seconds = timeoutInMilliseconds / 1000;
        settle(() => reject(new AccessError(`${what}: no answer within ${seconds} s`)));
        close();
      }, timeoutInMilliseconds);
      if (isClosed()) return lost();
      sftp.once('close', lost);
      request(sftp, (error, answer) =>
        settle(() =>
          error === null || error === undefined ? resolve(answer) : reject(refusal(what, error)),
        ),
      );
    });
  }

  async function readPiece(what: string, handle: Buffer, offset: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const got = await ask<number>(what, (sftp, done) =>
        sftp.read(handle, buffer, filled, length - filled, offset + filled, (error, count) =>
          isEndOfFile(error) ? done(undefined, 0) : done(error, count),
        ),
      );
      if (got === 0)
        throw new FormatError(`${what}: became shorter while it was read, at ${offset + filled}`);
      filled += got;
    }
    return buffer;
  }

  async function readRange(what: string, handle: Buffer, offset: number, length: number): Promise<Buffer> {
    const pieces: Promise<Buffer>[] = [];
    for (let at = 0; at < length; at += pieceInBytes) {
      // A lane waits for the piece before it in the same lane.
      const turn = pieces[pieces.length - piecesAtATime];
      const read = () => readPiece(what, handle, offset + at, Math.min(pieceInBytes, length - at));
      const piece = turn === undefined ? read() : turn.then(read);
      piece.catch(() => undefined);
      pieces.push(piece);
    }
    const [only] = pieces;
    return pieces.length === 1 && only !== undefined ? only : Buffer.concat(await Promise.all(pieces));
  }

  async function open(path: string): Promise<Blob> {
    const what = `${origin}${path.startsWith('/') ? '' : '/'}${path}`;
    if (!path.startsWith('/') || path.includes('\0')) {
      throw new FormatError(`${what}: not an absolute path: ${JSON.stringify(path.slice(0, 200))}`);
    }
    // Opening a named pipe would wait for a writer, so it is refused before.
    const stat = await ask<Stats>(what, (sftp, done) => sftp.stat(path, done));
    if (!stat.isFile()) {
      throw new FormatError(
        `${what}: ${stat.isDirectory() ? 'a directory' : 'not a regular file'}, where a file is expected`,
      );
    }
    const handle = await ask<Buffer>(what, (sftp, done) => sftp.open(path, 'r', done));
    const sizeInBytes = stat.size;
    if (!Number.isSafeInteger(sizeInBytes)) throw new FormatError(`${what}: impossible size ${sizeInBytes}`);
    if (sizeInBytes <= smallInBytes) {
      try {
        return memoryBlob(await readRange(what, handle, 0, sizeInBytes), what);
      } finally {
        await ask<void>(what, (sftp, done) => sftp.close(handle, (error) => done(error, undefined)));
      }
    }
    const blob: Blob = {
      origin: what,
      sizeInBytes,
      async read(offset, length) {
        checkRange(blob, offset, length);
        return readRange(what, handle, offset, length);
      },
    };
    return blob;
  }

  return {
    origin,
    open,
    async [Symbol.asyncDispose]() {
      disposed = true;
      await connecting?.then(
        (made) => made.close(),
        () => undefined,
      );
    },
  };
}

function isEndOfFile(error: unknown): boolean {
  return (error as { code?: unknown } | undefined | null)?.code === SSH_FX_EOF;
}

function refusal(what: string, error: Error & { code?: unknown }): AssayError {
  const cause = { cause: error };
  if (error.code === SSH_FX_NO_SUCH_FILE) return new MissingError(`${what}: no such file`, cause);
  if (error.code === SSH_FX_PERMISSION_DENIED) return new AccessError(`${what}: permission denied`, cause);
  return new AccessError(`${what}: ${describeError(error)}`, cause);
}
