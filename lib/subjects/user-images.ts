import { readContainer, openVirtualDisk } from '../image/container.ts';
import { qcow2Extent } from '../image/qcow2.ts';
import { type Partition, readPartitionTable } from '../disk/partitions.ts';
import { openFileSystem } from '../fs/detect.ts';
import type { UserImageExpectation } from '../deployment.ts';
import { MissingError } from '../errors.ts';
import { fact } from '../facts.ts';
import type { ImageRecord } from '../source/source.ts';
import type { Subject, SubjectKind } from '../subject.ts';
import { imageBytes, imageNamed } from './images.ts';
import { allNodes, bootPlans, nodesOfArchitecture } from './nodes.ts';
import { type Root, findRoot } from './root.ts';

/** A whole-disk image that ends up on nodes. */
export interface UserImage extends Subject {
  readonly architecture: string;
  readonly expected: UserImageExpectation;
}

/** The images that deployment.yaml names, with the nodes that have them deployed. */
export const userImages: SubjectKind<UserImage> = {
  name: 'user images',
  perArchitecture: true,
  none: 'deployment.yaml names no user image of this architecture (user_images)',
  all: fact('user images', async (_, use) => {
    const { user_images: expectations } = use.world.deployment;
    if (expectations.length === 0) return [];
    // Images are judged also where nodes cannot be listed; only what they affect is unknown then.
    const nodes = await use(allNodes, 'all').catch(() => []);
    return Promise.all(
      expectations.map(async (expected): Promise<UserImage> => {
        const id = await use(imageNamed, expected.image).then(
          (image) => image.id,
          () => undefined,
        );
        const deployed = nodes.filter(({ record }) => record.instance_info.image_source === id);
        return {
          label: expected.image,
          architecture: expected.architecture,
          affects: id === undefined ? [] : deployed.map(({ label }) => label),
          expected,
        };
      }),
    );
  }),
};

export const userImageRecord = fact(
  'record of a user image',
  async (image: UserImage, use): Promise<ImageRecord> => use(imageNamed, image.expected.image),
);

export const userImageBytes = fact('bytes of a user image', async (image: UserImage, use) =>
  use(imageBytes, await use(userImageRecord, image)),
);

/** What the file is: qcow2, raw, or something that Ironic would refuse. */
export const container = fact('container of a user image', async (image: UserImage, use) =>
  readContainer(await use(userImageBytes, image)),
);

/** How long the file must be for its own tables to be true; a raw image is as long as it is. */
export const containerExtent = fact(
  'extent of a user image',
  async (image: UserImage, use): Promise<number> => {
    const blob = await use(userImageBytes, image);
    const { qcow2 } = await use(container, image);
    return qcow2 === undefined ? blob.sizeInBytes : (await qcow2Extent(blob, qcow2)).neededInBytes;
  },
);

/** The disk that the container holds. */
export const virtualDisk = fact('disk of a user image', async (image: UserImage, use) =>
  openVirtualDisk(await use(container, image), await use(userImageBytes, image)),
);

export const partitionTable = fact('partition table of a user image', async (image: UserImage, use) =>
  readPartitionTable(await use(virtualDisk, image)),
);

/** UEFI specification, table "Defined GPT Partition Entry - Partition Type GUIDs". */
export const espTypeGuid = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';

/** The EFI system partition. */
export const esp = fact('ESP of a user image', async (image: UserImage, use): Promise<Partition> => {
  const { partitions, scheme } = await use(partitionTable, image);
  const found = partitions.find(({ typeGuid, type }) => typeGuid === espTypeGuid || type === 0xef);
  if (found === undefined) {
    const there = partitions.map(
      ({ number, name, typeGuid }) => `${number}: ${name || typeGuid || 'unnamed'}`,
    );
    throw new MissingError(
      `${image.label}: no EFI system partition in its ${scheme} table (${there.join(', ') || 'no partitions'})`,
    );
  }
  return found;
});

export const espFileSystem = fact('file system of the ESP', async (image: UserImage, use) => {
  return openFileSystem((await use(esp, image)).blob);
});

export type { Root };

export const root = fact('root of a user image', async (image: UserImage, use): Promise<Root> => {
  const { partitions } = await use(partitionTable, image);
  return findRoot(partitions, image.label);
});

/** Whether every node of the image's architecture boots by BIOS, so that nothing of UEFI is asked of it. */
export const onlyBios = fact(
  'BIOS alone asked of an image',
  async (image: UserImage, use): Promise<boolean> => {
    const nodes = await use(nodesOfArchitecture, image).catch(() => []);
    const plans = await Promise.all(nodes.map(async (node) => use(bootPlans, node).catch(() => [])));
    const modes = plans.flat().map(({ mode }) => (mode.ok ? mode.mode : undefined));
    return modes.length > 0 && modes.every((mode) => mode === 'bios');
  },
);
