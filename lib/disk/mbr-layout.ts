// The master boot record: UEFI specification 2.10, section 5.2.1.

const bootSignatureOffset = 510;
const entriesOffset = 446;
const entryInBytes = 16;
/** Of the record itself, whatever the sectors of the disk are. */
export const recordInBytes = 512;

export interface MbrEntry {
  readonly index: number;
  readonly boot: number;
  readonly type: number;
  readonly startSector: number;
  readonly sectors: number;
}

export function hasBootSignature(sector: Buffer): boolean {
  return sector.length >= recordInBytes && sector.readUInt16LE(bootSignatureOffset) === 0xaa55;
}

/** The four entries of a boot sector that hold something, or undefined when it has no boot signature. */
export function parseMbr(sector: Buffer): MbrEntry[] | undefined {
  if (!hasBootSignature(sector)) return undefined;
  return [0, 1, 2, 3]
    .map((index) => {
      const at = entriesOffset + index * entryInBytes;
      return {
        index,
        boot: sector.readUInt8(at),
        type: sector.readUInt8(at + 4),
        startSector: sector.readUInt32LE(at + 8),
        sectors: sector.readUInt32LE(at + 12),
      };
    })
    .filter(({ type, sectors }) => type !== 0 && sectors !== 0);
}
