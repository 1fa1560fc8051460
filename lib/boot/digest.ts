import { createHash } from 'node:crypto';
import { type Blob, stream } from '../blob/blob.ts';

/** What a whole content amounts to. */
export interface Digest {
  /** As many bytes as were really read. */
  readonly sizeInBytes: number;
  /** In lower-case hexadecimal, by algorithm. */
  readonly hashes: Readonly<Record<string, string>>;
}

/**
 * Reads the whole content once, for its size and its hashes.
 * @param algorithms as node:crypto names them: `md5`, `sha256`, `sha512`
 */
export async function digestOf(blob: Blob, algorithms: readonly string[]): Promise<Digest> {
  const hashes = algorithms.map((name) => [name, createHash(name)] as const);
  let sizeInBytes = 0;
  for await (const piece of stream(blob)) {
    sizeInBytes += piece.length;
    for (const [, hash] of hashes) hash.update(piece);
  }
  return {
    sizeInBytes,
    hashes: Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('hex')])),
  };
}
