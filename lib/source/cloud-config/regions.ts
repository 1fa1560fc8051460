import { UsageError } from '../../errors.ts';
import { type CloudOrigin, mistake, placeOf } from './origin.ts';
import {
  type Settings,
  type Value,
  isSettings,
  isTruthy,
  kindOf,
  settingsAt,
  withUnderscores,
} from './settings.ts';

/** A region, and what is different in it. */
export interface Region {
  readonly name: string;
  readonly values: Settings;
}

/**
 * The region of a cloud that is meant: the one asked for, or the first.
 * @param profile - the settings of the cloud's profile, whose regions count when the cloud names none
 * @throws UsageError for a region that the cloud does not have
 */
export function regionOf(
  cloud: Settings,
  profile: Settings,
  wanted: string | undefined,
  origin: CloudOrigin,
): Region {
  const regions = knownRegions(withUnderscores(cloud), profile, origin);
  const [first] = regions;
  if (first === undefined) return { name: wanted ?? '', values: new Map() };
  if (wanted === undefined || wanted === '') return first;
  const found = regions.find(({ name }) => name === wanted);
  if (found !== undefined) return found;
  const names = regions.map(({ name }) => name).join(', ');
  throw new UsageError(`cloud ${origin.name} has no region ${JSON.stringify(wanted)}, only ${names}`);
}

function knownRegions(cloud: Settings, profile: Settings, origin: CloudOrigin): Region[] {
  if (cloud.has('regions')) return expanded(cloud.get('regions'), 'regions', origin);
  if (cloud.has('region_name')) {
    const name = cloud.get('region_name');
    // Several in one text, with commas between them, as in old files.
    return expanded(typeof name === 'string' ? name.split(',') : name, 'region_name', origin);
  }
  const regions = profile.get('regions');
  if (isTruthy(regions)) return expanded(regions, 'profile.regions', origin);
  const name = profile.get('region_name');
  return isTruthy(name) ? expanded([name], 'profile.region_name', origin) : [];
}

function expanded(regions: Value | undefined, key: string, origin: CloudOrigin): Region[] {
  if (!Array.isArray(regions))
    throw mistake(origin, key, `${kindOf(regions)}, where a list of regions is expected`);
  return (regions as readonly Value[]).map((region, index) => {
    const at = `${key}.${index}`;
    if (typeof region === 'string') return { name: region, values: new Map() };
    const name = isSettings(region) ? region.get('name') : undefined;
    if (!isSettings(region) || typeof name !== 'string') {
      throw mistake(origin, at, 'a region is a name, or a mapping with name and values');
    }
    const unknown = [...region.keys()].find((other) => other !== 'name' && other !== 'values');
    if (unknown !== undefined) throw mistake(origin, `${at}.${unknown}`, 'only name and values are expected');
    const values = region.get('values');
    return {
      name,
      values: values === undefined ? new Map() : settingsAt(values, placeOf(origin, `${at}.values`)),
    };
  });
}
