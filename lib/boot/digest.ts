import { createHash } from 'node:crypto';
import { type Blob, stream } from '../blob/blob.ts';

/**
 * The digests of the whole content, in lower-case hexadecimal, in one pass.
 * @param algorithms as node:crypto names them: `md5`, `sha256`, `sha512`
 */
export async function digestOf(blob: Blob, algorithms: readonly string[]): Promise<Record<string, string>> {
  const hashes = algorithms.map((name) => [name, createHash(name)] as const);
  for await (const piece of stream(blob)) for (const [, hash] of hashes) hash.update(piece);
  return Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('hex')]));
}
