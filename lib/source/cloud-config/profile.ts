import type { KnownClouds } from './load.ts';
import { type CloudOrigin, mistake } from './origin.ts';
import { type Settings, isTruthy, kindOf, settingsAt } from './settings.ts';
import { vendorProfile } from './vendors.ts';

/**
 * The settings of the profile that a cloud names, from clouds-public.yaml or built in. A name that is not known
 * counts for nothing, as with openstacksdk, which warns.
 * @throws UsageError for a profile that is to be fetched: configuration is not taken from the network
 */
export async function profileOf(cloud: Settings, known: KnownClouds, origin: CloudOrigin): Promise<Settings> {
  const [key, name] = cloud.has('profile')
    ? (['profile', cloud.get('profile')] as const)
    : (['cloud', cloud.get('cloud')] as const);
  if (!isTruthy(name) || name === known.environmentName) return new Map();
  if (typeof name !== 'string') throw mistake(origin, key, `${kindOf(name)}, where a name is expected`);
  const own = (await known.profiles()).get(name);
  if (own !== undefined) return settingsAt(own, `public-clouds.${name}`);
  const vendor = vendorProfile(name);
  if (vendor === undefined && !/^[a-z][a-z\d+.-]*:?\/\/./i.test(name)) return new Map();
  if (vendor !== undefined && 'settings' in vendor) return vendor.settings;
  if (vendor !== undefined && 'ended' in vendor) {
    throw mistake(origin, key, `${name} is a cloud that is no more: ${vendor.ended}`);
  }
  const url = vendor === undefined ? 'the URL given' : vendor.remote;
  throw mistake(
    origin,
    key,
    `would be fetched from ${url}, which is not done: write its settings into clouds-public.yaml`,
  );
}
