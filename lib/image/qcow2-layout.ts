import type { Blob } from '../blob/blob.ts';
import { FormatError } from '../errors.ts';
import { bitsOf, uint64BigEndian } from '../blob/integers.ts';

// The qcow2 header. Names and offsets: QEMU, docs/interop/qcow2.rst
// https://www.qemu.org/docs/master/interop/qcow2.html

const headerLengthVersion2 = 72;
const headerLengthVersion3 = 104;
const INCOMPAT = { dirty: 0, corrupt: 1, externalDataFile: 2, compressionType: 3, extendedL2: 4 } as const;
const EXTENSION_END = 0;
const EXTENSION_DATA_FILE_NAME = 0x44415441;
const MIN_CLUSTER_BITS = 9;
const MAX_CLUSTER_BITS = 21;
/** As QEMU's QCOW_MAX_L1_SIZE: 32 MiB of 8-byte entries. */
const maximumL1Entries = (32 * 1024 * 1024) / 8;
/** As QEMU: the names of the backing file and of the data file. */
const maximumNameInBytes = 1023;
const maximumExtensions = 64;

/** The first bytes of every qcow2 image. */
export const qcow2Magic = Buffer.from('QFI\xfb', 'latin1');

/** What a qcow2 header says. Offsets are in the image file. */
export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly virtualSizeInBytes: number;
  readonly clusterSizeInBytes: number;
  /** The name of the image that this one is a difference to; absent when it stands alone. */
  readonly backingFile?: string;
  /** The guest's data lies in another file. */
  readonly externalDataFile: boolean;
  readonly dataFileName?: string;
  readonly encryption: 'none' | 'aes' | 'luks' | `unknown (${number})`;
  readonly compression: 'zlib' | 'zstd' | `unknown (${number})`;
  /** Not closed properly: the reference counts may be wrong, the data is not. */
  readonly dirty: boolean;
  /** QEMU found the tables inconsistent and refuses to write. */
  readonly corrupt: boolean;
  readonly extendedL2: boolean;
  /** Incompatible feature bits that the specification does not name. */
  readonly unknownIncompatibleBits: readonly number[];
  /** How many internal snapshots there are. */
  readonly snapshots: number;
  readonly l1TableOffset: number;
  readonly l1Entries: number;
}

/**
 * Reads the header of what begins with `qcow2Magic`. It judges whether the header makes sense, not whether the
 * image should be used. @throws FormatError
 */
export async function readQcow2Header(blob: Blob): Promise<Qcow2Header> {
  const damaged = (what: string) => new FormatError(`${blob.origin}: qcow2 header: ${what}`);
  const present = Math.min(blob.sizeInBytes, 512);
  if (present < headerLengthVersion2) {
    throw damaged(`${present} bytes, less than the ${headerLengthVersion2} of a header`);
  }
  const bytes = await blob.read(0, present);
  const version = bytes.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw damaged(`version ${version}, where 2 and 3 are known`);
  if (version === 3 && present < headerLengthVersion3) {
    throw damaged(`${present} bytes, less than the ${headerLengthVersion3} of a version 3 header`);
  }
  const at64 = (offset: number, what: string) =>
    uint64BigEndian(bytes, offset, `${blob.origin}: qcow2 header: ${what}`);

  const cluster_bits = bytes.readUInt32BE(20);
  if (cluster_bits < MIN_CLUSTER_BITS || cluster_bits > MAX_CLUSTER_BITS) {
    throw damaged(`cluster_bits ${cluster_bits}, not from ${MIN_CLUSTER_BITS} to ${MAX_CLUSTER_BITS}`);
  }
  const clusterSizeInBytes = 2 ** cluster_bits;
  const size = at64(24, 'size');
  const crypt_method = bytes.readUInt32BE(32);
  const l1_size = bytes.readUInt32BE(36);
  const l1_table_offset = at64(40, 'l1_table_offset');
  const incompatible_features = version === 3 ? bytes.readBigUInt64BE(72) : 0n;
  const header_length = version === 3 ? bytes.readUInt32BE(100) : headerLengthVersion2;
  if (version === 3 && (header_length < headerLengthVersion3 || header_length > clusterSizeInBytes)) {
    throw damaged(`header_length ${header_length}, not from ${headerLengthVersion3} to a cluster`);
  }

  const bits = bitsOf(incompatible_features);
  const extendedL2 = bits.includes(INCOMPAT.extendedL2);
  if (extendedL2 && cluster_bits < 14) throw damaged(`cluster_bits ${cluster_bits} with extended L2 entries`);
  if (l1_size > maximumL1Entries) throw damaged(`l1_size ${l1_size}, more than ${maximumL1Entries}`);
  const l2Entries = clusterSizeInBytes / (extendedL2 ? 16 : 8);
  const l1Needed = Math.ceil(size / clusterSizeInBytes / l2Entries);
  if (l1_size < l1Needed) throw damaged(`l1_size ${l1_size}, but ${l1Needed} are needed for ${size} bytes`);
  if (l1_table_offset % clusterSizeInBytes !== 0) {
    throw damaged(`l1_table_offset ${l1_table_offset}, not at a cluster of ${clusterSizeInBytes} bytes`);
  }

  // Without the feature bit the field has to be zero, and is not looked at.
  const compressed = bits.includes(INCOMPAT.compressionType) && header_length > 104 && present > 104;
  const compression_type = compressed ? bytes.readUInt8(104) : 0;
  const backing_file_offset = at64(8, 'backing_file_offset');
  const extensionsEnd = backing_file_offset === 0 ? clusterSizeInBytes : backing_file_offset;
  const dataFileName = await readDataFileName(blob, header_length, extensionsEnd);

  return {
    version,
    virtualSizeInBytes: size,
    clusterSizeInBytes,
    ...(backing_file_offset !== 0 && {
      backingFile: await readName(blob, backing_file_offset, bytes.readUInt32BE(16), 'backing_file_size'),
    }),
    externalDataFile: bits.includes(INCOMPAT.externalDataFile),
    ...(dataFileName !== undefined && { dataFileName }),
    encryption: (['none', 'aes', 'luks'] as const)[crypt_method] ?? `unknown (${crypt_method})`,
    compression: (['zlib', 'zstd'] as const)[compression_type] ?? `unknown (${compression_type})`,
    dirty: bits.includes(INCOMPAT.dirty),
    corrupt: bits.includes(INCOMPAT.corrupt),
    extendedL2,
    unknownIncompatibleBits: bits.filter((bit) => bit > INCOMPAT.extendedL2),
    snapshots: bytes.readUInt32BE(60),
    l1TableOffset: l1_table_offset,
    l1Entries: l1_size,
  };
}

async function readName(blob: Blob, offset: number, length: number, what: string): Promise<string> {
  if (length > maximumNameInBytes) {
    throw new FormatError(`${blob.origin}: qcow2 header: ${what} ${length}, more than ${maximumNameInBytes}`);
  }
  return (await blob.read(offset, length)).toString('utf8');
}

/** The header extensions are a list of type, length and data padded to 8 bytes, ended by type 0. */
async function readDataFileName(blob: Blob, start: number, end: number): Promise<string | undefined> {
  let at = start;
  for (let count = 0; at + 8 <= Math.min(end, blob.sizeInBytes); count++) {
    if (count === maximumExtensions) {
      throw new FormatError(`${blob.origin}: qcow2 header: more than ${maximumExtensions} extensions`);
    }
    const head = await blob.read(at, 8);
    const type = head.readUInt32BE(0);
    const length = head.readUInt32BE(4);
    if (type === EXTENSION_END) return undefined;
    if (at + 8 + length > end) {
      throw new FormatError(
        `${blob.origin}: qcow2 header: the extension 0x${type.toString(16)} at ${at} has ${length} bytes, ` +
          `past the end of the header at ${end}`,
      );
    }
    if (type === EXTENSION_DATA_FILE_NAME) return readName(blob, at + 8, length, 'data file name length');
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return undefined;
}
