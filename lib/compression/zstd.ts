import { constants, createZstdDecompress } from 'node:zlib';
import { FormatError, LimitError } from '../errors.ts';
import { PieceReader } from './pieces.ts';
import { throughZlib } from './zlib.ts';

// Zstandard's frame: RFC 8878, section 3.1.
const magicNumber = 0xfd2fb528;
const dictionaryIdSizes = [0, 1, 2, 4];
const contentSizeSizes = [0, 2, 4, 8];
const blockTypeRle = 1;
const blockTypeReserved = 3;

/** As the kernel's decoder (ZSTD_WINDOWLOG_MAX of a 128 MiB window) and the zstd command without --long. */
const maximumWindowLog = 27;

/**
 * Unpacks one zstd frame and stops right behind it. The blocks carry their sizes, so the end of the frame is
 * known without unpacking; node:zlib's decoder by itself would go on into what follows.
 */
export async function* zstdFrame(input: PieceReader): AsyncGenerator<Buffer> {
  const frame = new PieceReader(frameBytes(input), input.origin);
  const decoder = createZstdDecompress({
    chunkSize: 128 * 1024,
    params: { [constants.ZSTD_d_windowLogMax]: maximumWindowLog },
  });
  yield* throughZlib(decoder, frame, 'zstd');
}

async function* frameBytes(input: PieceReader): AsyncGenerator<Buffer> {
  const start = await input.take(5, 'a zstd frame header');
  if (start.readUInt32LE(0) !== magicNumber) {
    throw new FormatError(`${input.origin}: no zstd frame at ${input.positionInBytes - 5}`);
  }
  const descriptor = start.readUInt8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const hasChecksum = (descriptor & 0x04) !== 0;
  const contentSizeSize =
    descriptor >> 6 === 0 && isSingleSegment ? 1 : (contentSizeSizes[descriptor >> 6] ?? 0);
  const restSize = (isSingleSegment ? 0 : 1) + (dictionaryIdSizes[descriptor & 3] ?? 0) + contentSizeSize;
  const rest = await input.take(restSize, 'a zstd frame header');
  if (!isSingleSegment) {
    const windowDescriptor = rest.readUInt8(0);
    const base = 2 ** (10 + (windowDescriptor >> 3));
    const windowInBytes = base + (base / 8) * (windowDescriptor & 7);
    if (windowInBytes > 2 ** maximumWindowLog) {
      throw new LimitError(
        `${input.origin}: a zstd window of ${windowInBytes} bytes, more than the ${2 ** maximumWindowLog} that are unpacked`,
      );
    }
  }
  yield start;
  yield rest;
  for (let isLast = false; !isLast;) {
    const header = await input.take(3, 'its zstd data');
    const bits = header.readUIntLE(0, 3);
    isLast = (bits & 1) === 1;
    const type = (bits >> 1) & 3;
    if (type === blockTypeReserved) throw new FormatError(`${input.origin}: damaged zstd data: block type 3`);
    yield header;
    let left = type === blockTypeRle ? 1 : bits >> 3;
    while (left > 0) {
      const piece = await input.piece(left);
      if (piece === undefined) throw new FormatError(`${input.origin}: ends in the middle of its zstd data`);
      left -= piece.length;
      yield piece;
    }
  }
  if (hasChecksum) yield await input.take(4, 'its zstd checksum');
}
