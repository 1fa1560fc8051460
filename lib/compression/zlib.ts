import type { Transform } from 'node:stream';
import { describeError, FormatError } from '../errors.ts';
import type { PieceReader } from './pieces.ts';

/** A decoder of node:zlib: it counts the compressed bytes that it used. */
type Decoder = Transform & { readonly bytesWritten: number };

const nothing = () => {};
const pieceInBytes = 256 * 1024;

/**
 * Runs one of node:zlib's decoders over the input until its data ends, and gives back what it did not use.
 * A piece goes in only when the one before is used up, which happens only as the output is read.
 * @throws FormatError for damaged or truncated data
 */
export async function* throughZlib(
  decoder: Decoder,
  input: PieceReader,
  what: string,
): AsyncGenerator<Buffer> {
  let fedInBytes = 0;
  let failure: Error | undefined;
  let ended = false;
  let wake = nothing;
  decoder.on('readable', () => wake());
  decoder.on('end', () => {
    ended = true;
    wake();
  });
  decoder.on('error', (error: Error) => {
    failure = error;
    wake();
  });
  try {
    for (;;) {
      const piece = await input.piece(pieceInBytes);
      fedInBytes += piece?.length ?? 0;
      let used = false;
      if (piece === undefined) decoder.end();
      else {
        decoder.write(piece, () => {
          used = true;
          wake();
        });
      }
      for (;;) {
        for (let out = decoder.read() as Buffer | null; out !== null; out = decoder.read() as Buffer | null) {
          yield out;
        }
        if (failure !== undefined) throw failureOf(failure, input.origin, what);
        if (used || ended) break;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (piece === undefined) return;
      // A decoder that leaves bytes has come to the end of its data.
      const left = fedInBytes - decoder.bytesWritten;
      if (left > 0) {
        input.unread(piece.subarray(piece.length - left));
        return;
      }
    }
  } finally {
    decoder.destroy();
  }
}

function failureOf(error: Error, origin: string, what: string): FormatError {
  const text = describeError(error);
  const message = /unexpected end/i.test(text)
    ? `${origin}: ends in the middle of its ${what} data`
    : `${origin}: damaged ${what} data: ${text}`;
  return new FormatError(message, { cause: error });
}
