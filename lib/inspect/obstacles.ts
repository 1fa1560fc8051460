import { architectureNamed } from '../arch.ts';
import type { InitrdFacts } from './boot-kernels.ts';
import type { DiskFacts } from './disk-facts.ts';
import type { EspFacts } from './esp.ts';
import type { GuestFacts } from './guest.ts';
import { type Read, valueOf } from './read.ts';
import { startedOf } from './started.ts';
import type { FileSystemFacts, VolumeFacts } from './volume-facts.ts';

/** What all volumes of a disk hold, in their order: partitions, the disk itself, logical volumes. */
export function fileSystemsOf(disk: DiskFacts): FileSystemFacts[] {
  const volumes: (Read<VolumeFacts> | undefined)[] = [
    ...disk.partitions.map(({ volume }) => volume),
    disk.volume,
    ...(valueOf(disk.volumeGroups) ?? []).flatMap(({ logicalVolumes }) =>
      logicalVolumes.map(({ volume }) => volume),
    ),
  ];
  return volumes.flatMap((volume) => valueOf(valueOf(volume)?.fileSystem) ?? []);
}

/** Of its programs, each as `uname -m` says: what most are comes first. */
export function architecturesOfDisk(disk: DiskFacts): string[] {
  const guests = fileSystemsOf(disk).flatMap(({ guest }) => guest ?? []);
  return [...new Set(guests.flatMap(({ programs }) => valueOf(programs)?.architectures ?? []))];
}

/**
 * Why no node would boot from the disk, as far as its own bytes tell: links between parts that were read. What could
 * not be read is no obstacle here.
 */
export function obstaclesOf(disk: DiskFacts): string[] {
  const fileSystems = fileSystemsOf(disk);
  const guests = fileSystems.flatMap(({ guest }) => guest ?? []);
  const [guest] = guests;
  if (guest === undefined) return noGuest(disk);
  return [...programObstacles(guest), ...bootObstacles(guest), ...loaderObstacles(disk, fileSystems, guest)];
}

/** Only where every volume could be looked into. */
function noGuest(disk: DiskFacts): string[] {
  const isUnread = /"notRead":/.test(JSON.stringify(disk));
  return isUnread ? [] : ['there is no operating system: no file system with /etc and /usr'];
}

function programObstacles({ programs }: GuestFacts): string[] {
  const { architectures = [] } = valueOf(programs) ?? {};
  return architectures.length > 1 ? [`programs are for ${architectures.join(' and ')}`] : [];
}

function bootObstacles({ programs, boot, fstab }: GuestFacts): string[] {
  const found: string[] = [];
  const architecture = valueOf(programs)?.architectures[0];
  // What is on a file system of its own that is not on this disk is not known to be missing.
  const isBootHere = !(valueOf(fstab)?.entries ?? []).some(
    ({ mountPoint, leadsTo }) => mountPoint === '/boot' && valueOf(leadsTo) === undefined,
  );
  if (isBootHere && 'absent' in boot.kernels) found.push(`there is no kernel: ${boot.kernels.absent}`);
  for (const { path, architecture: own, initrds } of valueOf(boot.kernels) ?? []) {
    if (isOther(own, architecture)) found.push(`${path} is for ${own}, the programs are for ${architecture}`);
    for (const initrd of initrds) found.push(...initrdObstacles(initrd, architecture));
  }
  const entry = startedOf(valueOf(boot.menu)?.entries ?? []);
  for (const { path, exists } of entry === undefined ? [] : [entry.kernel, ...entry.initrds]) {
    // A variable of GRUB's may stand for anything.
    if (!exists && isBootHere && !path.includes('$'))
      found.push(`${entry?.source ?? ''} loads ${path}, which is not there`);
  }
  if (entry?.root !== undefined && entry.rootLeadsTo !== undefined && 'absent' in entry.rootLeadsTo)
    found.push(`${entry.source} boots from ${entry.root}: ${entry.rootLeadsTo.absent}`);
  const root = valueOf(fstab)?.entries.find(({ mountPoint }) => mountPoint === '/');
  if (root?.leadsTo !== undefined && 'absent' in root.leadsTo)
    found.push(`/etc/fstab mounts ${root.reference}=${root.device} at /: ${root.leadsTo.absent}`);
  return found;
}

function initrdObstacles({ path, content }: InitrdFacts, architecture: string | undefined): string[] {
  const own = valueOf(valueOf(content)?.programs)?.architectures[0];
  return isOther(own, architecture) ? [`${path} is for ${own}, the programs are for ${architecture}`] : [];
}

/** An image for x86 may be meant for BIOS alone. */
function loaderObstacles(
  { hasBiosCode }: DiskFacts,
  fileSystems: readonly FileSystemFacts[],
  { programs }: GuestFacts,
): string[] {
  const architecture = valueOf(programs)?.architectures[0];
  const suffix = architecture === undefined ? undefined : architectureNamed(architecture)?.efiSuffix;
  const esps = fileSystems.flatMap(({ esp }) => esp ?? []);
  if (architecture === undefined || suffix === undefined || esps.some((esp) => 'notRead' in esp)) return [];
  const path = `/EFI/BOOT/BOOT${suffix}.EFI`;
  const removable = esps.flatMap((esp) => valueOf(esp)?.loaders ?? []).filter(isNamed(path));
  if (removable.length === 0 && hasBiosCode && /^(x86_64|i686)$/.test(architecture)) return [];
  if (removable.length === 0)
    return [`UEFI finds no loader for ${architecture} by itself: ${path} is on no partition`];
  return removable.flatMap(({ architecture: own, damage }) => {
    if (damage !== undefined) return [`${path}: ${damage}`];
    return isOther(own, architecture) ? [`${path} is for ${own}`] : [];
  });
}

function isNamed(path: string) {
  return (loader: EspFacts['loaders'][number]) => loader.path.toUpperCase() === path;
}

function isOther(own: string | undefined, expected: string | undefined): boolean {
  return own !== undefined && expected !== undefined && own !== expected;
}
