import type { Blob } from '../blob/blob.ts';
import { type Partition, readPartitionTable } from '../disk/partitions.ts';
import type { TableProblem } from '../disk/table.ts';
import { type Container, openVirtualDisk, readContainer } from '../image/container.ts';
import type { Qcow2Header } from '../image/qcow2-layout.ts';
import { qcow2Extent } from '../image/qcow2.ts';
import { type Read, attempt, valueOf } from './read.ts';
import { type VolumeFacts, inspectVolume } from './volume.ts';

/** A disk image: a container, and the disk in it. */
export interface DiskInspection {
  readonly kind: 'disk image';
  readonly container: ContainerFacts;
  readonly disk: Read<DiskFacts>;
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
  readonly problems: readonly TableProblem[];
  readonly partitions: readonly PartitionFacts[];
  /** What a disk without a partition table holds. */
  readonly volume?: Read<VolumeFacts>;
}

export interface PartitionFacts extends Pick<
  Partition,
  'number' | 'name' | 'typeGuid' | 'type' | 'typeName' | 'uuid' | 'active' | 'startInBytes' | 'sizeInBytes'
> {
  readonly volume: Read<VolumeFacts>;
}

/** What is in such a file is not looked for: it has to be unpacked or converted first, or is no image. */
const notImages = new Set<Container['format']>(['empty', 'html', 'git-lfs-pointer']);

/** What a disk image holds; undefined when it is none: no container, no partition table, no file system. */
export async function inspectDisk(blob: Blob): Promise<DiskInspection | undefined> {
  const container = await readContainer(blob);
  if (notImages.has(container.format)) return undefined;
  const disk = await attempt(() => diskFacts(openVirtualDisk(container, blob)));
  const facts = valueOf(disk);
  const isEmpty = facts?.scheme === 'none' && 'absent' in (facts.volume ?? {});
  if (container.format === 'raw' && isEmpty) return undefined;
  return { kind: 'disk image', container: await containerFacts(container, blob), disk };
}

async function containerFacts(container: Container, blob: Blob): Promise<ContainerFacts> {
  const { format, qcow2, damage } = container;
  if (qcow2 === undefined) return { format, ...(damage !== undefined && { damage }) };
  const { l1TableOffset: _, l1Entries: __, ...header } = qcow2;
  // With a data file, the tables speak of that one.
  if (qcow2.externalDataFile) return { format, qcow2: header };
  const extent = await attempt(() => qcow2Extent(blob, qcow2));
  const needed = valueOf(extent)?.neededInBytes;
  const broken =
    'notRead' in extent
      ? extent.notRead
      : needed !== undefined && needed > blob.sizeInBytes
        ? `truncated: ${blob.sizeInBytes} bytes, but its tables speak of ${needed}`
        : undefined;
  return {
    format,
    qcow2: header,
    ...(needed !== undefined && { neededSizeInBytes: needed }),
    ...(broken !== undefined && { damage: broken }),
  };
}

async function diskFacts(disk: Blob): Promise<DiskFacts> {
  const table = await readPartitionTable(disk);
  const { scheme, sectorSizeInBytes, diskUuid, problems } = table;
  const partitions: PartitionFacts[] = [];
  for (const { blob, attributes: _, ...partition } of table.partitions) {
    const isExtended = scheme === 'mbr' && partition.typeName === 'Extended';
    const volume = isExtended ? { absent: 'the logical partitions' } : await inspectVolume(blob);
    partitions.push({ ...partition, volume });
  }
  return {
    sizeInBytes: disk.sizeInBytes,
    scheme,
    sectorSizeInBytes,
    ...(diskUuid !== undefined && { diskUuid }),
    problems,
    partitions,
    ...(scheme === 'none' && { volume: await inspectVolume(disk) }),
  };
}
