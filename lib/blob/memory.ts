import { type Blob, checkRange } from './blob.ts';

/** Bytes already in memory. */
export function memoryBlob(bytes: Uint8Array, origin: string): Blob {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blob: Blob = {
    origin,
    sizeInBytes: buffer.length,
    async read(offset, length) {
      checkRange(blob, offset, length);
      return buffer.subarray(offset, offset + length);
    },
  };
  return blob;
}
