import type { Qcow2Header } from '../image/qcow2-layout.ts';
import { plural } from '../verdict.ts';
import type { ContainerFacts, DiskFacts, DiskInspection, PartitionFacts } from './disk-facts.ts';
import { bootBranches, guestBranches } from './render-guest.ts';
import { readBranch, trouble } from './render-lines.ts';
import { sizeText } from '../size.ts';
import type { Branch } from './tree.ts';
import type { Read } from './read.ts';
import type { EspFacts, LoaderFacts } from './esp.ts';
import type { VolumeGroupFacts } from './volume-groups.ts';
import type { FileSystemFacts, SubvolumeFacts, VolumeFacts } from './volume-facts.ts';

const formats: Partial<Record<ContainerFacts['format'], string>> = {
  raw: 'a raw disk image',
  iso: 'an ISO 9660 image',
  luks: 'a LUKS-encrypted image',
};

/** What is in a disk image, from the container to the operating system. */
export function diskBranches(inspection: DiskInspection): { what: string; branches: Branch[] } {
  const { container, disk, architectures, obstacles } = inspection;
  const { format } = container;
  const what = formats[format] ?? `a ${format === 'qcow2' ? format : format.toUpperCase()} disk image`;
  return {
    what: architectures.length === 0 ? what : `${what} for ${architectures.join(' and ')}`,
    branches: [
      ...obstacles.map((obstacle) => ({ label: 'cannot boot', value: obstacle, format: 'red' as const })),
      ...containerBranches(container, disk),
      ...('value' in disk ? contentBranches(disk.value) : [readBranch('disk', disk, () => '')]),
    ],
  };
}

/** Damage that keeps the disk from being read is said once, with the disk. */
function containerBranches({ qcow2, damage }: ContainerFacts, disk: Read<DiskFacts>): Branch[] {
  const isSaid = 'notRead' in disk && disk.notRead === damage;
  return [
    ...(qcow2 === undefined ? [] : [{ label: 'qcow2', value: qcow2Text(qcow2) }]),
    ...(damage === undefined || isSaid ? [] : [trouble('damage', damage)]),
  ];
}

type Header = Pick<
  Qcow2Header,
  | 'version'
  | 'virtualSizeInBytes'
  | 'clusterSizeInBytes'
  | 'compression'
  | 'snapshots'
  | 'encryption'
  | 'backingFile'
  | 'externalDataFile'
  | 'dataFileName'
  | 'dirty'
  | 'corrupt'
  | 'extendedL2'
>;

function qcow2Text(qcow2: Header): string {
  const { version, virtualSizeInBytes, clusterSizeInBytes, compression, snapshots, encryption } = qcow2;
  return [
    `version ${version}`,
    `a disk of ${sizeText(virtualSizeInBytes)}`,
    `clusters of ${sizeText(clusterSizeInBytes)}`,
    `compression ${compression}`,
    snapshots === 0 ? 'no snapshots' : plural(snapshots, 'snapshot'),
    ...(qcow2.backingFile === undefined ? ['no backing file'] : [`backing file ${qcow2.backingFile}`]),
    ...(qcow2.externalDataFile ? [`data in another file: ${qcow2.dataFileName ?? '(not named)'}`] : []),
    ...(encryption === 'none' ? [] : [`encrypted: ${encryption}`]),
    ...(qcow2.extendedL2 ? ['extended L2 entries'] : []),
    ...(qcow2.dirty ? ['not closed properly'] : []),
    ...(qcow2.corrupt ? ['marked corrupt'] : []),
  ].join(', ');
}

function contentBranches(disk: DiskFacts): Branch[] {
  const { scheme, sectorSizeInBytes, diskUuid, problems, partitions, volume, volumeGroups } = disk;
  const groups =
    volumeGroups === undefined
      ? []
      : 'value' in volumeGroups
        ? volumeGroups.value.map(groupBranch)
        : [readBranch('LVM', volumeGroups, () => '')];
  if (scheme === 'none') {
    const table = { label: 'partitions', value: 'no partition table', format: 'yellow' } as const;
    return [table, ...(volume === undefined ? [] : [volumeBranch(volume)]), ...groups];
  }
  const count = plural(partitions.length, 'partition');
  const uuid = diskUuid === undefined ? '' : `, disk ${diskUuid}`;
  const code = disk.hasBiosCode ? ', boot code for BIOS' : '';
  return [
    { label: scheme.toUpperCase(), value: `${count}, sectors of ${sectorSizeInBytes} bytes${code}${uuid}` },
    ...problems.map(({ message }) => trouble('problem', message)),
    ...partitions.map(partitionBranch),
    ...groups,
  ];
}

function groupBranch({ name, uuid, logicalVolumes }: VolumeGroupFacts): Branch {
  return {
    label: 'LVM',
    value: `volume group ${name}, ${plural(logicalVolumes.length, 'logical volume')}, UUID ${uuid}`,
    below: logicalVolumes.map(({ name: own, sizeInBytes, volume }) => ({
      label: `${name}/${own}`,
      value: sizeText(sizeInBytes),
      below: [volumeBranch(volume)],
    })),
  };
}

function partitionBranch(partition: PartitionFacts): Branch {
  const { number, name, typeGuid, type, typeName, startInBytes, sizeInBytes, volume, uuid, active } =
    partition;
  const bare = typeGuid ?? `type 0x${(type ?? 0).toString(16)}`;
  const named = name === '' ? '' : `“${name}”, `;
  const boots = active === true ? ', active' : '';
  const place = `${sizeText(sizeInBytes)} at ${sizeText(startInBytes)}`;
  return {
    label: `partition ${number}`,
    value: `${named}${typeName ?? bare}${boots}, ${place}`,
    below: [{ label: 'PARTUUID', value: uuid }, volumeBranch(volume)],
  };
}

function volumeBranch(volume: Read<VolumeFacts>): Branch {
  if ('absent' in volume) return { label: 'content', value: volume.absent };
  if (!('value' in volume)) return readBranch('content', volume, () => '');
  const { type, fileSystem } = volume.value;
  if ('absent' in fileSystem) return { label: type, value: fileSystem.absent };
  return readBranch(type, fileSystem, fileSystemText, fileSystemBranches);
}

function fileSystemText({ label, uuid, needsRecovery }: FileSystemFacts): string {
  const named = label === '' ? 'no label' : `label ${label}`;
  return `${named}, UUID ${uuid}${needsRecovery === true ? ', not unmounted cleanly' : ''}`;
}

function fileSystemBranches({ subvolumes, esp, bootOf, boot, guest }: FileSystemFacts): Branch[] {
  return [
    ...(subvolumes === undefined ? [] : subvolumeBranches(subvolumes)),
    ...(esp === undefined
      ? []
      : 'value' in esp
        ? espBranches(esp.value)
        : [readBranch('loaders', esp, () => '')]),
    ...(bootOf === undefined ? [] : [{ label: 'mounted', value: `at /boot of the root in ${bootOf}` }]),
    ...(boot === undefined
      ? []
      : 'value' in boot
        ? bootBranches(boot.value, 'boot')
        : [readBranch('boot', boot, () => '')]),
    ...(guest === undefined ? [] : guestBranches(guest)),
  ];
}

const subvolumesShown = 12;

function subvolumeBranches(subvolumes: Read<SubvolumeFacts>): Branch[] {
  if (!('value' in subvolumes)) return [readBranch('subvolumes', subvolumes, () => '')];
  const { paths, default: mounted, root } = subvolumes.value;
  const more = paths.length > subvolumesShown ? `, and ${paths.length - subvolumesShown} more` : '';
  const list = paths.length === 0 ? 'none' : `${paths.slice(0, subvolumesShown).join(', ')}${more}`;
  const without = mounted === '/' ? 'the top level' : mounted;
  return [
    { label: 'subvolumes', value: `${list}; mounted without an option: ${without}` },
    ...('absent' in root
      ? []
      : [readBranch('root', root, ({ path, because }) => `subvol=${path}: ${because}`)]),
  ];
}

function espBranches({ loaders, csvFiles, agentMakesEntriesOf }: EspFacts): Branch[] {
  const agent = agentMakesEntriesOf.join(', ') || 'no file whose name it knows';
  return [
    ...loaders.map(loaderBranch),
    ...csvFiles.flatMap(({ path, entries, damage }) => [
      ...entries.map(({ label, loader, exists }) =>
        exists
          ? { label: path, value: `“${label}” starts ${loader}` }
          : {
              label: path,
              value: `“${label}” would start ${loader}, which is not there`,
              format: 'yellow' as const,
            },
      ),
      ...(damage === undefined ? [] : [trouble(path, afterPlace(damage, path))]),
    ]),
    { label: 'Ironic’s agent', value: `makes boot entries of ${agent}` },
  ];
}

function loaderBranch({ path, architecture, subsystem, signed, removable, damage }: LoaderFacts): Branch {
  if (damage !== undefined) return trouble(path, afterPlace(damage, path));
  const kind = subsystem === undefined || subsystem === 'EFI application' ? '' : `, ${subsystem}`;
  const starts = removable ? ', starts without a boot entry' : '';
  const signature = signed ? 'signed (not verified)' : 'not signed';
  return { label: path, value: `${architecture ?? 'of unknown architecture'}, ${signature}${kind}${starts}` };
}

/** A message begins with the place, which stands beside it already. */
function afterPlace(message: string, path: string): string {
  return message.split(`${path}: `).at(-1) ?? '';
}
