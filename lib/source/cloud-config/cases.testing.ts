/** A seeded source of choices, so that every run tries the same cases. */
export function choices(seed: number) {
  let state = seed;
  /** A number from 0 up to, and without, 1 (mulberry32). */
  function next(): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const may = (probability: number) => next() < probability;
  function one<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(next() * items.length)];
    if (item === undefined && items.length === 0) throw new Error('nothing to choose from');
    return item as Item;
  }
  return { may, one };
}

export type Entry = Record<string, unknown>;

export interface Case {
  /** Files by their path within the case's folder. */
  readonly files: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
  readonly name: string;
  readonly region: string | undefined;
  readonly file: string | undefined;
}

type Choices = ReturnType<typeof choices>;

const user = { username: 'someone', user_domain_name: 'Default', password: 'hunter2' };
const project = { project_name: 'lab', project_domain_name: 'Default' };
const url = { auth_url: 'https://keystone.test:5000/v3' };

/** Entries that are right, one for each way to authenticate. */
const right: readonly Entry[] = [
  { auth: { ...url, ...user, ...project } },
  { auth: { auth_url: 'http://keystone.test:5000', ...user, ...project } },
  { auth: { ...url, ...user, system_scope: 'all' } },
  { auth: { ...url, ...user, domain_name: 'Default' } },
  { auth: { ...url, user_id: 'abc', password: 'x', project_id: 'def' }, auth_type: 'v3password' },
  { auth: { ...url, token: 'gAAAA', ...project }, auth_type: 'token' },
  { auth: { ...url, token: 'gAAAA', project_id: '1' }, auth_type: 'v3token' },
  {
    auth: { ...url, application_credential_id: 'i', application_credential_secret: 's' },
    auth_type: 'v3applicationcredential',
  },
  {
    auth: {
      ...url,
      application_credential_name: 'n',
      application_credential_secret: 's',
      ...user,
      password: '',
    },
    auth_type: 'v3applicationcredential',
  },
  { auth: { endpoint: 'http://ironic.test:6385' }, auth_type: 'none' },
  { auth: { endpoint: 'http://ironic.test:6385', username: 'a', password: 'b' }, auth_type: 'http_basic' },
  { auth: { endpoint: 'http://ironic.test:6385', token: 't' }, auth_type: 'admin_token' },
];

const authTypes = [
  'password',
  'v3password',
  'token',
  'v3token',
  'v3applicationcredential',
  'none',
  'http_basic',
  'admin_token',
  'token_endpoint',
  'None',
  '',
  null,
  'v2password',
  'v3totp',
  'nonsense',
];

/** Changes of `auth`: old and new names, types that YAML makes of what is written, and what does not belong. */
const authChanges: readonly Entry[] = [
  { tenant_name: 'old', project_name: undefined },
  { 'tenant-id': 'old', project_name: undefined, project_domain_name: undefined },
  { project_id: 8 },
  { domain_id: 'default', user_domain_name: undefined, project_domain_name: undefined },
  { 'domain-name': 'Default', user_domain_name: undefined, project_domain_name: undefined },
  { user_domain_id: 'default' },
  { user_domain_name: undefined },
  { project_domain_name: undefined },
  { 'user-domain-name': 'Other', user_domain_name: undefined },
  { user_name: 'old', username: undefined },
  { 'user-name': 'dashed', username: undefined },
  { password: 12_345 },
  { password: 1.5 },
  { password: 1e22 },
  { password: '0777' },
  { password: true },
  { password: undefined },
  { password: '' },
  { password: null },
  { auth_url: undefined },
  { auth_url: '' },
  { auth_url: 'https://{region_name}.test/v3' },
  { auth_url: 'https://{nothing}.test/v3' },
  { auth_url: 'https://test/{{v3}}' },
  { auth_url: 'https://test/v3}' },
  { 'auth-url': 'https://dashed.test', auth_url: undefined },
  { url: 'http://old.test', endpoint: undefined },
  { system_scope: 'all' },
  { trust_id: 'trust' },
  { default_domain_id: 'default' },
  { default_domain_name: 'Default', user_domain_name: undefined },
  { token: 'surplus' },
  { auth_token: 'surplus' },
  { projectname: 'typo' },
  { passcode: '123456' },
  { application_credential_secret: undefined },
  { application_credential_id: undefined },
];

/** Settings beside `auth`. */
const settings: readonly Entry[] = [
  { region_name: 'RegionOne' },
  { 'region-name': 'Dashed' },
  { region_name: 'one,two' },
  { region_name: ['one', 'two'] },
  { regions: ['one', 'two'] },
  { regions: [] },
  { regions: [{ name: 'one', values: { interface: 'internal', auth: { password: 'regional' } } }, 'two'] },
  { regions: [{ name: 'one' }] },
  { regions: [{ name: 'one', extra: 1 }] },
  { regions: [{ values: {} }] },
  { interface: 'internal' },
  { interface: ['internal', 'public'] },
  { interface: null },
  { endpoint_type: 'internal' },
  { 'endpoint-type': 'internal' },
  { baremetal_endpoint_type: 'admin' },
  { baremetal_interface: ['admin', 'internal'] },
  { bare_metal_interface: 'admin', image_interface: 'internal' },
  { 'baremetal-endpoint-override': 'http://dashed.test' },
  { baremetal_endpoint_override: 'http://ironic.test/{region_name}' },
  { baremetal_endpoint_override: 'http://ironic.test/{nothing}' },
  { bare_metal_endpoint_override: 'http://alias.test', baremetal_endpoint_override: null },
  { bare_metal_endpoint_override: 'http://alias.test', baremetal_endpoint_override: 'http://proper.test' },
  { image_endpoint: 'http://glance.test' },
  { image_endpoint_override: 'http://glance.test', image_endpoint: 'http://loses.test' },
  { baremetal_region_name: 'Elsewhere' },
  { image_service_type: 'picture' },
  { baremetal_service_name: 'ironic' },
  { baremetal_api_version: '1', image_api_version: 2, identity_api_version: 3 },
  { verify: false },
  { verify: false, cacert: '~/ca.pem' },
  { verify: true, cacert: 'ca.pem' },
  { cacert: '~/ca.pem' },
  { cacert: '/srv/{region_name}/ca.pem' },
  { insecure: true, cacert: 'ca.pem' },
  { insecure: 'True' },
  { insecure: 'false' },
  { insecure: null },
  { cert: '~/me.pem' },
  { cert: 'me.pem', key: '~/me.key' },
  { key: 'me.key' },
  { profile: 'own' },
  { profile: 'own', regions: ['mine'] },
  { profile: 'elastx' },
  { profile: 'switchengines' },
  { profile: 'unknown' },
  { cloud: 'own' },
  { auth_plugin: 'token' },
  { profile: 'own', auth: null },
  { username: 'beside' },
  { api_timeout: 5, image_timeout: 7 },
  { api_timeout: '0.5' },
  { 'api-timeout': '30' },
  { api_timeout: 'soon' },
  { api_timeout: null },
];

/** Describes one cloud: a right entry, with up to three changes. */
function entryOf({ may, one }: Choices): Entry {
  const { auth, ...rest } = one(right);
  const changed: Entry = { ...(auth as Entry) };
  const entry: Entry = { ...rest };
  if (may(0.12)) entry['auth_type'] = one(authTypes);
  for (const [changes, into] of [
    [authChanges, changed],
    [settings, entry],
    [settings, entry],
  ] as const) {
    if (!may(0.55)) continue;
    for (const [key, value] of Object.entries(one(changes))) {
      if (value === undefined) delete into[key];
      else into[key] = value;
    }
  }
  // What belongs into `auth` may stand beside it; both at once is another thing in each release.
  const moved = Object.keys(changed).filter((key) => may(0.08) && !/domain/.test(key));
  for (const key of moved) {
    entry[key] = changed[key];
    delete changed[key];
  }
  if (!('auth' in entry)) entry['auth'] = changed;
  if (may(0.03)) delete entry['auth'];
  return entry;
}

const publicClouds = {
  'public-clouds': {
    own: { auth: { auth_url: 'https://own.test:5000/v3' }, regions: ['p1', 'p2'], interface: 'admin' },
  },
};

const folders = ['', 'home/.config/openstack/', 'xdg/openstack/'];
const suffixes = ['yaml', 'yml', 'json'];

/** A case. @param text - writes a file of that suffix */
export function caseOf(choose: Choices, text: (value: unknown, suffix: string) => string): Case {
  const { may, one } = choose;
  const files: Record<string, string> = {};
  const environment: Record<string, string> = {};
  const entry = entryOf(choose);
  let name = 'lab';
  if (may(0.2)) {
    name = 'envvars';
    const flat = { ...entry, ...(entry['auth'] as Entry | null) };
    for (const [key, value] of Object.entries(flat)) {
      const isText = ['string', 'number', 'boolean'].includes(typeof value);
      if (isText && /^[a-z_]+$/.test(key)) environment[`OS_${key.toUpperCase()}`] = String(value);
    }
  }
  const secrets = may(0.2) ? { auth: { password: 'from-secure' } } : undefined;
  const suffix = one(suffixes);
  const clouds: Record<string, unknown> = { lab: entry };
  if (may(0.1)) clouds['other'] = one(right);
  const where = one(folders);
  files[`${where}clouds.${suffix}`] = text({ clouds }, suffix);
  if (secrets !== undefined) files[`${one(folders)}secure.yaml`] = text({ clouds: { lab: secrets } }, 'yaml');
  if (may(0.1)) files['xdg/openstack/clouds.yaml'] = text({ clouds: { lab: one(right) } }, 'yaml');
  files['home/.config/openstack/clouds-public.yaml'] = text(publicClouds, 'yaml');
  if (may(0.05)) environment['OS_REGION_NAME'] = 'FromEnvironment';
  if (may(0.05)) environment['OS_CLOUD'] = 'other';
  if (may(0.05)) environment['OS_CLOUD_NAME'] = one(['lab', 'mine', 'envvars']);
  if (may(0.05)) environment['OS_INSECURE'] = 'true';
  if (may(0.04)) name = one(['envvars', 'Lab', 'mine']);
  const region = may(0.15) ? one(['one', 'two', 'p2', 'LS']) : undefined;
  return { files, environment, name, region, file: may(0.05) ? `${where}clouds.${suffix}` : undefined };
}
