import { type AuthType, authSettings, authTypeOf } from './auth-options.ts';
import { defaultSettings } from './defaults.ts';
import { type KnownClouds, cloudNamed } from './load.ts';
import { expandedTexts, normalised } from './normalise.ts';
import type { CloudOrigin } from './origin.ts';
import { profileOf } from './profile.ts';
import { regionOf } from './regions.ts';
import { type Settings, updated } from './settings.ts';

/** A cloud as openstacksdk would use it: the defaults, its profile, its own settings and its region's, in one. */
export interface ResolvedCloud {
  readonly origin: CloudOrigin;
  readonly authType: AuthType;
  readonly auth: Settings;
  /** Everything beside `auth`. */
  readonly settings: Settings;
}

/**
 * Source: openstack/config/loader.py, get_one
 * @throws UsageError for what cannot be understood or is not supported
 */
export async function resolveCloud(
  known: KnownClouds,
  name: string,
  wantedRegion?: string,
): Promise<ResolvedCloud> {
  const { cloud, origin } = cloudNamed(known, name);
  const where = `${origin.file ?? 'the environment'}: clouds.${name}`;
  const profile = await profileOf(cloud, known, origin);
  const region = regionOf(cloud, profile, wantedRegion, origin);

  const base = new Map(updated(defaultSettings, profile, where));
  if (!base.has('auth')) base.set('auth', new Map());
  const all = new Map(updated(base, cloud, where));
  for (const key of ['cloud', 'regions']) all.delete(key);
  const values = new Map([...region.values].filter(([, value]) => value !== null));
  const here = new Map(updated(all, values, where)).set('region_name', region.name);

  const settings = normalised(here, origin);
  const authType = authTypeOf(settings, origin);
  const { auth, rest } = authSettings(settings, authType, origin);
  return { origin, authType, auth, settings: expandedTexts(rest, origin) };
}
