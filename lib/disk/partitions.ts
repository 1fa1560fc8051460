import type { Blob } from '../blob/blob.ts';
import { readGpt } from './gpt.ts';
import { protectiveMbrProblems, readMbr } from './mbr.ts';
import type { PartitionTable } from './table.ts';

export type { Partition, PartitionTable, TableProblem } from './table.ts';

/**
 * The partition table of a disk: GPT or MBR with its logical partitions, in sectors of 512 or 4096 bytes, or none.
 * Damage is told in `problems`; a partition is listed even when it is out of place. Reads a few sectors at
 * both ends and, with an MBR, the head of a partition.
 */
export async function readPartitionTable(disk: Blob): Promise<PartitionTable> {
  const first = await disk.read(0, Math.min(512, disk.sizeInBytes));
  const gpt = await readGpt(disk);
  const mbr = await readMbr(disk, first, gpt?.sectorSizeInBytes);
  const protectsGpt = mbr?.partitions.some(({ type }) => type === 0xee) ?? false;
  if (gpt !== undefined && (protectsGpt || mbr === undefined || mbr.partitions.length === 0)) {
    return { ...gpt, problems: [...protectiveMbrProblems(first), ...gpt.problems] };
  }
  if (mbr === undefined) return { scheme: 'none', sectorSizeInBytes: 512, partitions: [], problems: [] };
  if (gpt !== undefined) {
    // Linux and UEFI look at a GPT only where the MBR says that there is one.
    const message = `the disk has a GPT with ${gpt.partitions.length} partitions, ignored because the MBR has its own`;
    return { ...mbr, problems: [...mbr.problems, { code: 'protective-mbr', message }] };
  }
  if (!protectsGpt) return mbr;
  const message = 'the MBR says that there is a GPT (type 0xee), and neither end of the disk has one';
  return { ...mbr, problems: [...mbr.problems, { code: 'primary-header', message }] };
}
