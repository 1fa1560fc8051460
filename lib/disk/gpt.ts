import type { Blob } from '../blob/blob.ts';
import {
  type GptEntry,
  type GptHeader,
  gptSignature,
  parseGptEntries,
  parseGptHeader,
} from './gpt-layout.ts';
import {
  type Partition,
  type PartitionTable,
  type TableProblem,
  layoutProblems,
  partitionBlob,
} from './table.ts';
import { gptTypeName } from './types.ts';

/** One copy of the table: the header and the entries, or what is wrong with either. */
interface Copy {
  readonly header?: GptHeader;
  readonly entries?: readonly GptEntry[];
  readonly headerProblem?: string;
  readonly entriesProblem?: string;
}

/**
 * Reads the GUID partition table of a disk with either sector size. When the first copy is damaged, the backup at
 * the end of the disk is used, as Linux does with `gpt` and firmware by the specification.
 * @returns undefined when there is no sign of a GPT
 */
export async function readGpt(disk: Blob): Promise<PartitionTable | undefined> {
  const sectorSizeInBytes = await findSectorSize(disk);
  if (sectorSizeInBytes === undefined) return undefined;
  const problems: TableProblem[] = [];
  const lastLba = BigInt(Math.floor(disk.sizeInBytes / sectorSizeInBytes) - 1);

  const primary = await readCopy(disk, 1n, sectorSizeInBytes);
  if (primary.headerProblem)
    problems.push({ code: 'primary-header', message: `the GPT header: ${primary.headerProblem}` });
  if (primary.entriesProblem)
    problems.push({ code: 'primary-entries', message: `the GPT entries: ${primary.entriesProblem}` });

  const backupLba = primary.header?.AlternateLBA ?? lastLba;
  if (backupLba !== lastLba) {
    const where =
      backupLba > lastLba ? 'past the end of the disk: it is cut short' : 'not at the end of the disk';
    const message = `the backup GPT should be in sector ${backupLba}, ${where} (last sector ${lastLba})`;
    problems.push({ code: 'backup-misplaced', message });
  }
  let backup: Copy = {};
  if (backupLba <= lastLba && backupLba > 1n) {
    backup = await readCopy(disk, backupLba, sectorSizeInBytes);
    if (backup.headerProblem)
      problems.push({ code: 'backup-header', message: `the backup GPT header: ${backup.headerProblem}` });
    if (backup.entriesProblem)
      problems.push({ code: 'backup-entries', message: `the backup GPT entries: ${backup.entriesProblem}` });
    const difference = differenceOf(primary, backup);
    if (difference)
      problems.push({ code: 'backup-differs', message: `the backup GPT has another ${difference}` });
  }

  const used = primary.entries !== undefined ? primary : backup;
  const header = used.header ?? primary.header ?? backup.header;
  const partitions: Partition[] = [];
  if (used.header !== undefined && used.entries !== undefined) {
    for (const entry of used.entries) {
      const partition = partitionOf(disk, entry, used.header, sectorSizeInBytes, problems);
      if (partition !== undefined) partitions.push(partition);
    }
  }
  return {
    scheme: 'gpt',
    sectorSizeInBytes,
    ...(header !== undefined && { diskUuid: header.DiskGUID.toLowerCase() }),
    partitions,
    problems: [...problems, ...layoutProblems(disk, partitions)],
  };
}

/** The size at which a header is found in sector 1 or, failing that, in the last sector. */
async function findSectorSize(disk: Blob): Promise<512 | 4096 | undefined> {
  const sizes = ([512, 4096] as const).filter((size) => disk.sizeInBytes >= size * 3);
  let signed: 512 | 4096 | undefined;
  for (const position of ['primary', 'backup'] as const) {
    for (const size of sizes) {
      const lba = position === 'primary' ? 1 : Math.floor(disk.sizeInBytes / size) - 1;
      const sector = await disk.read(lba * size, size);
      if (typeof parseGptHeader(sector, BigInt(lba)) !== 'string') return size;
      if (sector.subarray(0, 8).equals(gptSignature)) signed ??= size;
    }
  }
  return signed;
}

async function readCopy(disk: Blob, lba: bigint, sectorSize: number): Promise<Copy> {
  const header = parseGptHeader(await disk.read(Number(lba) * sectorSize, sectorSize), lba);
  if (typeof header === 'string') return { headerProblem: header };
  const start = header.PartitionEntryLBA * BigInt(sectorSize);
  const length = header.NumberOfPartitionEntries * header.SizeOfPartitionEntry;
  if (start + BigInt(length) > BigInt(disk.sizeInBytes)) {
    const entriesProblem = `${length} bytes at ${start}, past the end of the disk at ${disk.sizeInBytes}`;
    return { header, entriesProblem };
  }
  const entries = parseGptEntries(await disk.read(Number(start), length), header);
  return typeof entries === 'string' ? { header, entriesProblem: entries } : { header, entries };
}

function differenceOf(primary: Copy, backup: Copy): string | undefined {
  const [one, other] = [primary.header, backup.header];
  if (one === undefined || other === undefined) return undefined;
  if (one.DiskGUID !== other.DiskGUID) return `disk GUID: ${other.DiskGUID} and not ${one.DiskGUID}`;
  if (one.PartitionEntryArrayCRC32 !== other.PartitionEntryArrayCRC32) return 'list of partitions';
  return undefined;
}

function partitionOf(
  disk: Blob,
  entry: GptEntry,
  header: GptHeader,
  sectorSize: number,
  problems: TableProblem[],
): Partition | undefined {
  const { number, StartingLBA, EndingLBA } = entry;
  const extent = `partition ${number} is said to be in the sectors ${StartingLBA} to ${EndingLBA}`;
  if (EndingLBA < StartingLBA) {
    problems.push({ code: 'entry', message: extent });
    return undefined;
  }
  const endInBytes = (EndingLBA + 1n) * BigInt(sectorSize);
  if (endInBytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    problems.push({ code: 'out-of-disk', message: `${extent}, which no disk has` });
    return undefined;
  }
  if (StartingLBA < header.FirstUsableLBA || EndingLBA > header.LastUsableLBA) {
    const usable = `${header.FirstUsableLBA} to ${header.LastUsableLBA}`;
    problems.push({ code: 'outside-usable', message: `${extent}, outside the usable ones, ${usable}` });
  }
  const startInBytes = Number(StartingLBA) * sectorSize;
  const sizeInBytes = Number(endInBytes) - startInBytes;
  const typeName = gptTypeName(entry.PartitionTypeGUID);
  return {
    number,
    name: entry.PartitionName,
    typeGuid: entry.PartitionTypeGUID,
    ...(typeName !== undefined && { typeName }),
    uuid: entry.UniquePartitionGUID.toLowerCase(),
    attributes: entry.Attributes,
    startInBytes,
    sizeInBytes,
    blob: partitionBlob(disk, number, startInBytes, sizeInBytes),
  };
}
