import { FormatError, UnsupportedError } from '../../errors.ts';
import { bitsOf, uint64LittleEndian } from '../../blob/integers.ts';
import type { Superblock } from './layout.ts';

// Where logical addresses are on the disk.
// https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#chunk-item-e4

const chunkInBytes = 48;
const stripeInBytes = 32;
const keyInBytes = 17;
export const CHUNK_ITEM_KEY = 228;
/** Bits of a chunk's type that tell its content: data, system, metadata. */
const contentBits = 3;
const DUP = 5;
const profiles: Readonly<Record<number, string>> = {
  3: 'raid0',
  4: 'raid1',
  5: 'dup',
  6: 'raid10',
  7: 'raid5',
  8: 'raid6',
  9: 'raid1c3',
  10: 'raid1c4',
};

/** A range of logical addresses that lies together on the disk, once or, with DUP, twice. */
export interface Chunk {
  readonly logical: number;
  readonly lengthInBytes: number;
  /** Where its copies are on the disk. */
  readonly copies: readonly number[];
}

/** The chunk in a chunk item. @throws FormatError, UnsupportedError for a profile of several devices */
export function parseChunk(item: Buffer, offset: bigint, superblock: Superblock, origin: string): Chunk {
  const what = `${origin}: btrfs chunk at ${offset}`;
  if (item.length < chunkInBytes) throw new FormatError(`${what}: ${item.length} bytes`);
  const num_stripes = item.readUInt16LE(44);
  if (num_stripes === 0 || item.length < chunkInBytes + num_stripes * stripeInBytes) {
    throw new FormatError(`${what}: num_stripes ${num_stripes} in ${item.length} bytes`);
  }
  const profileBits = bitsOf(item.readBigUInt64LE(24)).filter((bit) => bit >= contentBits);
  for (const bit of profileBits) {
    if (bit === DUP) continue;
    throw new UnsupportedError(`${what}: its profile ${profiles[bit] ?? `unknown (bit ${bit})`} is not read`);
  }
  const expectedCopies = profileBits.length === 0 ? 1 : 2;
  if (num_stripes !== expectedCopies) {
    throw new FormatError(`${what}: num_stripes ${num_stripes}, not ${expectedCopies}`);
  }
  const lengthInBytes = uint64LittleEndian(item, 0, `${what}: length`);
  const { sectorSizeInBytes: sector } = superblock;
  if (lengthInBytes === 0 || lengthInBytes % sector !== 0 || offset % BigInt(sector) !== 0n) {
    throw new FormatError(`${what}: length ${lengthInBytes}, with sectors of ${sector}`);
  }
  const logical = Number(offset);
  if (!Number.isSafeInteger(logical + lengthInBytes)) {
    throw new FormatError(`${what}: length ${lengthInBytes}: ends beyond 2^53`);
  }
  const copies = Array.from({ length: num_stripes }, (_, index) => {
    const at = chunkInBytes + index * stripeInBytes;
    const devid = item.readBigUInt64LE(at);
    if (devid !== superblock.deviceId) {
      throw new FormatError(`${what}: on device ${devid}, but this is device ${superblock.deviceId}`);
    }
    const physical = uint64LittleEndian(item, at + 8, `${what}: stripe ${index}: offset`);
    if (!Number.isSafeInteger(physical + lengthInBytes)) {
      throw new FormatError(`${what}: stripe ${index}: offset ${physical}: ends beyond 2^53`);
    }
    return physical;
  });
  return { logical, lengthInBytes, copies };
}

/** The chunks in the superblock, enough to find the chunk tree. */
export function systemChunks(superblock: Superblock, origin: string): Chunk[] {
  const { systemChunks: bytes } = superblock;
  const damaged = (what: string) =>
    new FormatError(`${origin}: btrfs superblock: sys_chunk_array: ${what}, of ${bytes.length} bytes`);
  const chunks: Chunk[] = [];
  for (let at = 0; at < bytes.length;) {
    if (at + keyInBytes + chunkInBytes > bytes.length) throw damaged(`an entry at ${at}`);
    const type = bytes.readUInt8(at + 8);
    if (type !== CHUNK_ITEM_KEY) throw damaged(`an entry of type ${type} at ${at}`);
    const size = chunkInBytes + stripeInBytes * bytes.readUInt16LE(at + keyInBytes + 44);
    const start = at + keyInBytes;
    if (start + size > bytes.length) throw damaged(`an entry of ${size} bytes at ${at}`);
    const item = bytes.subarray(start, start + size);
    chunks.push(parseChunk(item, bytes.readBigUInt64LE(at + 9), superblock, origin));
    at = start + size;
  }
  return chunks;
}

/** Tells where on the disk the copies of a logical range are. @throws FormatError when it is in no chunk */
export type Locate = (logical: number, lengthInBytes: number, what: string) => readonly number[];

export function locator(chunks: readonly Chunk[], origin: string): Locate {
  const ordered = chunks.toSorted((one, other) => one.logical - other.logical);
  let end = 0;
  for (const { logical, lengthInBytes } of ordered) {
    if (logical < end) {
      throw new FormatError(`${origin}: btrfs chunk at ${logical}: the one before ends at ${end}`);
    }
    end = logical + lengthInBytes;
  }
  return (logical, lengthInBytes, what) => {
    const chunk = ordered[lastAtOrBefore(ordered, logical)];
    const within = logical - (chunk?.logical ?? 0);
    if (chunk === undefined || within + lengthInBytes > chunk.lengthInBytes) {
      throw new FormatError(`${what}: ${lengthInBytes} bytes at logical ${logical} are in no chunk`);
    }
    return chunk.copies.map((physical) => physical + within);
  };
}

function lastAtOrBefore(chunks: readonly Chunk[], logical: number): number {
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((chunks[middle]?.logical ?? 0) <= logical) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
