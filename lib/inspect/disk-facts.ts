import type { Partition } from '../disk/partitions.ts';
import type { TableProblem } from '../disk/table.ts';
import type { Container } from '../image/container.ts';
import type { Qcow2Header } from '../image/qcow2-layout.ts';
import type { Read } from './read.ts';
import type { VolumeGroupFacts } from './volume-groups.ts';
import type { VolumeFacts } from './volume-facts.ts';

/** A disk image: a container, and the disk in it. */
export interface DiskInspection {
  readonly kind: 'disk image';
  readonly container: ContainerFacts;
  readonly disk: Read<DiskFacts>;
  /** Of the programs of the operating system on it, as `uname -m` says. */
  readonly architectures: readonly string[];
  /** Why no node would boot from it, as far as its own bytes tell. */
  readonly obstacles: readonly string[];
}

export interface ContainerFacts {
  readonly format: Container['format'];
  readonly qcow2?: Omit<Qcow2Header, 'l1TableOffset' | 'l1Entries'>;
  /** How long the file must be for its own tables to be true. */
  readonly neededSizeInBytes?: number;
  readonly damage?: string;
}

export interface DiskFacts {
  readonly sizeInBytes: number;
  readonly scheme: 'gpt' | 'mbr' | 'none';
  readonly sectorSizeInBytes: number;
  /** PTUUID as blkid prints it. */
  readonly diskUuid?: string;
  /** Whether the first sector holds code that BIOS would start; its absence tells nothing of UEFI. */
  readonly hasBiosCode: boolean;
  readonly problems: readonly TableProblem[];
  readonly partitions: readonly PartitionFacts[];
  /** What a disk without a partition table holds. */
  readonly volume?: Read<VolumeFacts>;
  /** What partitions hold together, where any belongs to LVM. */
  readonly volumeGroups?: Read<readonly VolumeGroupFacts[]>;
}

export interface PartitionFacts extends Pick<
  Partition,
  'number' | 'name' | 'typeGuid' | 'type' | 'typeName' | 'uuid' | 'active' | 'startInBytes' | 'sizeInBytes'
> {
  readonly volume: Read<VolumeFacts>;
}
