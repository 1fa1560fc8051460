import { type CloudOrigin, mistake, placeOf } from './origin.ts';
import {
  type Settings,
  type Value,
  isSettings,
  kindOf,
  pythonText,
  settingsAt,
  withUnderscores,
} from './settings.ts';

/** What may stand beside `auth` as well as in it, by all its names; the last of them wins. */
const authNames: readonly (readonly [string, readonly string[]])[] = [
  ['domain_id', ['domain_id', 'domain-id']],
  ['domain_name', ['domain_name', 'domain-name']],
  ['user_domain_id', ['user_domain_id', 'user-domain-id']],
  ['user_domain_name', ['user_domain_name', 'user-domain-name']],
  ['project_domain_id', ['project_domain_id', 'project-domain-id']],
  ['project_domain_name', ['project_domain_name', 'project-domain-name']],
  ['token', ['auth-token', 'auth_token', 'token']],
  ['passcode', ['passcode']],
  ['project_id', ['tenant_id', 'tenant-id', 'project_id', 'project-id']],
  ['project_name', ['tenant_name', 'tenant-name', 'project_name', 'project-name']],
];

/**
 * A cloud's settings with one name for one thing: old names are made new, what belongs into `auth` is there, and
 * `{key}` in a text stands for the value of another key.
 * Source: openstack/config/loader.py, magic_fixes
 * @throws UsageError
 */
export function normalised(given: Settings, origin: CloudOrigin): Settings {
  const old = new Map(given);
  const auth = new Map(settingsAt(old.get('auth'), placeOf(origin, 'auth')));
  gatherTimeouts(old);
  if (old.has('endpoint_type')) {
    old.set('interface', old.get('endpoint_type') ?? null);
    old.delete('endpoint_type');
  }
  gatherAuth(old, auth, origin);
  // Of both names of one thing, the one that is written later counts.
  const cloud = new Map(
    [...old].map(([key, value]) => [key.replace(/endpoint_type$/, 'interface'), value] as const),
  );
  spreadDomain(cloud, auth);
  if (cloud.has('insecure')) cloud.set('insecure', booleanOf(cloud.get('insecure'), origin));
  const url = auth.get('auth_url');
  if (url !== undefined) {
    if (typeof url !== 'string')
      throw mistake(origin, 'auth.auth_url', `${kindOf(url)}, where a URL is expected`);
    auth.set('auth_url', formatted(url, cloud, 'auth.auth_url', origin));
  }
  return withUnderscores(cloud.set('auth', auth));
}

/** `{key}` in every text, for the last time. @throws UsageError */
export function expandedTexts(given: Settings, origin: CloudOrigin): Settings {
  const cloud = new Map(given);
  for (const [key, value] of cloud) {
    if (typeof value === 'string' && key !== 'password') cloud.set(key, formatted(value, cloud, key, origin));
  }
  return cloud;
}

/** One timeout for all services: whatever else ends in `timeout` is another name of `api_timeout`, and the last counts. */
function gatherTimeouts(cloud: Map<string, Value>): void {
  const named = [...cloud.keys()].filter(
    (key) => key.endsWith('timeout') && key !== 'timeout' && key !== 'api_timeout',
  );
  const last = cloud.get(named.at(-1) ?? '') ?? null;
  for (const key of named) cloud.delete(key);
  if (last !== null) cloud.set('api_timeout', last);
}

function gatherAuth(cloud: Map<string, Value>, auth: Map<string, Value>, origin: CloudOrigin): void {
  for (const [target, names] of authNames) {
    let value: Value | undefined;
    for (const name of names) {
      for (const [where, prefix] of [
        [auth, 'auth.'],
        [cloud, ''],
      ] as const) {
        const found = where.get(name);
        if (found === undefined) continue;
        where.delete(name);
        if (found === null || typeof found === 'object') {
          // To openstacksdk, nothing is the text "None" here.
          throw mistake(origin, prefix + name, `${kindOf(found)}, where a text is expected`);
        }
        value = pythonText(found);
      }
    }
    if (value !== undefined && value !== '') auth.set(target, value);
  }
}

/** One domain for user and project; or, without a project, the domain that is the scope. */
function spreadDomain(cloud: Map<string, Value>, auth: Map<string, Value>): void {
  const hasProject = auth.has('project_id') || auth.has('project_name');
  if (!hasProject) return;
  for (const what of ['id', 'name']) {
    const domain = auth.get(`domain_${what}`);
    for (const key of [`user_domain_${what}`, `project_domain_${what}`]) {
      if (domain !== undefined && !auth.has(key)) auth.set(key, domain);
    }
    auth.delete(`domain_${what}`);
    cloud.delete(`domain_${what}`);
  }
}

function booleanOf(value: Value | undefined, origin: CloudOrigin): boolean {
  if (value === undefined || value === null || value === '') return false;
  if (typeof value === 'boolean') return value;
  const isBoolean = typeof value === 'string' && /^(true|false)$/i.test(value);
  if (!isBoolean) throw mistake(origin, 'insecure', `${kindOf(value)}, where true or false is expected`);
  return /^true$/i.test(value);
}

/** As Python's str.format(), with plain keys only. */
function formatted(text: string, settings: Settings, key: string, origin: CloudOrigin): string {
  return text.replaceAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (found, name: string | undefined) => {
    if (found === '{{' || found === '}}') return found.slice(1);
    const value = name === undefined ? undefined : settings.get(name);
    if (value === undefined || isSettings(value) || Array.isArray(value)) {
      const what = 'a brace that names no text of this cloud';
      throw mistake(origin, key, `${what}; one that is meant as such is written twice`);
    }
    return pythonText(value);
  });
}
