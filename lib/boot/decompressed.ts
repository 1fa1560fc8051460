import { FormatError, LimitError, UnsupportedError } from '../errors.ts';
import { type Content, contentNames, isCompression, recogniseContent } from './content.ts';
import { gzipMember } from '../compression/gzip.ts';
import { lz4Frame, lz4LegacyStream } from '../compression/lz4.ts';
import { lzmaStream } from '../compression/lzma-alone.ts';
import { PieceReader } from '../compression/pieces.ts';
import { xzStream } from '../compression/xz.ts';
import { zstdFrame } from '../compression/zstd.ts';

/** What one compressed member unpacks to; the reader then stands right behind the member. */
type Member = (input: PieceReader) => AsyncGenerator<Buffer>;

const members: Partial<Record<Content, Member>> = {
  gzip: gzipMember,
  xz: xzStream,
  lzma: lzmaStream,
  zstd: zstdFrame,
  lz4: lz4Frame,
  'lz4-legacy': lz4LegacyStream,
};

export interface DecompressionOptions {
  /** The most that may come out; beyond it `LimitError`. */
  readonly limitInBytes: number;
  readonly origin: string;
  /**
   * `all` goes on with further members of the same kind, as the command line tools do; `one` stops behind the
   * first, so that a `PieceReader` stands at what follows. Default `all`.
   */
  readonly members?: 'one' | 'all';
}

/**
 * Unpacks as a stream: nothing is read that the consumer does not ask for, and the decoder stops with it.
 * @throws FormatError for damaged or truncated data, LimitError, UnsupportedError (bzip2, LZO)
 */
export async function* decompressed(
  kind: Content,
  pieces: AsyncIterable<Buffer> | PieceReader,
  options: DecompressionOptions,
): AsyncGenerator<Buffer> {
  const member = members[kind];
  if (member === undefined) {
    const what = `${options.origin}: ${contentNames[kind]}`;
    if (isCompression(kind)) throw new UnsupportedError(`${what}: not unpacked by this program`);
    throw new FormatError(`${what}: not compressed`);
  }
  const input = pieces instanceof PieceReader ? pieces : new PieceReader(pieces, options.origin);
  let sizeInBytes = 0;
  try {
    do {
      for await (const piece of member(input)) {
        sizeInBytes += piece.length;
        if (sizeInBytes > options.limitInBytes) {
          throw new LimitError(`${options.origin}: unpacks to more than ${options.limitInBytes} bytes`);
        }
        if (piece.length > 0) yield piece;
      }
    } while (options.members !== 'one' && recogniseContent(await input.peek(512), Infinity) === kind);
  } finally {
    if (!(pieces instanceof PieceReader)) await input.close();
  }
}
