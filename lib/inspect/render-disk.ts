import type { Qcow2Header } from '../image/qcow2-layout.ts';
import { plural } from '../verdict.ts';
import type { ContainerFacts, DiskFacts, DiskInspection, PartitionFacts } from './disk.ts';
import { guestBranches, kernelBranches } from './render-guest.ts';
import { readBranch, trouble } from './render-lines.ts';
import { sizeText } from '../size.ts';
import type { Branch } from './tree.ts';
import type { Read } from './read.ts';
import type { FileSystemFacts, LoaderFacts, VolumeFacts } from './volume.ts';

const formats: Partial<Record<ContainerFacts['format'], string>> = {
  raw: 'a raw disk image',
  iso: 'an ISO 9660 image',
  luks: 'a LUKS-encrypted image',
};

/** What is in a disk image, from the container to the operating system. */
export function diskBranches({ container, disk }: DiskInspection): { what: string; branches: Branch[] } {
  const { format } = container;
  return {
    what: formats[format] ?? `a ${format === 'qcow2' ? format : format.toUpperCase()} disk image`,
    branches: [
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
  const { scheme, sectorSizeInBytes, diskUuid, problems, partitions, volume } = disk;
  if (scheme === 'none') {
    const table = { label: 'partitions', value: 'no partition table', format: 'yellow' } as const;
    return [table, ...(volume === undefined ? [] : [volumeBranch(volume)])];
  }
  const count = plural(partitions.length, 'partition');
  const uuid = diskUuid === undefined ? '' : `, disk ${diskUuid}`;
  return [
    { label: scheme.toUpperCase(), value: `${count}, sectors of ${sectorSizeInBytes} bytes${uuid}` },
    ...problems.map(({ message }) => trouble('problem', message)),
    ...partitions.map(partitionBranch),
  ];
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
  if (!('value' in volume)) return readBranch('content', volume, () => '');
  const { type, fileSystem } = volume.value;
  return readBranch(type, fileSystem, fileSystemText, fileSystemBranches);
}

function fileSystemText({ label, uuid, needsRecovery }: FileSystemFacts): string {
  const named = label === '' ? 'no label' : `label ${label}`;
  return `${named}, UUID ${uuid}${needsRecovery === true ? ', not unmounted cleanly' : ''}`;
}

function fileSystemBranches({ loaders, kernels, guest }: FileSystemFacts): Branch[] {
  const ofLoaders =
    loaders === undefined
      ? []
      : 'value' in loaders
        ? loaders.value.map(loaderBranch)
        : [readBranch('loaders', loaders, () => '')];
  const ofKernels = kernels === undefined ? [] : kernelBranches(kernels, 'boot');
  return [...ofLoaders, ...ofKernels, ...(guest === undefined ? [] : guestBranches(guest))];
}

function loaderBranch({ path, pe }: LoaderFacts): Branch {
  // The message begins with the place, which stands beside it already.
  if ('notRead' in pe) return trouble(path, `not read: ${pe.notRead.split(`${path}: `).at(-1) ?? ''}`);
  if ('absent' in pe) return { label: path, value: pe.absent };
  const { architecture, subsystem, signed, damage } = pe.value;
  if (damage !== undefined) return trouble(path, damage);
  const kind = subsystem === 'EFI application' ? '' : `, ${subsystem}`;
  return { label: path, value: `${architecture}, ${signed ? 'signed (not verified)' : 'not signed'}${kind}` };
}
