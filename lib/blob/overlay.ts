import { FormatError } from '../errors.ts';
import { type Blob, checkRange } from './blob.ts';

/**
 * A blob some blocks of which are replaced, for instance by what a journal holds for them. Block `n` begins at
 * `n × blockInBytes`; what replaces it is exactly as large, lies within the parent, and is read when it is asked for.
 * @throws FormatError for a block that does not fit
 */
export function overlayBlob(
  parent: Blob,
  blockInBytes: number,
  blocks: ReadonlyMap<number, Blob>,
  origin = parent.origin,
): Blob {
  for (const [block, { sizeInBytes }] of blocks) {
    if (sizeInBytes !== blockInBytes) {
      throw new FormatError(`${origin}: ${sizeInBytes} bytes for block ${block}, of ${blockInBytes}`);
    }
    if (block < 0 || (block + 1) * blockInBytes > parent.sizeInBytes) {
      const end = Math.floor(parent.sizeInBytes / blockInBytes);
      throw new FormatError(`${origin}: block ${block} is replaced, but there are ${end} blocks`);
    }
  }
  const blob: Blob = {
    origin,
    sizeInBytes: parent.sizeInBytes,
    async read(offset, length) {
      checkRange(blob, offset, length);
      const end = offset + length;
      const first = Math.floor(offset / blockInBytes);
      const replaced: [at: number, by: Blob][] = [];
      for (let block = first; block * blockInBytes < end; block++) {
        const by = blocks.get(block);
        if (by !== undefined) replaced.push([block * blockInBytes, by]);
      }
      if (replaced.length === 0) return parent.read(offset, length);
      const isWhole = replaced.length === Math.ceil(end / blockInBytes) - first;
      const bytes = isWhole ? Buffer.alloc(length) : Buffer.from(await parent.read(offset, length));
      for (const [at, by] of replaced) {
        const from = Math.max(at, offset);
        const to = Math.min(at + blockInBytes, end);
        (await by.read(from - at, to - from)).copy(bytes, from - offset);
      }
      return bytes;
    },
  };
  return blob;
}
