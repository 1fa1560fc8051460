import { UsageError } from '../../errors.ts';
import { didYouMean } from '../../suggest.ts';
import { defaultSettings } from './defaults.ts';
import { type Surroundings, findFile, readConfigFile, searchPath } from './files.ts';
import type { CloudOrigin } from './origin.ts';
import { type Settings, type Value, mergedDeeply, settingsAt } from './settings.ts';

export interface LoadOptions extends Surroundings {
  /** A clouds.yaml in place of the search; a secure.yaml beside it goes before those of the search. */
  readonly file?: string | undefined;
}

/** Every cloud that is described here, by its name. */
export interface KnownClouds {
  readonly clouds: ReadonlyMap<string, Value>;
  /** The name of the cloud that the environment describes, whether it does or not. */
  readonly environmentName: string;
  /** The public clouds of clouds-public.yaml, which is read when one is named. */
  profiles(): Promise<Settings>;
  /** The file or files that were read, and `undefined` where there are none. */
  readonly file: string | undefined;
  /** Where there was something, or nothing, for when a cloud is not among them: `in …` or `there is no …`. */
  readonly looked: string;
}

/**
 * Finds clouds.yaml, secure.yaml, clouds-public.yaml and the OS_* variables as openstacksdk does.
 * Source: https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html, openstack/config/loader.py
 * @throws UsageError for a file that cannot be understood
 */
export async function loadClouds(options: LoadOptions): Promise<KnownClouds> {
  const { environment, file } = options;
  const passedOver: string[] = [];
  const found =
    file === undefined
      ? await findFile('clouds', options, { passedOver })
      : await readConfigFile(file, 'deployment.yaml: cloud.file');
  const before = file === undefined ? [] : [file.replace(/[^/]*$/, '') || '.'];
  const secure = await findFile('secure', options, { before, passedOver });
  const files = [found, secure].filter((one) => one !== undefined);
  const path = files.map((one) => one.path).join(' with ') || undefined;
  const all = mergedDeeply(found?.settings ?? new Map(), secure?.settings ?? new Map(), path ?? '');
  const clouds = new Map(all.has('clouds') ? settingsAt(all.get('clouds'), `${path}: clouds`) : []);

  const environmentName = environment['OS_CLOUD_NAME'] ?? 'envvars';
  if (clouds.has(environmentName)) {
    throw new UsageError(
      `${path}: clouds.${environmentName}: the name of the cloud that the environment describes; rename it, or set OS_CLOUD_NAME to another`,
    );
  }
  const described = environmentCloud(environment);
  if (described !== undefined) clouds.set(environmentName, described);

  async function profiles(): Promise<Settings> {
    const vendors = await findFile('clouds-public', options);
    const value = vendors?.settings.get('public-clouds');
    return value === undefined ? new Map() : settingsAt(value, `${vendors?.path}: public-clouds`);
  }

  const hidden = passedOver.length === 0 ? '' : `; not readable: ${passedOver.join(', ')}`;
  const where = searchPath(options).join(', ');
  return {
    clouds,
    environmentName,
    profiles,
    file: path,
    looked: path === undefined ? `there is no clouds.yaml in ${where}${hidden}` : `in ${path}${hidden}`,
  };
}

/** @throws UsageError when there is no such cloud */
export function cloudNamed(known: KnownClouds, name: string): { cloud: Settings; origin: CloudOrigin } {
  const value = known.clouds.get(name);
  const isEnvironment = name === known.environmentName;
  if (value !== undefined) {
    const origin = { name, file: isEnvironment ? undefined : known.file };
    return { cloud: settingsAt(value, `${known.file}: clouds.${name}`), origin };
  }
  if (isEnvironment)
    throw new UsageError(`cloud ${name}: no OS_* variable describes it, such as OS_AUTH_URL`);
  const names = [...known.clouds.keys()];
  const hint = didYouMean(name, names) || (names.length === 0 ? '' : `; there is ${names.join(', ')}`);
  throw new UsageError(
    `cloud ${JSON.stringify(name)} is not described${known.file === undefined ? ':' : ''} ${known.looked}${hint}`,
  );
}

/** The cloud that is meant when none is named. @throws UsageError when that cannot be told */
export function defaultCloud(known: KnownClouds, environment: LoadOptions['environment']): string {
  const names = [...known.clouds.keys()];
  const [only] = names;
  const chosen =
    environment['OS_CLOUD'] || (names.includes(known.environmentName) ? known.environmentName : '');
  if (chosen !== '') return chosen;
  if (only !== undefined && names.length === 1) return only;
  if (only === undefined)
    throw new UsageError(`no cloud is described: ${known.looked}, and no OS_* variable is set`);
  throw new UsageError(`which cloud? OS_CLOUD or --os-cloud says: ${names.join(', ')} are ${known.looked}`);
}

/** Variables that choose or change something, and describe no cloud by themselves. */
const selectors = new Set([
  'OS_CLOUD',
  'OS_REGION_NAME',
  'OS_CLIENT_CONFIG_FILE',
  'OS_CLIENT_SECURE_FILE',
  'OS_CLIENT_VENDOR_FILE',
  'OS_CLOUD_NAME',
]);

function environmentCloud(environment: LoadOptions['environment']): Settings | undefined {
  const variables = Object.entries(environment).filter(
    ([key, value]) => /^OS_(?!TEST|STD|LOG)/.test(key) && value !== undefined,
  );
  if (variables.every(([key]) => selectors.has(key))) return undefined;
  const pairs = variables.map(([key, value]) => [key.slice(3).toLowerCase(), value ?? null] as const);
  return new Map<string, Value>([...defaultSettings, ...pairs]);
}
