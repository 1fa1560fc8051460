import { AccessError, FormatError, UsageError } from '../errors.ts';
import {
  type HttpAnswer,
  type HttpOptions,
  type HttpRequest,
  describeRequest,
  httpClient,
  jsonOf,
  refusal,
} from './http.ts';
import { isRecord } from './shapes.ts';

/** Names as in clouds.yaml, without `_name`: a plain name means the name, `…_id` the identifier. */
export interface CloudOptions {
  readonly auth_url: string;
  readonly username?: string;
  readonly user_id?: string;
  readonly password?: string;
  readonly user_domain?: string;
  readonly user_domain_id?: string;
  readonly application_credential_id?: string;
  readonly application_credential_secret?: string;
  readonly project?: string;
  readonly project_id?: string;
  readonly project_domain?: string;
  readonly project_domain_id?: string;
  /** `all`, in place of a project. */
  readonly system_scope?: string;
  readonly region?: string;
  /** `public` unless said otherwise. */
  readonly interface?: string;
  readonly cacert?: string;
  /** Endpoints by service type that count in place of the catalogue's. */
  readonly endpoint_override?: Readonly<Record<string, string>>;
  readonly http?: HttpOptions;
}

export type CloudRequest = Pick<HttpRequest, 'headers' | 'limitInBytes' | 'withoutBodyOf' | 'sink'>;

/** One OpenStack cloud, seen as one user. */
export interface Cloud extends AsyncDisposable {
  readonly origin: string;
  /** The endpoint of a service type, without version and without `/` at the end. */
  endpoint(type: string): Promise<string>;
  /** GET with the token, any status; after a 401 once more with a new token. */
  get(url: string, request?: CloudRequest): Promise<HttpAnswer>;
  /** The JSON of an answer 200. @throws MissingError for 404, AccessError for other statuses */
  getJson(url: string, request?: CloudRequest): Promise<unknown>;
  /** As whom the cloud is seen: `project lab, roles reader`, `system all, roles admin, member`. */
  scope(): Promise<string>;
}

interface Token {
  readonly value: string;
  readonly endsAt: number;
  readonly catalogue: readonly unknown[] | undefined;
  readonly scope: string;
}

/** How long before its end a token is not used any more, as in keystoneauth. */
const marginInMilliseconds = 120_000;

/** Service types that mean the same (OpenStack service-types-authority). */
const aliases: Readonly<Record<string, readonly string[]>> = { baremetal: ['baremetal', 'bare-metal'] };

/**
 * A cloud by Keystone v3. The token is got when first needed; a refused login is never tried twice, so that no
 * account is locked. Nothing is stored.
 * Source: https://docs.openstack.org/api-ref/identity/v3/
 */
export function openCloud(options: CloudOptions): Cloud {
  const authUrl = options.auth_url.replace(/\/+$/, '').replace(/\/v2\.0$/, '');
  const tokenUrl = `${authUrl.endsWith('/v3') ? authUrl : `${authUrl}/v3`}/auth/tokens`;
  const body = tokenRequest(options);
  const http = httpClient({
    ...options.http,
    ...(options.cacert !== undefined && { caFile: options.cacert }),
  });
  const secrets = [options.password, options.application_credential_secret].filter(
    (word) => word !== undefined,
  );
  let current: Promise<Token> | undefined;
  /** The token that `current` came to. */
  let held: Token | undefined;

  async function authenticate(): Promise<Token> {
    const ask = { method: 'POST', url: tokenUrl, json: body, secrets } as const;
    const answer = await http.request(ask);
    if (answer.status === 401) {
      const who = options.username ?? options.user_id ?? options.application_credential_id;
      throw new AccessError(
        `${describeRequest(ask)}: status 401: Keystone does not accept ${who}: name, domain, password or scope is wrong`,
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
    origin: authUrl,
    get,
    async getJson(url, rest) {
      const answer = await get(url, rest);
      if (answer.status !== 200) throw refusal({ url }, answer);
      return jsonOf({ url }, answer);
    },
    async endpoint(type) {
      const override = options.endpoint_override?.[type];
      if (override !== undefined) return withoutVersion(override);
      const { catalogue, scope } = await token();
      if (catalogue === undefined)
        throw new AccessError(`${tokenUrl}: the token has no catalogue (${scope})`);
      return withoutVersion(
        findEndpoint(catalogue, type, options.interface ?? 'public', options.region, tokenUrl),
      );
    },
    scope: async () => (await token()).scope,
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

/** The body of `POST /v3/auth/tokens`. An application credential brings its own scope. */
function tokenRequest(options: CloudOptions): unknown {
  const { auth_url, application_credential_id, application_credential_secret, password } = options;
  if (application_credential_id !== undefined && application_credential_secret !== undefined) {
    const credential = { id: application_credential_id, secret: application_credential_secret };
    return {
      auth: { identity: { methods: ['application_credential'], application_credential: credential } },
    };
  }
  if (password === undefined || (options.username === undefined && options.user_id === undefined)) {
    throw new UsageError(`${auth_url}: a username and a password, or an application credential, is needed`);
  }
  const user = {
    ...named(options.username, options.user_id, options.user_domain, options.user_domain_id),
    password,
  };
  const scope =
    options.system_scope === undefined
      ? options.project === undefined && options.project_id === undefined
        ? undefined
        : {
            project: named(
              options.project,
              options.project_id,
              options.project_domain,
              options.project_domain_id,
            ),
          }
      : { system: { all: true } };
  return { auth: { identity: { methods: ['password'], password: { user } }, ...(scope && { scope }) } };
}

function named(name?: string, id?: string, domain?: string, domainId?: string) {
  if (id !== undefined) return { id };
  return { name, domain: domainId === undefined ? { name: domain ?? 'Default' } : { id: domainId } };
}

function readToken(answer: HttpAnswer, json: unknown, what: string): Token {
  const value = answer.header('x-subject-token');
  const token = isRecord(json) && isRecord(json['token']) ? json['token'] : undefined;
  const { expires_at: end, issued_at: start = new Date().toISOString() } = token ?? {};
  const lifetime = Date.parse(String(end)) - Date.parse(String(start));
  if (value === undefined || token === undefined || !Number.isFinite(lifetime)) {
    throw new FormatError(`${what}: 201 without X-Subject-Token or without the time it expires`);
  }
  // A token that is too short from the start would be renewed without end.
  if (lifetime <= marginInMilliseconds) {
    throw new AccessError(`${what}: a token for ${lifetime / 1000} s only, too short to be used`);
  }
  const roles = Array.isArray(token['roles']) ? token['roles'] : [];
  const roleNames = roles.map((role: unknown) => (isRecord(role) ? String(role['name']) : '')).join(', ');
  const project = isRecord(token['project']) ? `project ${String(token['project']['name'])}` : undefined;
  const scope = project ?? (isRecord(token['system']) ? 'system all' : 'no scope');
  return {
    value,
    // By our own clock: that of the cloud may be another.
    endsAt: Date.now() + lifetime,
    catalogue: Array.isArray(token['catalog']) ? token['catalog'] : undefined,
    scope: roleNames === '' ? scope : `${scope}, roles ${roleNames}`,
  };
}

function findEndpoint(
  catalogue: readonly unknown[],
  type: string,
  wantedInterface: string,
  region: string | undefined,
  what: string,
): string {
  const services = catalogue.filter((service) => isRecord(service));
  const wantedTypes = aliases[type] ?? [type];
  const endpoints = services
    .filter((service) => wantedTypes.includes(String(service['type'])))
    .flatMap((service) => (Array.isArray(service['endpoints']) ? (service['endpoints'] as unknown[]) : []))
    .filter((endpoint) => isRecord(endpoint));
  const found = endpoints.find(
    (endpoint) =>
      String(endpoint['interface']).replace(/URL$/, '') === wantedInterface.replace(/URL$/, '') &&
      (region === undefined || endpoint['region_id'] === region || endpoint['region'] === region) &&
      typeof endpoint['url'] === 'string' &&
      endpoint['url'] !== '',
  );
  if (found !== undefined) return String(found['url']);
  const wanted = `${type} (${wantedInterface}${region === undefined ? '' : `, ${region}`})`;
  const has =
    endpoints.length > 0
      ? endpoints.map((endpoint) => `${String(endpoint['interface'])}/${String(endpoint['region'])}`)
      : services.map((service) => String(service['type']));
  throw new AccessError(
    `${what}: the catalogue has no endpoint ${wanted}, only ${[...new Set(has)].join(', ')}`,
  );
}

/** `https://host/baremetal/v1/` → `https://host/baremetal`: catalogues have endpoints with version and without. */
function withoutVersion(url: string): string {
  if (!URL.canParse(url)) throw new AccessError(`${url}: not the URL of an endpoint`);
  return url
    .replace(/\/+$/, '')
    .replace(/\/v\d+(\.\d+)?$/, '')
    .replace(/\/+$/, '');
}
