import { type Blob, stream } from '../blob/blob.ts';
import { decompressed } from '../boot/decompressed.ts';
import { type Content, recogniseContent } from '../boot/content.ts';
import { AssayError } from '../errors.ts';

const enoughInBytes = 36 * 1024;
const limitInBytes = 64 * 1024 * 1024;

interface Inside {
  readonly content: Content;
  /** Whether it begins as a disk with a partition table does: with an MBR. */
  readonly isDisk: boolean;
}

/** What compressed data begin with once they are unpacked, or why they cannot be. Unpacks no more than it needs. */
export async function contentInside(
  compression: Content,
  blob: Blob,
): Promise<Inside | { readonly notRead: string }> {
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    const unpacked = decompressed(compression, stream(blob, 0, 256 * 1024), {
      limitInBytes,
      origin: blob.origin,
      members: 'one',
    });
    for await (const piece of unpacked) {
      pieces.push(piece);
      length += piece.length;
      if (length >= enoughInBytes) break;
    }
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    // What came out before the damage may be enough: the reader of that format then says what is wrong.
    if (length === 0) return { notRead: error.message };
  }
  const start = Buffer.concat(pieces);
  const isDisk = start.length >= 512 && start.readUInt16BE(510) === 0x55aa;
  return { content: recogniseContent(start, length), isDisk };
}
