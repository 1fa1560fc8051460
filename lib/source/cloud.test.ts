import { readFileSync } from 'node:fs';
import nock from 'nock';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AccessError, FormatError, MissingError, UnsupportedError } from '../errors.ts';
import { glanceStore } from './glance.ts';
import { ironicInventory } from './ironic.ts';
import { type Cloud, describeScope, openCloud } from './keystone.ts';
import { settingsOf } from './cloud-config/settings.testing.ts';

/*
 * The shapes of the APIs, by recorded answers of Keystone 22, Glance 25 and Ironic 21. What sockets do
 * (ranges, cuts, time) is tested over real ones, in glance.test.ts and http.test.ts.
 */
const keystone = 'http://127.0.0.1:5000';
const glance = 'http://127.0.0.1:9292';
const ironic = 'http://127.0.0.1:6385';

interface Recorded {
  request: { body: unknown };
  response: { status: number; headers: [string, string][]; json?: unknown; text?: string };
}

function recorded(name: string): Recorded {
  const path = new URL(`../../fixtures/recorded/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(path, 'utf8')) as Recorded;
}

/** What nock answers with: the recording, with a change to its JSON. */
function reply(name: string, change: (json: never) => unknown = (json) => json): nock.ReplyFnResult {
  const { status, headers, json, text } = recorded(name).response;
  const body = text ?? JSON.stringify(change(json as never));
  return [status, body, Object.fromEntries(headers.filter(([key]) => key !== 'Connection'))];
}

beforeAll(() => {
  if (!nock.isActive()) nock.activate();
});
afterEach(async () => {
  for (const cloud of clouds.splice(0)) await cloud[Symbol.asyncDispose]();
  nock.cleanAll();
});
afterAll(() => nock.restore());

const clouds: Cloud[] = [];
const domains = { user_domain_name: 'Default', project_domain_name: 'Default' };
const lab = {
  auth_url: `${keystone}/v3`,
  username: 'reader',
  password: 'hunter2',
  project_name: 'baremetal',
};

/** A cloud by what clouds.yaml says of it; its auth is that of the lab unless it has one of its own. */
async function cloudOf(entry: Record<string, unknown> = {}): Promise<Cloud> {
  const settings = await settingsOf({ auth: { ...lab, ...domains }, ...entry });
  const cloud = openCloud(settings, { firstPauseInMilliseconds: 1 });
  clouds.push(cloud);
  return cloud;
}

/** Tokens t1, t2, …, as often as asked for, and the requests for them. */
function grantTokens(name = 'keystone-token-lab-reader', change?: (json: never) => unknown) {
  const asked: unknown[] = [];
  nock(keystone)
    .persist()
    .post('/v3/auth/tokens')
    .reply(async (request: Request) => {
      asked.push(await request.json());
      const [status, body, headers] = reply(name, change) as [number, string, Record<string, string>];
      return [status, body, { ...headers, 'X-Subject-Token': `t${asked.length}` }];
    });
  return asked;
}

/** A change of a token: how long it is valid, by a clock that is years behind. */
const lifetime = (seconds: number) => (json: { token: Record<string, unknown> }) => {
  const start = Date.parse('2001-01-01T00:00:00Z');
  json.token['issued_at'] = new Date(start).toISOString();
  json.token['expires_at'] = new Date(start + seconds * 1000).toISOString();
  return json;
};

/** Ironic's versions. */
function version(maximum = '1.82', minimum = '1.1') {
  const [status, body, headers] = reply('ironic-v1') as [number, string, Record<string, string>];
  const changed = {
    ...headers,
    'X-OpenStack-Ironic-API-Maximum-Version': maximum,
    'X-OpenStack-Ironic-API-Minimum-Version': minimum,
  };
  return nock(ironic).get('/v1').reply(status, body, changed);
}

describe('Keystone', () => {
  test('asks for a token as the recorded clients did, once', async () => {
    const asked = grantTokens();
    const cloud = await cloudOf();
    expect(asked.length).toBe(0);
    await Promise.all([cloud.endpoint('image'), cloud.endpoint('baremetal')]);
    expect(await cloud.scope()).toMatchObject({ kind: 'project', name: 'baremetal', roles: ['reader'] });
    expect(describeScope(await cloud.scope())).toBe('project baremetal, roles reader');
    const body = recorded('keystone-token-lab-reader').request.body as {
      auth: { identity: { password: { user: { name: string; password: string } } } };
    };
    body.auth.identity.password.user.password = 'hunter2';
    expect(asked).toEqual([body]);
  });

  test('system scope is asked for as recorded', async () => {
    const asked = grantTokens('keystone-token-lab-system');
    const user = { username: 'admin', password: '<password>', user_domain_name: 'Default' };
    const system = await cloudOf({
      auth: { auth_url: keystone, ...user, system_scope: 'all' },
      auth_type: 'v3password',
    });
    expect(await system.scope()).toEqual({ kind: 'system', roles: ['admin', 'member', 'reader'] });
    expect(describeScope(await system.scope())).toBe('system all, roles admin, member, reader');
    expect(asked[0]).toEqual(recorded('keystone-token-lab-system').request.body);
  });

  test('a refused login is told without the password, and tried once', async () => {
    let times = 0;
    nock(keystone)
      .persist()
      .post('/v3/auth/tokens')
      .reply(() => {
        times += 1;
        return reply('keystone-token-wrong-password');
      });
    const cloud = await cloudOf();
    const refused = cloud.endpoint('image');
    await expect(refused).rejects.toThrow(
      'POST http://127.0.0.1:5000/v3/auth/tokens: status 401: Keystone does not accept reader:',
    );
    await expect(refused).rejects.toBeInstanceOf(AccessError);
    await expect(cloud.get(`${glance}/v2/images`)).rejects.toThrow('status 401');
    expect(times).toBe(1);
  });

  test('what Keystone echoes of the request does not reach the message', async () => {
    nock(keystone)
      .post('/v3/auth/tokens')
      .reply(() => reply('keystone-token-malformed'));
    const failed = await (await cloudOf()).scope().catch((error: unknown) => String(error));
    expect(failed).toContain("status 400: 'identity' is a required property");
    expect(failed).not.toContain('hunter2');
  });

  test('endpoints are found by type, interface and region, with or without version', async () => {
    type Catalogue = {
      token: { catalog: { type: string; endpoints: { url: string; interface: string }[] }[] };
    };
    grantTokens('keystone-token-lab-reader', (json: Catalogue) => {
      for (const { type, endpoints } of json.token.catalog) {
        for (const endpoint of endpoints) {
          if (type === 'baremetal' && endpoint.interface === 'internal') {
            endpoint.url = 'http://10.0.0.1/baremetal/v1/';
          }
          if (type === 'image' && endpoint.interface === 'public') endpoint.url += '/v2';
        }
      }
      return json;
    });
    expect(await (await cloudOf()).endpoint('baremetal')).toBe(ironic);
    expect(await (await cloudOf()).endpoint('image')).toBe(glance);
    expect(
      await (await cloudOf({ interface: 'internal', region_name: 'RegionOne' })).endpoint('baremetal'),
    ).toBe('http://10.0.0.1/baremetal');
    await expect((await cloudOf({ region_name: 'regionone' })).endpoint('image')).rejects.toThrow(
      'no endpoint image (public, regionone), only public/RegionOne, internal/RegionOne, admin/RegionOne',
    );
    await expect((await cloudOf()).endpoint('compute')).rejects.toThrow(
      'no endpoint compute (public), only identity, image, baremetal',
    );
    const other = await cloudOf({ image_endpoint_override: 'https://elsewhere.example/image/v2' });
    expect(await other.endpoint('image')).toBe('https://elsewhere.example/image');
  });

  test('a token without scope has no catalogue', async () => {
    grantTokens('keystone-token-lab-reader', (json: { token: Record<string, unknown> }) => {
      const { catalog: _, project: __, roles: ___, ...token } = json.token;
      return { token };
    });
    await expect((await cloudOf()).endpoint('image')).rejects.toThrow(
      'the token has no catalogue (no scope)',
    );
  });

  test('after a 401 it gets a new token, once for all who wait', async () => {
    const asked = grantTokens();
    nock(glance, { reqheaders: { 'x-auth-token': 't1' } })
      .persist()
      .get('/v2/images')
      .reply(() => reply('glance-images-bad-token'));
    nock(glance, { reqheaders: { 'x-auth-token': 't2' } })
      .persist()
      .get('/v2/images')
      .reply(() => reply('glance-images-limit0'));
    const cloud = await cloudOf();
    const answers = await Promise.all(Array.from({ length: 5 }, () => cloud.get(`${glance}/v2/images`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(asked.length).toBe(2);
  });

  test('a 401 that stays is told', async () => {
    const asked = grantTokens();
    nock(glance)
      .persist()
      .get('/v2/images')
      .reply(() => reply('glance-images-bad-token'));
    await expect((await cloudOf()).getJson(`${glance}/v2/images`)).rejects.toThrow(
      `GET ${glance}/v2/images: status 401: This server could not verify that you are authorized`,
    );
    expect(asked.length).toBe(2);
  });

  test('a token that is too short to be used', async () => {
    grantTokens('keystone-token-lab-reader', lifetime(119));
    await expect((await cloudOf()).scope()).rejects.toThrow('a token for 119 s only');
  });
});

describe('Glance', () => {
  const wholeList = recorded('glance-images-all').response.json as {
    images: { id: string; status: string }[];
  };

  test('pages are followed by marker to the last, whatever the host of next', async () => {
    grantTokens();
    const pages = wholeList.images.map((image, index) => ({ image, after: wholeList.images[index - 1]?.id }));
    for (const { image, after } of pages) {
      nock(glance)
        .get('/v2/images')
        .query(
          (query) =>
            query['marker'] === after && query['visibility'] === 'all' && query['os_hidden'] === undefined,
        )
        .reply(200, {
          images: [image],
          next: `https://elsewhere.example/v2/images?limit=1&marker=${image.id}`,
        });
    }
    nock(glance)
      .get('/v2/images')
      .query((query) => query['marker'] === wholeList.images.at(-1)?.id)
      .reply(() => reply('glance-images-page10-limit1'));
    nock(glance)
      .get('/v2/images')
      .query((query) => query['os_hidden'] === 'true')
      .reply(200, { images: [{ ...wholeList.images[0], id: 'hidden' }] });
    const images = await glanceStore(await cloudOf()).images();
    expect(images.map(({ id }) => id)).toEqual([...wholeList.images.map(({ id }) => id), 'hidden']);
    expect(nock.pendingMocks().filter((mock) => mock.includes('9292'))).toEqual([]);
  });

  test('pages without end, and answers of another shape, are refused', async () => {
    grantTokens();
    const answer = { images: wholeList.images, next: '/v2/images?marker=same' };
    nock(glance).persist().get('/v2/images').query(true).reply(200, answer);
    await expect(glanceStore(await cloudOf()).images()).rejects.toThrow('the pages have no end: marker same');
    for (const [body, message] of [
      [{ images: 'none' }, 'no list "images", but a string'],
      [[], 'no list "images", but a list'],
      [{ images: [{ id: 'a', status: 'active', size: -1 }] }, 'images[0].size: impossible: -1'],
      [{ images: [{ id: 7 }] }, 'images[0].id: a number, where a string is expected'],
    ] as const) {
      nock.cleanAll();
      grantTokens();
      nock(glance).persist().get('/v2/images').query(true).reply(200, body);
      const listing = glanceStore(await cloudOf()).images();
      await expect(listing).rejects.toThrow(message);
      await expect(listing).rejects.toBeInstanceOf(FormatError);
    }
  });

  test('an image without data is never asked for', async () => {
    grantTokens();
    const store = glanceStore(await cloudOf());
    const images = wholeList.images.map((image) => ({ disk_format: null, container_format: null, ...image }));
    const queued = images.find(({ status }) => status === 'queued');
    const zero = images.find((image) => (image as { size?: unknown }).size === 0);
    await expect(store.open(queued as never)).rejects.toThrow(/status queued: it has no data/);
    await expect(store.open(queued as never)).rejects.toBeInstanceOf(MissingError);
    expect((await store.open(zero as never)).sizeInBytes).toBe(0);
    await expect(store.open({ ...zero, size: null } as never)).rejects.toThrow('of unknown size');
  });
});

describe('Ironic', () => {
  test('nodes come with all their fields, page after page, the last one empty', async () => {
    grantTokens();
    const asked = version();
    const reqheaders = { 'x-openstack-ironic-api-version': '1.82', 'x-auth-token': 't1' };
    type Page = { nodes: { uuid: string }[] };
    const { nodes } = recorded('ironic-nodes-detail-lab-admin').response.json as Page;
    nock(ironic, { reqheaders })
      .get('/v1/nodes/detail')
      .query((query) => query['marker'] === undefined)
      .reply(() => reply('ironic-nodes-detail-page1'));
    nock(ironic, { reqheaders })
      .get('/v1/nodes/detail')
      .query((query) => query['marker'] === nodes[1]?.uuid)
      .reply(200, {
        nodes: nodes.slice(2),
        next: `http://wrong.example/v1/nodes/detail?marker=${nodes.at(-1)?.uuid}`,
      });
    nock(ironic, { reqheaders })
      .get('/v1/nodes/detail')
      .query((query) => query['marker'] === nodes.at(-1)?.uuid)
      .reply(() => reply('ironic-nodes-page4-limit2'));
    const inventory = ironicInventory(await cloudOf());
    const found = await inventory.nodes();
    expect(found.map(({ name }) => name)).toEqual([
      'x86-fake-01',
      'x86-ipmi-02',
      'arm-fake-01',
      'arm-fake-02',
      'arm-ipmi-03',
      'arm-redfish-04',
    ]);
    expect(found[2]).toMatchObject({
      properties: { cpu_arch: 'aarch64', capabilities: 'boot_mode:uefi' },
      instance_info: { capabilities: { boot_mode: 'uefi' } },
      driver_info: { deploy_kernel: 'cb7acce2-fc5d-4225-a59f-74b788c7ceaf' },
    });
    expect(await inventory.microversion()).toBe('1.82');
    expect(asked.isDone()).toBe(true);
  });

  test('a node as of 1.1 lacks fields and is read nevertheless; what is hidden is kept', async () => {
    grantTokens();
    version('1.1');
    nock(ironic, { reqheaders: { 'x-openstack-ironic-api-version': '1.1' } })
      .get('/v1/nodes/detail')
      .query(true)
      .reply(() =>
        reply('ironic-nodes-detail-no-version', (json: { nodes: Record<string, unknown>[] }) => {
          Object.assign(json.nodes[0] ?? {}, { driver_info: '** Redacted **', provision_state: null });
          return json;
        }),
      );
    const inventory = ironicInventory(await cloudOf());
    const [first] = await inventory.nodes();
    expect(first).toMatchObject({
      name: null,
      provision_state: null,
      driver_info: { content: '** Redacted **' },
    });
    await expect(inventory.conductors()).rejects.toThrow('from API version 1.49 on, here is 1.1');
  });

  test.for([
    ['1.82', '1.82', null],
    ['1.83', '1.83', 'True'],
    ['1.114', '1.83', 'True'],
  ] as const)('of an Ironic that knows %s, %s is spoken and child nodes are asked for: %s', async (row) => {
    const [maximum, spoken, wanted] = row;
    grantTokens();
    version(maximum);
    const nodes = nock(ironic, { reqheaders: { 'x-openstack-ironic-api-version': spoken } })
      .get('/v1/nodes/detail')
      .query((query) => (query['include_children'] ?? null) === wanted)
      .reply(() => reply('ironic-nodes-page4-limit2'));
    expect(await ironicInventory(await cloudOf()).nodes()).toEqual([]);
    expect(nodes.isDone()).toBe(true);
  });

  test('ports and conductors', async () => {
    grantTokens();
    version('1.95');
    const reqheaders = { 'x-openstack-ironic-api-version': '1.83' };
    nock(ironic, { reqheaders })
      .get('/v1/ports/detail')
      .query(true)
      .reply(() => reply('ironic-ports-detail'));
    nock(ironic, { reqheaders })
      .get('/v1/conductors')
      .query(true)
      .reply(() => reply('ironic-conductors'));
    const inventory = ironicInventory(await cloudOf());
    const [port] = await inventory.ports();
    expect(port).toMatchObject({
      address: '52:54:00:00:01:01',
      node_uuid: 'fa54976b-d7a7-47cf-a0fd-542912ceb3ae',
      pxe_enabled: true,
    });
    expect(await inventory.conductors()).toMatchObject([
      { hostname: 'localhost', conductor_group: '', alive: true },
    ]);
  });

  test.for([
    ['rbac-new-conductors-lab-reader', "requires a scope of ['system']"],
    [
      'ironic-conductors-as-reader',
      'status 403: Access was denied to the following resource: baremetal:conductor:get',
    ],
    ['ironic-conductors-no-version', 'status 404: Resource could not be found.'],
  ] as const)('%s: conductors need the system', async ([name, message]) => {
    grantTokens();
    version();
    nock(ironic)
      .persist()
      .get('/v1/conductors')
      .query(true)
      .reply(() => reply(name));
    const asking = ironicInventory(await cloudOf()).conductors();
    await expect(asking).rejects.toThrow(message);
    await expect(asking).rejects.toThrow(
      'role reader with system scope (system_scope: all), asked as project baremetal, roles reader',
    );
    await expect(asking).rejects.toBeInstanceOf(AccessError);
  });

  test('what is not Ironic, or too new, is told', async () => {
    grantTokens();
    version('1.200', '1.90');
    await expect(ironicInventory(await cloudOf()).nodes()).rejects.toThrow(UnsupportedError);
    nock(ironic).get('/v1').reply(200, { hello: 'world' });
    await expect(ironicInventory(await cloudOf()).nodes()).rejects.toThrow(
      "names no version: not Ironic's API",
    );
  });

  test('pages without end are refused', async () => {
    grantTokens();
    version();
    nock(ironic)
      .persist()
      .get('/v1/nodes/detail')
      .query(true)
      .reply(() => reply('ironic-nodes-detail-page1'));
    await expect(ironicInventory(await cloudOf()).nodes()).rejects.toThrow('the pages have no end');
  });
});
