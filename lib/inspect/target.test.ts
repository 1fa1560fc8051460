import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type RequestListener, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { startSshServer } from '../../fixtures/simulated/ssh-server.ts';
import { serve } from '../../fixtures/simulated/serve.ts';
import { artefact, healthy } from '../../fixtures/simulated/simulation.ts';
import { type Deployment, parseDeployment } from '../deployment.ts';
import { AccessError, AssayError, FormatError, MissingError, UsageError } from '../errors.ts';
import { inspect } from './inspect.ts';
import { openTarget } from './target.ts';

let folder = '';
const ends: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-inspect-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** Opens and inspects a target, as the command does. */
async function inspected(target: string, deployment?: Deployment) {
  const held = new AsyncDisposableStack();
  ends.push(() => held.disposeAsync());
  const reach = { folder, ...(deployment !== undefined && { deployment: async () => deployment }) };
  return inspect(await openTarget(target, reach, held));
}

/** Starts a web server on loopback. */
async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  ends.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  );
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

/** As nginx answers: with the range that was asked for. */
async function withRanges(bytes: Buffer) {
  const asked: string[] = [];
  const url = await listen((request, response) => {
    asked.push(`${request.url} ${request.headers.range}`);
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    const first = Number(match?.[1]);
    const last = Math.min(Number(match?.[2]), bytes.length - 1);
    if (bytes.length === 0) {
      response.writeHead(416, { 'content-range': 'bytes */0' }).end();
      return;
    }
    response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` });
    response.end(bytes.subarray(first, last + 1));
  });
  return { url, asked };
}

/** The disk image far apart in a larger file, as most of an image is never looked at. */
async function largeImage(): Promise<Buffer> {
  return Buffer.concat([await artefact('ubuntu-24.04-aarch64.qcow2'), Buffer.alloc(30 * 1024 * 1024)]);
}

test('by HTTP only what is needed is read, with the query as it is written', async () => {
  const { url, asked } = await withRanges(await largeImage());
  const inspection = await inspected(`${url}/a%20b.qcow2?temp_url_sig=abc`);
  expect(inspection).toMatchObject({ kind: 'disk image', understood: true });
  expect(inspection.bytesRead).toBeLessThan(2 * 1024 * 1024);
  expect(inspection.origin).not.toContain('abc');
  expect(asked[0]).toBe('/a%20b.qcow2?temp_url_sig=abc bytes=0-65535');
  // What the first answer held is not asked for again.
  expect(asked.filter((one) => one.includes('bytes=0-'))).toHaveLength(1);
});

test('a small file comes at once, an empty one is empty', async () => {
  const { url, asked } = await withRanges(await artefact('ipxe.efi'));
  expect(await inspected(`${url}/ipxe.efi`)).toMatchObject({ kind: 'EFI program', sizeInBytes: 2048 });
  expect(asked).toHaveLength(1);
  const empty = await withRanges(Buffer.alloc(0));
  expect(await inspected(`${empty.url}/x`)).toMatchObject({ content: 'empty', sizeInBytes: 0 });
});

test('a server without ranges sends what is small whole', async () => {
  const bytes = await artefact('ipa-x86_64.kernel');
  const url = await listen((_, response) => void response.end(bytes));
  expect(await inspected(`${url}/kernel`)).toMatchObject({ kind: 'kernel', bytesRead: bytes.length });
  // What came is counted, also where less was needed.
  const image = await largeImage();
  const other = await listen((_, response) => void response.end(image));
  expect(await inspected(`${other}/image`)).toMatchObject({ kind: 'disk image', bytesRead: image.length });
});

test('a server without ranges is told so for what is large', async () => {
  const megabyte = Buffer.alloc(1024 * 1024);
  const url = await listen((_, response) => {
    response.on('error', () => undefined);
    const send = () => {
      while (!response.destroyed && response.write(megabyte));
      if (!response.destroyed) response.once('drain', send);
    };
    send();
  });
  const reading = inspected(`${url}/image`);
  await expect(reading).rejects.toThrow(AccessError);
  await expect(reading).rejects.toThrow(
    `${url}/image: the server ignores Range, and the file is larger than the 67108864 bytes that are read whole; a download may be allowed`,
  );
});

test.for<
  [number, Record<string, string>, typeof AccessError | typeof MissingError | typeof FormatError, RegExp]
>([
  [404, {}, MissingError, /status 404/],
  [403, {}, AccessError, /status 403/],
  [416, {}, AccessError, /refuses Range \(status 416\)/],
  [204, {}, MissingError, /no content/],
  [302, { location: 'https://elsewhere.test/' }, AccessError, /redirects to https:\/\/elsewhere.test\//],
  [206, { 'content-range': 'bytes 5-9/10' }, FormatError, /Content-Range "bytes 5-9\/10"/],
])('status %d with %j', async ([status, headers, kind, message]) => {
  const url = await listen((_, response) => void response.writeHead(status, headers).end());
  const reading = inspected(`${url}/x`);
  await expect(reading).rejects.toThrow(kind);
  await expect(reading).rejects.toThrow(message);
});

test('a range that changes its mind underway', async () => {
  const bytes = await largeImage();
  let count = 0;
  const url = await listen((request, response) => {
    count += 1;
    const [first, last] = (/(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []).slice(1).map(Number);
    if (first === undefined || last === undefined || count > 1) response.writeHead(403).end();
    else {
      response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` });
      response.end(bytes.subarray(first, last + 1));
    }
  });
  const inspection = await inspected(`${url}/image`);
  expect(inspection).toMatchObject({ kind: 'disk image', understood: false });
  expect(JSON.stringify(inspection)).toContain('status 403');
});

test('local files: relative to the folder, absolute, and what is none', async () => {
  await writeFile(join(folder, 'k'), await artefact('ipa-aarch64.kernel'));
  expect(await inspected('k')).toMatchObject({ kind: 'kernel', origin: 'k' });
  expect(await inspected(join(folder, 'k'))).toMatchObject({ kind: 'kernel' });
  await mkdir(join(folder, 'directory'), { recursive: true });
  await expect(inspected('directory')).rejects.toThrow('directory: a directory, where a file is expected');
  await expect(inspected('nothing')).rejects.toThrow(new MissingError('nothing: no such file'));
});

test('over SSH, with the keys of deployment.yaml', async () => {
  const server = await startSshServer(new Map([['/tftpboot/ipxe.efi', await artefact('ipxe.efi')]]));
  ends.push(() => server.close());
  await writeFile(join(folder, 'id'), server.identity, { mode: 0o600 });
  await writeFile(join(folder, 'known_hosts'), `${server.hostKey}\n`);
  const text = `name: lab
nodes: n.json
images: i.json
ssh: { user: ${server.user}, identity: id, known_hosts: known_hosts }
conductors: [{ name: c, config: [ironic.conf] }]`;
  const deployment = parseDeployment(text, join(folder, 'deployment.yaml'));
  const url = `ssh://127.0.0.1:${server.port}/tftpboot`;
  expect(await inspected(`${url}/ipxe.efi`, deployment)).toMatchObject({
    kind: 'EFI program',
    understood: true,
  });
  await expect(inspected(`${url}/nothing`, deployment)).rejects.toThrow(MissingError);
});

test('an image in Glance, by name, by id, and one that is not there', async () => {
  const simulation = await healthy();
  const served = await serve(simulation);
  ends.push(() => served.close());
  const deployment = parseDeployment(
    JSON.stringify(served.deployment),
    join(served.directory, 'deployment.yaml'),
  );
  const name = 'rocky-9-x86_64';
  expect(await inspected(`glance:${name}`, deployment)).toMatchObject({
    kind: 'disk image',
    understood: true,
    origin: expect.stringContaining(name),
  });
  const { id } = simulation.image('ipa-aarch64.kernel').record;
  expect(await inspected(`glance:${id}`, deployment)).toMatchObject({ kind: 'kernel' });
  await expect(inspected('glance:nothing', deployment)).rejects.toThrow(
    'no image called "nothing" is visible; private images of other projects are not shown to system all',
  );
});

test('an image in the cloud that the environment names, without a deployment', async () => {
  const served = await serve(await healthy());
  ends.push(async () => {
    vi.unstubAllEnvs();
    await served.close();
  });
  vi.stubEnv('OS_CLIENT_CONFIG_FILE', join(served.directory, 'clouds.yaml'));
  vi.stubEnv('OS_CLIENT_SECURE_FILE', join(served.directory, 'secure.yaml'));
  vi.stubEnv('OS_CLOUD', 'simulated');
  expect(await inspected('glance:ipa-aarch64.kernel')).toMatchObject({ kind: 'kernel' });
  vi.stubEnv('OS_CLOUD', 'simulate');
  await expect(inspected('glance:ipa-aarch64.kernel')).rejects.toThrow(
    /^cloud "simulate" is not described in .*clouds.yaml.*did you mean "simulated"\?/,
  );
});

test.for([
  ['', /an empty target/],
  ['glance:', /names no image/],
  ['tftp://host/', /TFTP is not read here/],
  ['ftp://host/x', /ftp:\/\/ is not supported/],
  ['http://user:secret@127.0.0.1/x', /must not hold a password/],
  ['http://', /not a URL/],
] as const)('%j is refused', async ([target, message]) => {
  const reading = inspected(target);
  await expect(reading).rejects.toThrow(UsageError);
  await expect(reading).rejects.toThrow(message);
  const error = await reading.catch((caught: unknown) => caught as AssayError);
  expect((error as AssayError).message).not.toContain('secret');
});
