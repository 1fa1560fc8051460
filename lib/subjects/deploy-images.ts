import { getHashes } from 'node:crypto';
import type { Blob } from '../blob/blob.ts';
import { cachedBlob } from '../blob/cache.ts';
import { talliedBlob } from '../blob/tally.ts';
import { initramfsArchitectures } from '../boot/initramfs-architectures.ts';
import { findAgent } from '../boot/agent.ts';
import { type Content, recogniseContent } from '../boot/content.ts';
import { digestOf } from '../boot/digest.ts';
import { readInitramfs } from '../boot/initramfs.ts';
import { readKernel } from '../boot/kernel.ts';
import { moduleReleases } from '../boot/modules.ts';
import { AccessError, MissingError, UnsupportedError } from '../errors.ts';
import { fact } from '../facts.ts';
import { ironicConfig } from '../ironic/config.ts';
import { type DeployImages, resolveDeployImages } from '../ironic/deploy-images.ts';
import type { ImageRef } from '../ironic/image-ref.ts';
import type { ImageRecord } from '../source/source.ts';
import type { Subject, SubjectKind } from '../subject.ts';
import { efiBootFiles, ipxe } from './boot-files.ts';
import { imageById, imageBytes, imageLabel, imageRecords, imageWhere } from './images.ts';
import { type Node, allNodes, awaitedArchitectures, bootPlans } from './nodes.ts';

/** A kernel or initramfs of the agent, as nodes of one architecture would boot it. */
export interface DeployImage extends Subject {
  readonly architecture: string;
  readonly role: 'kernel' | 'initramfs';
  readonly ref: ImageRef;
  /** Where it is, for evidence: `image ipa-aarch64.kernel (…)`, or a URL. */
  readonly where: string;
  /** The field or option that names it. */
  readonly because: string;
}

/** The two that boot together. */
export interface DeployPair extends Subject {
  readonly architecture: string;
  readonly kernel: DeployImage;
  readonly initramfs: DeployImage;
}

interface Found {
  readonly images: readonly DeployImage[];
  readonly pairs: readonly DeployPair[];
}

type Growing<S> = S & { affects: string[] };

/** What Ironic would boot a node with. What the node says itself holds whatever the configuration is. */
const resolvedImages = fact('images of a node', async (node: Node, use): Promise<readonly DeployImages[]> => {
  const own = resolveDeployImages(node.record, ironicConfig([]));
  if (own.ok && own.because === 'driver_info') return [own];
  return (await use(bootPlans, node)).map(({ images }) => images);
});

const found = fact('deploy images and pairs', async (_: 'all', use): Promise<Found> => {
  const images = new Map<string, Growing<DeployImage>>();
  const pairs = new Map<string, Growing<DeployPair>>();
  const records = new Map((await use(imageRecords, 'all')).map((image) => [image.id, image]));
  for (const node of await use(allNodes, 'all')) {
    const { architecture, label: nodeName } = node;
    if (architecture === undefined) continue;
    for (const resolved of await use(resolvedImages, node)) {
      if (!resolved.ok) continue;
      const add = (role: DeployImage['role'], ref: ImageRef | undefined) => {
        if (ref === undefined || ref.kind === 'invalid' || ref.kind === 'redacted') return undefined;
        const text = refText(ref);
        const image = records.get(text);
        const label = `${architecture} ${role} ${image === undefined ? text : imageLabel(image)}`;
        const where = image === undefined ? text : imageWhere(image);
        return grow(images, label, nodeName, { architecture, role, ref, where, because: resolved.because });
      };
      const kernel = add('kernel', resolved.kernel);
      const initramfs = add('initramfs', resolved.ramdisk);
      if (kernel !== undefined && initramfs !== undefined) {
        const label = `${kernel.label} + ${initramfs.label.slice(architecture.length + 1)}`;
        grow(pairs, label, nodeName, { architecture, kernel, initramfs });
      }
    }
  }
  return { images: [...images.values()], pairs: [...pairs.values()] };
});

/** Adds a subject, or another node to one that is known. */
function grow<S extends Subject>(
  known: Map<string, Growing<S>>,
  label: string,
  node: string,
  about: Omit<S, 'label' | 'affects'>,
): Growing<S> {
  const existing = known.get(label);
  if (existing !== undefined) {
    if (!existing.affects.includes(node)) existing.affects.push(node);
    return existing;
  }
  const made = { ...about, label, affects: [node] } as unknown as Growing<S>;
  known.set(label, made);
  return made;
}

/** A reference as an operator wrote it. */
export function refText(ref: ImageRef): string {
  switch (ref.kind) {
    case 'glance':
      return ref.id;
    case 'file':
      return `file://${ref.path}`;
    case 'invalid':
      return ref.value;
    case 'redacted':
      return '******';
    default:
      return ref.url;
  }
}

function kind(
  name: string,
  isOfKind: (image: DeployImage) => boolean,
  none = 'no node of this architecture has deploy images that resolve',
): SubjectKind<DeployImage> {
  const all = fact(name, async (_: 'all', use) => (await use(found, 'all')).images.filter(isOfKind));
  return { name, perArchitecture: true, none, all, awaited: awaitedArchitectures };
}

export const deployImages = kind('deploy images', () => true);
export const deployKernels = kind('deploy kernels', ({ role }) => role === 'kernel');
export const deployInitramfs = kind('deploy initramfs', ({ role }) => role === 'initramfs');
/** Those of which Glance has a record. */
export const glanceDeployImages = kind(
  'deploy images in Glance',
  ({ ref }) => ref.kind === 'glance',
  'no node of this architecture has deploy images in Glance',
);

export const deployPairs: SubjectKind<DeployPair> = {
  name: 'pairs of deploy images',
  perArchitecture: true,
  none: 'no node of this architecture has a pair of deploy images that resolves',
  all: fact('deploy pairs', async (_, use) => (await use(found, 'all')).pairs),
  awaited: awaitedArchitectures,
};

/** What Glance says of one that is there. */
export const record = fact(
  'record of a deploy image',
  async (image: DeployImage, use): Promise<ImageRecord> => {
    const { ref } = image;
    if (ref.kind === 'glance') return use(imageById, ref.id);
    throw new UnsupportedError(`${refText(ref)}: not in Glance`);
  },
);

/** The bytes behind a reference that is not Glance's. */
const fetched = fact('bytes behind a reference', async ({ ref }: DeployImage, { world }): Promise<Blob> => {
  switch (ref.kind) {
    case 'http':
      return cachedBlob(world.keep(talliedBlob(await world.openUrl(ref.url), world.tallies.images)));
    case 'file': {
      const host = world.conductors.find((conductor) => conductor.host !== undefined)?.host;
      if (host === undefined) {
        throw new AccessError(`${refText(ref)}: a file of the conductor, which is not reached over SSH`);
      }
      return cachedBlob(talliedBlob(await host.open(ref.path), world.tallies.images));
    }
    default:
      throw new UnsupportedError(`${refText(ref)}: references of this kind are not followed`);
  }
});

/** Finds the image: in Glance, or on a server. */
export const located = fact('place of a deploy image', async (image: DeployImage, use): Promise<void> => {
  await (image.ref.kind === 'glance' ? use(record, image) : use(fetched, image));
});

export const bytes = fact('bytes of a deploy image', async (image: DeployImage, use): Promise<Blob> => {
  const blob = await (image.ref.kind === 'glance'
    ? use(imageBytes, await use(record, image))
    : use(fetched, image));
  if (blob.sizeInBytes === 0) throw new MissingError(`${blob.origin}: empty (0 bytes)`);
  return blob;
});

export const sizeServed = fact(
  'size of a deploy image',
  async (image: DeployImage, use) => (await use(bytes, image)).sizeInBytes,
);

export const content = fact('kind of deploy image', async (image: DeployImage, use): Promise<Content> => {
  const blob = await use(bytes, image);
  return recogniseContent(await blob.read(0, Math.min(blob.sizeInBytes, 4096)), blob.sizeInBytes);
});

/** All bytes that the store serves: how many, and their hashes by the algorithms that its record names. */
export const digest = fact('digest of a deploy image', async (image: DeployImage, use) => {
  const { os_hash_algo: algorithm, checksum } = await use(record, image);
  const known = new Set(getHashes());
  if (typeof algorithm === 'string' && !known.has(algorithm)) {
    throw new UnsupportedError(
      `${image.label}: its hash is of the kind ${JSON.stringify(algorithm)}, which is not known here`,
    );
  }
  return digestOf(await use(bytes, image), algorithm ? [algorithm] : checksum ? ['md5'] : []);
});

export const kernel = fact('kernel', async (image: DeployImage, use) => readKernel(await use(bytes, image)));

export const initramfs = fact('initramfs', async (image: DeployImage, use) =>
  readInitramfs(await use(bytes, image)),
);

export const agent = fact('agent in an initramfs', async (image: DeployImage, use) =>
  findAgent(await use(initramfs, image)),
);

export const programs = fact('architecture of an initramfs', async (image: DeployImage, use) =>
  initramfsArchitectures(await use(initramfs, image)),
);

/** The release of the kernel and those that the initramfs has modules for. */
export const pairReleases = fact('releases of a pair', async (pair: DeployPair, use) => ({
  kernel: await use(kernel, pair.kernel),
  modules: await moduleReleases(await use(initramfs, pair.initramfs)),
}));

/** Where the kernel is a gzip file: the EFI boot files that its nodes start from, and the iPXE that must unpack it. */
export const unpackers = fact('boot files that must unpack a kernel', async (image: DeployImage, use) => {
  if (!(await use(kernel, image)).form.startsWith('gzip')) return [];
  const files = await use(efiBootFiles.all, 'all');
  const own = files.filter(({ architecture }) => architecture === image.architecture);
  return Promise.all(own.map(async (file) => ({ file, ipxe: await use(ipxe, file) })));
});
