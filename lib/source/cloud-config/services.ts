import { type CloudOrigin, mistake } from './origin.ts';
import type { ResolvedCloud } from './resolve.ts';
import { type Value, isTruthy, kindOf } from './settings.ts';

/** A service of the cloud, as it is to be looked up. */
export interface ServiceSettings {
  /** Its types in the catalogue, the proper one first. */
  readonly types: readonly string[];
  readonly name: string | undefined;
  /** `undefined`: any. */
  readonly region: string | undefined;
  /** The ones that are good, the best first. */
  readonly interfaces: readonly string[];
  /** Counts in place of the catalogue's. */
  readonly endpoint: string | undefined;
}

/** Types that mean the same (OpenStack service-types-authority), the proper one first. */
const aliases: Readonly<Record<string, readonly string[]>> = { baremetal: ['baremetal', 'bare-metal'] };

/**
 * What a cloud says of one service: `baremetal_interface` goes before `bare_metal_interface`, and that before
 * `interface`.
 * Source: openstack/config/cloud_region.py
 * @throws UsageError
 */
export function serviceSettings({ settings, origin }: ResolvedCloud, type: string): ServiceSettings {
  const types = aliases[type] ?? [type];
  function given(key: string, isGeneral: boolean): { key: string; value: Value } | undefined {
    const keys = types.map((each) => `${each.replaceAll('-', '_')}_${key}`);
    for (const each of isGeneral ? [...keys, key] : keys) {
      const value = settings.get(each);
      if (value !== undefined && value !== null) return { key: each, value };
    }
    return undefined;
  }
  const text = (key: string, isGeneral = false) => {
    const found = given(key, isGeneral);
    return found === undefined || !isTruthy(found.value) ? undefined : textOf(found, origin);
  };
  const endpoint = text('endpoint_override') ?? text('endpoint');
  if (endpoint !== undefined && !/^https?:\/\/[^/@]+(\/|$)/i.test(endpoint)) {
    throw mistake(origin, `${type}_endpoint_override`, 'not an http or https URL, without a password');
  }
  const otherType = text('service_type');
  return {
    types: typesWith(otherType, types),
    name: text('service_name'),
    region: text('region_name', true),
    interfaces: interfacesOf(given('interface', true), origin),
    endpoint,
  };
}

/** A type that is named goes before its aliases, or stands alone. */
function typesWith(named: string | undefined, types: readonly string[]): readonly string[] {
  if (named === undefined) return types;
  return types.includes(named) ? [named, ...types.filter((type) => type !== named)] : [named];
}

function textOf({ key, value }: { key: string; value: Value }, origin: CloudOrigin): string {
  if (typeof value === 'string') return value;
  throw mistake(origin, key, `${kindOf(value)}, where a text is expected`);
}

function interfacesOf(found: { key: string; value: Value } | undefined, origin: CloudOrigin): string[] {
  if (found === undefined || !isTruthy(found.value)) return [];
  const list = Array.isArray(found.value) ? (found.value as readonly Value[]) : [found.value];
  return list.map((value) => {
    const name = textOf({ key: found.key, value }, origin).replace(/URL$/, '');
    if (['public', 'internal', 'admin'].includes(name)) return name;
    throw mistake(origin, found.key, `${JSON.stringify(name)}, where public, internal or admin is expected`);
  });
}
