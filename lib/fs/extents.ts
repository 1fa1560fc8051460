import { type Blob, checkRange } from '../blob/blob.ts';
import { FormatError } from '../errors.ts';

/** A stretch of a file that lies together on the disk, or is a hole that reads as zeroes. */
export interface Stretch {
  readonly lengthInBytes: number;
  /** Where it is on the disk; absent for a hole. */
  readonly fromInBytes?: number;
}

/**
 * A file as a Blob over the disk that holds it. `stretchAt` tells what lies at an offset of the file, up to where
 * that ends; neighbours on the disk are read at once.
 */
export function stretchBlob(
  disk: Blob,
  sizeInBytes: number,
  origin: string,
  stretchAt: (offset: number) => Promise<Stretch>,
): Blob {
  const blob: Blob = {
    origin,
    sizeInBytes,
    async read(offset, length) {
      checkRange(blob, offset, length);
      const end = offset + length;
      const pieces: { at: number; from: number; length: number }[] = [];
      for (let at = offset; at < end;) {
        const { lengthInBytes, fromInBytes: from } = await stretchAt(at);
        if (lengthInBytes <= 0) throw new FormatError(`${origin}: nothing is mapped at ${at}`);
        const take = Math.min(lengthInBytes, end - at);
        const last = pieces.at(-1);
        if (from !== undefined) {
          const follows =
            last !== undefined && last.at + last.length === at && last.from + last.length === from;
          if (follows) last.length += take;
          else pieces.push({ at, from, length: take });
        }
        at += take;
      }
      for (const piece of pieces) {
        if (piece.from + piece.length > disk.sizeInBytes) {
          const where = `${piece.from} to ${piece.from + piece.length}`;
          throw new FormatError(
            `${origin}: is said to be at ${where}, but the disk ends at ${disk.sizeInBytes}`,
          );
        }
      }
      const [only] = pieces;
      if (only !== undefined && only.length === length) return disk.read(only.from, length);
      const result = Buffer.alloc(length);
      for (const { at, from, length } of pieces) (await disk.read(from, length)).copy(result, at - offset);
      return result;
    },
  };
  return blob;
}
