import type { Blob } from '../blob/blob.ts';
import { cachedBlob } from '../blob/cache.ts';
import { talliedBlob } from '../blob/tally.ts';
import { AccessError, FormatError, MissingError } from '../errors.ts';
import { type Use, fact } from '../facts.ts';
import type { ImageRecord } from '../source/source.ts';

/** Every image that the credential can see. */
export const imageRecords = fact('images in the store', async (_: 'all', { world }) => world.images.images());

const plain = (text: string) => text.toLowerCase().replaceAll('-', '');

/** The image of an id, as Ironic refers to it: dashes and case do not count (oslo_utils.uuidutils). */
export const imageById = fact('image of an id', async (id: string, use): Promise<ImageRecord> => {
  const image = (await use(imageRecords, 'all')).find((candidate) => plain(candidate.id) === plain(id));
  return image ?? absent(use, `no image ${id} is visible`);
});

/**
 * A list that leaves something out is no proof that it is not there.
 * @throws MissingError where all images are shown, AccessError where they are not
 */
async function absent({ world: { images } }: Use, what: string): Promise<never> {
  const hidden = await images.hidden?.();
  if (hidden !== undefined) throw new AccessError(`${images.origin}: ${what}; ${hidden}`);
  throw new MissingError(`${images.origin}: ${what}`);
}

/** The image behind a URL, as a standalone Ironic refers to it: nothing is said of it but its length. */
const webImage = fact('image behind a URL', async (url: string, { world }) => {
  const { images: tally } = world.tallies;
  return cachedBlob(world.keep(talliedBlob(await world.openUrl(url), tally)));
});

/** Whether a name or id leads to a web server, and not to the store. */
export function isUrl(name: string): boolean {
  return /^https?:\/\//i.test(name);
}

/** The image of a name, id or URL, as a person refers to it. */
export const imageNamed = fact('image of a name', async (name: string, use): Promise<ImageRecord> => {
  if (isUrl(name)) {
    const { sizeInBytes: size } = await use(webImage, name);
    return { id: name, name, status: 'active', disk_format: null, container_format: null, size };
  }
  const images = await use(imageRecords, 'all');
  const named = images.filter((image) => image.name === name || image.id === name);
  const [image, second] = named;
  if (image === undefined) return absent(use, `no image called ${JSON.stringify(name)} is visible`);
  if (second !== undefined) {
    throw new FormatError(
      `${use.world.images.origin}: ${named.length} images are called ${JSON.stringify(name)}: ${named.map(({ id }) => id).join(', ')}`,
    );
  }
  return image;
});

/** The bytes of an image, through a cache. An image that has none says so instead of failing oddly. */
export const imageBytes = fact('bytes of an image', async (image: ImageRecord, use): Promise<Blob> => {
  if (isUrl(image.id)) return use(webImage, image.id);
  if (image.status !== 'active') {
    throw new MissingError(`${imageLabel(image)}: its status is ${image.status}, so it has no bytes to read`);
  }
  const { world } = use;
  const { images, tallies } = world;
  return cachedBlob(world.keep(talliedBlob(await images.open(image), tallies.images)));
});

/** How an image is called in reports. */
export function imageLabel(image: ImageRecord): string {
  return image.name ?? image.id;
}

/** Where an image's record is, for evidence. */
export function imageWhere(image: ImageRecord): string {
  return `image ${imageLabel(image)} (${image.id})`;
}
