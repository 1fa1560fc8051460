import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AccessError, FormatError, MissingError } from '../errors.ts';
import { type WebServers, webServers } from './web-servers.ts';

const megabyte = 1024 * 1024;
const kernel = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 31) >> 3));
const large = Buffer.alloc(70 * megabyte, 'a large file ');
const files = new Map([
  ['/boot%20files/kernel', kernel],
  ['/no-ranges', kernel],
  ['/no-ranges-large', large],
  ['/stops', large],
  ['/small', kernel.subarray(0, 10)],
  ['/empty', Buffer.alloc(0)],
  ['/signed?sig=1&x=2', kernel],
]);

let held: AsyncDisposableStack;
let base = '';
let asked: (string | undefined)[] = [];
/** Added to the ETag: another content each time it changes. */
let edition = 1;

beforeEach(async () => {
  held = new AsyncDisposableStack();
  asked = [];
  const server = createServer(answer);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  held.defer(() => server.closeAllConnections());
  base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
});
afterEach(async () => held.disposeAsync());

function answer(request: IncomingMessage, response: ServerResponse): void {
  const file = files.get(request.url ?? '');
  asked.push(request.headers.range);
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const etag = `"${edition}"`;
  if (file === undefined) response.writeHead(404).end('<html><title>404 Not Found</title></html>');
  else if (request.url?.startsWith('/no-ranges')) response.end(file);
  else if (request.url === '/stops' && first === '0') {
    response
      .writeHead(206, { 'content-range': `bytes 0-65535/${file.length}` })
      .end(file.subarray(0, 65_536));
  } else if (request.url === '/stops') response.end(file);
  else if (file.length === 0) response.writeHead(416, { 'content-range': 'bytes */0' }).end();
  else {
    const part = file.subarray(Number(first), Number(last) + 1);
    const range = `bytes ${first}-${Number(first) + part.length - 1}/${file.length}`;
    response.writeHead(206, { 'content-range': range, etag }).end(part);
  }
}

const servers = (downloadInBytes?: number): WebServers =>
  webServers({ caFile: undefined, downloadInBytes }, held);

test('files are read through ranges, or whole from a server without', async () => {
  const root = servers().root(`${base}/`);
  const blob = await root.open('/boot files/kernel');
  expect(blob.sizeInBytes).toBe(200_000);
  expect(await blob.read(150_000, 1000)).toEqual(kernel.subarray(150_000, 151_000));
  expect(await blob.read(10, 10)).toEqual(kernel.subarray(10, 20));
  expect(asked).toEqual(['bytes=0-65535', 'bytes=150000-150999']);
  expect(blob).toMatchObject({ bytesRead: 65_536 + 1000 });
  const whole = await root.open('no-ranges');
  expect((await whole.read(0, whole.sizeInBytes)).equals(kernel)).toBe(true);
  expect((await (await root.open('small')).read(0, 10)).equals(kernel.subarray(0, 10))).toBe(true);
  expect((await root.open('empty')).sizeInBytes).toBe(0);
  await expect(root.open('absent')).rejects.toThrow(MissingError);
  await expect(root.open('absent')).rejects.toThrow('status 404: 404 Not Found');
  await expect(root.open('a/../b')).rejects.toThrow('a path with ".."');
});

test('a URL keeps its query, whose secrets are not told', async () => {
  const blob = await servers().open(`${base}/signed?sig=1&x=2`);
  expect(await blob.read(0, 5)).toEqual(kernel.subarray(0, 5));
  expect(blob.origin).toBe(`${base}/signed?sig=…&x=2`);
  await expect(servers().open('http://user:hunter2@127.0.0.1/')).rejects.toThrow(/^(?!.*hunter2)/);
  await expect(servers().open('http://')).rejects.toThrow('not a URL');
});

test('a content that changes between two ranges is noticed', async () => {
  const blob = await servers().open(`${base}/boot%20files/kernel`);
  edition += 1;
  await expect(blob.read(150_000, 10)).rejects.toThrow(
    'changed while it was read: it was "1", and is "2" now',
  );
});

test('a large file of a server without ranges is downloaded within what is allowed', async () => {
  await expect(servers().open(`${base}/no-ranges-large`)).rejects.toThrow(AccessError);
  await expect(servers().open(`${base}/no-ranges-large`)).rejects.toThrow(
    'the server ignores Range, and the file is larger than the 67108864 bytes that are read whole; a download may be allowed: web.download',
  );
  const allowed = servers(100 * megabyte);
  const blob = await allowed.open(`${base}/no-ranges-large`);
  expect(blob.sizeInBytes).toBe(large.length);
  expect(await blob.read(large.length - 9, 9)).toEqual(large.subarray(-9));
  await expect(blob.read(large.length - 9, 10)).rejects.toThrow(FormatError);
  // What is allowed counts for all files together.
  await expect(allowed.open(`${base}/no-ranges-large`)).rejects.toThrow(
    `downloads of more than the ${100 * megabyte} bytes that are allowed`,
  );
});

test('a server that stops knowing ranges is downloaded from, once', async () => {
  const blob = await servers(100 * megabyte).open(`${base}/stops`);
  const reads = await Promise.all([blob.read(megabyte, 9), blob.read(2 * megabyte, 9)]);
  expect(reads).toEqual([
    large.subarray(megabyte, megabyte + 9),
    large.subarray(2 * megabyte, 2 * megabyte + 9),
  ]);
  expect(asked.filter((range) => range === undefined)).toHaveLength(1);
  const refused = await servers().open(`${base}/stops`);
  await expect(refused.read(megabyte, 9)).rejects.toThrow('the server ignores Range: 200 with the whole');
});

test('a CA file that cannot be read is named', async () => {
  const web = webServers({ caFile: '/nonexistent/ca.pem', downloadInBytes: undefined }, held);
  await expect(web.open('https://127.0.0.1:1/')).rejects.toThrow(
    '/nonexistent/ca.pem: the CA file cannot be read',
  );
});
