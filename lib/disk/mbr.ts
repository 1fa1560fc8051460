import type { Blob } from '../blob/blob.ts';
import { type MbrEntry, parseMbr, recordInBytes } from './mbr-layout.ts';
import { findMbrSectorSize } from './mbr-sectors.ts';
import {
  type Partition,
  type PartitionTable,
  type SectorSize,
  type TableProblem,
  layoutProblems,
  partitionBlob,
} from './table.ts';
import { isExtended, mbrTypeName } from './types.ts';

// The protective MBR: UEFI specification 2.10, section 5.2.3; logical partitions: a chain of extended boot records, as
// Linux reads them (block/partitions/msdos.c).

const diskSignatureOffset = 440;
const PROTECTIVE = 0xee;
/** Linux reads at most 256 partitions of a disk. */
const maximumLogicalPartitions = 252;

interface Disk {
  readonly blob: Blob;
  readonly signature: string;
  readonly sectorSizeInBytes: SectorSize;
}

/** What of the MBR of a disk with a GPT would make firmware, Linux or Ironic's image inspection stumble. */
export function protectiveMbrProblems(sector: Buffer): TableProblem[] {
  const entries = parseMbr(sector);
  if (entries === undefined) {
    return [
      { code: 'protective-mbr', message: 'the disk has a GPT and no MBR (no signature 0xaa55 at 510)' },
    ];
  }
  const protective = entries.find(({ type }) => type === PROTECTIVE);
  if (protective === undefined) {
    return [
      { code: 'protective-mbr', message: 'no MBR entry of type 0xee protects the GPT: it may be ignored' },
    ];
  }
  const problems: TableProblem[] = [];
  if (protective.startSector !== 1) {
    const message = `the protective MBR entry begins in sector ${protective.startSector}, not 1`;
    problems.push({ code: 'protective-mbr', message });
  }
  const others = entries.filter(({ type }) => type !== PROTECTIVE);
  if (others.length > 0) {
    const types = others.map(({ type }) => `0x${type.toString(16)}`).join(', ');
    problems.push({ code: 'hybrid-mbr', message: `the MBR beside the GPT has entries of type ${types}` });
  }
  return problems;
}

/**
 * Reads a disk partitioned by MBR, which counts in sectors and does not say of what size.
 * @param known the size of sectors where something else on the disk tells it; else it is found out
 * @returns undefined when its first sector is no such table
 */
export async function readMbr(
  disk: Blob,
  sector: Buffer,
  known?: SectorSize,
): Promise<PartitionTable | undefined> {
  const entries = parseMbr(sector);
  if (entries === undefined || isFileSystemBootSector(sector)) return undefined;
  // As Linux: a boot flag that is neither set nor clear means that this is no partition table.
  if (entries.some(({ boot }) => boot !== 0 && boot !== 0x80)) return undefined;
  const sectorSizeInBytes = known ?? (await findMbrSectorSize(disk, entries));
  const signature = sector.readUInt32LE(diskSignatureOffset).toString(16).padStart(8, '0');
  const of: Disk = { blob: disk, signature, sectorSizeInBytes };
  const problems: TableProblem[] = [];
  const partitions = entries.map((entry) => partitionOf(of, entry.index + 1, entry, entry.startSector));
  const extended = entries.find(({ type }) => isExtended(type));
  if (extended !== undefined) {
    partitions.push(...(await readLogical(of, extended, problems)));
  }
  const data = partitions.filter(({ type }) => type === undefined || !isExtended(type));
  return {
    scheme: 'mbr',
    sectorSizeInBytes,
    diskUuid: signature,
    partitions,
    problems: [...problems, ...layoutProblems(disk, data)],
  };
}

/** Each extended boot record describes one partition, from itself, and the next record, from the first one. */
async function readLogical(disk: Disk, extended: MbrEntry, problems: TableProblem[]): Promise<Partition[]> {
  const { blob, sectorSizeInBytes } = disk;
  const found: Partition[] = [];
  const seen = new Set<number>();
  let at: number | undefined = extended.startSector;
  while (at !== undefined) {
    const broken = (what: string) =>
      problems.push({ code: 'extended-chain', message: `logical partitions: ${what}` });
    if (seen.has(at) || found.length > maximumLogicalPartitions) {
      broken(seen.has(at) ? `sector ${at} comes again` : `more than ${maximumLogicalPartitions}`);
      break;
    }
    seen.add(at);
    if ((at + 1) * sectorSizeInBytes > blob.sizeInBytes) {
      broken(`sector ${at} is past the end of the disk`);
      break;
    }
    const here: number = at;
    const entries = parseMbr(await blob.read(here * sectorSizeInBytes, recordInBytes));
    if (entries === undefined) {
      broken(`no signature 0xaa55 in sector ${here}`);
      break;
    }
    for (const entry of entries.filter(({ type }) => !isExtended(type))) {
      found.push(partitionOf(disk, 5 + found.length, entry, here + entry.startSector));
    }
    const next = entries.find(({ type }) => isExtended(type));
    at = next === undefined ? undefined : extended.startSector + next.startSector;
  }
  return found;
}

function partitionOf(disk: Disk, number: number, entry: MbrEntry, sector: number): Partition {
  const { blob, signature, sectorSizeInBytes } = disk;
  const startInBytes = sector * sectorSizeInBytes;
  const sizeInBytes = entry.sectors * sectorSizeInBytes;
  const typeName = isExtended(entry.type) ? 'Extended' : mbrTypeName(entry.type);
  return {
    number,
    name: '',
    type: entry.type,
    ...(typeName !== undefined && { typeName }),
    uuid: `${signature}-${number.toString(16).padStart(2, '0')}`,
    active: entry.boot === 0x80,
    startInBytes,
    sizeInBytes,
    blob: partitionBlob(blob, number, startInBytes, sizeInBytes),
  };
}

/** The boot sectors of FAT, exFAT and NTFS end with the same signature, and have no partitions. */
function isFileSystemBootSector(sector: Buffer): boolean {
  const name = sector.toString('latin1', 3, 11);
  if (name === 'NTFS    ' || name === 'EXFAT   ') return true;
  const bytesPerSector = sector.readUInt16LE(11);
  const sectorsPerCluster = sector.readUInt8(13);
  return (
    [512, 1024, 2048, 4096].includes(bytesPerSector) &&
    sectorsPerCluster !== 0 &&
    (sectorsPerCluster & (sectorsPerCluster - 1)) === 0 &&
    [1, 2].includes(sector.readUInt8(16)) &&
    sector.readUInt8(21) >= 0xf0
  );
}
