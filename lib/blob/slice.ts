import { type Blob, checkRange } from './blob.ts';

/** A part of another blob, for instance a partition of a disk. Its own range must lie within the parent. */
export function sliceBlob(parent: Blob, offset: number, sizeInBytes: number, origin: string): Blob {
  const blob: Blob = {
    origin,
    sizeInBytes,
    async read(at, length) {
      checkRange(blob, at, length);
      return parent.read(offset + at, length);
    },
  };
  return blob;
}
