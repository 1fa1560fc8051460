import { AccessError, FormatError, MissingError, UnsupportedError } from '../errors.ts';
import { jsonOf, refusal } from './http.ts';
import { type Cloud, describeScope } from './keystone.ts';
import { markerOf } from './pages.ts';
import { conductorRecord, isRecord, listIn, nodeRecord, portRecord } from './shapes.ts';
import type { Inventory } from './source.ts';

/** The newest minor version whose answers are known here. Source: ironic/api/controllers/v1/versions.py */
const newestMinor = 83;
/**
 * From 1.83 on, child nodes can be asked for. An Ironic that knows them leaves them out of every list where they are
 * not, whichever version is spoken. Source: ironic/db/sqlalchemy/api.py add_nodes_filters
 */
const childrenMinor = 83;
/** `GET /v1/conductors` came with 1.49. */
const conductorsMinor = 49;

const pageSize = 500;
const maximumRecords = 100_000;

export interface IronicInventory extends Inventory {
  /** The version that is spoken, such as `1.83`: the newest that both sides know. */
  microversion(): Promise<string>;
  /** The newest version that the server knows, such as `1.96`: it tells Ironic's release. */
  newestMicroversion(): Promise<string>;
}

/**
 * Ironic's API, version 1. What is not visible to the user is not in its answers: a project's reader sees the nodes
 * that the project owns, and an empty list is no proof of no nodes.
 * Source: https://docs.openstack.org/api-ref/baremetal/
 */
export function ironicInventory(cloud: Cloud): IronicInventory {
  let negotiated: Promise<{ spoken: number; newest: number }> | undefined;

  async function negotiate(): Promise<{ spoken: number; newest: number }> {
    const url = `${await cloud.endpoint('baremetal')}/v1`;
    const answer = await cloud.get(url);
    if (answer.status !== 200) throw refusal({ url }, answer);
    const json = jsonOf({ url }, answer);
    const version = isRecord(json) && isRecord(json['version']) ? json['version'] : {};
    const newest = minorOf(answer.header('x-openstack-ironic-api-maximum-version') ?? version['version']);
    const oldest = minorOf(answer.header('x-openstack-ironic-api-minimum-version') ?? version['min_version']);
    if (newest === undefined) throw new FormatError(`${url}: the answer names no version: not Ironic's API`);
    if (oldest !== undefined && oldest > newestMinor) {
      throw new UnsupportedError(`${url}: speaks version 1.${oldest} at least, newer than 1.${newestMinor}`);
    }
    return { spoken: Math.min(newest, newestMinor), newest };
  }

  const versions = async () => (negotiated ??= negotiate());
  const minor = async () => (await versions()).spoken;
  // A version in OpenStack-API-Version was ignored by Ironic 21: answers came as of 1.1.
  const headers = async () => ({ 'x-openstack-ironic-api-version': `1.${await minor()}` });

  async function listed<Item>(
    path: string,
    key: string,
    read: (value: unknown, where: string) => Item,
    idOf: (item: Item) => string,
    query = '',
  ): Promise<Item[]> {
    const base = `${await cloud.endpoint('baremetal')}/v1/${path}?limit=${pageSize}${query}`;
    const items = new Map<string, Item>();
    for (let marker: string | undefined; ;) {
      const url = marker === undefined ? base : `${base}&marker=${encodeURIComponent(marker)}`;
      const page = await cloud.getJson(url, { headers: await headers() });
      const before = items.size;
      for (const [index, value] of listIn(page, key, url).entries()) {
        const item = read(value, `${url}: ${key}[${index}]`);
        items.set(idOf(item), item);
      }
      // A page that is exactly full names a next one, which may be empty.
      marker = isRecord(page) ? markerOf(page['next']) : undefined;
      if (marker === undefined) return [...items.values()];
      if (items.size === before || items.size > maximumRecords) {
        throw new FormatError(`${url}: the pages have no end: marker ${marker} after ${items.size} ${key}`);
      }
    }
  }

  /** Conductors are shown to the system only. The wrong scope is a 403, or a 500 with secure RBAC. */
  async function explainConductors(error: unknown): Promise<never> {
    const isRefused =
      error instanceof MissingError ||
      (error instanceof AccessError && /status (403|500)\b/.test(error.message));
    if (!isRefused) throw error;
    throw new AccessError(
      `${error.message}; conductors are shown to the role reader with system scope (system_scope: all), asked as ${describeScope(await cloud.scope())}`,
      { cause: error },
    );
  }

  return {
    origin: `inventory of ${cloud.origin}`,
    microversion: async () => `1.${await minor()}`,
    newestMicroversion: async () => `1.${(await versions()).newest}`,
    async nodes() {
      const query = (await minor()) < childrenMinor ? '' : '&include_children=True';
      return listed('nodes/detail', 'nodes', nodeRecord, (node) => node.uuid, query);
    },
    ports: () => listed('ports/detail', 'ports', portRecord, (port) => port.uuid),
    async conductors() {
      if ((await minor()) < conductorsMinor) {
        throw new AccessError(
          `${cloud.origin}: conductors are listed from API version 1.${conductorsMinor} on, here is 1.${await minor()}`,
        );
      }
      return listed('conductors', 'conductors', conductorRecord, (conductor) => conductor.hostname).catch(
        explainConductors,
      );
    },
  };
}

function minorOf(version: unknown): number | undefined {
  const match = /^1\.(\d{1,4})$/.exec(typeof version === 'string' ? version : '');
  return match === null ? undefined : Number(match[1]);
}
