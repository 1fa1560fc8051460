import { basename, dirname } from 'node:path';
import { readText } from '../blob/blob.ts';
import { openFile } from '../blob/file.ts';
import { AccessError, FormatError, MissingError, describeError } from '../errors.ts';
import { folderFiles } from './folder.ts';
import { jsonErrorPlace } from './json-place.ts';
import { conductorRecord, imageRecord, isRecord, listIn, nodeRecord, portRecord } from './shapes.ts';
import type { ImageRecord, ImageStore, Inventory } from './source.ts';

const limitInBytes = 64 * 1024 * 1024;

/** Paths of JSON files. */
export interface RecordedFiles {
  readonly nodes: string;
  readonly ports?: string | undefined;
  readonly conductors?: string | undefined;
}

/**
 * Answers that were recorded in files: the JSON of the API (`{"nodes": […]}`) or of the command line
 * (`openstack baremetal node list --long -f json`, `… node show -f json`, or a list of these).
 * @throws on reading: MissingError, FormatError naming the place; AccessError for what was not recorded
 */
export function recordedInventory(files: RecordedFiles): Inventory {
  const { nodes, ports, conductors } = files;
  const absent = (what: string): never => {
    throw new AccessError(`${nodes}: no recording of ${what} is given with it`);
  };
  return {
    origin: nodes,
    nodes: () => recordedList(nodes, 'nodes', nodeRecord),
    ports: async () => (ports === undefined ? absent('ports') : recordedList(ports, 'ports', portRecord)),
    conductors: async () =>
      conductors === undefined
        ? absent('conductors')
        : recordedList(conductors, 'conductors', conductorRecord),
  };
}

/**
 * Images that were recorded: Glance's JSON (`{"images": […]}`) or the command line's, where `file` names the data,
 * relative to the JSON file. An image without such a file has a record only. What it opens is closed by disposing of
 * it, or of the stack that holds it.
 */
export function recordedStore(imagesFile: string, held?: AsyncDisposableStack): ImageStore & AsyncDisposable {
  const folder = folderFiles(dirname(imagesFile));
  held?.use(folder);
  return {
    origin: imagesFile,
    images: () => recordedList(imagesFile, 'images', imageRecord),
    async open(image: ImageRecord) {
      const origin = `${imagesFile}: image ${image.name ?? image.id}`;
      if (image.status !== 'active')
        throw new MissingError(`${origin}: status ${image.status}: it has no data to read`);
      const { file } = image;
      // Glance's own `file` is a path of its API.
      if (typeof file !== 'string' || file.startsWith('/v2/images/')) {
        throw new AccessError(`${origin}: its data was not recorded: "file" names none beside the JSON`);
      }
      const blob = await folder.open(file);
      if (image.size !== null && blob.sizeInBytes !== image.size) {
        throw new FormatError(`${origin}: ${image.size} bytes by its record, ${blob.sizeInBytes} in ${file}`);
      }
      return blob;
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function recordedList<Item>(
  path: string,
  key: string,
  read: (value: unknown, where: string) => Item,
): Promise<Item[]> {
  await using file = await openFile(path);
  const text = await readText(file, limitInBytes);
  let json: unknown;
  try {
    json = JSON.parse(text) as unknown;
  } catch (error) {
    throw new FormatError(`${path}: not JSON at ${jsonErrorPlace(text)}: ${describeError(error)}`, {
      cause: error,
    });
  }
  // One `show` is a list of one.
  const isSingle = isRecord(json) && !(key in json) && ('uuid' in json || 'id' in json || 'hostname' in json);
  const list = Array.isArray(json) ? (json as unknown[]) : isSingle ? [json] : listIn(json, key, path);
  return list.map((item, index) => read(apiNames(item), `${basename(path)}: ${key}[${index}]`));
}

/** Titles of the command line that differ from the field by more than case and blanks. */
const fieldOfTitle: Readonly<Record<string, string>> = {
  provisioning_state: 'provision_state',
  pxe_boot_enabled: 'pxe_enabled',
  project: 'owner',
};

/**
 * A record of the command line with the names of the API: `Provisioning State` → `provision_state`, and an image's
 * own properties beside the others. Titles: ironicclient/v1/resource_fields.py.
 */
function apiNames(item: unknown): unknown {
  if (!isRecord(item)) return item;
  const hasTitles = Object.keys(item).some((key) => /^[A-Z]/.test(key));
  if (!hasTitles)
    return 'disk_format' in item && isRecord(item['properties']) ? { ...item['properties'], ...item } : item;
  return Object.fromEntries(
    Object.entries(item).map(([title, value]) => {
      const plain = title.toLowerCase().replaceAll(' ', '_');
      return [fieldOfTitle[plain] ?? plain, value];
    }),
  );
}
