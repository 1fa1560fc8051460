import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { AccessError, LimitError, MissingError, UsageError } from '../errors.ts';
import { type HttpOptions, httpClient } from './http.ts';
import { pauseBefore } from './http-retry.ts';

// A real server: interceptors neither stall nor cut as sockets do.
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

type Answering = (request: IncomingMessage, response: ServerResponse, count: number) => void;

async function serving(answer: Answering, options: HttpOptions = {}) {
  const requests: IncomingMessage[] = [];
  const server: Server = createServer((request, response) => {
    requests.push(request);
    answer(request, response, requests.length);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const all = { timeoutInMilliseconds: 300, firstPauseInMilliseconds: 5, ...options };
  const http = httpClient(all);
  ends.push(async () => {
    await http[Symbol.asyncDispose]();
    server.closeAllConnections();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return { base, http, requests, all };
}

test('an answer comes with status, headers and body', async () => {
  const { base, http } = await serving((_, response) => {
    response.writeHead(200, { 'X-Thing': 'a' }).end('{"a": 1}');
  });
  const answer = await http.get(`${base}/x`);
  expect(answer.header('x-THING')).toBe('a');
  expect(answer.header('absent')).toBeUndefined();
  expect(await http.requestJson({ url: `${base}/x` })).toEqual({ a: 1 });
});

test('a refusal names method, URL, status and what the service says, and no secrets', async () => {
  const { base, http } = await serving((request, response) => {
    if (request.url === '/absent') response.writeHead(404).end();
    else response.writeHead(403).end('{"error": {"message": "token-123 may not, hunter2"}}');
  });
  const url = `${base.replace('http://', 'http://user:hunter2@')}/a?limit=1&temp_url_sig=abc&X-Token=def`;
  const refused = http.get(url, { headers: { 'x-auth-token': 'token-123' }, secrets: ['hunter2'] });
  await expect(refused).rejects.toThrow(
    `GET ${base}/a?limit=1&temp_url_sig=…&X-Token=…: status 403: … may not, …`,
  );
  await expect(refused).rejects.toBeInstanceOf(AccessError);
  await expect(http.get(`${base}/absent`)).rejects.toThrow(MissingError);
});

test('what is no JSON is not the service', async () => {
  const { base, http } = await serving((_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>captive portal</html>');
  });
  await expect(http.requestJson({ url: base })).rejects.toThrow(
    '200 with 27 bytes that are no JSON (text/html)',
  );
});

test.for([429, 502, 503, 504])('a GET is asked again after %i, at most three times', async (status) => {
  const { base, http, requests } = await serving((_, response, count) => {
    response.writeHead(count < 3 ? status : 200).end('fine');
  });
  expect((await http.get(base)).body.toString()).toBe('fine');
  expect(requests.length).toBe(3);
  const always = await serving((_, response) => void response.writeHead(status).end('busy'));
  await expect(always.http.get(always.base)).rejects.toThrow(`status ${status}: busy`);
  expect(always.requests.length).toBe(4);
});

test('500 and a POST are not asked again', async () => {
  const broken = await serving((_, response) => void response.writeHead(500).end());
  expect((await broken.http.request({ url: broken.base })).status).toBe(500);
  expect(broken.requests.length).toBe(1);
  const { base, http, requests } = await serving((_, response) => void response.writeHead(503).end());
  const asked = http.requestJson({ method: 'POST', url: `${base}/v3/auth/tokens`, json: {} });
  await expect(asked).rejects.toThrow(`POST ${base}/v3/auth/tokens: status 503`);
  expect(requests.length).toBe(1);
});

test('Retry-After is honoured, within a bound', async () => {
  expect(pauseBefore(1, 250)).toBe(250);
  expect(pauseBefore(3, 250)).toBe(1000);
  expect(pauseBefore(1, 250, '2')).toBe(2000);
  expect(pauseBefore(1, 250, '0')).toBe(0);
  expect(pauseBefore(1, 250, '99999')).toBe(10_000);
  expect(pauseBefore(1, 250, 'soon')).toBe(250);
  const inFive = pauseBefore(1, 250, new Date(Date.now() + 5000).toUTCString());
  expect(inFive).toBeGreaterThan(3000);
  expect(inFive).toBeLessThanOrEqual(5000);
  // Where the wait would outlast the deadline, the answer is the answer.
  const { base, http, requests } = await serving(
    (_, response) => void response.writeHead(503, { 'retry-after': '60' }).end(),
    { deadlineInMilliseconds: 1000 },
  );
  await expect(http.get(base)).rejects.toThrow('status 503');
  expect(requests.length).toBe(1);
});

test('a connection refused is told after some attempts', async () => {
  const { base, http } = await serving(() => undefined);
  await ends.pop()?.();
  await expect(httpClient({ firstPauseInMilliseconds: 5 }).get(base)).rejects.toThrow(
    `GET ${base}/: connection refused (ECONNREFUSED) (4 attempts)`,
  );
  await http[Symbol.asyncDispose]();
});

test('an answer that never comes, and one that stalls, are told apart', async () => {
  const never = await serving(() => undefined);
  await expect(never.http.get(never.base)).rejects.toThrow('connected, but no answer within 0.3 s');
  expect(never.requests.length).toBe(1);
  const stalls = await serving((_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('some');
  });
  await expect(stalls.http.get(stalls.base)).rejects.toThrow('the answer stopped in the middle');
});

test('an answer that drips ends at the deadline', async () => {
  const { base, http } = await serving(
    (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => void response.write('.'), 50);
      response.on('close', () => clearInterval(drip));
    },
    { deadlineInMilliseconds: 400 },
  );
  await expect(http.get(base)).rejects.toThrow('no complete answer within 0.4 s');
});

test('a body cut in the middle is no answer', async () => {
  const { base, http, requests } = await serving((_, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('some', () => response.destroy());
  });
  await expect(http.get(base)).rejects.toThrow(AccessError);
  expect(requests.length).toBe(4);
});

test('a body larger than the limit is refused, and one that is not wanted is not read', async () => {
  let written = 0;
  const { base, http } = await serving((_, response) => {
    const piece = Buffer.alloc(64 * 1024);
    const more = () => {
      while (written < 500 * 1024 * 1024 && response.write(piece)) written += piece.length;
    };
    response.on('drain', more);
    more();
  });
  await expect(http.get(base, { limitInBytes: 100_000 })).rejects.toThrow(LimitError);
  const answer = await http.request({ url: base, withoutBodyOf: [200] });
  expect(answer.body.length).toBe(0);
  expect(written).toBeLessThan(50 * 1024 * 1024);
});

test('of an endless refusal the beginning is read', async () => {
  const { base, http } = await serving((_, response) => {
    response.writeHead(403);
    const more = () => {
      while (response.write('no '.repeat(10_000)));
    };
    response.on('drain', more);
    more();
  });
  await expect(http.get(base, { limitInBytes: 1 })).rejects.toThrow('status 403: no no no');
});

test('redirects are not followed, with or without a token', async () => {
  const { base, http, requests } = await serving((_, response) => {
    response.writeHead(302, { location: 'https://elsewhere.example/?token=abc' }).end();
  });
  await expect(http.get(base)).rejects.toThrow(
    `GET ${base}/: 302 redirects to https://elsewhere.example/?token=…, which is not followed`,
  );
  expect(requests.length).toBe(1);
});

test('no more than so many at a time', async () => {
  let now = 0;
  let most = 0;
  const { base, http } = await serving(
    (_, response) => {
      most = Math.max(most, (now += 1));
      setTimeout(() => {
        now -= 1;
        response.end('x');
      }, 20);
    },
    { concurrency: 3 },
  );
  const answers = await Promise.all(Array.from({ length: 10 }, () => http.get(base)));
  expect(answers.length).toBe(10);
  expect(most).toBe(3);
});

test.for<[string, 'GET' | 'POST']>([
  ['/v1/lookup?addresses=52:54:00:00:01:01', 'GET'],
  ['/baremetal/v1/lookup', 'GET'],
  ['/v1/heartbeat/1', 'GET'],
  ['/v1/nodes', 'POST'],
  ['/v3/users', 'POST'],
])('%s by %s is never asked', async ([path, method]) => {
  const { base, http, requests } = await serving((_, response) => void response.end());
  await expect(http.request({ url: base + path, method })).rejects.toThrow(UsageError);
  await expect(http.get('file:///etc/passwd')).rejects.toThrow(UsageError);
  expect(requests.length).toBe(0);
});
