import { MissingError } from '../errors.ts';
import { type CloudSettings, findCloud, ownSurroundings } from './cloud-config/cloud-config.ts';
import type { Deployment } from '../deployment.ts';
import type { Patience } from './deadline.ts';
import type { Downloads } from './downloads.ts';
import { glanceStore } from './glance.ts';
import { ironicInventory } from './ironic.ts';
import { type Cloud, openCloud } from './keystone.ts';
import { parseLocation } from './location.ts';
import type { ImageStore, Inventory } from './source.ts';

/** What a cloud tells: nodes and images, and the newest version that its Ironic knows. */
export interface CloudSources {
  readonly cloud: Cloud;
  readonly inventory: Inventory;
  readonly images: ImageStore;
  newestMicroversion(): Promise<string>;
}

export interface CloudSourcesOptions extends Patience {
  readonly downloads?: Downloads | undefined;
}

/**
 * Finds the cloud's settings, and opens it; the network is not touched yet.
 * @throws UsageError for settings that are missing, wrong or not supported
 */
export async function cloudSources(
  given: NonNullable<Deployment['cloud']>,
  folder: string,
  held: AsyncDisposableStack,
  { downloads, ...patience }: CloudSourcesOptions = {},
): Promise<CloudSources> {
  const { images, ...own } = given;
  const find = async (name: string) =>
    findCloud({ ...own, name, file: fileOf(given.file, folder), ...ownSurroundings() });
  const settings = await find(given.name);
  const cloud = held.use(openCloud(settings, patience));
  const glance = images === undefined ? cloud : held.use(openCloud(await find(images), patience));
  const inventory = ironicInventory(cloud);
  return {
    cloud,
    inventory,
    images: images !== undefined || hasImages(settings) ? glanceStore(glance, downloads) : noImages(cloud),
    newestMicroversion: () => inventory.newestMicroversion(),
  };
}

function fileOf(file: string | undefined, folder: string): string | undefined {
  const at = file === undefined ? undefined : parseLocation(file, folder);
  return at?.kind === 'path' ? at.path : file;
}

/** A Glance is found in Keystone's catalogue, or named; an Ironic that stands alone has none. */
function hasImages(settings: CloudSettings): boolean {
  return 'authUrl' in settings.credentials || settings.service('image').endpoint !== undefined;
}

/** Without Glance, nodes name their images by URL. */
function noImages(cloud: Cloud): ImageStore {
  const origin = `images of ${cloud.origin}, which stands alone: there is no Glance`;
  return {
    origin,
    images: async () => [],
    async open({ id }) {
      throw new MissingError(`${origin} to hold ${id}`);
    },
  };
}
