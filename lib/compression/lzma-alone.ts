import { FormatError } from '../errors.ts';
import { LzmaDecoder, lzmaProperties, symbolInputInBytes } from './lzma.ts';
import type { PieceReader } from './pieces.ts';

// The .lzma file: lzma-file-format.txt of XZ Utils. 13 bytes of header: properties, dictionary, size.
const unknownSize = 0xffffffffffffffffn;

const windowInBytes = 64 * 1024;
const batchInBytes = 1024 * 1024;

/** Unpacks a .lzma stream up to its stated size or its end marker, and stops right behind it. */
export async function* lzmaStream(input: PieceReader): AsyncGenerator<Buffer> {
  const header = await input.take(13, 'an LZMA header');
  const properties = lzmaProperties(header.readUInt8(0));
  if (properties === undefined) {
    throw new FormatError(`${input.origin}: damaged LZMA data: properties ${header.readUInt8(0)}`);
  }
  const stated = header.readBigUInt64LE(5);
  if (stated !== unknownSize && stated > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new FormatError(`${input.origin}: damaged LZMA data: ${stated} bytes stated`);
  }
  const decoder = new LzmaDecoder(header.readUInt32LE(1), input.origin);
  decoder.resetState(properties);
  decoder.input = await input.take(5, 'its LZMA data');
  decoder.startRange();

  let left = stated === unknownSize ? Number.POSITIVE_INFINITY : Number(stated);
  while (left > 0 && !decoder.ended) {
    decoder.input = await input.peek(windowInBytes);
    decoder.at = 0;
    const isLastWindow = decoder.input.length < windowInBytes;
    const reserve = isLastWindow ? 0 : symbolInputInBytes;
    left -= decoder.decode(Math.min(left, batchInBytes), left <= batchInBytes, reserve);
    input.skipPeeked(decoder.at);
    yield decoder.takeOutput();
  }
  if (left !== 0 && Number.isFinite(left)) {
    throw new FormatError(`${input.origin}: damaged LZMA data: an end marker, ${left} bytes too early`);
  }
  if (!decoder.ended) {
    decoder.input = await input.peek(1);
    decoder.at = 0;
    decoder.normalise();
    input.skipPeeked(Math.min(decoder.at, decoder.input.length));
  }
}
