import type { Settings, Value } from './settings.ts';

/**
 * What every cloud starts from, as far as it counts here.
 * Source: openstack/config/defaults.py and defaults.json
 */
export const defaultSettings: Settings = new Map<string, Value>([
  ['auth_type', 'password'],
  ['interface', 'public'],
  ['verify', true],
  ['cacert', null],
  ['cert', null],
  ['key', null],
]);
