import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { cachedBlob } from '../blob/cache.ts';
import { AccessError, FormatError, MissingError } from '../errors.ts';
import { glanceStore } from './glance.ts';
import { settingsOf } from './cloud-config/settings.testing.ts';
import { openCloud } from './keystone.ts';
import type { ImageRecord } from './source.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const content = Buffer.from(Array.from({ length: 3_000_001 }, (_, index) => (index * 7919) >> 6));
const image: ImageRecord = {
  id: 'cb7acce2-fc5d-4225-a59f-74b788c7ceaf',
  name: 'ubuntu arm64',
  status: 'active',
  disk_format: 'raw',
  container_format: 'bare',
  size: content.length,
};

type Answering = (request: IncomingMessage, response: ServerResponse, first: number, last: number) => void;

/** As recorded behind uwsgi: no Content-Length, and the connection is closed after each answer. */
const likeUwsgi: Answering = (_, response, first, last) => {
  const end = Math.min(last, content.length - 1);
  response.writeHead(206, {
    'content-type': 'application/octet-stream',
    'content-range': `bytes ${first}-${end}/${content.length}`,
    'transfer-encoding': 'identity',
    connection: 'close',
  });
  response.end(content.subarray(first, end + 1));
};

async function serving(answer: Answering) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      const start = Date.now();
      const token = {
        issued_at: new Date(start).toISOString(),
        expires_at: new Date(start + 3_600_000).toISOString(),
      };
      response.writeHead(201, { 'x-subject-token': 'a-token' }).end(JSON.stringify({ token }));
      return;
    }
    const { range = '' } = request.headers;
    asked.push(`${request.url} ${range} ${String(request.headers['x-auth-token'])}`);
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? [];
    answer(request, response, Number(first), Number(last));
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const auth = { auth_url: `${base}/v3`, user_id: 'u', password: 'p', project_id: 'p' };
  const settings = await settingsOf({ auth, image_endpoint_override: base });
  const cloud = openCloud(settings, { timeoutInMilliseconds: 300, firstPauseInMilliseconds: 5 });
  ends.push(async () => {
    await cloud[Symbol.asyncDispose]();
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  const blob = await glanceStore(cloud).open(image);
  return { blob, asked, base };
}

test('an image is read through ranges, and nothing is asked before', async () => {
  const { blob, asked, base } = await serving(likeUwsgi);
  expect(asked).toEqual([]);
  expect(blob.sizeInBytes).toBe(content.length);
  expect(blob.origin).toBe(`image ubuntu arm64 (${base}/v2/images/${image.id}/file)`);
  expect(await blob.read(56, 8)).toEqual(content.subarray(56, 64));
  expect(await blob.read(content.length - 3, 3)).toEqual(content.subarray(-3));
  expect(asked[0]).toBe(`/v2/images/${image.id}/file bytes=56-63 a-token`);
  expect((await blob.read(0, content.length)).equals(content)).toBe(true);
});

test('behind a cache, reading on takes few requests and no byte twice', async () => {
  const { blob, asked } = await serving(likeUwsgi);
  const cached = cachedBlob(blob);
  for (let at = 0; at < content.length; at += 50_000) {
    const length = Math.min(50_000, content.length - at);
    expect((await cached.read(at, length)).equals(content.subarray(at, at + length))).toBe(true);
  }
  expect(cached.bytesRead).toBe(content.length);
  expect(asked.length).toBeLessThan(10);
});

test('a body that ends early looks complete without Content-Length, and is refused', async () => {
  const { blob } = await serving((_, response, first, last) => {
    response.writeHead(206, {
      'content-range': `bytes ${first}-${last}/${content.length}`,
      'transfer-encoding': 'identity',
      connection: 'close',
    });
    response.end(content.subarray(first, last - 10));
  });
  const reading = blob.read(1000, 1000);
  await expect(reading).rejects.toThrow('truncated: 989 bytes came for bytes 1000-1999 (1000 bytes)');
  await expect(reading).rejects.toBeInstanceOf(FormatError);
});

test('a body cut against its Content-Length is refused', async () => {
  const { blob } = await serving((_, response, first, last) => {
    response.writeHead(206, {
      'content-range': `bytes ${first}-${last}/${content.length}`,
      'content-length': last - first + 1,
    });
    response.write(content.subarray(first, last - 10), () => response.destroy());
  });
  await expect(blob.read(1000, 1000)).rejects.toThrow(AccessError);
});

test('a body that stalls is given up', async () => {
  const { blob } = await serving((_, response, first, last) => {
    response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${content.length}` });
    response.write(content.subarray(first, last - 10));
  });
  await expect(blob.read(1000, 1000)).rejects.toThrow('the answer stopped in the middle');
});

test('a body that goes on past the range is refused, not read', async () => {
  const { blob } = await serving((_, response, first, last) => {
    response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${content.length}` });
    response.end(content.subarray(first));
  });
  await expect(blob.read(1000, 1000)).rejects.toThrow(FormatError);
});

test('a store that ignores Range is said to, without the download', async () => {
  let sent = 0;
  const { blob } = await serving((_, response) => {
    response.writeHead(200, { 'content-length': 1024 * content.length });
    const more = () => {
      while (sent < 1024 * content.length && response.write(content)) sent += content.length;
    };
    response.on('drain', more);
    more();
  });
  const reading = blob.read(1000, 1000);
  await expect(reading).rejects.toThrow('the server ignores Range');
  await expect(reading).rejects.toBeInstanceOf(AccessError);
  expect(sent).toBeLessThan(20 * content.length);
  const whole = await serving((_, response) => void response.end(content));
  expect((await whole.blob.read(0, content.length)).equals(content)).toBe(true);
});

test('refusals are told with what Glance says', async () => {
  const refusing = (status: number, text: string) =>
    serving((_, response) => void response.writeHead(status, { 'content-type': 'text/plain' }).end(text));
  const denied = await refusing(
    403,
    '403 Forbidden\n\nYou are not authorized to complete this action.\n\n   ',
  );
  await expect(denied.blob.read(0, 1)).rejects.toThrow(
    'status 403: You are not authorized to complete this action.',
  );
  const absent = await refusing(404, '404 Not Found\n\nNo image found with ID x\n\n   ');
  await expect(absent.blob.read(0, 1)).rejects.toThrow(MissingError);
  const unable = await refusing(
    416,
    '416 Range Not Satisfiable\n\nThe Range requested is not available.\n\n',
  );
  await expect(unable.blob.read(0, 1)).rejects.toThrow('status 416: The Range requested is not available.');
  const none = await serving((_, response) => void response.writeHead(204).end());
  await expect(none.blob.read(0, 1)).rejects.toThrow('the store has no data (status 204)');
});
