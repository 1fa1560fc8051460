import { type Architecture, architectureOfPe } from '../arch.ts';
import type { Blob } from '../blob/blob.ts';
import { FormatError, LimitError } from '../errors.ts';
import { contentNames, recogniseContent } from './content.ts';

// PE format: https://learn.microsoft.com/windows/win32/debug/pe-format, in its own names.
const e_lfanew = 0x3c;
const peSignature = 0x00004550;
const coffHeaderInBytes = 20;
const NumberOfSections = 2;
const SizeOfOptionalHeader = 16;
const SizeOfHeaders = 60;
const Subsystem = 68;
const magicPe32 = 0x10b;
const magicPe32Plus = 0x20b;
const NumberOfRvaAndSizes: Readonly<Record<number, number>> = { [magicPe32]: 92, [magicPe32Plus]: 108 };
const certificateTable = 4;
const sectionHeaderInBytes = 40;

/** The Windows loader takes 96; a section table beyond this is damage. */
const maximumSections = 512;

export interface PeSection {
  readonly name: string;
  readonly rawOffset: number;
  readonly rawSizeInBytes: number;
  readonly virtualSize: number;
}

export interface Pe {
  readonly machine: number;
  /** Absent for a machine that the table of architectures does not have. */
  readonly architecture?: Architecture;
  readonly magic: 'PE32' | 'PE32+';
  /** 10 EFI application, 11 EFI boot service driver, 12 EFI runtime driver. */
  readonly subsystem: number;
  readonly isEfiApplication: boolean;
  readonly sections: readonly PeSection[];
  /** How long the file must be for its headers to be true: the furthest end of headers, sections, signature. */
  readonly neededSizeInBytes: number;
  /** Whether it carries a signature (which is not verified). */
  readonly signed: boolean;
}

/**
 * Reads the headers of a PE binary. A file that is cut behind its headers is read all the same: compare
 * `neededSizeInBytes` with the size.
 * @throws FormatError when it is not PE, saying what it is, or when even the headers are cut
 */
export async function readPe(blob: Blob): Promise<Pe> {
  const head = await blob.read(0, Math.min(4096, blob.sizeInBytes));
  const content = recogniseContent(head, blob.sizeInBytes);
  if (head.length < 0x40 || head.toString('latin1', 0, 2) !== 'MZ') {
    const what = content === 'pe' ? 'a fragment of one' : contentNames[content];
    throw new FormatError(`${blob.origin}: not a PE (EFI) binary but ${what}`);
  }
  const coffOffset = head.readUInt32LE(e_lfanew) + 4;
  const coff = await part(blob, coffOffset - 4, 4 + coffHeaderInBytes, 'its PE header');
  if (coff.readUInt32LE(0) !== peSignature) {
    throw new FormatError(`${blob.origin}: not a PE (EFI) binary: no PE signature at ${coffOffset - 4}`);
  }
  const machine = coff.readUInt16LE(4);
  const sectionCount = coff.readUInt16LE(4 + NumberOfSections);
  if (sectionCount > maximumSections) {
    throw new LimitError(`${blob.origin}: ${sectionCount} PE sections, more than ${maximumSections}`);
  }
  const optionalInBytes = coff.readUInt16LE(4 + SizeOfOptionalHeader);
  const optionalOffset = coffOffset + coffHeaderInBytes;
  const optional = await part(blob, optionalOffset, optionalInBytes, 'its PE optional header');
  const magic = optionalInBytes >= 72 ? optional.readUInt16LE(0) : 0;
  const countOffset = NumberOfRvaAndSizes[magic];
  if (countOffset === undefined) {
    throw new FormatError(
      `${blob.origin}: not a PE image: optional header of ${optionalInBytes} bytes with magic 0x${magic.toString(16)}`,
    );
  }
  const tableOffset = optionalOffset + optionalInBytes;
  const tableEnd = tableOffset + sectionCount * sectionHeaderInBytes;
  const sections = await readSections(blob, tableOffset, Math.min(tableEnd, blob.sizeInBytes));
  const certificate = dataDirectory(optional, countOffset, certificateTable);
  const subsystem = optional.readUInt16LE(Subsystem);
  const architecture = architectureOfPe(machine);
  return {
    machine,
    ...(architecture !== undefined && { architecture }),
    magic: magic === magicPe32 ? 'PE32' : 'PE32+',
    subsystem,
    isEfiApplication: subsystem === 10,
    sections,
    neededSizeInBytes: Math.max(
      tableEnd,
      optional.readUInt32LE(SizeOfHeaders),
      certificate.offset + certificate.sizeInBytes,
      ...sections.map((section) =>
        section.rawSizeInBytes === 0 ? 0 : section.rawOffset + section.rawSizeInBytes,
      ),
    ),
    signed: certificate.sizeInBytes > 0,
  };
}

/** The sections whose headers are there in full. */
async function readSections(blob: Blob, start: number, end: number): Promise<PeSection[]> {
  const count = Math.max(0, Math.floor((end - start) / sectionHeaderInBytes));
  const table = await blob.read(Math.min(start, blob.sizeInBytes), count * sectionHeaderInBytes);
  return Array.from({ length: count }, (_, index) => {
    const header = table.subarray(index * sectionHeaderInBytes);
    return {
      name: header.toString('latin1', 0, 8).replace(/\0.*$/s, ''),
      virtualSize: header.readUInt32LE(8),
      rawSizeInBytes: header.readUInt32LE(16),
      rawOffset: header.readUInt32LE(20),
    };
  });
}

/** The certificate table is the one directory that gives a file offset, not an address. */
function dataDirectory(
  optional: Buffer,
  countOffset: number,
  index: number,
): { offset: number; sizeInBytes: number } {
  const at = countOffset + 4 + 8 * index;
  if (optional.length < at + 8 || optional.readUInt32LE(countOffset) <= index) {
    return { offset: 0, sizeInBytes: 0 };
  }
  return { offset: optional.readUInt32LE(at), sizeInBytes: optional.readUInt32LE(at + 4) };
}

async function part(blob: Blob, offset: number, length: number, what: string): Promise<Buffer> {
  if (offset + length > blob.sizeInBytes) {
    throw new FormatError(
      `${blob.origin}: ${what} should lie at ${offset}–${offset + length}, but the file ends at ${blob.sizeInBytes}`,
    );
  }
  return blob.read(offset, length);
}
