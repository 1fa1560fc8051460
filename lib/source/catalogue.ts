import { AccessError } from '../errors.ts';
import type { ServiceSettings } from './cloud-config/services.ts';
import { isRecord } from './shapes.ts';

interface Endpoint {
  readonly type: string;
  readonly interface: string;
  readonly region: string;
  readonly url: string;
}

/**
 * The endpoint of a service in a catalogue: of the types that mean it the first that has any that would do, of the
 * interfaces the one that is liked best, without version and without `/` at the end.
 * Source: keystoneauth1/access/service_catalog.py
 * @throws AccessError saying what there is instead
 */
export function endpointOf(catalogue: readonly unknown[], service: ServiceSettings, origin: string): string {
  const { types, interfaces, region } = service;
  const known = catalogue.filter(isRecord);
  const meant = known.filter(
    ({ type, name }) =>
      types.includes(String(type)) &&
      (service.name === undefined || typeof name !== 'string' || name === service.name),
  );
  const endpoints = meant.flatMap(({ type, endpoints: list }) => readEndpoints(String(type), list));
  for (const type of types) {
    const able = endpoints.filter(
      (endpoint) => endpoint.type === type && (region === undefined || endpoint.region === region),
    );
    const found =
      interfaces.length === 0
        ? able[0]
        : interfaces.flatMap((wanted) => able.filter((endpoint) => endpoint.interface === wanted))[0];
    if (found !== undefined) return withoutVersion(found.url);
  }
  const wanted = [interfaces.join(' or '), region].filter(Boolean).join(', ');
  const has =
    endpoints.length > 0
      ? endpoints.map((endpoint) => `${endpoint.interface}/${endpoint.region}`)
      : known.map(({ type }) => String(type));
  const only = has.length === 0 ? 'it is empty' : `only ${[...new Set(has)].join(', ')}`;
  throw new AccessError(`${origin}: the catalogue has no endpoint ${types[0]} (${wanted}), ${only}`);
}

function readEndpoints(type: string, list: unknown): Endpoint[] {
  if (!Array.isArray(list)) return [];
  return (list as unknown[]).filter(isRecord).flatMap((endpoint) => {
    const { url, region_id: id, region } = endpoint;
    if (typeof url !== 'string' || url === '') return [];
    const which = String(endpoint['interface']).replace(/URL$/, '');
    const named = [id, region].find((name): name is string => typeof name === 'string' && name !== '');
    return [{ type, interface: which, region: named ?? '', url }];
  });
}

/** `https://host/baremetal/v1/` → `https://host/baremetal`: catalogues have endpoints with version and without. */
export function withoutVersion(url: string): string {
  if (!URL.canParse(url)) throw new AccessError(`${url}: not the URL of an endpoint`);
  return url
    .replace(/\/+$/, '')
    .replace(/\/v\d+(\.\d+)?$/, '')
    .replace(/\/+$/, '');
}
