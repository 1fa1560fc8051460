import { type Blob, stream } from '../blob/blob.ts';
import { decompressed } from '../boot/compression.ts';
import { type Content, recogniseContent } from '../boot/content.ts';
import { AssayError } from '../errors.ts';

const enoughInBytes = 36 * 1024;
const limitInBytes = 64 * 1024 * 1024;

/** What compressed data begin with once they are unpacked, or why they cannot be. Unpacks no more than it needs. */
export async function contentInside(
  compression: Content,
  blob: Blob,
): Promise<{ readonly content: Content } | { readonly notRead: string }> {
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
  return { content: recogniseContent(Buffer.concat(pieces), length) };
}
