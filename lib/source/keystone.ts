import { AccessError, UsageError } from '../errors.ts';
import { endpointOf, withoutVersion } from './catalogue.ts';
import type { CloudSettings } from './cloud-config/cloud-config.ts';
import type { FixedCredentials, KeystoneCredentials } from './cloud-config/credentials.ts';
import {
  type Http,
  type HttpAnswer,
  type HttpOptions,
  type HttpRequest,
  describeRequest,
  httpClient,
  jsonOf,
  refusal,
} from './http.ts';
import { askFollowing, tokenUrlOf } from './keystone-address.ts';
import {
  type CloudScope,
  type Token,
  describeScope,
  describeUser,
  marginInMilliseconds,
  readToken,
  secretsOf,
  tokenRequest,
} from './keystone-token.ts';

export { type CloudScope, describeScope } from './keystone-token.ts';

export type CloudRequest = Pick<HttpRequest, 'headers' | 'limitInBytes' | 'sink' | 'withoutBodyOf'>;

/** One OpenStack cloud, seen as one user. */
export interface Cloud extends AsyncDisposable {
  readonly origin: string;
  /** Whether certificates are not verified, so that whoever answers is believed. */
  readonly insecure: boolean;
  /** The endpoint of a service type, without version and without `/` at the end. */
  endpoint(type: string): Promise<string>;
  /** GET with the token, any status; after a 401 once more with a new token. */
  get(url: string, request?: CloudRequest): Promise<HttpAnswer>;
  /** The JSON of an answer 200. @throws MissingError for 404, AccessError for other statuses */
  getJson(url: string, request?: CloudRequest): Promise<unknown>;
  /** As whom the cloud is seen. */
  scope(): Promise<CloudScope>;
}

/**
 * A cloud by Keystone v3, or an Ironic that stands alone, without it. Nothing is stored.
 * Source: https://docs.openstack.org/api-ref/identity/v3/
 */
export function openCloud(settings: CloudSettings, options: HttpOptions = {}): Cloud {
  const { credentials, tls, timeoutInMilliseconds } = settings;
  const http = httpClient({
    ...options,
    ...(timeoutInMilliseconds !== undefined && { timeoutInMilliseconds }),
    tls,
  });
  return 'authUrl' in credentials
    ? keystoneCloud(settings, credentials, http)
    : standaloneCloud(settings, credentials, http);
}

/** The token is got when first needed; a refused login is never tried twice, so that no account is locked. */
function keystoneCloud(settings: CloudSettings, credentials: KeystoneCredentials, http: Http): Cloud {
  const { authUrl, discovers } = credentials;
  const secrets = secretsOf(credentials);
  let current: Promise<Token> | undefined;
  /** The token that `current` came to. */
  let held: Token | undefined;
  let tokenUrl: string | undefined;

  async function authenticate(): Promise<Token> {
    tokenUrl ??= await tokenUrlOf(http, authUrl, discovers);
    const first = { method: 'POST', url: tokenUrl, json: tokenRequest(credentials), secrets } as const;
    const { answer, url } = await askFollowing(http, first);
    tokenUrl = url;
    const ask = { ...first, url };
    if (answer.status === 401) {
      throw new AccessError(
        `${describeRequest(ask)}: status 401: Keystone does not accept ${describeUser(credentials)}: name, domain, password or scope is wrong`,
      );
    }
    if (answer.status !== 201) throw refusal(ask, answer);
    held = readToken(answer, jsonOf(ask, answer), describeRequest(ask));
    return held;
  }

  async function token(): Promise<Token> {
    const used = await (current ??= authenticate());
    return Date.now() + marginInMilliseconds < used.endsAt ? used : renewed(used);
  }

  /** A new token, unless another request asks for one already. */
  function renewed(used: Token): Promise<Token> {
    if (current === undefined || held === used) {
      held = undefined;
      current = authenticate();
    }
    return current;
  }

  async function get(url: string, rest: CloudRequest = {}): Promise<HttpAnswer> {
    const send = (value: string) =>
      http.request({ ...rest, url, headers: { ...rest.headers, 'x-auth-token': value } });
    const used = await token();
    const answer = await send(used.value);
    return answer.status === 401 ? send((await renewed(used)).value) : answer;
  }

  return {
    origin: authUrl.replace(/\/+$/, ''),
    insecure: settings.tls.insecure,
    get,
    getJson: jsonGetter(get, secrets),
    async endpoint(type) {
      const service = settings.service(type);
      if (service.endpoint !== undefined) return withoutVersion(service.endpoint);
      const { catalogue, scope } = await token();
      const origin = tokenUrl ?? authUrl;
      if (catalogue !== undefined) return endpointOf(catalogue, service, origin);
      throw new AccessError(`${origin}: the token has no catalogue (${describeScope(scope)})`);
    },
    scope: async () => (await token()).scope,
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

/** Without Keystone there is one endpoint, which is Ironic's, and no scope: who is let in sees everything. */
function standaloneCloud(settings: CloudSettings, credentials: FixedCredentials, http: Http): Cloud {
  const { name, tls } = settings;
  const { secrets, headers } = lettingIn(credentials);
  const base = settings.service('baremetal').endpoint ?? credentials.endpoint;
  if (base === undefined) {
    throw new UsageError(`cloud ${name}: auth.endpoint: missing: the URL of Ironic, as there is no Keystone`);
  }
  const get: Cloud['get'] = async (url, rest = {}) =>
    http.request({ ...rest, url, headers: { ...rest.headers, ...headers }, secrets });
  return {
    origin: base.replace(/\/+$/, ''),
    insecure: tls.insecure,
    get,
    getJson: jsonGetter(get, secrets),
    async endpoint(type) {
      const endpoint = settings.service(type).endpoint ?? (type === 'baremetal' ? base : undefined);
      if (endpoint !== undefined) return withoutVersion(endpoint);
      throw new AccessError(`cloud ${name}: without Keystone, ${type}_endpoint_override is needed`);
    },
    scope: async () => ({ kind: 'none', roles: [] }),
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

function lettingIn(credentials: FixedCredentials): { secrets: string[]; headers: Record<string, string> } {
  switch (credentials.kind) {
    case 'none':
      return { secrets: [], headers: {} };
    case 'basic': {
      const { username, password } = credentials;
      const encoded = Buffer.from(`${username}:${password}`).toString('base64');
      return { secrets: [password, encoded], headers: { authorization: `Basic ${encoded}` } };
    }
    case 'token-endpoint':
      return { secrets: [credentials.token], headers: { 'x-auth-token': credentials.token } };
  }
}

function jsonGetter(get: Cloud['get'], secrets: readonly string[]): Cloud['getJson'] {
  return async (url, rest) => {
    const answer = await get(url, rest);
    if (answer.status !== 200) throw refusal({ url, secrets }, answer);
    return jsonOf({ url }, answer);
  };
}
