import type { Blob } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { rangeBlob } from '../blob/range.ts';
import { AccessError, FormatError, MissingError } from '../errors.ts';
import { type Downloads, type Sink, downloadHint } from './downloads.ts';
import { refusal } from './http.ts';
import type { Cloud } from './keystone.ts';
import { describeScope } from './keystone-token.ts';
import { markerOf } from './pages.ts';
import { imageRecord, isRecord, listIn } from './shapes.ts';
import type { ImageRecord, ImageStore } from './source.ts';

/** Hidden and community images boot nodes as well, and are listed only when asked for. */
const listings = ['&visibility=all', '&visibility=all&os_hidden=true'];

const pageSize = 500;
const maximumImages = 100_000;

/**
 * Glance's image API, version 2. Images are read through ranges, never downloaded.
 * Source: https://docs.openstack.org/api-ref/image/v2/
 */
export function glanceStore(cloud: Cloud, downloads?: Downloads): ImageStore {
  async function list(filter: string): Promise<ImageRecord[]> {
    const base = `${await cloud.endpoint('image')}/v2/images?limit=${pageSize}${filter}`;
    const images: ImageRecord[] = [];
    const seen = new Set<string>();
    for (let marker: string | undefined; ;) {
      const url = marker === undefined ? base : `${base}&marker=${encodeURIComponent(marker)}`;
      const page = await cloud.getJson(url);
      for (const [index, image] of listIn(page, 'images', url).entries()) {
        images.push(imageRecord(image, `${url}: images[${index}]`));
      }
      // `next` comes also where policy emptied the page, so the marker is the one it names.
      marker = isRecord(page) ? markerOf(page['next']) : undefined;
      if (marker === undefined) return images;
      if (seen.has(marker) || images.length > maximumImages) {
        throw new FormatError(
          `${url}: the pages have no end: marker ${marker} after ${images.length} images`,
        );
      }
      seen.add(marker);
    }
  }

  /** Glance refuses the system's scope where its policies ask for a project. */
  async function explain(error: unknown): Promise<never> {
    if (!(error instanceof AccessError) || !/status 403\b/.test(error.message)) throw error;
    throw new AccessError(
      `${error.message}; images are shown to a project, asked as ${describeScope(await cloud.scope())}: cloud.images in deployment.yaml names an entry of clouds.yaml that has one`,
      { cause: error },
    );
  }

  return {
    origin: `images of ${cloud.origin}`,
    async hidden() {
      const scope = await cloud.scope();
      if (scope.kind === 'none' || scope.roles.includes('admin')) return undefined;
      return `private images of other projects are not shown to ${describeScope(scope)}, only to the role admin`;
    },
    async images() {
      const lists = await Promise.all(listings.map(list)).catch(explain);
      return [...new Map(lists.flat().map((image) => [image.id, image])).values()];
    },
    async open(image): Promise<Blob> {
      const url = `${await cloud.endpoint('image')}/v2/images/${encodeURIComponent(image.id)}/file`;
      const origin = `image ${image.name ?? image.id} (${url})`;
      // Asked for a range of such an image, Glance drops the connection or answers 500 with nothing.
      if (image.status !== 'active') {
        throw new MissingError(`${origin}: status ${image.status}: it has no data to read`);
      }
      if (image.size === null) throw new MissingError(`${origin}: active, but of unknown size`);
      if (image.size === 0) return memoryBlob(Buffer.alloc(0), origin);
      const { size } = image;
      const download = async (sink: Sink) => {
        const answer = await cloud.get(url, { sink });
        if (answer.status !== 200) throw refusal({ url }, answer);
      };
      return rangeBlob({
        origin,
        sizeInBytes: size,
        download: downloads && (async () => downloads.keep(origin, download)),
        hint: downloadHint,
        async fetch(first, last, limitInBytes) {
          const isRefusedWhole = limitInBytes < size;
          const answer = await cloud.get(url, {
            headers: { range: `bytes=${first}-${last}` },
            // One byte more, so that an answer that is too long is told as such.
            limitInBytes: limitInBytes + 1,
            ...(isRefusedWhole && { withoutBodyOf: [200] }),
          });
          if (![200, 204, 206].includes(answer.status)) throw refusal({ url }, answer);
          return {
            status: answer.status,
            contentRange: answer.header('content-range'),
            body: answer.body,
            // Of the whole image, also where a part is sent.
            version: answer.header('content-md5'),
          };
        },
      });
    },
  };
}
