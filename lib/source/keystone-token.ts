import { AccessError, FormatError } from '../errors.ts';
import type { KeystoneCredentials } from './cloud-config/credentials.ts';
import type { HttpAnswer } from './http.ts';
import { isRecord } from './shapes.ts';

/** As whom a cloud is seen. */
export interface CloudScope {
  readonly kind: 'system' | 'project' | 'domain' | 'none';
  /** The name of the project or domain. */
  readonly name?: string;
  readonly id?: string;
  readonly roles: readonly string[];
}

export interface Token {
  readonly value: string;
  /** By our own clock, in milliseconds. */
  readonly endsAt: number;
  readonly catalogue: readonly unknown[] | undefined;
  readonly scope: CloudScope;
}

/** How long before its end a token is not used any more, as in keystoneauth. */
export const marginInMilliseconds = 120_000;

/** `project lab, roles reader` or `system all, roles admin, member`. */
export function describeScope({ kind, name, roles }: CloudScope): string {
  const what = kind === 'system' ? 'system all' : kind === 'none' ? 'no scope' : `${kind} ${name}`;
  return roles.length === 0 ? what : `${what}, roles ${roles.join(', ')}`;
}

/**
 * The body of `POST /v3/auth/tokens`.
 * Source: https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management
 */
export function tokenRequest(credentials: KeystoneCredentials): unknown {
  switch (credentials.kind) {
    case 'password': {
      const { user, password, scope } = credentials;
      const identity = { methods: ['password'], password: { user: { ...user, password } } };
      return { auth: { identity, scope } };
    }
    case 'token': {
      const { token, scope } = credentials;
      return { auth: { identity: { methods: ['token'], token: { id: token } }, scope } };
    }
    case 'application-credential': {
      const { credential, secret } = credentials;
      const application_credential = { ...credential, secret };
      return { auth: { identity: { methods: ['application_credential'], application_credential } } };
    }
  }
}

/** Who asks, for a message. */
export function describeUser(credentials: KeystoneCredentials): string {
  if (credentials.kind === 'token') return 'the token given';
  const isUser = credentials.kind === 'password';
  const named = isUser ? credentials.user : credentials.credential;
  return `${isUser ? '' : 'application credential '}${'id' in named ? named.id : named.name}`;
}

/** What must never be in a message. */
export function secretsOf(credentials: KeystoneCredentials): string[] {
  if (credentials.kind === 'token') return [credentials.token];
  return [credentials.kind === 'password' ? credentials.password : credentials.secret];
}

/** The token in an answer 201. @throws FormatError, AccessError */
export function readToken(answer: HttpAnswer, json: unknown, what: string): Token {
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
  return {
    value,
    // By our own clock: that of the cloud may be another.
    endsAt: Date.now() + lifetime,
    catalogue: Array.isArray(token['catalog']) ? token['catalog'] : undefined,
    scope: scopeOf(token),
  };
}

function scopeOf(token: Readonly<Record<string, unknown>>): CloudScope {
  const list = Array.isArray(token['roles']) ? (token['roles'] as unknown[]) : [];
  const roles = list.filter(isRecord).map(({ name }) => String(name));
  for (const kind of ['project', 'domain'] as const) {
    const of = token[kind];
    if (isRecord(of)) return { kind, name: String(of['name']), id: String(of['id']), roles };
  }
  return { kind: isRecord(token['system']) ? 'system' : 'none', roles };
}
