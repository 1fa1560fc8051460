import { mistake } from './origin.ts';
import type { ResolvedCloud } from './resolve.ts';

const longestInSeconds = 3600;

/**
 * How long an answer of the cloud is waited for, as `api_timeout` or `OS_API_TIMEOUT` says, in milliseconds; undefined
 * where neither is given.
 * Source: openstack/config/cloud_region.py, get_session; keystoneauth1/session.py makes a number of seconds of it. Other
 * names of it: see normalise.ts.
 * @throws UsageError for what is no such number
 */
export function timeoutOf({ settings, origin }: ResolvedCloud): number | undefined {
  const value = settings.get('api_timeout');
  if (value === undefined || value === null) return undefined;
  const seconds = typeof value === 'string' && /^\d{1,6}(\.\d{1,6})?$/.test(value) ? Number(value) : 0;
  if (seconds > 0 && seconds <= longestInSeconds) return Math.ceil(seconds * 1000);
  throw mistake(origin, 'api_timeout', `a number of seconds up to ${longestInSeconds} is expected`);
}
