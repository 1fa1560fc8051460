import { architectureMeant } from '../arch.ts';
import type { NodeRecord } from '../ironic/records.ts';
import type { ImageRecord } from '../source/source.ts';

/** An image that nodes may be meant to get, with what is not known of it. */
export interface GuessedImage {
  /** Its name, or its id where several have the name. */
  readonly image: string;
  /** Its name, where the id stands for it. */
  readonly called: string | undefined;
  readonly architecture: string | undefined;
  /** What its record says of the architecture, where that is none that is known. */
  readonly spelling: string | undefined;
  /** os-release ID. */
  readonly os: string | undefined;
}

/** `os_distro` of Glance's metadata definitions, where os-release has the same ID. */
const sameInOsRelease = new Set(
  'almalinux arch centos debian fedora gentoo rhel rocky sles ubuntu'.split(' '),
);

/** The images that look like whole-disk images for nodes: qcow2 or raw, active, and not for the agent. */
export function guessUserImages(
  images: readonly ImageRecord[],
  nodes: readonly NodeRecord[],
): readonly GuessedImage[] {
  const forAgent = new Set(
    nodes.flatMap(({ driver_info: info }) =>
      ['deploy_kernel', 'deploy_ramdisk', 'rescue_kernel', 'rescue_ramdisk'].map((key) =>
        String(info[key]).replace(/^glance:\/\//, ''),
      ),
    ),
  );
  const named = new Map<string, number>();
  for (const { name } of images) if (name !== null) named.set(name, (named.get(name) ?? 0) + 1);
  return images
    .filter((image) => isDisk(image) && !forAgent.has(image.id))
    .map((image): GuessedImage => {
      const isNamed = image.name !== null && image.name !== '' && named.get(image.name) === 1;
      const spelling = textOf(image['hw_architecture']) ?? textOf(image['architecture']);
      const architecture = spelling === undefined ? undefined : architectureMeant(spelling)?.name;
      const os = textOf(image['os_distro'])?.toLowerCase();
      return {
        image: isNamed ? (image.name ?? image.id) : image.id,
        called: isNamed ? undefined : (image.name ?? undefined),
        architecture,
        spelling: architecture === undefined ? spelling : undefined,
        os: os !== undefined && sameInOsRelease.has(os) ? os : undefined,
      };
    })
    .toSorted((a, b) => (a.called ?? a.image).localeCompare(b.called ?? b.image, 'en'));
}

function isDisk(image: ImageRecord): boolean {
  if (image.status !== 'active' || !['qcow2', 'raw'].includes(image.disk_format ?? '')) return false;
  // What is an initramfs or a kernel is often registered as raw.
  if (/\b(kernel|initramfs|initrd|ramdisk|vmlinuz)\b/i.test(image.name ?? '')) return false;
  const isPartition = textOf(image['kernel_id']) !== undefined || image['img_type'] === 'partition';
  return !isPartition && image['hw_vif_model'] === undefined && textOf(image['image_type']) !== 'snapshot';
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}
