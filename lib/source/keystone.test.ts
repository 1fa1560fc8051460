import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nock from 'nock';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { AccessError, MissingError } from '../errors.ts';
import { settingsOf } from './cloud-config/settings.testing.ts';
import { cloudSources } from './cloud.ts';
import { glanceStore } from './glance.ts';
import { ironicInventory } from './ironic.ts';
import { type Cloud, describeScope, openCloud } from './keystone.ts';

/*
 * How tokens are asked for. The bodies are those of Keystone's documentation:
 * https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management
 */
const keystone = 'https://keystone.test:5000';
const clouds: Cloud[] = [];

beforeAll(() => {
  if (!nock.isActive()) nock.activate();
});
afterEach(async () => {
  vi.useRealTimers();
  for (const cloud of clouds.splice(0)) await cloud[Symbol.asyncDispose]();
  nock.cleanAll();
});
afterAll(() => nock.restore());

const recorded = (name: string) => {
  const path = new URL(`../../fixtures/recorded/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as {
    response: { json: object };
  };
};

async function cloudOf(entry: Record<string, unknown>): Promise<Cloud> {
  const cloud = openCloud(await settingsOf(entry), { retries: 0 });
  clouds.push(cloud);
  return cloud;
}

/** Grants tokens t1, t2, …, and keeps what was asked. */
function granting(
  origin = keystone,
  path: string | RegExp = '/v3/auth/tokens',
  token: Record<string, unknown> = {},
) {
  const asked: unknown[] = [];
  nock(origin)
    .persist()
    .post(path)
    .reply(async (request: Request) => {
      asked.push(await request.json());
      const body = {
        token: { expires_at: '2001-01-01T01:00:00Z', issued_at: '2001-01-01T00:00:00Z', ...token },
      };
      return [201, JSON.stringify(body), { 'X-Subject-Token': `t${asked.length}` }];
    });
  return asked;
}

const user = { username: 'u', user_domain_name: 'Default', password: 'p' };
const project = { project_name: 'lab', project_domain_id: 'default' };
const url = { auth_url: keystone };
const named = { name: 'u', domain: { name: 'Default' } };

const byPassword = (who: unknown, scope: unknown) => ({
  auth: { identity: { methods: ['password'], password: { user: who } }, scope },
});

const byCredential = (application_credential: unknown) => ({
  auth: { identity: { methods: ['application_credential'], application_credential } },
});

const scopeOf = async (token: Record<string, unknown>) => {
  nock.cleanAll();
  granting(keystone, '/v3/auth/tokens', token);
  return (await cloudOf({ auth_type: 'v3password', auth: { ...url, ...user, ...project } })).scope();
};

describe('what is asked of Keystone', () => {
  test.for<[string, Record<string, unknown>, unknown]>([
    [
      'v3password',
      { ...user, ...project },
      byPassword({ ...named, password: 'p' }, { project: { name: 'lab', domain: { id: 'default' } } }),
    ],
    [
      'v3password',
      { user_id: 'i', password: 'p', project_id: 'j' },
      byPassword({ id: 'i', password: 'p' }, { project: { id: 'j' } }),
    ],
    [
      'v3password',
      { ...user, system_scope: 'all' },
      byPassword({ ...named, password: 'p' }, { system: { all: true } }),
    ],
    [
      'v3password',
      { ...user, domain_id: 'd' },
      byPassword({ ...named, password: 'p' }, { domain: { id: 'd' } }),
    ],
    [
      'v3password',
      { ...user, domain_name: 'D' },
      byPassword({ ...named, password: 'p' }, { domain: { name: 'D' } }),
    ],
    [
      'v3password',
      { ...user, trust_id: 't' },
      byPassword({ ...named, password: 'p' }, { 'OS-TRUST:trust': { id: 't' } }),
    ],
    [
      'v3token',
      { token: 'old', project_id: 'j' },
      { auth: { identity: { methods: ['token'], token: { id: 'old' } }, scope: { project: { id: 'j' } } } },
    ],
    [
      'v3applicationcredential',
      { application_credential_id: 'i', application_credential_secret: 's' },
      byCredential({ id: 'i', secret: 's' }),
    ],
    [
      'v3applicationcredential',
      {
        application_credential_name: 'n',
        application_credential_secret: 's',
        username: 'u',
        user_domain_name: 'Default',
      },
      byCredential({ name: 'n', secret: 's', user: named }),
    ],
  ])('%s with %j', async ([auth_type, auth, body]) => {
    const asked = granting();
    const cloud = await cloudOf({ auth_type, auth: { ...url, ...auth } });
    await cloud.scope();
    await cloud.scope();
    expect(asked).toEqual([body]);
  });

  test('scope and roles are those of the token', async () => {
    const roles = [
      { id: '1', name: 'reader' },
      { id: '2', name: 'member' },
    ];
    const scope = await scopeOf({ project: { id: 'j', name: 'lab' }, roles });
    expect(scope).toEqual({ kind: 'project', id: 'j', name: 'lab', roles: ['reader', 'member'] });
    expect(describeScope(scope)).toBe('project lab, roles reader, member');
    expect(await scopeOf({ domain: { id: 'd', name: 'D' }, roles })).toMatchObject({
      kind: 'domain',
      name: 'D',
    });
    expect(await scopeOf({ system: { all: true }, roles })).toMatchObject({ kind: 'system' });
    expect(await scopeOf({})).toEqual({ kind: 'none', roles: [] });
  });
});

/** A version 3 that is there. */
const self = (href: string) => ({
  id: 'v3.14',
  status: 'stable',
  links: [{ rel: 'self', href }],
});

describe('where Keystone is', () => {
  const auth = { ...user, ...project };

  test.for([`${keystone}/v3`, `${keystone}/v3/`, `${keystone}//v3`])(
    '%s is taken as it is',
    async (auth_url) => {
      const asked = granting(keystone, /^\/+v3\/auth\/tokens$/);
      await (await cloudOf({ auth: { ...auth, auth_url } })).scope();
      expect(asked).toHaveLength(1);
    },
  );

  test.for([
    [
      300,
      {
        versions: { values: [{ ...self('https://old.test/'), id: 'v2.0' }, self('https://other.test/v3/')] },
      },
    ],
    [200, { version: self('https://other.test/v3') }],
    [200, { versions: [self('https://other.test/v3')] }],
  ] as const)('a document with status %d leads to version 3', async ([status, json]) => {
    nock(keystone).get('/').reply(status, json);
    const asked = granting('https://other.test');
    await (await cloudOf({ auth: { ...auth, auth_url: `${keystone}/` } })).scope();
    expect(asked).toHaveLength(1);
  });

  test('the recorded document of Keystone 22', async () => {
    nock('http://127.0.0.1:5000').get('/').reply(300, recorded('keystone-root').response.json);
    const asked = granting('http://127.0.0.1:5000');
    await (await cloudOf({ auth: { ...auth, auth_url: 'http://127.0.0.1:5000' } })).scope();
    expect(asked).toHaveLength(1);
  });

  test.for<[number, string | object]>([
    [404, 'nothing'],
    [503, '<html>busy</html>'],
    [200, 'not JSON'],
    [300, { versions: { values: [] } }],
    [300, { versions: { values: [self('ftp://x/v3')] } }],
    [300, { versions: { values: [self('http://keystone.test:5000/v3/')] } }],
    [300, []],
  ])('%d %j says nothing, or something weaker: /v3 is put behind', async ([status, body]) => {
    nock(keystone).get('/').reply(status, body);
    const asked = granting();
    await (await cloudOf({ auth: { ...auth, ...url } })).scope();
    expect(asked).toHaveLength(1);
  });

  test('from http to https of the same host the redirect is followed, once for all', async () => {
    const http = 'http://keystone.test:5000';
    const redirects = nock(http)
      .post('/v3/auth/tokens')
      .reply(301, '', { location: `${keystone}/v3/auth/tokens` });
    const asked = granting();
    const cloud = await cloudOf({ auth: { ...auth, auth_url: `${http}/v3` } });
    nock('http://glance.test').get('/').reply(401).get('/').reply(200, {});
    expect((await cloud.get('http://glance.test/')).status).toBe(200);
    expect(asked).toHaveLength(2);
    expect(redirects.isDone()).toBe(true);
  });

  test('a page that a redirect leads to says nothing of Keystone', async () => {
    nock(keystone).get('/').reply(302, '', { location: '/dashboard' }).get('/dashboard').reply(200, '<html>');
    const asked = granting();
    await (await cloudOf({ auth: { ...auth, ...url } })).scope();
    expect(asked).toHaveLength(1);
  });

  test.for([
    ['another host', `${keystone}/v3`, 'https://elsewhere.test/v3/auth/tokens'],
    ['no encryption any more', `${keystone}/v3`, 'http://keystone.test:5000/v3/auth/tokens'],
    ['a page', `${keystone}/v3`, `${keystone}/login`],
    ['a file', `${keystone}/v3`, 'file:///etc/passwd'],
  ] as const)('the password does not follow a redirect to %s', async ([, auth_url, location]) => {
    nock(keystone).post('/v3/auth/tokens').reply(307, '', { location });
    const refused = (await cloudOf({ auth: { ...auth, auth_url } })).scope();
    await expect(refused).rejects.toThrow(AccessError);
    await expect(refused).rejects.toThrow(`307 redirects to ${location}, which is not followed`);
  });

  test('redirects have an end', async () => {
    nock(keystone).persist().get('/').reply(302, '', { location: '/' });
    await expect((await cloudOf({ auth: { ...auth, ...url } })).scope()).rejects.toThrow(
      'more than 5 redirects',
    );
  });
});

test('a token that ends while the run goes on is renewed, two minutes before', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const asked = granting();
  nock('http://glance.test').persist().get('/').reply(200, {});
  const cloud = await cloudOf({ auth: { auth_url: `${keystone}/v3`, ...user, ...project } });
  const steps: [number, number][] = [
    [0, 1],
    [57, 1],
    [2, 2],
    [57, 2],
    [2, 3],
  ];
  for (const [minutes, tokens] of steps) {
    vi.setSystemTime(Date.now() + minutes * 60_000);
    await Promise.all([cloud.get('http://glance.test/'), cloud.get('http://glance.test/')]);
    expect(asked).toHaveLength(tokens);
  }
});

test('a refusal names who asked, and never what was sent', async () => {
  const secret = randomBytes(9).toString('hex');
  const entries = [
    { auth_type: 'v3password', auth: { ...url, ...user, ...project, password: secret } },
    { auth_type: 'v3token', auth: { ...url, ...project, token: secret } },
    {
      auth_type: 'v3applicationcredential',
      auth: { ...url, application_credential_id: 'cred', application_credential_secret: secret },
    },
  ];
  const messages: string[] = [];
  for (const entry of entries) {
    for (const status of [401, 400, 403, 500]) {
      nock(keystone)
        .post('/v3/auth/tokens')
        .reply(status, { error: { message: `no: ${secret}` } });
      messages.push(await (await cloudOf(entry)).scope().then(String, String));
    }
  }
  expect(messages.join('\n')).not.toContain(secret);
  expect(messages[0]).toContain('status 401: Keystone does not accept u: name, domain');
  expect(messages[1]).toContain('status 400: no: …');
  expect(messages[4]).toContain('Keystone does not accept the token given');
  expect(messages[8]).toContain('Keystone does not accept application credential cred');
});

const endpoint = (kind: string, address: string, region = 'one') => ({
  interface: kind,
  region_id: region,
  region: `${region} by its old name`,
  url: address,
});

describe('the catalogue', () => {
  const catalog = [
    { type: 'bare-metal', endpoints: [endpoint('internal', 'http://alias.test')] },
    {
      type: 'baremetal',
      name: 'ironic',
      endpoints: [
        endpoint('public', 'http://public.test/v1/'),
        endpoint('admin', ''),
        endpoint('internalURL', 'http://internal.test/v1'),
        endpoint('internal', 'http://second.test', 'two'),
      ],
    },
  ];
  const endpointOf = async (entry: Record<string, unknown>) => {
    granting(keystone, '/v3/auth/tokens', { catalog });
    const auth = { auth_url: `${keystone}/v3`, ...user, ...project };
    return (await cloudOf({ auth, ...entry })).endpoint('baremetal');
  };

  test.for<[Record<string, unknown>, string]>([
    [{}, 'http://public.test'],
    [{ interface: ['admin', 'internal', 'public'] }, 'http://internal.test'],
    [{ interface: 'internalURL', region_name: 'two' }, 'http://second.test'],
    [{ region_name: 'two', baremetal_region_name: 'one' }, 'http://public.test'],
    [{ interface: null }, 'http://public.test'],
    [{ baremetal_service_type: 'bare-metal', bare_metal_interface: 'internal' }, 'http://alias.test'],
    [{ baremetal_endpoint_override: 'http://override.test/v1' }, 'http://override.test'],
    [{ bare_metal_endpoint_override: 'http://override.test/v1/' }, 'http://override.test'],
  ])('%j', async ([entry, address]) => {
    expect(await endpointOf(entry)).toBe(address);
  });

  test.for<[Record<string, unknown>, string]>([
    [{ interface: 'admin' }, 'no endpoint baremetal (admin), only internal/one, public/one, internal/two'],
    [{ region_name: 'One' }, 'no endpoint baremetal (public, One), only'],
    [{ region_name: 'one by its old name' }, 'no endpoint baremetal (public, one by its old name), only'],
    [{ baremetal_service_name: 'metal' }, 'no endpoint baremetal (public), only internal/one'],
    [{ baremetal_service_type: 'metal' }, 'no endpoint metal (public), only bare-metal, baremetal'],
  ])('%j leads nowhere', async ([entry, message]) => {
    await expect(endpointOf(entry)).rejects.toThrow(message);
  });
});

describe('an Ironic that stands alone', () => {
  const ironic = 'http://ironic.test:6385';
  const versions = { 'x-openstack-ironic-api-maximum-version': '1.82' };

  test.for<[string, Record<string, unknown>, Record<string, string>]>([
    ['none', {}, {}],
    ['http_basic', { username: 'u', password: 'p:ü' }, { authorization: 'Basic dTpwOsO8' }],
    ['admin_token', { token: 'ADMIN' }, { 'x-auth-token': 'ADMIN' }],
  ])('%s: nodes without Keystone, and no images', async ([auth_type, auth, headers]) => {
    const asked: Record<string, string | null>[] = [];
    const seen = ({ headers: sent }: Request) => {
      asked.push({ authorization: sent.get('authorization'), 'x-auth-token': sent.get('x-auth-token') });
    };
    nock(ironic)
      .get('/v1')
      .reply((request: Request) => {
        seen(request);
        return [200, '{}', versions];
      });
    nock(ironic)
      .get('/v1/nodes/detail')
      .query(true)
      .reply((request: Request) => {
        seen(request);
        return [200, '{"nodes": []}'];
      });
    const cloud = await cloudOf({ auth_type, auth: { endpoint: `${ironic}/v1/`, ...auth } });
    expect(await ironicInventory(cloud).nodes()).toEqual([]);
    const expected = { authorization: null, 'x-auth-token': null, ...headers };
    expect(asked).toEqual([expected, expected]);
    expect(await cloud.scope()).toEqual({ kind: 'none', roles: [] });
    await expect(glanceStore(cloud).images()).rejects.toThrow(
      'without Keystone, image_endpoint_override is needed',
    );
  });

  test('is the only source of a deployment', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'assay-standalone-'));
    await using held = new AsyncDisposableStack();
    held.defer(() => rm(folder, { recursive: true }));
    const bifrost = { auth_type: 'none', auth: { endpoint: ironic } };
    await writeFile(join(folder, 'clouds.yaml'), JSON.stringify({ clouds: { bifrost } }));
    await writeFile(join(folder, 'secure.yaml'), '');
    const given = { name: 'bifrost', file: 'clouds.yaml' };
    const { cloud, images } = await cloudSources(given, folder, held);
    expect(cloud.insecure).toBe(false);
    expect(await images.images()).toEqual([]);
    expect(images.origin).toBe('images of http://ironic.test:6385, which stands alone: there is no Glance');
    const image = {
      id: 'x',
      name: null,
      status: 'active',
      disk_format: null,
      container_format: null,
      size: 1,
    };
    await expect(images.open(image)).rejects.toThrow(MissingError);
  });

  test('is not let in: said once, without the password', async () => {
    const echo = Buffer.from('u:hunter2').toString('base64');
    nock(ironic)
      .persist()
      .get('/v1/nodes')
      .reply(401, { error: { message: `Incorrect: ${echo} hunter2` } });
    const auth = { endpoint: ironic, username: 'u', password: 'hunter2' };
    const cloud = await cloudOf({ auth_type: 'http_basic', auth });
    await expect(cloud.getJson(`${ironic}/v1/nodes`)).rejects.toThrow(
      '/v1/nodes: status 401: Incorrect: … …',
    );
  });

  test('is nowhere: told before anything is asked', async () => {
    await expect(cloudOf({ auth_type: 'none', auth: {} })).rejects.toThrow(
      'auth.endpoint: missing: the URL of Ironic, as there is no Keystone',
    );
    const other = await cloudOf({ auth_type: 'none', baremetal_endpoint_override: ironic });
    expect(await other.endpoint('baremetal')).toBe(ironic);
    nock(ironic).get('/v1/x').reply(404, '');
    await expect(other.getJson(`${ironic}/v1/x`)).rejects.toThrow(MissingError);
  });
});
