import type { SFTPWrapper, Stats } from 'ssh2';
import { type Blob, checkRange } from '../../blob/blob.ts';
import { memoryBlob } from '../../blob/memory.ts';
import {
  AccessError,
  AssayError,
  FormatError,
  LimitError,
  MissingError,
  describeError,
} from '../../errors.ts';
import type { FileStatus, ListedFiles } from '../source.ts';
import { within } from '../deadline.ts';
import { kindOf, statusOf } from '../file-kind.ts';
import type { SshConnection } from './connection.ts';

/** The host says "permission denied". */
export class PermissionError extends AccessError {}

/** The file was opened in a session that is over, and its handle may mean another file in the next. */
class StaleHandleError extends AccessError {}

/** A handle, and the one session in which it means something. */
interface Opened {
  readonly session: SFTPWrapper;
  readonly handle: Buffer;
}

interface OpenFile extends Opened {
  readonly stat: Stats;
}

/** SFTP status codes: draft-ietf-secsh-filexfer-02, section 7. */
const SSH_FX_EOF = 1;
const SSH_FX_NO_SUCH_FILE = 2;
const SSH_FX_PERMISSION_DENIED = 3;

/** What every server gives in one answer; several are asked for at a time. */
const pieceInBytes = 32 * 1024;
const piecesAtATime = 16;

/** Files up to this size are read at once, so that no handle stays open on the host for them. */
const smallInBytes = 128 * 1024;

/** Bounds what is listed of one directory. */
export const maximumNames = 10_000;

/**
 * The files of a host over SFTP, read-only. Paths are absolute.
 * @param connection asked before each request, since a lost one is made anew; a large file that is open is then opened
 *   again, and must be the same by size and time
 * @throws AccessError (PermissionError, NoSftpError, timeouts), MissingError, FormatError
 */
export function sftpFiles(origin: string, connection: () => Promise<SshConnection>): ListedFiles {
  /** One request, with its answer in bounded time and its refusal in our words. */
  async function ask<Answer>(
    what: string,
    request: (sftp: SFTPWrapper, done: (error: Error | null | undefined, answer: Answer) => void) => unknown,
    session?: SFTPWrapper,
  ): Promise<Answer> {
    const made = await connection();
    const { timeoutInMilliseconds } = made;
    const sftp = await made.sftp();
    if (session !== undefined && session !== sftp) {
      throw new StaleHandleError(`${what}: the connection was lost`);
    }
    let lost: (() => void) | undefined;
    const late = () => {
      made.close();
      return new AccessError(`${what}: no answer within ${timeoutInMilliseconds / 1000} s`);
    };
    try {
      return await within<Answer>(timeoutInMilliseconds, late, (resolve, reject) => {
        lost = () => reject(new AccessError(`${what}: the connection was lost`));
        if (made.isClosed()) return lost();
        sftp.once('close', lost);
        request(sftp, (error, answer) =>
          error === null || error === undefined ? resolve(answer) : reject(refusal(what, error)),
        );
      });
    } finally {
      if (lost !== undefined) sftp.off('close', lost);
    }
  }

  async function readPiece(
    what: string,
    { handle, session }: Opened,
    offset: number,
    length: number,
  ): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let filled = 0;
    while (filled < length) {
      const got = await ask<number>(
        what,
        (sftp, done) =>
          sftp.read(handle, buffer, filled, length - filled, offset + filled, (error, count) =>
            isEndOfFile(error) ? done(undefined, 0) : done(error, count),
          ),
        session,
      );
      if (got === 0)
        throw new FormatError(`${what}: became shorter while it was read, at ${offset + filled}`);
      filled += got;
    }
    return buffer;
  }

  async function readRange(what: string, file: Opened, offset: number, length: number): Promise<Buffer> {
    const pieces: Promise<Buffer>[] = [];
    for (let at = 0; at < length; at += pieceInBytes) {
      // A lane waits for the piece before it in the same lane.
      const turn = pieces[pieces.length - piecesAtATime];
      const read = () => readPiece(what, file, offset + at, Math.min(pieceInBytes, length - at));
      const piece = turn === undefined ? read() : turn.then(read);
      piece.catch(() => undefined);
      pieces.push(piece);
    }
    const [only] = pieces;
    return pieces.length === 1 && only !== undefined ? only : Buffer.concat(await Promise.all(pieces));
  }

  /** What was read is right without it, and what went wrong is told by the request that met it. */
  const closing = async (what: string, { handle, session }: Opened) =>
    ask<void>(what, (sftp, done) => sftp.close(handle, (error) => done(error, undefined)), session).catch(
      (error: unknown) => {
        if (!(error instanceof AssayError)) throw error;
      },
    );

  async function openFile(what: string, path: string): Promise<OpenFile> {
    // Opening a named pipe would wait for a writer, so it is refused before.
    const stat = await ask<Stats>(what, (sftp, done) => sftp.stat(path, done));
    expectFile(what, kindOf(stat.mode));
    const { size } = stat;
    if (!Number.isSafeInteger(size)) throw new FormatError(`${what}: impossible size ${size}`);
    return ask<OpenFile>(what, (session, done) =>
      session.open(path, 'r', (error, handle) => done(error, { session, handle, stat })),
    );
  }

  async function open(path: string): Promise<Blob> {
    const what = placeOf(origin, path);
    const first = await openFile(what, path);
    const { size: sizeInBytes, mtime } = first.stat;
    if (sizeInBytes <= smallInBytes) {
      try {
        return memoryBlob(await readRange(what, first, 0, sizeInBytes), what);
      } finally {
        await closing(what, first);
      }
    }
    let file = Promise.resolve(first);
    async function openAgain(): Promise<OpenFile> {
      const again = await openFile(what, path);
      if (again.stat.size === sizeInBytes && again.stat.mtime === mtime) return again;
      await closing(what, again);
      throw new FormatError(`${what}: changed while it was read: the connection was lost meanwhile`);
    }
    /** Of several reads that meet the end of a session, the first opens the file again. */
    function insteadOf(stale: Promise<OpenFile>): Promise<OpenFile> {
      if (file !== stale) return file;
      const again = openAgain();
      file = again;
      // A host that is away for a while is asked again by the next read.
      again.catch(() => (file = stale));
      return again;
    }
    const blob: Blob = {
      origin: what,
      sizeInBytes,
      async read(offset, length) {
        checkRange(blob, offset, length);
        const opened = file;
        try {
          return await readRange(what, await opened, offset, length);
        } catch (error) {
          if (!(error instanceof StaleHandleError)) throw error;
          return readRange(what, await insteadOf(opened), offset, length);
        }
      },
    };
    return blob;
  }

  return {
    origin,
    open,

    async list(path) {
      const what = placeOf(origin, path);
      const opened = await ask<Opened>(what, (session, done) =>
        session.opendir(path, (error, handle) => done(error, { session, handle })),
      );
      const names: string[] = [];
      try {
        for (;;) {
          const entries = await ask<readonly { filename: string }[]>(
            what,
            (sftp, done) =>
              sftp.readdir(opened.handle, (error, list) =>
                isEndOfFile(error) ? done(undefined, []) : done(error, list),
              ),
            opened.session,
          );
          if (entries.length === 0) return names.filter((name) => name !== '.' && name !== '..');
          names.push(...entries.map(({ filename }) => filename));
          if (names.length > maximumNames) {
            throw new LimitError(`${what}: more than ${maximumNames} names in one directory`);
          }
        }
      } finally {
        await closing(what, opened);
      }
    },

    async status(path): Promise<FileStatus> {
      const what = placeOf(origin, path);
      return statusOf(await ask<Stats>(what, (sftp, done) => sftp.stat(path, done)));
    },
  };
}

/** A path of a host, for a person. @throws FormatError for one that cannot be meant */
export function placeOf(origin: string, path: string): string {
  const what = `${origin}${path.startsWith('/') ? '' : '/'}${path}`;
  // oxlint-disable-next-line no-control-regex -- a path with a line break in it is no path that anyone means
  if (!path.startsWith('/') || path.length > 4096 || /[\0-\u001f\u007f]/.test(path)) {
    throw new FormatError(`${origin}: not an absolute path: ${JSON.stringify(path.slice(0, 200))}`);
  }
  return what;
}

/** @throws FormatError for what is no regular file */
export function expectFile(what: string, kind: FileStatus['kind']): void {
  if (kind === 'file') return;
  const found = kind === 'directory' ? 'a directory' : 'not a regular file';
  throw new FormatError(`${what}: ${found}, where a file is expected`);
}

function isEndOfFile(error: unknown): boolean {
  return (error as { code?: unknown } | undefined | null)?.code === SSH_FX_EOF;
}

function refusal(what: string, error: Error & { code?: unknown }): AssayError {
  const cause = { cause: error };
  if (error.code === SSH_FX_NO_SUCH_FILE) return new MissingError(`${what}: no such file`, cause);
  if (error.code === SSH_FX_PERMISSION_DENIED)
    return new PermissionError(`${what}: permission denied`, cause);
  return new AccessError(`${what}: ${describeError(error)}`, cause);
}
