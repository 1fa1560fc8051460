import { didYouMean } from '../../suggest.ts';
import { type CloudOrigin, mistake } from './origin.ts';
import { type Settings, type Value, isTruthy, settingsAt } from './settings.ts';

/** An option of a way to authenticate, and the older names that it goes by. */
interface Option {
  readonly name: string;
  readonly older?: readonly string[];
}

const named = (...names: string[]): Option[] => names.map((name) => ({ name }));
const user = [
  ...named('user_id', 'user_domain_id', 'user_domain_name'),
  { name: 'username', older: ['user_name'] },
];
const scope = named(
  'auth_url',
  'system_scope',
  'domain_id',
  'domain_name',
  'project_id',
  'project_name',
  'project_domain_id',
  'project_domain_name',
  'trust_id',
);
const either = [
  ...scope.filter(({ name }) => name !== 'project_id' && name !== 'project_name'),
  { name: 'project_id', older: ['tenant_id'] },
  { name: 'project_name', older: ['tenant_name'] },
  ...named('default_domain_id', 'default_domain_name'),
];
const secret = named(
  'application_credential_secret',
  'application_credential_id',
  'application_credential_name',
);

/**
 * What each way to authenticate takes. `password` and `token` find Keystone's version by themselves.
 * Source: keystoneauth1/loading/_plugins
 */
const options = {
  password: [...either, ...user, ...named('password')],
  token: [...either, ...named('token')],
  v3password: [...scope, ...user, ...named('password')],
  v3token: [...scope, ...named('token')],
  v3applicationcredential: [...scope, ...user, ...secret],
  none: named('endpoint'),
  http_basic: [{ name: 'username', older: ['user_name'] }, ...named('password', 'endpoint')],
  admin_token: [{ name: 'endpoint', older: ['url'] }, ...named('token')],
} as const satisfies Record<string, readonly Option[]>;

export type AuthType = keyof typeof options;

/** The way to authenticate that is meant. @throws UsageError for one that is not supported */
export function authTypeOf(cloud: Settings, origin: CloudOrigin): AuthType {
  const given = cloud.get('auth_type');
  if (!isTruthy(given) || given === 'None') return 'none';
  if (given === 'token_endpoint') return 'admin_token';
  const types = Object.keys(options);
  if (typeof given === 'string' && types.includes(given)) return given as AuthType;
  const what = typeof given === 'string' ? JSON.stringify(given) : 'this';
  throw mistake(origin, 'auth_type', `${what} is not supported; ${types.join(', ')} are`);
}

/** A cloud's settings, with those that authentication takes apart from the rest. */
export interface AuthSettings {
  readonly auth: Settings;
  readonly rest: Settings;
}

/**
 * What `auth` holds once the options that stand beside it are in it. What is within goes before what is beside.
 * @throws UsageError for a key that the way to authenticate does not take
 */
export function authSettings(cloud: Settings, type: AuthType, origin: CloudOrigin): AuthSettings {
  const auth = new Map(settingsAt(cloud.get('auth'), 'auth'));
  const rest = new Map(cloud);
  for (const { name, older = [] } of options[type] as readonly Option[]) {
    const names = [name, ...older];
    const within = firstOf(auth, names);
    const value = isTruthy(within) ? within : firstOf(rest, names);
    for (const each of names) {
      auth.delete(each);
      rest.delete(each);
    }
    if (isTruthy(value)) auth.set(name, value);
  }
  const known = (options[type] as readonly Option[]).map(({ name }) => name);
  const unknown = [...auth.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw mistake(origin, `auth.${unknown}`, `not a key for auth_type ${type}${didYouMean(unknown, known)}`);
  }
  return { auth, rest };
}

/** The value by the newest of the names that is there at all. */
function firstOf(settings: Settings, names: readonly string[]): Value | undefined {
  const name = names.find((each) => settings.has(each));
  return name === undefined ? undefined : settings.get(name);
}
