import type { Blob } from '../blob/blob.ts';
import { readLvm } from '../disk/lvm.ts';
import type { Read } from './read.ts';
import type { Surroundings } from './surroundings.ts';
import { type Volume, openVolume } from './volume.ts';
import { type VolumeFacts, inspectVolume } from './volume-facts.ts';

/** A volume group of LVM, over one or several partitions. */
export interface VolumeGroupFacts {
  readonly name: string;
  /** As LVM prints it. */
  readonly uuid: string;
  readonly logicalVolumes: readonly LogicalVolumeFacts[];
}

export interface LogicalVolumeFacts {
  readonly name: string;
  readonly sizeInBytes: number;
  readonly volume: Read<VolumeFacts>;
}

interface OpenGroup {
  readonly name: string;
  readonly uuid: string;
  readonly logicalVolumes: readonly { readonly name: string; readonly sizeInBytes: number }[];
  /** One for each of them. */
  readonly volumes: readonly Volume[];
}

export async function openGroups(members: readonly Blob[]): Promise<OpenGroup[]> {
  const groups: OpenGroup[] = [];
  for (const { name, uuid, logicalVolumes } of await readLvm(members)) {
    const volumes: Volume[] = [];
    for (const logical of logicalVolumes) {
      // The device mapper doubles a hyphen within a name.
      const mapped = [name, logical.name].map((part) => part.replaceAll('-', '--')).join('-');
      const names = [`/dev/${name}/${logical.name}`, `/dev/mapper/${mapped}`];
      volumes.push(await openVolume(`${name}/${logical.name}`, logical.blob, names, true));
    }
    groups.push({ name, uuid, logicalVolumes, volumes });
  }
  return groups;
}

export async function inspectGroups(
  groups: readonly OpenGroup[],
  around: Surroundings,
): Promise<VolumeGroupFacts[]> {
  const facts: VolumeGroupFacts[] = [];
  for (const { name, uuid, logicalVolumes, volumes } of groups) {
    const inside: LogicalVolumeFacts[] = [];
    for (const [index, volume] of volumes.entries()) {
      const { name: own = '', sizeInBytes = 0 } = logicalVolumes[index] ?? {};
      inside.push({ name: own, sizeInBytes, volume: await inspectVolume(volume, around) });
    }
    facts.push({ name, uuid, logicalVolumes: inside });
  }
  return facts;
}
