import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AccessError, FormatError, MissingError } from '../errors.ts';
import { recordedInventory, recordedStore } from './recorded.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-recorded-'));
});
afterAll(() => rm(folder, { recursive: true }));

function answerOf(name: string): Record<string, Record<string, unknown>[]> {
  const path = new URL(`../../fixtures/recorded/${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { response: { json: never } }).response.json;
}

async function stored(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

test("the API's answers are read as they are, and a bare list of the same", async () => {
  const answer = answerOf('ironic-nodes-detail-lab-admin');
  const nodes = await stored('nodes.json', answer);
  const ports = await stored('ports.json', answerOf('ironic-ports-detail'));
  const conductors = await stored('conductors.json', answerOf('ironic-conductors'));
  const inventory = recordedInventory({ nodes, ports, conductors });
  expect(await inventory.nodes()).toEqual(answer['nodes']);
  expect((await inventory.ports()).length).toBe(answerOf('ironic-ports-detail')['ports']?.length);
  expect(await inventory.conductors()).toMatchObject([{ hostname: 'localhost', alive: true }]);
  const bare = recordedInventory({ nodes: await stored('bare.json', answer['nodes']) });
  expect(await bare.nodes()).toEqual(answer['nodes']);
  await expect(bare.ports()).rejects.toThrow(`${folder}/bare.json: no recording of ports is given with it`);
  await expect(bare.conductors()).rejects.toThrow(AccessError);
});

test("the command line's titles are understood, and one node alone", async () => {
  const row = {
    UUID: '25ff405f-485f-4bbe-ad83-bcc04e559f50',
    Name: 'arm-fake-02',
    Driver: 'fake-hardware',
    'Driver Info': { deploy_kernel: 'k' },
    Properties: { cpu_arch: 'aarch64' },
    'Instance Info': {},
    'Provisioning State': 'available',
    Maintenance: false,
    'Boot Interface': 'ipxe',
    'Resource Class': 'baremetal.aarch64',
  };
  const port = { UUID: 'p', Address: '52:54:00:00:01:01', 'Node UUID': row.UUID, 'PXE boot enabled': true };
  const inventory = recordedInventory({
    nodes: await stored('cli.json', [row]),
    ports: await stored('cli-ports.json', [port]),
  });
  expect(await inventory.nodes()).toMatchObject([
    {
      uuid: row.UUID,
      name: 'arm-fake-02',
      provision_state: 'available',
      boot_interface: 'ipxe',
      driver_info: { deploy_kernel: 'k' },
      resource_class: 'baremetal.aarch64',
    },
  ]);
  expect(await inventory.ports()).toMatchObject([{ node_uuid: row.UUID, pxe_enabled: true }]);
  const [node] = answerOf('ironic-nodes-detail-lab-admin')['nodes'] ?? [];
  expect(await recordedInventory({ nodes: await stored('one.json', node) }).nodes()).toEqual([node]);
});

test.for<[string, unknown, string]>([
  ['cut.json', '{"nodes": [', 'cut.json: not JSON'],
  ['line.json', `{\n"nodes": [${'1, '.repeat(50)}}]}\n`, 'line.json: not JSON at line 2 column 161: '],
  ['text.json', '"text"', 'no list "nodes", but a string'],
  ['other.json', { ports: [] }, 'no list "nodes", but an object'],
  ['number.json', [7], 'number.json: nodes[0]: a number, where an object is expected'],
  [
    'short.json',
    [{ UUID: 'u', Name: 'n' }],
    'short.json: nodes[0].driver: nothing, where a string is expected',
  ],
  [
    'kind.json',
    [{ uuid: 'u', driver: 'd', maintenance: false, properties: [], driver_info: {}, instance_info: {} }],
    'kind.json: nodes[0].properties: a list, where an object is expected',
  ],
])('%s is refused with the place', async ([name, content, message]) => {
  const reading = recordedInventory({ nodes: await stored(name, content) }).nodes();
  await expect(reading).rejects.toThrow(message);
  await expect(reading).rejects.toBeInstanceOf(FormatError);
});

test('a recording that is absent is told', async () => {
  await expect(recordedInventory({ nodes: join(folder, 'absent.json') }).nodes()).rejects.toThrow(
    MissingError,
  );
});

test('images have their data in files beside the JSON', async () => {
  await writeFile(join(folder, 'kernel'), 'MZ');
  const { images = [] } = answerOf('glance-images-all');
  const active = images.find(({ status }) => status === 'active');
  const base = { id: 'a', name: 'k', status: 'active', size: 2 };
  const path = await stored('images.json', {
    images: [
      { ...base, file: 'kernel' },
      { ...base, id: 'b', size: 3, file: 'kernel' },
      { ...base, id: 'c', file: '../secret' },
      { ...base, id: 'd', file: 'absent' },
      { ...base, id: 'e', status: 'queued', file: 'kernel' },
      active,
      { ...base, id: 'f', disk_format: 'raw', properties: { hw_architecture: 'aarch64' }, file: 'kernel' },
      { ID: 'g', Name: 'k', Status: 'active', 'Disk Format': 'aki', Size: 2, Project: 'p' },
    ],
  });
  await using store = recordedStore(path);
  const [good, longer, outside, absent, queued, real, shown, titled] = await store.images();
  expect(await (await store.open(good as never)).read(0, 2)).toEqual(Buffer.from('MZ'));
  await expect(store.open(longer as never)).rejects.toThrow('3 bytes by its record, 2 in kernel');
  await expect(store.open(outside as never)).rejects.toThrow('leads out of the folder');
  await expect(store.open(absent as never)).rejects.toThrow(MissingError);
  await expect(store.open(queued as never)).rejects.toThrow('status queued');
  await expect(store.open(real as never)).rejects.toThrow('its data was not recorded');
  expect(real).toEqual(active);
  expect(shown).toMatchObject({ hw_architecture: 'aarch64' });
  expect(titled).toMatchObject({ id: 'g', disk_format: 'aki', size: 2, owner: 'p' });
});

test('what it opened is closed with the stack that holds it', async () => {
  await writeFile(join(folder, 'data'), 'MZ');
  const path = await stored('held.json', [{ id: 'a', status: 'active', size: 2, file: 'data' }]);
  const held = new AsyncDisposableStack();
  const store = recordedStore(path, held);
  const [image] = await store.images();
  const blob = await store.open(image as never);
  await held.disposeAsync();
  await expect(blob.read(0, 1)).rejects.toThrow(/closed/);
});
