import type { ResolvedCloud } from './resolve.ts';
import { mistake, placeOf } from './origin.ts';
import { UsageError } from '../../errors.ts';
import { type Value, kindOf } from './settings.ts';

/** A user, project or domain of Keystone, as a request names it. */
export type Named = { readonly id: string } | { readonly name: string; readonly domain: Domain };
export type Domain = { readonly id: string } | { readonly name: string };

/** What a token is to be for. */
export type WantedScope =
  | { readonly system: { readonly all: true } }
  | { readonly project: Named }
  | { readonly domain: Domain }
  | { readonly 'OS-TRUST:trust': { readonly id: string } };

/** How one is let in. With Keystone, or without it at an endpoint that is Ironic's own. */
export type Credentials = KeystoneCredentials | FixedCredentials;

export type KeystoneCredentials = {
  readonly authUrl: string;
  /** Whether Keystone is asked where its version 3 is; otherwise it is at `authUrl`. */
  readonly discovers: boolean;
} & (
  | {
      readonly kind: 'password';
      readonly user: Named;
      readonly password: string;
      readonly scope: WantedScope;
    }
  | { readonly kind: 'token'; readonly token: string; readonly scope: WantedScope }
  /** It brings its own scope. */
  | {
      readonly kind: 'application-credential';
      readonly credential: { readonly id: string } | { readonly name: string; readonly user: Named };
      readonly secret: string;
    }
);

export type FixedCredentials = { readonly endpoint: string | undefined } & (
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'token-endpoint'; readonly token: string }
);

/**
 * How a cloud lets one in, with everything there that will be needed: what openstacksdk would find out by a refusal
 * later is told here.
 * @throws UsageError naming the key that is missing or too much
 */
export function credentialsOf(cloud: ResolvedCloud): Credentials {
  const { authType } = cloud;
  const read = reader(cloud);
  if (authType.startsWith('v3')) read.completeNames();
  switch (authType) {
    case 'none':
      return { kind: 'none', endpoint: read.url('endpoint') };
    case 'http_basic':
      return {
        kind: 'basic',
        endpoint: read.url('endpoint'),
        username: read.needed('username'),
        password: read.needed('password'),
      };
    case 'admin_token':
      return { kind: 'token-endpoint', endpoint: read.url('endpoint', true), token: read.needed('token') };
    case 'password':
    case 'v3password': {
      const [user, password] = [read.user(), read.needed('password')];
      return { kind: 'password', ...keystone(cloud, read), user, password, scope: read.scope() };
    }
    case 'token':
    case 'v3token':
      return { kind: 'token', ...keystone(cloud, read), token: read.needed('token'), scope: read.scope() };
    case 'v3applicationcredential': {
      read.withoutScope();
      const id = read.text('application_credential_id');
      const credential =
        id === undefined ? { name: read.needed('application_credential_name'), user: read.user() } : { id };
      const secret = read.needed('application_credential_secret');
      return { kind: 'application-credential', ...keystone(cloud, read), credential, secret };
    }
  }
}

function keystone({ authType, origin, settings }: ResolvedCloud, read: ReturnType<typeof reader>) {
  const authUrl = read.url('auth_url');
  if (authUrl === undefined) {
    const profile = settings.get('profile');
    const hint = typeof profile === 'string' ? `; the profile ${profile} is not known here or has none` : '';
    throw mistake(origin, 'auth.auth_url', `missing: the URL of Keystone${hint}`);
  }
  return { authUrl, discovers: !authType.startsWith('v3') };
}

const scopes = {
  system: ['system_scope'],
  project: ['project_id', 'project_name'],
  domain: ['domain_id', 'domain_name'],
  trust: ['trust_id'],
} as const;

function reader({ auth, origin, authType }: ResolvedCloud) {
  function text(key: string): string | undefined {
    const value: Value | undefined = auth.get(key);
    if (value === undefined || typeof value === 'string') return value;
    throw mistake(origin, `auth.${key}`, `${kindOf(value)}, where a text is expected; put it in quotes`);
  }
  function needed(key: string): string {
    const value = text(key);
    if (value !== undefined) return value;
    throw mistake(origin, `auth.${key}`, `missing, and needed for auth_type ${authType}`);
  }
  function url(key: string, isNeeded = false): string | undefined {
    const value = isNeeded ? needed(key) : text(key);
    if (value === undefined) return undefined;
    const parsed = /^https?:/i.test(value) ? URL.parse(value) : null;
    if (parsed === null) throw mistake(origin, `auth.${key}`, 'not an http or https URL');
    if (parsed.username === '' && parsed.password === '') return value;
    throw mistake(origin, `auth.${key}`, 'a URL must not hold a name or a password');
  }
  function domainOf(whose: 'user' | 'project', of: string): Domain {
    for (const key of [`${whose}_domain`, 'default_domain']) {
      const id = text(`${key}_id`);
      if (id !== undefined) return { id };
      const name = text(`${key}_name`);
      if (name !== undefined) return { name };
    }
    const what = `missing: ${of} is known in its domain only; mostly it is Default`;
    throw mistake(origin, `auth.${whose}_domain_name`, what);
  }
  function user(): Named {
    const id = text('user_id');
    return id === undefined ? { name: needed('username'), domain: domainOf('user', 'a user') } : { id };
  }
  /** A name without its domain is refused for version 3, even where an id would do. */
  function completeNames(): void {
    if (auth.has('username')) domainOf('user', 'a user');
    if (auth.has('project_name')) domainOf('project', 'a project');
  }
  function scopesGiven() {
    const given = Object.entries(scopes).flatMap(([kind, keys]) => {
      const key = keys.find((each) => auth.has(each));
      return key === undefined ? [] : [{ kind, key }];
    });
    return given;
  }
  function scope(): WantedScope {
    const [first, second] = scopesGiven();
    if (first === undefined) {
      const wanted = 'project_name with project_domain_name, system_scope: all, or domain_name';
      throw new UsageError(`${placeOf(origin, 'auth')}: no scope: ${wanted} is needed to see anything`);
    }
    if (second !== undefined) {
      throw mistake(origin, `auth.${second.key}`, `a token has one scope, and ${first.key} is given too`);
    }
    switch (first.kind) {
      case 'system':
        if (text('system_scope') !== 'all') throw mistake(origin, 'auth.system_scope', 'only "all" is known');
        return { system: { all: true } };
      case 'domain': {
        const id = text('domain_id');
        return { domain: id === undefined ? { name: needed('domain_name') } : { id } };
      }
      case 'trust':
        return { 'OS-TRUST:trust': { id: needed('trust_id') } };
      default: {
        const id = text('project_id');
        if (id !== undefined) return { project: { id } };
        return { project: { name: needed('project_name'), domain: domainOf('project', 'a project') } };
      }
    }
  }
  function withoutScope(): void {
    const [first] = scopesGiven();
    if (first === undefined) return;
    const what = 'an application credential brings its own scope, and Keystone refuses another; remove it';
    throw mistake(origin, `auth.${first.key}`, what);
  }
  return { text, needed, url, user, scope, withoutScope, completeNames };
}
