import type { Blob } from '../blob/blob.ts';
import { startsWith } from './safety-headers.ts';
import { type Candidate, type Inspected, incomplete } from './safety-verdict.ts';

// [MS-VHDX] 2.2.3 "Region Table" and 2.6 "Metadata Region"
// https://learn.microsoft.com/openspecs/windows_protocols/ms-vhdx/83e061f8-f6e2-4de1-91bd-5d518a43d477

const identifier = { magic: 'vhdxfile', length: 32 } as const;
const regionTable = {
  offset: 192 * 1024,
  length: 64 * 1024,
  signature: 'regi',
  count: 8,
  entries: 16,
} as const;
const metadataTable = { length: 64 * 1024, signature: 'metadata', count: 10, entries: 32 } as const;
const entryInBytes = 32;
/** In regions and in metadata alike, the offset follows the GUID. */
const offsetInEntry = 16;
const maximumEntries = 2047;
const metadataRegion = '06a27c8b90479a4bb8fe575f050f886e';
const virtualDiskSize = '2442a52f1bcd7648b2115dbed83bf4b8';

/** Bytes of the file that the inspector wants. */
interface Region {
  readonly offset: bigint;
  readonly length: number;
}

/**
 * A VHDX is judged by nothing but its first bytes; the rest is read for the virtual size, which is 0 where the tables
 * do not lead to it. Where they lead past the end of the file, it is incomplete and thus refused.
 * Source: VHDXInspector in oslo_utils 10.1.1 and Ironic 21.4.4.
 */
export async function inspectVhdx(image: Inspected): Promise<Candidate | undefined> {
  const { blob, head, pieceInBytes, inspector } = image;
  if (!startsWith(head, identifier.magic)) return undefined;
  const end = regionTable.offset + regionTable.length;
  if (head.length < identifier.length || blob.sizeInBytes < end) {
    return incomplete('vhdx', image, 'a region table at 192 KiB', 0n);
  }
  const sizeless: Candidate = { format: 'vhdx', complete: true, virtualSizeInBytes: 0n, violations: [] };
  const regions = await blob.read(regionTable.offset, regionTable.length);
  const count = regions.readUInt32LE(regionTable.count);
  if (!startsWith(regions, regionTable.signature) || count > maximumEntries) {
    // Ironic's own drops a format whose inspector fails; oslo.utils keeps one that had matched already.
    return inspector === 'ironic' ? undefined : sizeless;
  }
  const found = findEntry(regions.subarray(regionTable.entries), count, metadataRegion);
  if (found === undefined) return sizeless;

  const wanted = { offset: found.readBigUInt64LE(offsetInEntry), length: metadataTable.length };
  const metadata = capture(blob, wanted, end - pieceInBytes, pieceInBytes);
  const table = await blob.read(metadata.start, metadata.end - metadata.start);
  const first = Math.max(end, Math.floor(metadata.start / pieceInBytes) * pieceInBytes);
  // The table is looked at after each piece, and entries are searched as soon as all of them are there.
  for (let piece = first; piece < metadata.end; piece += pieceInBytes) {
    const present = Math.min(piece + pieceInBytes, metadata.end) - metadata.start;
    if (present < metadataTable.entries) continue;
    if (!startsWith(table, metadataTable.signature)) break;
    const items = table.readUInt16LE(metadataTable.count);
    const isWhole = present >= metadataTable.entries + items * entryInBytes;
    const item = isWhole
      ? findEntry(table.subarray(metadataTable.entries), items, virtualDiskSize)
      : undefined;
    if (item !== undefined) return sizeFrom(image, wanted.offset, item, piece);
    if (present === metadataTable.length) return sizeless;
  }
  return incomplete('vhdx', image, `a metadata table at ${wanted.offset}`, 0n);
}

async function sizeFrom(image: Inspected, base: bigint, item: Buffer, piece: number): Promise<Candidate> {
  const { blob, pieceInBytes } = image;
  const length = Math.min(item.readUInt32LE(offsetInEntry + 4), metadataTable.length);
  const wanted = { offset: base + BigInt(item.readUInt32LE(offsetInEntry)), length };
  const value = capture(blob, wanted, piece, pieceInBytes);
  if (value.end - value.start < length) {
    return incomplete('vhdx', image, `its virtual disk size at ${wanted.offset}`, 0n);
  }
  const virtualSizeInBytes = length === 8 ? (await blob.read(value.start, 8)).readBigUInt64LE(0) : undefined;
  return { format: 'vhdx', complete: true, virtualSizeInBytes, violations: [] };
}

function findEntry(entries: Buffer, count: number, guid: string): Buffer | undefined {
  for (let index = 0; index < count; index++) {
    const entry = entries.subarray(index * entryInBytes, (index + 1) * entryInBytes);
    if (entry.toString('hex', 0, 16) === guid) return entry;
  }
  return undefined;
}

/**
 * The bytes that the inspector gets for a region which it learns of while it is fed the piece at `from`. What has
 * passed by then is lost: of a region that began earlier it takes the bytes from `from` on for the first, up to the
 * last piece that begins within the region.
 */
function capture(blob: Blob, { offset, length }: Region, from: number, pieceInBytes: number) {
  const start = offset < BigInt(from) ? from : Number(offset);
  if (offset >= BigInt(blob.sizeInBytes)) return { start: blob.sizeInBytes, end: blob.sizeInBytes };
  const whole = Math.min(start + length, blob.sizeInBytes);
  if (start === Number(offset)) return { start, end: whole };
  const lastPiece = Math.floor((Number(offset) + length) / pieceInBytes) * pieceInBytes;
  return { start, end: Math.max(start, Math.min(whole, lastPiece + pieceInBytes)) };
}
