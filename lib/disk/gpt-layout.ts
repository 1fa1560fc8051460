import { crc32 } from 'node:zlib';

// The GUID partition table. Names and offsets: UEFI specification 2.10, section 5.3
// https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html

export const gptSignature = Buffer.from('EFI PART', 'latin1');
export const headerSizeInBytes = 92;
export const entrySizeInBytes = 128;
/** The specification knows no limit; Linux and sgdisk work with far fewer. */
const maximumEntries = 4096;
const maximumEntrySizeInBytes = 4096;

/** Sector numbers may be anything that 64 bits hold, hence bigint. */
export interface GptHeader {
  readonly MyLBA: bigint;
  readonly AlternateLBA: bigint;
  readonly FirstUsableLBA: bigint;
  readonly LastUsableLBA: bigint;
  readonly DiskGUID: string;
  readonly PartitionEntryLBA: bigint;
  readonly NumberOfPartitionEntries: number;
  readonly SizeOfPartitionEntry: number;
  readonly PartitionEntryArrayCRC32: number;
}

export interface GptEntry {
  readonly number: number;
  readonly PartitionTypeGUID: string;
  readonly UniquePartitionGUID: string;
  readonly StartingLBA: bigint;
  readonly EndingLBA: bigint;
  readonly Attributes: bigint;
  readonly PartitionName: string;
}

/** The header in a sector that should hold one, or what is wrong with it. */
export function parseGptHeader(sector: Buffer, lba: bigint): GptHeader | string {
  if (!sector.subarray(0, 8).equals(gptSignature)) return 'no signature "EFI PART"';
  const size = sector.readUInt32LE(12);
  if (size < headerSizeInBytes || size > sector.length) {
    return `header size ${size}, not from ${headerSizeInBytes} to a sector of ${sector.length}`;
  }
  const expected = sector.readUInt32LE(16);
  const header = Buffer.from(sector.subarray(0, size));
  header.writeUInt32LE(0, 16);
  const actual = crc32(header);
  if (actual !== expected) return `checksum ${hex(actual)}, but it says ${hex(expected)}`;
  const MyLBA = header.readBigUInt64LE(24);
  if (MyLBA !== lba) return `it is in sector ${lba}, but says ${MyLBA}`;
  const NumberOfPartitionEntries = header.readUInt32LE(80);
  const SizeOfPartitionEntry = header.readUInt32LE(84);
  if (NumberOfPartitionEntries > maximumEntries) {
    return `${NumberOfPartitionEntries} partition entries, more than ${maximumEntries}`;
  }
  if (
    SizeOfPartitionEntry < entrySizeInBytes ||
    SizeOfPartitionEntry > maximumEntrySizeInBytes ||
    SizeOfPartitionEntry % 8 !== 0
  ) {
    return `partition entries of ${SizeOfPartitionEntry} bytes, not from ${entrySizeInBytes} to ${maximumEntrySizeInBytes}`;
  }
  return {
    MyLBA,
    AlternateLBA: header.readBigUInt64LE(32),
    FirstUsableLBA: header.readBigUInt64LE(40),
    LastUsableLBA: header.readBigUInt64LE(48),
    DiskGUID: guidAt(header, 56),
    PartitionEntryLBA: header.readBigUInt64LE(72),
    NumberOfPartitionEntries,
    SizeOfPartitionEntry,
    PartitionEntryArrayCRC32: header.readUInt32LE(88),
  };
}

/** The entries in use, or what is wrong with the array. */
export function parseGptEntries(array: Buffer, header: GptHeader): GptEntry[] | string {
  const actual = crc32(array);
  if (actual !== header.PartitionEntryArrayCRC32) {
    return `checksum ${hex(actual)}, but the header says ${hex(header.PartitionEntryArrayCRC32)}`;
  }
  const entries: GptEntry[] = [];
  for (let index = 0; index < header.NumberOfPartitionEntries; index++) {
    const at = index * header.SizeOfPartitionEntry;
    const PartitionTypeGUID = guidAt(array, at);
    if (PartitionTypeGUID === unusedType) continue;
    const [PartitionName = ''] = array.toString('utf16le', at + 56, at + 128).split('\0', 1);
    entries.push({
      number: index + 1,
      PartitionTypeGUID,
      UniquePartitionGUID: guidAt(array, at + 16),
      StartingLBA: array.readBigUInt64LE(at + 32),
      EndingLBA: array.readBigUInt64LE(at + 40),
      Attributes: array.readBigUInt64LE(at + 48),
      PartitionName,
    });
  }
  return entries;
}

const unusedType = '00000000-0000-0000-0000-000000000000';

/** The first three groups of a GUID are little-endian. Upper case. */
function guidAt(bytes: Buffer, at: number): string {
  const groups = [
    bytes.readUInt32LE(at).toString(16).padStart(8, '0'),
    bytes
      .readUInt16LE(at + 4)
      .toString(16)
      .padStart(4, '0'),
    bytes
      .readUInt16LE(at + 6)
      .toString(16)
      .padStart(4, '0'),
    bytes.toString('hex', at + 8, at + 10),
    bytes.toString('hex', at + 10, at + 16),
  ];
  return groups.join('-').toUpperCase();
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
