import { createSocket } from 'node:dgram';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { strangerIdentity } from '../fixtures/simulated/ssh-server.ts';
import { parseDeployment } from './deployment.ts';
import { MissingError } from './errors.ts';
import { factStore } from './facts.ts';
import { configOf } from './subjects/config.ts';
import { openWorld } from './world.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-world-'));
  await writeFile(join(folder, 'ironic.conf'), '[pxe]\ntftp_server = 192.0.2.1\n');
  await writeFile(join(folder, 'service.env'), 'OS_PXE__TFTP_SERVER="192.0.2.2"\nOS_PASSWORD=hunter2\n');
});
afterEach(async () => rm(folder, { recursive: true }));

async function tftpServer(environment: unknown): Promise<unknown> {
  const conductors = [{ name: 'c1', config: ['ironic.conf'], environment }];
  const text = JSON.stringify({ name: 'x', release: '2025.1', nodes: 'n', images: 'i', conductors });
  await using world = await openWorld(parseDeployment(text, join(folder, 'deployment.yaml')));
  const [conductor] = world.conductors;
  if (conductor === undefined) throw new Error('no conductor');
  const reading = (await factStore(world)(configOf, conductor)).string('pxe', 'tftp_server');
  return reading.ok ? reading.value : reading.problem;
}

test('the environment of a service goes before its files, told or in a file', async () => {
  expect(await tftpServer({})).toBe('192.0.2.1');
  expect(await tftpServer({ OS_PXE__TFTP_SERVER: '192.0.2.3' })).toBe('192.0.2.3');
  expect(await tftpServer('service.env')).toBe('192.0.2.2');
});

test('an environment that is not there leaves the configuration unknown', async () => {
  await expect(tftpServer('absent.env')).rejects.toThrow(MissingError);
});

/** Ports at which connections and datagrams are taken, and never answered. */
async function silentPorts(held: AsyncDisposableStack): Promise<{ tcp: number; udp: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => undefined)));
  const datagrams = createSocket('udp4');
  held.defer(async () => {
    for (const socket of sockets) socket.destroy();
    datagrams.close();
    await new Promise((resolve) => void server.close(resolve));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => void datagrams.bind(0, '127.0.0.1', resolve));
  return { tcp: (server.address() as { port: number }).port, udp: datagrams.address().port };
}

test.for([
  ['0.3 s', {}],
  ['60 s', { api_timeout: 0.3 }],
] as const)('with timeout: %s and %j, the cloud is waited for 0.3 s', async ([timeout, settings]) => {
  await using held = new AsyncDisposableStack();
  const { tcp } = await silentPorts(held);
  const entry = { auth_type: 'none', auth: { endpoint: `http://127.0.0.1:${tcp}` }, ...settings };
  await writeFile(join(folder, 'clouds.yaml'), JSON.stringify({ clouds: { lab: entry } }));
  await writeFile(join(folder, 'secure.yaml'), '');
  const conductors = [{ name: 'c1', config: ['ironic.conf'] }];
  const text = { name: 'x', timeout, cloud: { name: 'lab', file: 'clouds.yaml' }, conductors };
  const world = held.use(await openWorld(parseDeployment(JSON.stringify(text), join(folder, 'd.yaml'))));
  await expect(world.inventory.nodes()).rejects.toThrow('connected, but no answer within 0.3 s');
});

test('everything else is waited for as long as timeout says', async () => {
  await using held = new AsyncDisposableStack();
  const { tcp, udp } = await silentPorts(held);
  const conductor = {
    name: 'c1',
    config: [`ssh://127.0.0.1:${tcp}/etc/ironic/ironic.conf`],
    tftp: `tftp://127.0.0.1:${udp}/`,
    http: `http://127.0.0.1:${tcp}/`,
  };
  await writeFile(join(folder, 'known_hosts'), '');
  await writeFile(join(folder, 'identity'), strangerIdentity(), { mode: 0o600 });
  const ssh = { config: 'none', known_hosts: 'known_hosts', identity: 'identity' };
  const text = { name: 'x', timeout: 0.3, nodes: 'n', images: 'i', ssh, conductors: [conductor] };
  const world = held.use(await openWorld(parseDeployment(JSON.stringify(text), join(folder, 'd.yaml'))));
  const [source] = world.conductors;
  await expect(source?.config()).rejects.toThrow(/^ssh:\/\/\S+: .* within 0\.3 s/);
  await expect(source?.tftp?.open('ipxe.efi')).rejects.toThrow(/^tftp:\/\/\S+: .* over 0\.3 s/);
  await expect(source?.http?.open('boot.ipxe')).rejects.toThrow(/^GET http:\S+: .* within 0\.3 s/);
  await expect(world.openUrl(`http://127.0.0.1:${tcp}/image`)).rejects.toThrow(/ within 0\.3 s/);
});
