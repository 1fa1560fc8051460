import type { Blob } from '../blob/blob.ts';
import { sliceBlob } from '../blob/slice.ts';

/** The sizes of logical sectors that disks have. */
export type SectorSize = 512 | 4096;

/** What a partition table says of one partition. */
export interface Partition {
  /** As in the device's name: 1 for sda1. Logical partitions of an MBR begin at 5. */
  readonly number: number;
  /** The GPT name; empty with an MBR. */
  readonly name: string;
  /** GPT: the type, upper case. */
  readonly typeGuid?: string;
  /** MBR: the type. */
  readonly type?: number;
  /** What people call the type, where it is a known one. */
  readonly typeName?: string;
  /** PARTUUID as blkid prints it: lower case; with an MBR, `<disk>-<number>`. */
  readonly uuid: string;
  /** GPT: the attribute bits. Bit 2 is "legacy BIOS bootable". */
  readonly attributes?: bigint;
  /** MBR: the boot flag of the entry. */
  readonly active?: boolean;
  readonly startInBytes: number;
  readonly sizeInBytes: number;
  /** Its bytes. Reading throws FormatError where the partition reaches past the end of the disk. */
  readonly blob: Blob;
}

/** Something about a partition table that is not as it should be. */
export interface TableProblem {
  readonly code:
    | 'primary-header'
    | 'primary-entries'
    | 'backup-header'
    | 'backup-entries'
    /** The backup is not at the end of the disk: the image was grown or cut after it was partitioned. */
    | 'backup-misplaced'
    /** Both tables are sound and say different things. */
    | 'backup-differs'
    | 'entry'
    | 'overlap'
    | 'out-of-disk'
    | 'outside-usable'
    | 'duplicate-uuid'
    | 'hybrid-mbr'
    | 'protective-mbr'
    | 'extended-chain';
  readonly message: string;
}

/** The partitions of a disk. A GPT of which neither copy can be used has problems and no partitions. */
export interface PartitionTable {
  readonly scheme: 'gpt' | 'mbr' | 'none';
  readonly sectorSizeInBytes: SectorSize;
  /** GPT: the disk GUID, MBR: the disk signature; both as blkid prints PTUUID, lower case. */
  readonly diskUuid?: string;
  /** In the order of their numbers. */
  readonly partitions: readonly Partition[];
  readonly problems: readonly TableProblem[];
}

export function partitionBlob(disk: Blob, number: number, startInBytes: number, sizeInBytes: number): Blob {
  return sliceBlob(disk, startInBytes, sizeInBytes, `${disk.origin} › partition ${number}`);
}

/** What is wrong between the partitions and the disk: past its end, on top of each other, the same UUID. */
export function layoutProblems(disk: Blob, partitions: readonly Partition[]): TableProblem[] {
  const problems: TableProblem[] = [];
  const numberOf = new Map<string, number>();
  for (const { number, startInBytes, sizeInBytes, uuid } of partitions) {
    const end = startInBytes + sizeInBytes;
    if (end > disk.sizeInBytes) {
      const message = `partition ${number} ends at ${end}, past the end of the disk at ${disk.sizeInBytes}`;
      problems.push({ code: 'out-of-disk', message });
    }
    const earlier = numberOf.get(uuid);
    if (earlier === undefined) numberOf.set(uuid, number);
    else
      problems.push({
        code: 'duplicate-uuid',
        message: `partitions ${earlier} and ${number} are both ${uuid}`,
      });
  }
  let furthest: Partition | undefined;
  for (const partition of partitions.toSorted((a, b) => a.startInBytes - b.startInBytes)) {
    const end = furthest === undefined ? 0 : furthest.startInBytes + furthest.sizeInBytes;
    if (furthest !== undefined && partition.startInBytes < end) {
      const message = `partition ${partition.number} begins at ${partition.startInBytes}, inside partition ${furthest.number} that ends at ${end}`;
      problems.push({ code: 'overlap', message });
    }
    if (partition.startInBytes + partition.sizeInBytes > end) furthest = partition;
  }
  return problems;
}
