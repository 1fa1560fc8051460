// Directory entries of FAT: short names, and the long names of VFAT before them.
// Names: Microsoft, fatgen103, "FAT Directory Structure" and "Long File Name Implementation".

const entryInBytes = 32;
const ATTR_VOLUME_ID = 0x08;
const ATTR_DIRECTORY = 0x10;
const ATTR_LONG_NAME = 0x0f;
const ATTR_LONG_NAME_MASK = 0x3f;
const LAST_LONG_ENTRY = 0x40;
const FREE = 0xe5;
/** A first byte of 0x05 stands for 0xE5, which would mean that the entry is free. */
const KANJI_E5 = 0x05;
/** NTRes: as Windows NT writes them and Linux reads them. */
const NT_LOWER_BASE = 0x08;
const NT_LOWER_EXTENSION = 0x10;
/** 255 characters, 13 in each entry. */
const maximumLongEntries = 20;

/** One file or directory, as its entry says. */
export interface FatEntry {
  readonly name: string;
  /** The 8.3 name, by which the entry can be found too. */
  readonly shortName: string;
  readonly isDirectory: boolean;
  readonly firstCluster: number;
  readonly sizeInBytes: number;
}

export interface FatDirectory {
  readonly entries: readonly FatEntry[];
  /** The volume label, which stands in the root directory. */
  readonly label?: string;
}

/** Reads the entries up to the end mark. Long names without a matching short one are left out, as everywhere. */
export function parseFatDirectory(bytes: Buffer, width: 12 | 16 | 32): FatDirectory {
  const entries: FatEntry[] = [];
  let label: string | undefined;
  let long: LongName | undefined;
  for (let at = 0; at + entryInBytes <= bytes.length; at += entryInBytes) {
    const entry = bytes.subarray(at, at + entryInBytes);
    const first = entry.readUInt8(0);
    if (first === 0) break;
    const attributes = entry.readUInt8(11);
    if (first === FREE) {
      long = undefined;
    } else if ((attributes & ATTR_LONG_NAME_MASK) === ATTR_LONG_NAME) {
      long = extendLongName(long, entry);
    } else if ((attributes & ATTR_VOLUME_ID) !== 0) {
      if ((attributes & ATTR_DIRECTORY) === 0) label ??= decodeShort(entry.subarray(0, 11)).trimEnd();
      long = undefined;
    } else {
      const shortName = joinShort(entry);
      const complete = long?.nextOrder === 0 && long.checksum === checksumOf(entry);
      const name = (complete ? longText(long) : '') || casedShort(entry);
      long = undefined;
      if (shortName === '.' || shortName === '..') continue;
      const high = width === 32 ? entry.readUInt16LE(20) : 0;
      entries.push({
        name,
        shortName,
        isDirectory: (attributes & ATTR_DIRECTORY) !== 0,
        firstCluster: (high * 0x10000 + entry.readUInt16LE(26)) % 0x1000_0000,
        sizeInBytes: entry.readUInt32LE(28),
      });
    }
  }
  return { entries, ...(label !== undefined && { label }) };
}

/** How FAT compares names: without case and without trailing dots. */
export function foldFatName(name: string): string {
  return name.replace(/\.+$/, '').toLowerCase();
}

/** A long name while its entries, the last part first, are read. */
interface LongName {
  readonly checksum: number;
  nextOrder: number;
  readonly parts: Buffer[];
}

function extendLongName(long: LongName | undefined, entry: Buffer): LongName | undefined {
  const order = entry.readUInt8(0);
  const checksum = entry.readUInt8(13);
  const count = order & 0x3f;
  const part = Buffer.concat([entry.subarray(1, 11), entry.subarray(14, 26), entry.subarray(28, 32)]);
  if ((order & LAST_LONG_ENTRY) !== 0) {
    return count === 0 || count > maximumLongEntries
      ? undefined
      : { checksum, nextOrder: count - 1, parts: [part] };
  }
  if (long === undefined || count !== long.nextOrder || checksum !== long.checksum) return undefined;
  long.parts.unshift(part);
  long.nextOrder = count - 1;
  return long;
}

function longText(long: LongName | undefined): string {
  const text = Buffer.concat(long?.parts ?? []).toString('utf16le');
  return text.split('\0', 1)[0] ?? '';
}

/** Of the 11 bytes of the short name: what a long name's entries carry to be tied to it. */
function checksumOf(entry: Buffer): number {
  let sum = 0;
  for (const byte of entry.subarray(0, 11)) sum = (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff;
  return sum;
}

function joinShort(entry: Buffer): string {
  const base = decodeShort(entry.subarray(0, 8)).trimEnd();
  const extension = decodeShort(entry.subarray(8, 11)).trimEnd();
  return extension === '' ? base : `${base}.${extension}`;
}

function casedShort(entry: Buffer): string {
  const flags = entry.readUInt8(12);
  const base = decodeShort(entry.subarray(0, 8)).trimEnd();
  const extension = decodeShort(entry.subarray(8, 11)).trimEnd();
  const cased = [
    (flags & NT_LOWER_BASE) === 0 ? base : base.toLowerCase(),
    (flags & NT_LOWER_EXTENSION) === 0 ? extension : extension.toLowerCase(),
  ];
  return cased.filter((part, index) => index === 0 || part !== '').join('.');
}

/** Code page 437, the default of Linux's vfat, from 0x80 on. */
const codePage437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0';

function decodeShort(bytes: Buffer): string {
  let text = '';
  for (const [index, byte] of bytes.entries()) {
    const code = index === 0 && byte === KANJI_E5 ? FREE : byte;
    text += code < 0x80 ? String.fromCharCode(code) : codePage437.charAt(code - 0x80);
  }
  return text;
}
