import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { UsageError } from '../../errors.ts';
import { findCloud, nameOfCloud } from './cloud-config.ts';

let folder = '';
let environment: Record<string, string> = {};
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-cloud-config-'));
  environment = { HOME: join(folder, 'home'), XDG_CONFIG_DIRS: join(folder, 'xdg') };
});
afterEach(() => rm(folder, { recursive: true }));

async function write(path: string, content: unknown): Promise<string> {
  const at = join(folder, path);
  await mkdir(dirname(at), { recursive: true });
  await writeFile(at, typeof content === 'string' ? content : stringify(content));
  return at;
}

const user = { username: 'assay', user_domain_name: 'Default', password: 'hunter2' };
const auth = { auth_url: 'https://keystone.test:5000/v3', ...user, system_scope: 'all' };
/** clouds.yaml with one cloud whose user tells the file. */
const told = (username: string, name = 'lab') => ({ clouds: { [name]: { auth: { ...auth, username } } } });

const find = (name = 'lab', more: { file?: string; region?: string } = {}) =>
  findCloud({ name, folder, environment, ...more });

async function userOf(more: { file?: string } = {}): Promise<unknown> {
  const { credentials } = await find('lab', more);
  return 'user' in credentials && 'name' in credentials.user ? credentials.user.name : undefined;
}

const secrets = (password: string) => ({ clouds: { lab: { auth: { password } } } });

const own = (url: string) => ({ 'public-clouds': { own: { auth: { auth_url: url } } } });

const chosen = () => nameOfCloud({ folder, environment });

describe('where clouds.yaml is', () => {
  test('the first file of the search path counts, and nothing else', async () => {
    const places = [
      'xdg/openstack/clouds.yaml',
      'home/.config/openstack/clouds.json',
      'home/.config/openstack/clouds.yml',
      'home/.config/openstack/clouds.yaml',
      'clouds.json',
      'clouds.yml',
      'clouds.yaml',
    ];
    for (const place of places) {
      await write(place, place.endsWith('json') ? JSON.stringify(told(place)) : told(place));
      expect(await userOf()).toBe(place);
    }
  });

  test('XDG_CONFIG_HOME takes the place of ~/.config, which is looked into afterwards', async () => {
    await write('home/.config/openstack/clouds.yaml', told('home'));
    environment['XDG_CONFIG_HOME'] = join(folder, 'config');
    expect(await userOf()).toBe('home');
    await write('config/openstack/clouds.yaml', told('config'));
    expect(await userOf()).toBe('config');
  });

  test('OS_CLIENT_CONFIG_FILE goes before all, and the file that deployment.yaml names before that', async () => {
    await write('clouds.yaml', told('here'));
    environment['OS_CLIENT_CONFIG_FILE'] = await write('elsewhere/my.yaml', told('named'));
    expect(await userOf()).toBe('named');
    expect(await userOf({ file: await write('third/clouds.yaml', told('third')) })).toBe('third');
    environment['OS_CLIENT_CONFIG_FILE'] = 'nothing.yaml';
    await expect(find()).rejects.toThrow(
      /^the environment: OS_CLIENT_CONFIG_FILE: .*nothing\.yaml cannot be read/,
    );
    await expect(find('lab', { file: join(folder, 'none') })).rejects.toThrow(
      /cloud\.file: .*none cannot be read/,
    );
  });

  test('secure.yaml is laid over, deeply, from wherever it is', async () => {
    const { password: _, ...rest } = auth;
    const file = await write('a/clouds.yaml', { clouds: { lab: { auth: rest, region_name: 'one' } } });
    await expect(find('lab', { file })).rejects.toThrow('clouds.lab.auth.password: missing');
    const passwordOf = async () => {
      const { credentials, service } = await find('lab', { file });
      expect(service('baremetal').region).toBe('one');
      return 'password' in credentials ? credentials.password : undefined;
    };
    await write('xdg/openstack/secure.yaml', secrets('far'));
    expect(await passwordOf()).toBe('far');
    environment['OS_CLIENT_SECURE_FILE'] = await write('named.yaml', secrets('named'));
    expect(await passwordOf()).toBe('named');
    await write('a/secure.yaml', secrets('beside'));
    expect(await passwordOf()).toBe('beside');
  });

  test('a profile comes from OS_CLIENT_VENDOR_FILE or clouds-public.yaml, or is built in', async () => {
    const { auth_url: _, ...rest } = auth;
    const urlOf = async (profile: string) => {
      await write('clouds.yaml', { clouds: { lab: { profile, auth: rest } } });
      const { credentials } = await find();
      return 'authUrl' in credentials ? credentials.authUrl : undefined;
    };
    await write('clouds-public.yaml', own('https://own.test'));
    expect(await urlOf('own')).toBe('https://own.test');
    environment['OS_CLIENT_VENDOR_FILE'] = await write('vendors.yaml', own('https://named.test'));
    expect(await urlOf('own')).toBe('https://named.test');
    expect(await urlOf('elastx')).toBe('https://ops.elastx.cloud:5000/v3');
    expect(await urlOf('citycloud')).toBe('https://Buf1.citycloud.com:5000/v3/');
    await expect(urlOf('https://vexxhost.com')).rejects.toThrow(/clouds\.lab\.profile: would be fetched/);
    await expect(urlOf('vexxhost')).rejects.toThrow(
      /would be fetched from https:\/\/vexxhost\.com, which is not/,
    );
    await expect(urlOf('betacloud')).rejects.toThrow(/a cloud that is no more/);
    await expect(urlOf('nobody')).rejects.toThrow(
      /auth\.auth_url: missing: .*; the profile nobody is not known/,
    );
  });

  test('what cannot be read is passed over, and told', async () => {
    await mkdir(join(folder, 'clouds.yaml'));
    await expect(find()).rejects.toThrow(/not readable: .*clouds\.yaml/);
    await write('home/.config/openstack/clouds.yaml', told('next'));
    expect(await userOf()).toBe('next');
  });
});

describe('which cloud', () => {
  test('OS_CLOUD, or what the environment describes, or the only one', async () => {
    await expect(chosen()).rejects.toThrow(
      /^no cloud is described: there is no clouds\.yaml in .*no OS_\* variable/,
    );
    await write('clouds.yaml', told('one'));
    expect(await chosen()).toBe('lab');
    await write('clouds.yaml', { clouds: { ...told('one').clouds, ...told('two', 'other').clouds } });
    await expect(chosen()).rejects.toThrow(/which cloud\? .*: lab, other are in .*clouds\.yaml$/);
    environment['OS_AUTH_URL'] = 'https://keystone.test';
    expect(await chosen()).toBe('envvars');
    environment['OS_CLOUD_NAME'] = 'mine';
    expect(await chosen()).toBe('mine');
    environment['OS_CLOUD'] = 'other';
    expect(await chosen()).toBe('other');
  });

  test('what the OS_* variables say', async () => {
    await expect(find('envvars')).rejects.toThrow('cloud envvars: no OS_* variable describes it');
    for (const [key, value] of Object.entries(auth)) environment[`OS_${key.toUpperCase()}`] = value;
    environment['OS_REGION_NAME'] = 'two';
    const { credentials, service } = await find('envvars');
    expect(credentials).toMatchObject({ kind: 'password', scope: { system: { all: true } } });
    expect(service('image')).toMatchObject({ region: 'two', interfaces: ['public'] });
    delete environment['OS_PASSWORD'];
    await expect(find('envvars')).rejects.toThrow('the environment: OS_PASSWORD: missing');
  });

  test('one that is not there, and a name that the environment takes', async () => {
    await write('clouds.yaml', told('one', 'production'));
    await expect(find('productoin')).rejects.toThrow(
      /^cloud "productoin" is not described in .*clouds\.yaml; did you mean "production"\?$/,
    );
    environment['OS_CLOUD_NAME'] = 'production';
    await expect(find('production')).rejects.toThrow(
      /clouds\.production: the name of the cloud that the env/,
    );
  });
});

const entry = async (given: Record<string, unknown>, more = {}) => {
  await write('clouds.yaml', { clouds: { lab: given } });
  return find('lab', more);
};

describe('credentials', () => {
  const { system_scope: _, ...unscoped } = auth;
  const credential = { application_credential_id: 'i', application_credential_secret: 's' };

  test('what stands beside auth goes before what is in it', async () => {
    // openstacksdk 1.3 and later; older ones have it the other way about.
    const project = { ...unscoped, project_name: 'within', project_domain_name: 'Default' };
    const { credentials } = await entry({ auth: project, project_name: 'beside' });
    expect(credentials).toMatchObject({
      scope: { project: { name: 'beside', domain: { name: 'Default' } } },
    });
  });

  test('the clouds.yaml that bifrost writes', async () => {
    // bifrost: roles/bifrost-keystone-client-config/templates/clouds.yaml.j2, in its three ways
    const password = `
  lab:
    auth_type: "password"
    region_name: RegionOne
    auth:
      username: "admin"
      password: "pw"
      auth_url: http://127.0.0.1:5000/v3
      user_domain_id: "default"
      system_scope: "all"
    identity_api_version: "3"
`;
    await write('clouds.yaml', `# WARNING: This file is managed by bifrost.\nclouds:${password}`);
    expect((await find()).credentials).toMatchObject({
      user: { name: 'admin', domain: { id: 'default' } },
      scope: { system: { all: true } },
    });
    await write(
      'clouds.yaml',
      'clouds:\n  lab:\n    auth_type: "none"\n    auth:\n      endpoint: http://h:6385\n',
    );
    expect((await find()).credentials).toEqual({ kind: 'none', endpoint: 'http://h:6385' });
    const basic = { auth_type: 'http_basic', auth: { username: 'u', password: 'p', endpoint: 'https://h' } };
    expect((await entry(basic)).credentials).toEqual({
      kind: 'basic',
      username: 'u',
      password: 'p',
      endpoint: 'https://h',
    });
  });

  test.for<[Record<string, unknown>, string]>([
    [
      { auth: unscoped },
      'clouds.lab.auth: no scope: project_name with project_domain_name, system_scope: all',
    ],
    [
      { auth: { ...auth, project_id: 'p' } },
      'auth.project_id: a token has one scope, and system_scope is given',
    ],
    [{ auth: { ...auth, domain_name: 'd' } }, 'auth.domain_name: a token has one scope'],
    [{ auth: { ...auth, system_scope: 'some' } }, 'auth.system_scope: only "all" is known'],
    [
      { auth: { ...auth, user_domain_name: '' } },
      'auth.user_domain_name: missing: a user is known in its domain',
    ],
    [{ auth: { ...unscoped, project_name: 'p' } }, 'auth.project_domain_name: missing: a project is known'],
    [
      { auth: { ...auth, passwort: 'x' } },
      'auth.passwort: not a key for auth_type password; did you mean "password"?',
    ],
    [
      { auth: { ...auth, password: true } },
      'auth.password: true, where a text is expected; put it in quotes',
    ],
    [{ auth: { ...auth, auth_url: 'keystone.test' } }, 'auth.auth_url: not an http or https URL'],
    [
      { auth: { ...auth, auth_url: 'https://a:b@k.test' } },
      'auth.auth_url: a URL must not hold a name or a password',
    ],
    [{ auth: { ...auth, auth_url: 'https://{nothing}.test' } }, 'auth.auth_url: a brace that names no text'],
    [{ auth: 'x' }, 'clouds.lab: auth: a text, where a mapping is expected'],
    [
      { auth, auth_type: 'v3oidcpassword' },
      'clouds.lab.auth_type: "v3oidcpassword" is not supported; password, token',
    ],
    [
      { auth, verify: 'never' },
      'clouds.lab.verify: a text, where true, false or a file of authorities is expected',
    ],
    [{ auth, insecure: 'maybe' }, 'clouds.lab.insecure: a text, where true or false is expected'],
    [{ auth, interface: 'external' }, 'clouds.lab.interface: "external", where public, internal or admin is'],
    [{ auth, regions: 'one' }, 'clouds.lab.regions: a text, where a list of regions is expected'],
    [
      { auth, regions: [{ name: 'a', value: 1 }] },
      'clouds.lab.regions.0.value: only name and values are expected',
    ],
    [
      { auth, baremetal_endpoint_override: 'ironic:6385' },
      'clouds.lab.baremetal_endpoint_override: not an http',
    ],
    [{ auth, cacert: 'none.pem' }, 'none.pem cannot be read'],
    [{ auth, cacert: 'clouds.yaml' }, 'clouds.yaml holds no certificate in PEM'],
    [{ auth, cert: 'clouds.yaml' }, 'clouds.lab.cert: '],
    [
      {
        auth: { auth_url: auth.auth_url, system_scope: 'all', ...credential },
        auth_type: 'v3applicationcredential',
      },
      'auth.system_scope: an application credential brings its own scope',
    ],
    [
      { auth: {}, auth_type: 'http_basic' },
      'clouds.lab.auth.username: missing, and needed for auth_type http_basic',
    ],
    [{ auth, api_timeout: 'soon' }, 'clouds.lab.api_timeout: a number of seconds up to 3600 is expected'],
    [{ auth, api_timeout: 0 }, 'clouds.lab.api_timeout: a number of seconds'],
  ])('%j is refused: %s', async ([given, message]) => {
    const refused = entry(given);
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(message);
    await expect(refused).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('\n') }),
    );
  });

  test.for<[Record<string, unknown>, number | undefined]>([
    [{}, undefined],
    [{ api_timeout: 5 }, 5000],
    [{ api_timeout: '0.25' }, 250],
    // openstacksdk: whatever else ends in "timeout" is another name of it, but for "timeout" itself.
    [{ api_timeout: 5, image_timeout: 7 }, 7000],
    [{ 'api-timeout': 9, timeout: 3 }, 9000],
  ])('%j: an answer is waited for %s ms', async ([given, timeoutInMilliseconds]) => {
    expect(await entry({ auth, ...given })).toMatchObject({ timeoutInMilliseconds });
  });

  test('of the old and the new name of an interface, the one that is written later counts', async () => {
    const { service } = await entry({
      auth,
      baremetal_endpoint_type: 'admin',
      baremetal_interface: 'internal',
    });
    expect(service('baremetal').interfaces).toEqual(['internal']);
  });

  test('regions: the first, or the one that is asked for, with its own values', async () => {
    const values = {
      interface: ['internal', 'public'],
      baremetal_endpoint_override: 'http://{region_name}.test/v1',
    };
    const given = { auth, regions: ['one', { name: 'two', values }] };
    expect((await entry(given)).service('baremetal')).toMatchObject({
      region: 'one',
      interfaces: ['public'],
    });
    expect((await entry(given, { region: 'two' })).service('baremetal')).toEqual({
      types: ['baremetal', 'bare-metal'],
      name: undefined,
      region: 'two',
      interfaces: ['internal', 'public'],
      endpoint: 'http://two.test/v1',
    });
    await expect(entry(given, { region: 'Two' })).rejects.toThrow(
      'cloud lab has no region "Two", only one, two',
    );
  });

  test('without verification it is told that there is none', async () => {
    expect((await entry({ auth })).tls).toEqual({ insecure: false });
    expect((await entry({ auth, verify: false, cacert: 'none.pem' })).tls).toEqual({ insecure: true });
    expect((await entry({ auth, insecure: 'True' })).tls.insecure).toBe(true);
  });

  test('the authorities of Python count where nothing is said', async () => {
    environment['REQUESTS_CA_BUNDLE'] = 'bundle.pem';
    await expect(entry({ auth })).rejects.toThrow(/bundle\.pem cannot be read/);
    await expect(entry({ auth, cacert: 'own.pem' })).rejects.toThrow(/own\.pem cannot be read/);
    expect((await entry({ auth, verify: false })).tls).toEqual({ insecure: true });
  });
});

describe('secrets', () => {
  const keys = ['password', 'token', 'application_credential_secret'] as const;

  test('never reach a message, whatever is wrong', async () => {
    const secret = `s3-${randomBytes(12).toString('hex')}`;
    const spoilt = [
      ...keys.map((key) => ({ auth: { ...auth, [key]: secret, system_scope: '' } })),
      ...keys.map((key) => ({ auth: { ...auth, [key]: { a: secret } } })),
      ...keys.map((key) => ({ auth: { ...auth, [key]: [secret] } })),
      ...keys.map((key) => ({ auth, [key]: secret, verify: secret })),
      ...['cacert', 'insecure', 'regions'].map((key) => ({ auth, [key]: { a: secret } })),
      { auth: { ...auth, auth_url: `https://u:${secret}@k.test` } },
      { auth: { ...auth, auth_url: `{${secret}}` } },
      { auth: secret },
      { auth: { ...auth, surplus: secret } },
      { auth: { ...auth, password: secret }, baremetal_endpoint_override: `http://x:${secret}@h` },
    ];
    for (const given of spoilt) {
      await write('clouds.yaml', { clouds: { lab: given } });
      const said = await find().then(
        () => 'understood',
        (error: unknown) => (error instanceof UsageError ? error.message : `${String(error)} ${secret}`),
      );
      expect(said).not.toContain(secret);
    }
  });

  test.for([
    'clouds:\n  lab:\n    auth:\n      password: "SECRET\n',
    'clouds:\n  lab:\n    auth:\n      password: *SECRET\n',
    'clouds:\n  lab:\n    auth:\n      password: !SECRET x\n',
    'clouds:\n  lab:\n    auth:\n      password: !!int SECRET\n',
    'clouds:\n  lab:\n    auth:\n      password: @SECRET\n',
    'clouds:\n  lab:\n    auth:\n      password: SECRET: x\n',
    'clouds:\n  lab:\n    auth:\n      password: {SECRET\n',
    'clouds:\n  lab:\n    auth:\n\tpassword: SECRET\n',
    'clouds:\n  lab:\n    auth:\n      ? [SECRET]\n      : x\n',
  ])('a file that is no YAML is told by its line: %j', async (text) => {
    const secret = `s3${randomBytes(8).toString('hex')}`;
    const path = await write('clouds.yaml', text.replace('SECRET', secret));
    const said = await find().catch((error: unknown) => error);
    expect(said).toBeInstanceOf(UsageError);
    expect(String(said)).toContain(path);
    expect(String(said)).toMatch(/clouds\.yaml:\d+: .*quotes/);
    expect(String(said)).not.toContain(secret);
  });

  test('JSON that is none, a file that is too large, and one that is no mapping', async () => {
    const secret = randomBytes(12).toString('hex');
    await write('clouds.json', `{"clouds": {"lab": {"auth": {"password": "${secret}" oops`);
    await expect(find()).rejects.toThrow(/clouds\.json: cannot be read as JSON$/);
    await write('clouds.yml', `x: ${'y'.repeat(256 * 1024)}`);
    await expect(find()).rejects.toThrow(/clouds\.yml: 262147 bytes, more than the 262144 that are read/);
    await write('clouds.yaml', `[${secret}]`);
    await expect(find()).rejects.toThrow(
      /clouds\.yaml: a list, where a mapping with the key "clouds" is expected/,
    );
    await write('clouds.yaml', 'clouds:\n');
    await expect(find()).rejects.toThrow(/clouds\.yaml: clouds: nothing, where a mapping is expected/);
    await write('clouds.yaml', '');
    await expect(find()).rejects.toThrow(/cloud "lab" is not described in .*clouds\.yaml$/);
  });
});
