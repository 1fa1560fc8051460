import { FormatError } from '../errors.ts';

/*
 * The header of an installed package, as rpm's database stores it: big-endian, without the magic of a package file.
 * https://rpm-software-management.github.io/rpm/manual/format_header.html
 *
 *   0  u32  il   number of index entries
 *   4  u32  dl   bytes of data
 *   8  il × { u32 tag, u32 type, i32 offset, u32 count }
 *      dl bytes of data
 */
const indexEntryInBytes = 16;
const maximumEntries = 65_536;
const maximumDataInBytes = 256 * 1024 * 1024;

const RPMTAG_NAME = 1000;
const RPMTAG_VERSION = 1001;
const RPMTAG_RELEASE = 1002;
const RPMTAG_EPOCH = 1003;
const RPMTAG_ARCH = 1022;
const RPM_INT32_TYPE = 4;
const RPM_STRING_TYPE = 6;

export interface RpmHeader {
  readonly name: string;
  /** `[epoch:]version-release` */
  readonly version: string;
  /** Empty for what has none, such as a public key. */
  readonly architecture: string;
}

/** @throws FormatError for a header that does not fit its own sizes, or without name and version */
export function parseRpmHeader(header: Uint8Array, origin: string): RpmHeader {
  const bytes = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
  if (bytes.length < 8) throw new FormatError(`${origin}: an rpm header of ${bytes.length} bytes`);
  const [entries, dataInBytes] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
  const dataAt = 8 + entries * indexEntryInBytes;
  if (entries > maximumEntries || dataInBytes > maximumDataInBytes || dataAt + dataInBytes > bytes.length) {
    const claim = `${entries} entries and ${dataInBytes} bytes of data`;
    throw new FormatError(`${origin}: an rpm header with ${claim}, in ${bytes.length} bytes`);
  }
  const data = bytes.subarray(dataAt, dataAt + dataInBytes);

  function find(tag: number, type: number): number | undefined {
    for (let at = 8; at < dataAt; at += indexEntryInBytes) {
      if (bytes.readUInt32BE(at) !== tag || bytes.readUInt32BE(at + 4) !== type) continue;
      const offset = bytes.readInt32BE(at + 8);
      if (offset < 0 || offset >= data.length) {
        throw new FormatError(`${origin}: rpm tag ${tag} at ${offset}, outside ${data.length} bytes of data`);
      }
      return offset;
    }
    return undefined;
  }

  function text(tag: number): string | undefined {
    const start = find(tag, RPM_STRING_TYPE);
    if (start === undefined) return undefined;
    const end = data.indexOf(0, start);
    if (end < 0) throw new FormatError(`${origin}: rpm tag ${tag}: text without end`);
    return data.toString('utf8', start, end);
  }

  const [name, version, release] = [text(RPMTAG_NAME), text(RPMTAG_VERSION), text(RPMTAG_RELEASE)];
  if (name === undefined || version === undefined || release === undefined) {
    throw new FormatError(`${origin}: an rpm header without name, version or release`);
  }
  const epochAt = find(RPMTAG_EPOCH, RPM_INT32_TYPE);
  if (epochAt !== undefined && epochAt + 4 > data.length) {
    throw new FormatError(`${origin}: rpm tag ${RPMTAG_EPOCH} reaches beyond the data`);
  }
  const epoch = epochAt === undefined ? 0 : data.readUInt32BE(epochAt);
  return {
    name,
    version: `${epoch === 0 ? '' : `${epoch}:`}${version}-${release}`,
    architecture: text(RPMTAG_ARCH) ?? '',
  };
}
