import type { Blob } from './blob.ts';

/** How much was read of some blobs, such as the images of a deployment. */
export interface Tally {
  files: number;
  /** Of all files together. */
  sizeInBytes: number;
  bytesRead: number;
  reads: number;
}

export function newTally(): Tally {
  return { files: 0, sizeInBytes: 0, bytesRead: 0, reads: 0 };
}

/** The blob, counting into a tally what is read of it. Meant directly above a transport. */
export function talliedBlob(blob: Blob, tally: Tally): Blob {
  tally.files += 1;
  tally.sizeInBytes += blob.sizeInBytes;
  return {
    origin: blob.origin,
    sizeInBytes: blob.sizeInBytes,
    async read(offset, length) {
      const bytes = await blob.read(offset, length);
      tally.bytesRead += bytes.length;
      tally.reads += 1;
      return bytes;
    },
  };
}
