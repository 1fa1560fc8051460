import type { FileHandle } from 'node:fs/promises';
import { type Blob, checkRange } from '../blob/blob.ts';
import { AccessError, describeError } from '../errors.ts';
import { readFully, temporaryFile } from './temporary-file.ts';

/** Takes the pieces of an answer's body in their order. */
export type Sink = (piece: Buffer) => Promise<void>;

/**
 * What may be downloaded whole, all in all, from servers that know no Range. The bytes are kept in temporary files
 * that have no name any more, and are gone with the process.
 */
export interface Downloads extends AsyncDisposable {
  readonly limitInBytes: number;
  /**
   * Runs a download into a file.
   * @throws AccessError when it would pass the limit, or when there is no room for it
   */
  keep(origin: string, run: (sink: Sink) => Promise<unknown>): Promise<Blob>;
}

/** What to say where nothing may be downloaded. */
export const downloadHint =
  'a download may be allowed: web.download in deployment.yaml, --download of inspect';

export function downloads(limitInBytes: number): Downloads {
  const files: FileHandle[] = [];
  let left = limitInBytes;

  return {
    limitInBytes,
    async keep(origin, run) {
      const file = await temporaryFile();
      files.push(file);
      let sizeInBytes = 0;
      await run(async (piece) => {
        left -= piece.length;
        if (left < 0) {
          throw new AccessError(
            `${origin}: downloads of more than the ${limitInBytes} bytes that are allowed`,
          );
        }
        await file.write(piece, 0, piece.length, sizeInBytes).catch((error: unknown) => {
          throw new AccessError(`${origin}: cannot be kept: ${describeError(error)}`, { cause: error });
        });
        sizeInBytes += piece.length;
      });
      const blob: Blob = {
        origin,
        sizeInBytes,
        async read(offset, length) {
          checkRange(blob, offset, length);
          return readFully(file, offset, length);
        },
      };
      return blob;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(files.splice(0).map(async (file) => file.close()));
    },
  };
}
