import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { zstdFrameLength } from './zstd-frame.ts';

test('a frame ends where zstd says, whatever follows it', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 5000 }),
      fc.nat({ max: 40 }),
      fc.uint8Array({ maxLength: 100 }),
      fc.boolean(),
      (data, repeats, rest, withChecksum) => {
        const content = Buffer.concat(Array.from({ length: repeats }, () => data));
        const params = { [constants.ZSTD_c_checksumFlag]: withChecksum ? 1 : 0 };
        const frame = zstdCompressSync(content, { params });
        expect(zstdFrameLength(Buffer.concat([frame, rest]))).toBe(frame.length);
        expect(zstdFrameLength(frame.subarray(0, -1))).toBeUndefined();
        expect(zstdDecompressSync(frame).equals(content)).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});

test('what is no frame has no length', () => {
  expect(zstdFrameLength(Buffer.alloc(100))).toBeUndefined();
  expect(zstdFrameLength(Buffer.from('28b52ffd', 'hex'))).toBeUndefined();
});
