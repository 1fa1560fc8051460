import type { Blob } from '../blob/blob.ts';
import { type Partition, readPartitionTable } from '../disk/partitions.ts';
import { type Container, openVirtualDisk, readContainer } from '../image/container.ts';
import { qcow2Extent } from '../image/qcow2.ts';
import type { ContainerFacts, DiskFacts, DiskInspection, PartitionFacts } from './disk-facts.ts';
import { architecturesOfDisk, obstaclesOf } from './obstacles.ts';
import { type Read, attempt, valueOf } from './read.ts';
import { type Surroundings, surroundingsOf } from './surroundings.ts';
import { type VolumeFacts, inspectVolume } from './volume-facts.ts';
import { type Volume, openVolume } from './volume.ts';

/** In an MBR, protective or not, up to the disk's signature. UEFI specification, "Legacy MBR". */
const biosCodeInBytes = 440;

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
  return {
    kind: 'disk image',
    container: await containerFacts(container, blob),
    disk,
    architectures: facts === undefined ? [] : architecturesOfDisk(facts),
    obstacles: facts === undefined ? [] : obstaclesOf(facts),
  };
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
  const holders: { readonly partition?: Partition; readonly blob: Blob; readonly volume: Volume }[] = [];
  for (const partition of table.partitions) {
    const { blob, number, uuid, name } = partition;
    const names = [`PARTUUID=${uuid}`, ...(name === '' ? [] : [`PARTLABEL=${name}`])];
    holders.push({ partition, blob, volume: await openVolume(`partition ${number}`, blob, names) });
  }
  if (scheme === 'none') holders.push({ blob: disk, volume: await openVolume('the disk', disk) });
  const members = holders.filter(({ volume }) => valueOf(volume.type) === 'LVM2_member');
  const lvm = members.length === 0 ? undefined : await import('./volume-groups.ts');
  const groups = await attempt(async () => lvm?.openGroups(members.map(({ blob }) => blob)));
  const logical = valueOf(groups)?.flatMap(({ volumes }) => volumes) ?? [];
  const around = surroundingsOf([...holders.map(({ volume }) => volume), ...logical]);

  const partitions: PartitionFacts[] = [];
  for (const { partition, volume } of holders) {
    if (partition === undefined) continue;
    const { blob: _, attributes: __, ...facts } = partition;
    partitions.push({ ...facts, volume: await partitionVolume(partition, scheme, volume, around) });
  }
  const [whole] = holders;
  const code = await disk.read(0, Math.min(biosCodeInBytes, disk.sizeInBytes));
  return {
    sizeInBytes: disk.sizeInBytes,
    scheme,
    sectorSizeInBytes,
    ...(diskUuid !== undefined && { diskUuid }),
    hasBiosCode: code.some((byte) => byte !== 0),
    problems,
    partitions,
    ...(scheme === 'none' && whole !== undefined && { volume: await inspectVolume(whole.volume, around) }),
    ...(lvm !== undefined && {
      volumeGroups: 'value' in groups ? { value: await lvm.inspectGroups(groups.value, around) } : groups,
    }),
  };
}

/** GRUB's own code is there, and no file system: GRUB manual, "BIOS installation". */
const biosBoot = 'BIOS boot partition';

async function partitionVolume(
  { blob, typeName }: Partition,
  scheme: DiskFacts['scheme'],
  volume: Volume,
  around: Surroundings,
): Promise<Read<VolumeFacts>> {
  if (scheme === 'mbr' && typeName === 'Extended') return { absent: 'the logical partitions' };
  if (typeName !== biosBoot || !('absent' in volume.type)) return inspectVolume(volume, around);
  const empty = await attempt(async () => {
    const start = await blob.read(0, Math.min(512, blob.sizeInBytes));
    return start.every((byte) => byte === 0);
  });
  if (!('value' in empty)) return empty;
  return { absent: empty.value ? 'empty: no boot code for BIOS' : 'boot code for BIOS' };
}
