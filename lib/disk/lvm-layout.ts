import { crc32 } from 'node:zlib';
import type { Blob } from '../blob/blob.ts';
import { FormatError, LimitError } from '../errors.ts';
import { uint64LittleEndian } from '../blob/integers.ts';

// What is on a physical volume of LVM2 before its text. Names and offsets: LVM2, lib/label/label.h (label_header),
// lib/format_text/layout.h (pv_header, mda_header, raw_locn) https://sourceware.org/git/?p=lvm2.git

const sectorInBytes = 512;
const LABEL_SCAN_SECTORS = 4;
const LABEL_ID = 'LABELONE';
const LABEL_TYPE = 'LVM2 001';
const labelHeaderInBytes = 32;
const pvHeaderInBytes = 40;
const diskLocationInBytes = 16;
const ID_LEN = 32;

const FMTT_MAGIC = ' LVM2 x[5A%r0N*>';
const FMTT_VERSION = 1;
const MDA_HEADER_SIZE = 512;
const rawLocationsOffset = 40;
const RAW_LOCN_IGNORED = 1;
/** LVM makes areas of 1 MiB, and texts of some kilobytes. */
const maximumTextInBytes = 16 * 1024 * 1024;
const INITIAL_CRC = 0xf597_a6cf;

export interface PhysicalVolume {
  readonly blob: Blob;
  /** 32 characters, without the hyphens that are shown. */
  readonly uuid: string;
  readonly metadataAreas: readonly { readonly offset: number; readonly sizeInBytes: number }[];
}

/** CRC-32 from another beginning, and not inverted at the end. */
export function lvmChecksum(bytes: Uint8Array): number {
  return ~crc32(bytes, ~INITIAL_CRC >>> 0) >>> 0;
}

/** @throws FormatError when there is no label, or one whose checksum or fields are wrong */
export async function readPhysicalVolume(blob: Blob): Promise<PhysicalVolume> {
  const head = await blob.read(0, Math.min(LABEL_SCAN_SECTORS * sectorInBytes, blob.sizeInBytes));
  for (let at = 0; at + sectorInBytes <= head.length; at += sectorInBytes) {
    const sector = head.subarray(at, at + sectorInBytes);
    if (sector.toString('latin1', 0, 8) !== LABEL_ID) continue;
    if (sector.toString('latin1', 24, 32) !== LABEL_TYPE) continue;
    return parseLabel(blob, sector, at / sectorInBytes);
  }
  throw new FormatError(`${blob.origin}: no LVM2 label in its first ${LABEL_SCAN_SECTORS} sectors`);
}

function parseLabel(blob: Blob, sector: Buffer, number: number): PhysicalVolume {
  const what = `${blob.origin}: LVM2 label`;
  const sector_xl = sector.readBigUInt64LE(8);
  if (sector_xl !== BigInt(number))
    throw new FormatError(`${what}: in sector ${number}, but it says ${sector_xl}`);
  checkSum(what, lvmChecksum(sector.subarray(20)), sector.readUInt32LE(16));
  const offset_xl = sector.readUInt32LE(20);
  if (offset_xl < labelHeaderInBytes || offset_xl + pvHeaderInBytes > sectorInBytes)
    throw new FormatError(`${what}: offset_xl ${offset_xl}`);
  // First where the data is, which the text says too, then where the text is; each list ends with an empty place.
  const lists: { offset: number; sizeInBytes: number }[][] = [[], []];
  let at = offset_xl + pvHeaderInBytes;
  for (const list of lists) {
    for (; ; at += diskLocationInBytes) {
      if (at + diskLocationInBytes > sectorInBytes)
        throw new FormatError(`${what}: disk_areas_xl: more than the sector holds`);
      const offset = uint64LittleEndian(sector, at, `${what}: offset of an area`);
      const sizeInBytes = uint64LittleEndian(sector, at + 8, `${what}: size of an area`);
      if (offset === 0) break;
      list.push({ offset, sizeInBytes });
    }
    at += diskLocationInBytes;
  }
  return {
    blob,
    uuid: sector.toString('latin1', offset_xl, offset_xl + ID_LEN),
    metadataAreas: lists[1] ?? [],
  };
}

/**
 * The text of a volume group in one metadata area, or undefined when there is none or it is not to be used.
 * @throws FormatError when a checksum or a field is wrong
 */
export async function readMetadataText(
  { blob }: PhysicalVolume,
  area: PhysicalVolume['metadataAreas'][number],
): Promise<string | undefined> {
  const what = `${blob.origin}: LVM2 metadata area at ${area.offset}`;
  const header = await blob.read(area.offset, MDA_HEADER_SIZE);
  checkSum(what, lvmChecksum(header.subarray(4)), header.readUInt32LE(0));
  const magic = header.toString('latin1', 4, 20);
  if (magic !== FMTT_MAGIC) throw new FormatError(`${what}: magic ${JSON.stringify(magic)}`);
  const version = header.readUInt32LE(20);
  if (version !== FMTT_VERSION) throw new FormatError(`${what}: version ${version}`);
  const start = uint64LittleEndian(header, 24, `${what}: start`);
  const size = uint64LittleEndian(header, 32, `${what}: size`);
  if (start !== area.offset) throw new FormatError(`${what}: it says that it is at ${start}`);
  const raw = rawLocationsOffset;
  const offset = uint64LittleEndian(header, raw, `${what}: offset of the text`);
  const length = uint64LittleEndian(header, raw + 8, `${what}: size of the text`);
  if (offset === 0 || (header.readUInt32LE(raw + 20) & RAW_LOCN_IGNORED) !== 0) return undefined;
  if (length > maximumTextInBytes)
    throw new LimitError(`${what}: a text of ${length} bytes, more than ${maximumTextInBytes}`);
  if (offset < MDA_HEADER_SIZE || offset >= size || length > size - MDA_HEADER_SIZE)
    throw new FormatError(`${what}: a text of ${length} bytes at ${offset}, in an area of ${size}`);
  // The area is used in a circle, after its header.
  const untilEnd = Math.min(length, size - offset);
  const text = Buffer.concat([
    await blob.read(start + offset, untilEnd),
    await blob.read(start + MDA_HEADER_SIZE, length - untilEnd),
  ]);
  checkSum(`${what}: text`, lvmChecksum(text), header.readUInt32LE(raw + 16));
  return text.toString('utf8');
}

function checkSum(what: string, actual: number, expected: number): void {
  if (actual === expected) return;
  throw new FormatError(`${what}: checksum 0x${actual.toString(16)}, but it says 0x${expected.toString(16)}`);
}
