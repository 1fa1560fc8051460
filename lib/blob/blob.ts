import { FormatError } from '../errors.ts';

/**
 * Anything that holds bytes: a local file, a Glance image behind HTTP Range, the virtual disk inside a qcow2,
 * a partition, a file inside ext4. Each is a Blob over another Blob, and is read lazily.
 */
export interface Blob {
  /** Where the bytes are, for a person: `glance image ubuntu-arm64 › partition 3 › /etc/os-release`. */
  readonly origin: string;
  readonly sizeInBytes: number;
  /**
   * Exactly `length` bytes from `offset`, which the caller may keep but not change.
   * @throws FormatError when the range does not lie within the size (see `checkRange`)
   */
  read(offset: number, length: number): Promise<Buffer>;
}

/** The largest single read: a length beyond it comes from damaged input, never from a caller's need. */
export const maximumReadInBytes = 256 * 1024 * 1024;

/** Refuses a range outside a blob, naming the range and where the blob ends. */
export function checkRange(blob: Blob, offset: number, length: number): void {
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
    throw new FormatError(`${blob.origin}: impossible range: ${length} bytes at offset ${offset}`);
  }
  if (length > maximumReadInBytes) {
    throw new FormatError(`${blob.origin}: ${length} bytes wanted at once, more than ${maximumReadInBytes}`);
  }
  if (offset + length > blob.sizeInBytes) {
    throw new FormatError(
      `${blob.origin}: ${length} bytes wanted at offset ${offset}, but it ends at ${blob.sizeInBytes}`,
    );
  }
}

/** How many pieces of a stream are being read while one is consumed. */
const piecesAhead = 3;

/** The bytes from `offset` on as a stream of pieces; the next ones are read while one is consumed. */
export async function* stream(blob: Blob, offset = 0, pieceInBytes = 1024 * 1024): AsyncGenerator<Buffer> {
  const ahead: Promise<Buffer>[] = [];
  for (let at = offset; at < blob.sizeInBytes || ahead.length > 0;) {
    while (at < blob.sizeInBytes && ahead.length < piecesAhead) {
      const piece = blob.read(at, Math.min(pieceInBytes, blob.sizeInBytes - at));
      // A failure counts when its turn comes, not when nobody wants the piece any more.
      piece.catch(() => {});
      ahead.push(piece);
      at += pieceInBytes;
    }
    const next = ahead.shift();
    if (next !== undefined) yield await next;
  }
}

/**
 * The whole content, for things that are small by nature.
 * @throws FormatError when it is larger than `limitInBytes`
 */
export async function readWhole(blob: Blob, limitInBytes: number): Promise<Buffer> {
  if (blob.sizeInBytes > limitInBytes) {
    throw new FormatError(
      `${blob.origin}: ${blob.sizeInBytes} bytes, more than the ${limitInBytes} read of such a file`,
    );
  }
  return blob.read(0, blob.sizeInBytes);
}

/** The whole content as UTF-8 text. */
export async function readText(blob: Blob, limitInBytes = 1024 * 1024): Promise<string> {
  return (await readWhole(blob, limitInBytes)).toString('utf8');
}
