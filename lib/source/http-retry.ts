import { describeError } from '../errors.ts';

/** Failures that may pass by themselves. TLS failures are not, nor is what was waited for already. */
const transientCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_SOCKET',
]);

const longestPauseInMilliseconds = 10_000;

/** What proxies answer for a service that is away, or asked too often. */
const transientStatuses = new Set([429, 502, 503, 504]);

/** Whether a status, or an error of undici, is worth asking again. */
export function isTransient(outcome: unknown): boolean {
  if (typeof outcome === 'number') return transientStatuses.has(outcome);
  return transientCodes.has(codeOf(outcome));
}

/**
 * How long to wait before asking again: what `Retry-After` says in seconds or as a date, or else twice as long each
 * time; at most 10 seconds.
 */
export function pauseBefore(tries: number, firstPauseInMilliseconds: number, retryAfter?: string): number {
  const doubled = firstPauseInMilliseconds * 2 ** (tries - 1);
  const told = retryAfter?.trim() ?? '';
  const wished = /^\d{1,9}$/.test(told) ? Number(told) * 1000 : Date.parse(told) - Date.now();
  const pause = Number.isFinite(wished) ? Math.max(0, wished) : doubled;
  return Math.min(pause, longestPauseInMilliseconds);
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host name',
  EAI_AGAIN: 'the host name cannot be resolved at the moment',
  UND_ERR_SOCKET: 'the connection was closed in the middle',
  ECONNRESET: 'the connection was reset',
};

/** How long a request waits. */
interface Patience {
  readonly connectTimeoutInMilliseconds: number;
  readonly timeoutInMilliseconds: number;
}

/** What went wrong on the way, in words, with the code. */
export function tellNetworkError(error: unknown, patience: Patience): string {
  const code = codeOf(error);
  const told = tellTimeout(code, patience) ?? words[code] ?? describeError(error);
  if (/CERT|SELF_SIGNED|TLS|SSL|LEAF_SIGNATURE|ALTNAME/.test(code)) {
    // Node goes on with advice on its own options.
    const reason = describeError(error).replace(/; if the root CA .*$/s, '');
    return `the TLS certificate is not accepted: ${reason} (${code}); a private authority is named with cacert`;
  }
  return code === '' ? told : `${told} (${code})`;
}

function tellTimeout(code: string, patience: Patience): string | undefined {
  const waited = `${patience.timeoutInMilliseconds / 1000} s`;
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
      return `no connection within ${patience.connectTimeoutInMilliseconds / 1000} s`;
    case 'UND_ERR_HEADERS_TIMEOUT':
      return `connected, but no answer within ${waited}`;
    case 'UND_ERR_BODY_TIMEOUT':
      return `the answer stopped in the middle for ${waited}`;
    default:
      return undefined;
  }
}

/** The code of an error or of its first cause that has one: undici wraps, and Node collects one error per address. */
function codeOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; depth++) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === 'string') return code;
    at = at instanceof AggregateError ? at.errors[0] : at.cause;
  }
  return '';
}
