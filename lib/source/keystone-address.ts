import { AccessError } from '../errors.ts';
import { type Http, type HttpAnswer, type HttpRequest, describeRequest, withoutSecrets } from './http.ts';
import { isRecord } from './shapes.ts';

const maximumRedirects = 5;
const limitInBytes = 1024 * 1024;
const tokens = '/v3/auth/tokens';

/**
 * Where tokens are asked for. A URL that ends in `/v3` is taken as it is; of another, Keystone is asked where its
 * version 3 is, and when it does not say, `/v3` is put behind.
 * Source: keystoneauth1/identity/generic/base.py
 */
export async function tokenUrlOf(http: Http, authUrl: string, discovers: boolean): Promise<string> {
  const base = authUrl.replace(/\/+$/, '').replace(/\/v2\.0$/, '');
  if (base.endsWith('/v3') || !discovers) return withTokens(base);
  const ask: HttpRequest = { url: `${base}/`, headers: { accept: 'application/json' }, limitInBytes };
  const { answer, url } = await askFollowing(http, ask);
  const isDocument = answer.status === 200 || answer.status === 300;
  const told = isDocument ? versionThree(answer.body.toString('utf8'), url) : undefined;
  // Behind a proxy that ends TLS, Keystone may say http; a password does not go there.
  const isWeaker = told?.startsWith('http:') === true && url.startsWith('https:');
  if (told !== undefined && !isWeaker) return withTokens(told);
  // A redirect that only made it https is kept; one to a page says nothing of Keystone.
  return withTokens(new URL(url).pathname === new URL(ask.url).pathname ? url : base);
}

function withTokens(url: string): string {
  const base = url.replace(/\/+$/, '');
  return base.endsWith('/v3') ? `${base}/auth/tokens` : `${base}${tokens}`;
}

/** The link to version 3 in a document of versions, or undefined. */
function versionThree(text: string, base: string): string | undefined {
  const parsed = parseJson(text);
  if (!isRecord(parsed)) return undefined;
  const { version, versions } = parsed;
  const list: unknown = isRecord(versions) ? versions['values'] : (versions ?? [version]);
  const found = (Array.isArray(list) ? (list as unknown[]) : [])
    .filter(isRecord)
    .find(({ id }) => /^v3(\.|$)/.test(String(id)));
  const links = Array.isArray(found?.['links']) ? (found['links'] as unknown[]).filter(isRecord) : [];
  const href = links.find(({ rel }) => rel === 'self')?.['href'];
  const url = typeof href === 'string' ? URL.parse(href, base) : null;
  return url !== null && /^https?:$/.test(url.protocol) ? url.href : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Asks, and goes where a redirect leads as long as that is the same host and no weaker: the password goes along.
 * @throws AccessError for a redirect elsewhere, and for more than five
 */
export async function askFollowing(
  http: Http,
  first: HttpRequest,
): Promise<{ answer: HttpAnswer; url: string }> {
  let ask: HttpRequest = { ...first, keepsRedirect: true };
  for (let redirects = 0; ; redirects++) {
    const answer = await http.request(ask);
    if (![301, 302, 303, 307, 308].includes(answer.status)) return { answer, url: ask.url };
    const location = answer.header('location');
    const from = new URL(ask.url);
    const to = location === undefined ? null : URL.parse(location, ask.url);
    const told = `${describeRequest(ask)}: ${answer.status} redirects to ${withoutSecrets(to?.href ?? location ?? 'nowhere')}`;
    const isSafe =
      to !== null &&
      to.hostname === from.hostname &&
      (to.protocol === 'https:' || (to.protocol === 'http:' && from.protocol === 'http:')) &&
      (ask.method !== 'POST' || to.pathname.endsWith(tokens));
    if (to === null || !isSafe) {
      throw new AccessError(
        `${told}, which is not followed: another host, or weaker; auth_url should name it`,
      );
    }
    if (redirects >= maximumRedirects) {
      throw new AccessError(`${told}: more than ${maximumRedirects} redirects`);
    }
    ask = { ...ask, url: to.href };
  }
}
