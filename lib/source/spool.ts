import type { FileHandle } from 'node:fs/promises';
import { type Blob, checkRange } from '../blob/blob.ts';
import { readFully, temporaryFile } from './temporary-file.ts';

/** Keeps on disk what was read of blobs that are far away, so that no byte is asked for twice. */
export interface Spools extends AsyncDisposable {
  /** The blob, read once. Where there is no room on disk it is read as it is. */
  over(blob: Blob): Blob;
}

const blockInBytes = 64 * 1024;

export function spools(): Spools {
  const files: Promise<FileHandle | undefined>[] = [];
  return {
    over(blob) {
      // Only made when something is read; without a file there is nothing to keep things in.
      let opening: Promise<FileHandle | undefined> | undefined;
      const file = async () => {
        if (opening === undefined) files.push((opening = temporaryFile().catch(() => undefined)));
        return opening;
      };
      return spooled(blob, file);
    },
    async [Symbol.asyncDispose]() {
      for (const file of await Promise.all(files.splice(0))) await file?.close();
    },
  };
}

function spooled(blob: Blob, file: () => Promise<FileHandle | undefined>): Blob {
  const { origin, sizeInBytes } = blob;
  /** Each block that is kept, or is on its way. */
  const kept = new Map<number, Promise<boolean>>();

  /** Reads a run of blocks below and keeps it; what is wanted of it is given from memory. */
  async function fetch(first: number, count: number): Promise<Buffer> {
    const start = first * blockInBytes;
    const bytes = blob.read(start, Math.min(count * blockInBytes, sizeInBytes - start));
    const stored = bytes.then(
      async (got) =>
        (await file())?.write(got, 0, got.length, start).then(
          () => true,
          () => false,
        ) ?? false,
    );
    for (let block = first; block < first + count; block++) {
      const done = stored.catch(() => false);
      kept.set(block, done);
      void done.then((isKept) => isKept || kept.delete(block));
    }
    await stored.catch(() => false);
    return bytes;
  }

  async function again(first: number, count: number): Promise<Buffer> {
    const blocks = Array.from({ length: count }, async (_, index) => kept.get(first + index));
    const areKept = await Promise.all(blocks);
    const from = await file();
    if (from === undefined || areKept.some((isKept) => isKept !== true)) return fetch(first, count);
    const start = first * blockInBytes;
    return readFully(from, start, Math.min(count * blockInBytes, sizeInBytes - start));
  }

  return {
    origin,
    sizeInBytes,
    async read(offset, length) {
      checkRange(blob, offset, length);
      if (length === 0) return Buffer.alloc(0);
      const first = Math.floor(offset / blockInBytes);
      const last = Math.floor((offset + length - 1) / blockInBytes);
      const pieces: Promise<Buffer>[] = [];
      for (let block = first; block <= last;) {
        const start = block;
        const wasKept = kept.has(block);
        while (block <= last && kept.has(block) === wasKept) block += 1;
        pieces.push(wasKept ? again(start, block - start) : fetch(start, block - start));
      }
      const bytes = await Promise.all(pieces);
      const from = offset - first * blockInBytes;
      const [only] = bytes;
      return (bytes.length === 1 && only !== undefined ? only : Buffer.concat(bytes)).subarray(
        from,
        from + length,
      );
    },
  };
}
