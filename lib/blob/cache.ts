import { FormatError, UsageError } from '../errors.ts';
import { type Blob, checkRange } from './blob.ts';

export interface CacheOptions {
  readonly blockInBytes?: number;
  /** How many blocks are kept; what was used longest ago goes first. */
  readonly blocks?: number;
  readonly readAheadInBytes?: number;
}

export interface CachedBlob extends Blob {
  /** How many bytes were read from below so far. */
  readonly bytesRead: number;
}

/** How many places of sequential reading are remembered, for readers that take turns. */
const rememberedEnds = 8;

/**
 * Keeps the blocks last read of a blob that is slow to ask, such as a Glance image. Concurrent reads of one block
 * ask once. Where a fetch begins at the end of an earlier one, it reads ahead, twice as far each time.
 * Meant directly above a transport: a failed fetch fails every read that waits for it and is not remembered.
 */
export function cachedBlob(blob: Blob, options: CacheOptions = {}): CachedBlob {
  const { blockInBytes = 64 * 1024, blocks: capacity = 256, readAheadInBytes = 1024 * 1024 } = options;
  if (!(blockInBytes >= 1) || !(capacity >= 1)) {
    throw new UsageError(`a cache of ${capacity} blocks of ${blockInBytes} bytes is impossible`);
  }
  const farthest = Math.max(
    1,
    Math.min(Math.floor(readAheadInBytes / blockInBytes), Math.ceil(capacity / 4)),
  );
  const blockCount = Math.ceil(blob.sizeInBytes / blockInBytes);
  const kept = new Map<number, Buffer>();
  const pending = new Map<number, Promise<Buffer>>();
  /** Where a fetch ended → how many blocks the next one from there may take. */
  const ends = new Map<number, number>();
  let bytesRead = 0;

  async function fetchBelow(offset: number, length: number): Promise<Buffer> {
    const bytes = await blob.read(offset, length);
    bytesRead += bytes.length;
    return bytes;
  }

  function keep(block: number, bytes: Buffer): void {
    kept.delete(block);
    kept.set(block, bytes);
    for (const oldest of kept.keys()) {
      if (kept.size <= capacity) break;
      kept.delete(oldest);
    }
  }

  /** Fetches blocks in one read below. Each keeps its own copy, so that one block does not hold the others. */
  function fetchRun(first: number, count: number): void {
    const start = first * blockInBytes;
    const end = Math.min(start + count * blockInBytes, blob.sizeInBytes);
    const run = fetchBelow(start, end - start);
    for (let index = 0; index < count; index++) {
      const block = first + index;
      const settled = run.then(
        (bytes) => {
          const piece = bytes.subarray(index * blockInBytes, (index + 1) * blockInBytes);
          const own = count === 1 ? piece : Buffer.from(piece);
          pending.delete(block);
          keep(block, own);
          return own;
        },
        (error: unknown) => {
          pending.delete(block);
          throw error;
        },
      );
      settled.catch(() => undefined); // blocks read ahead have nobody waiting for them
      pending.set(block, settled);
    }
  }

  const isAbsent = (block: number) => block < blockCount && !kept.has(block) && !pending.has(block);

  /** Starts the fetch that begins at an absent block: to `last`, and beyond where reading is sequential. */
  function startAt(first: number, last: number): void {
    const window = ends.get(first) ?? 0;
    ends.delete(first);
    const wanted = Math.min(Math.max(last - first + 1, window), farthest);
    let count = 1;
    while (count < wanted && isAbsent(first + count)) count += 1;
    fetchRun(first, count);
    ends.set(first + count, Math.min(farthest, 2 * Math.max(count, window)));
    for (const oldest of ends.keys()) {
      if (ends.size <= rememberedEnds) break;
      ends.delete(oldest);
    }
  }

  async function neverAbsent(block: number): Promise<Buffer> {
    throw new FormatError(`${blob.origin}: block ${block} was neither kept nor asked for`);
  }

  async function read(offset: number, length: number): Promise<Buffer> {
    checkRange(cached, offset, length);
    if (length === 0) return Buffer.alloc(0);
    // A read as large as much of the cache would only push everything else out of it.
    if (length > (capacity * blockInBytes) / 2) return fetchBelow(offset, length);
    const first = Math.floor(offset / blockInBytes);
    const last = Math.floor((offset + length - 1) / blockInBytes);
    const parts: Promise<Buffer>[] = [];
    for (let block = first; block <= last; block++) {
      if (isAbsent(block)) startAt(block, last);
      const ready = kept.get(block);
      if (ready !== undefined) keep(block, ready);
      parts.push(ready === undefined ? (pending.get(block) ?? neverAbsent(block)) : Promise.resolve(ready));
    }
    const bytes = await Promise.all(parts);
    const from = offset - first * blockInBytes;
    const [only] = bytes;
    if (bytes.length === 1 && only !== undefined) return Buffer.from(only.subarray(from, from + length));
    return Buffer.concat(bytes).subarray(from, from + length);
  }

  const cached: CachedBlob = {
    origin: blob.origin,
    sizeInBytes: blob.sizeInBytes,
    get bytesRead() {
      return bytesRead;
    },
    read,
  };
  return cached;
}
