import { getCACertificates } from 'node:tls';
import { Agent, type Dispatcher, request as undiciRequest } from 'undici';
import { AccessError, AssayError, LimitError, MissingError, UsageError } from '../errors.ts';
import type { Sink } from './downloads.ts';
import { isTransient, pauseBefore, tellNetworkError } from './http-retry.ts';
import { serviceMessage } from './service-message.ts';

export interface HttpOptions {
  readonly tls?: HttpTls;
  /** How long to wait for a connection; 10 s, or less where less is waited for an answer. */
  readonly connectTimeoutInMilliseconds?: number;
  /** How long to wait for the headers, and between two pieces of the body; 30 s unless said otherwise. */
  readonly timeoutInMilliseconds?: number;
  /** For one request with its repetitions and its whole body; 2 minutes, or four times as long as for an answer. */
  readonly deadlineInMilliseconds?: number;
  readonly concurrency?: number;
  /** How often a GET is asked again after a failed connection or 429, 502, 503, 504. */
  readonly retries?: number;
  readonly firstPauseInMilliseconds?: number;
}

/** What TLS is spoken with, in PEM. */
export interface HttpTls {
  /** The authorities trusted, in place of Node's own and the system's. */
  readonly authorities?: Buffer;
  /** The client's own certificate and its key. */
  readonly certificate?: Buffer;
  readonly key?: Buffer;
  /** Whoever answers is believed. */
  readonly insecure?: boolean;
}

export interface HttpRequest {
  readonly url: string;
  /** POST is for getting a token; everything else is only read. */
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly limitInBytes?: number;
  /** Takes the body of an answer 200 in place of `body`, however long; such a request is made once. */
  readonly sink?: Sink;
  /** Statuses whose body is not wanted: the connection is dropped instead of reading it. */
  readonly withoutBodyOf?: readonly number[];
  /** A redirect is an answer, in place of an error. */
  readonly keepsRedirect?: boolean;
  /** Words that must never be in a message, such as a password. */
  readonly secrets?: readonly string[];
}

export interface HttpAnswer {
  readonly status: number;
  /** The value of a header, in any case of its name. */
  header(name: string): string | undefined;
  readonly body: Buffer;
}

export interface Http extends AsyncDisposable {
  /** The answer of any status but a redirect, unless that is wanted. @throws AccessError, LimitError */
  request(request: HttpRequest): Promise<HttpAnswer>;
  /** An answer 200. @throws MissingError for 404 and 410, AccessError for other statuses */
  get(url: string, request?: Omit<HttpRequest, 'url' | 'method'>): Promise<HttpAnswer>;
  /** The JSON of an answer 200 or 201. @throws as `get`; FormatError when it is no JSON */
  requestJson(request: HttpRequest): Promise<unknown>;
}

/** For a request with a sink: a large image over a slow line. */
const sinkDeadlineInMilliseconds = 60 * 60_000;

const defaultLimitInBytes = 64 * 1024 * 1024;
/** How much is read of what a service says of a refusal. */
const refusalInBytes = 64 * 1024;

/**
 * HTTP for reading a deployment: certificates are verified, redirects are refused (a token would go along),
 * everything has a bound.
 */
export function httpClient(options: HttpOptions = {}): Http {
  const { timeoutInMilliseconds = 30_000, retries = 3, concurrency = 8 } = options;
  const { deadlineInMilliseconds = Math.max(120_000, 4 * timeoutInMilliseconds) } = options;
  const { connectTimeoutInMilliseconds = Math.min(10_000, timeoutInMilliseconds) } = options;
  const { firstPauseInMilliseconds = 250, tls = {} } = options;
  const agents = new Map<string, Agent>();
  let running = 0;
  const waiting: (() => void)[] = [];

  /** One for each scheme: the authorities are loaded for https only. */
  function dispatcher(scheme: string): Agent {
    const known = agents.get(scheme);
    if (known !== undefined) return known;
    const made = new Agent({
      headersTimeout: timeoutInMilliseconds,
      bodyTimeout: timeoutInMilliseconds,
      connections: concurrency,
      connect: {
        timeout: connectTimeoutInMilliseconds,
        ...(scheme === 'https:' && { ca: tls.authorities ?? commonAuthorities() }),
        ...(tls.certificate && { cert: tls.certificate }),
        ...(tls.key && { key: tls.key }),
        ...(tls.insecure === true && { rejectUnauthorized: false }),
      },
    });
    agents.set(scheme, made);
    return made;
  }

  async function once(ask: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const response = await undiciRequest(ask.url, {
      dispatcher: dispatcher(new URL(ask.url).protocol),
      method: ask.method ?? 'GET',
      headers: {
        'accept-encoding': 'identity',
        'user-agent': 'ironic-assay',
        ...(ask.json !== undefined && { 'content-type': 'application/json' }),
        ...ask.headers,
      },
      body: ask.json === undefined ? null : JSON.stringify(ask.json),
      signal,
    });
    const isWanted = ask.withoutBodyOf?.includes(response.statusCode) !== true;
    if (!isWanted) dropBody(response);
    const isSunk = ask.sink !== undefined && response.statusCode === 200;
    if (isSunk) for await (const piece of response.body) await ask.sink(piece as Buffer);
    const body =
      isWanted && !isSunk
        ? await readBody(response, ask.limitInBytes ?? defaultLimitInBytes, describeRequest(ask))
        : Buffer.alloc(0);
    const { headers, statusCode: status } = response;
    return {
      status,
      header(name) {
        const value = headers[name.toLowerCase()];
        return Array.isArray(value) ? value.join(', ') : value;
      },
      body,
    };
  }

  async function repeated(ask: HttpRequest, endsAt: number): Promise<HttpAnswer> {
    const isRepeatable = (ask.method ?? 'GET') === 'GET' && ask.sink === undefined;
    const abort = new AbortController();
    const deadline = ask.sink === undefined ? deadlineInMilliseconds : sinkDeadlineInMilliseconds;
    const timer = setTimeout(() => abort.abort(), deadline);
    try {
      for (let tries = 1; ; tries++) {
        const mayRepeat = isRepeatable && tries <= retries;
        let pause: number | undefined;
        try {
          const answer = await once(ask, abort.signal);
          if (mayRepeat && isTransient(answer.status)) {
            pause = pauseBefore(tries, firstPauseInMilliseconds, answer.header('retry-after'));
          }
          if (pause === undefined || Date.now() + pause > endsAt) return answer;
        } catch (error) {
          if (error instanceof AssayError) throw error;
          if (mayRepeat && isTransient(error)) pause = pauseBefore(tries, firstPauseInMilliseconds);
          if (abort.signal.aborted) {
            throw new AccessError(`${describeRequest(ask)}: no complete answer within ${deadline / 1000} s`, {
              cause: error,
            });
          }
          if (pause === undefined || Date.now() + pause > endsAt) {
            const after = tries > 1 ? ` (${tries} attempts)` : '';
            throw new AccessError(
              `${describeRequest(ask)}: ${tellNetworkError(error, { connectTimeoutInMilliseconds, timeoutInMilliseconds })}${after}`,
              {
                cause: error,
              },
            );
          }
        }
        await new Promise((resolve) => void setTimeout(resolve, pause));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async function request(ask: HttpRequest): Promise<HttpAnswer> {
    allowOnlyReading(ask);
    if (running >= concurrency) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      const answer = await repeated(ask, Date.now() + deadlineInMilliseconds);
      if ([301, 302, 303, 307, 308].includes(answer.status) && ask.keepsRedirect !== true) {
        const target = withoutSecrets(answer.header('location') ?? 'nowhere');
        throw new AccessError(
          `${describeRequest(ask)}: ${answer.status} redirects to ${target}, which is not followed`,
        );
      }
      return answer;
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  return {
    request,
    async get(url, rest = {}) {
      const ask = { ...rest, url };
      const answer = await request(ask);
      if (answer.status !== 200) throw refusal(ask, answer);
      return answer;
    },
    async requestJson(ask) {
      const answer = await request(ask);
      if (answer.status !== 200 && answer.status !== 201) throw refusal(ask, answer);
      return jsonOf(ask, answer);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...agents.values()].map(async (agent) => agent.destroy()));
    },
  };
}

/** The JSON of an answer. @throws AccessError: what answers is not the service */
export function jsonOf(ask: HttpRequest, answer: HttpAnswer): unknown {
  try {
    return JSON.parse(answer.body.toString('utf8')) as unknown;
  } catch (error) {
    const type = answer.header('content-type') ?? 'no content type';
    throw new AccessError(
      `${describeRequest(ask)}: ${answer.status} with ${answer.body.length} bytes that are no JSON (${type})`,
      { cause: error },
    );
  }
}

/** A refusal as an error: method, URL, status, and what the service says of it. */
export function refusal(ask: HttpRequest, answer: HttpAnswer): AccessError | MissingError {
  const said = withoutWords(serviceMessage(answer.body.toString('utf8')), [
    ...(ask.secrets ?? []),
    ask.headers?.['x-auth-token'] ?? '',
  ]);
  const message = `${describeRequest(ask)}: status ${answer.status}${said === '' ? '' : `: ${said}`}`;
  return answer.status === 404 || answer.status === 410
    ? new MissingError(message)
    : new AccessError(message);
}

/** Method and URL for a message. */
export function describeRequest(ask: Pick<HttpRequest, 'method' | 'url'>): string {
  return `${ask.method ?? 'GET'} ${withoutSecrets(ask.url)}`;
}

/** A URL without user, password and the values of parameters that look like secrets. */
export function withoutSecrets(text: string): string {
  if (!URL.canParse(text)) return text.replaceAll(/\/\/[^/@\s]*@/g, '//…@').slice(0, 500);
  const url = new URL(text);
  url.username = url.password = '';
  for (const key of url.searchParams.keys()) {
    if (/sig|token|secret|passw|key$|credential|auth/i.test(key)) url.searchParams.set(key, '…');
  }
  return url.href.replaceAll('%E2%80%A6', '…').slice(0, 500);
}

function withoutWords(text: string, words: readonly string[]): string {
  return words.reduce((left, word) => (word === '' ? left : left.replaceAll(word, '…')), text);
}

/**
 * The rule of the house, at the one place that every request passes: nothing is changed, and `/v1/lookup`, which
 * needs no token and mints a node's agent token, is not asked.
 */
function allowOnlyReading(ask: HttpRequest): void {
  if (!URL.canParse(ask.url) || !/^https?:$/.test(new URL(ask.url).protocol)) {
    throw new UsageError(`${withoutSecrets(ask.url)}: not an http or https URL`);
  }
  const { pathname } = new URL(ask.url);
  const isToken = ask.method === 'POST' && pathname.endsWith('/v3/auth/tokens');
  const isForbidden = /\/v1\/(lookup|heartbeat|continue_inspection)\b/.test(pathname);
  if (((ask.method ?? 'GET') !== 'GET' && !isToken) || isForbidden) {
    throw new UsageError(`${describeRequest(ask)}: would change the deployment, and is never asked`);
  }
}

/** Those that Node brings, and those that this machine trusts, where a private authority is often installed. */
function commonAuthorities(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}

function dropBody(response: Dispatcher.ResponseData): void {
  response.body.on('error', () => undefined);
  response.body.destroy();
}

/** The body; of a refusal its beginning, whatever limit there is for an answer. */
async function readBody(response: Dispatcher.ResponseData, limit: number, what: string): Promise<Buffer> {
  const isRefusal = response.statusCode >= 300;
  const pieces: Buffer[] = [];
  let total = 0;
  for await (const piece of response.body) {
    total += (piece as Buffer).length;
    pieces.push(piece as Buffer);
    if (isRefusal && total >= refusalInBytes) break;
    if (!isRefusal && total > limit) throw new LimitError(`${what}: an answer of more than ${limit} bytes`);
  }
  return Buffer.concat(pieces);
}
