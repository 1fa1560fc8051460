import { type Credentials, credentialsOf } from './credentials.ts';
import type { Surroundings } from './files.ts';
import { defaultCloud, loadClouds } from './load.ts';
import { type ResolvedCloud, resolveCloud } from './resolve.ts';
import { type ServiceSettings, serviceSettings } from './services.ts';
import { timeoutOf } from './timeout.ts';
import { type TlsSettings, readTls, tlsPaths } from './tls.ts';

/** One cloud, as one user: everything that is needed to speak with it. */
export interface CloudSettings {
  readonly name: string;
  readonly credentials: Credentials;
  readonly tls: TlsSettings;
  /** How long an answer is waited for, where the cloud's settings say so. */
  readonly timeoutInMilliseconds: number | undefined;
  /** @throws UsageError for settings of the service that make no sense */
  readonly service: (type: string) => ServiceSettings;
}

export interface CloudChoice extends Surroundings {
  /** Its name in clouds.yaml, or `envvars`. */
  readonly name: string;
  /** The clouds.yaml, in place of the search. */
  readonly file?: string | undefined;
  /** One of its regions; the first when absent. */
  readonly region?: string | undefined;
}

/**
 * A cloud as openstacksdk finds it. Nobody is asked for a password, and nothing is fetched.
 * @throws UsageError naming file and key of what is missing, wrong or not supported; never a secret
 */
export async function findCloud(choice: CloudChoice): Promise<CloudSettings> {
  const known = await loadClouds(choice);
  return cloudSettings(await resolveCloud(known, choice.name, choice.region), choice);
}

/**
 * The cloud that openstacksdk takes when none is named: OS_CLOUD, what the OS_* variables describe, or the only one.
 * @throws UsageError when that cannot be told
 */
export async function nameOfCloud(surroundings: Surroundings): Promise<string> {
  return defaultCloud(await loadClouds(surroundings), surroundings.environment);
}

async function cloudSettings(cloud: ResolvedCloud, surroundings: Surroundings): Promise<CloudSettings> {
  const credentials = credentialsOf(cloud);
  const tls = await readTls(tlsPaths(cloud, surroundings), cloud);
  for (const type of ['baremetal', 'image']) serviceSettings(cloud, type);
  return {
    name: cloud.origin.name,
    credentials,
    tls,
    timeoutInMilliseconds: timeoutOf(cloud),
    service: (type) => serviceSettings(cloud, type),
  };
}

/** Where the command was given: npm runs it in the package's folder. */
export function ownSurroundings(): Surroundings {
  return { environment: process.env, folder: process.env['INIT_CWD'] ?? process.cwd() };
}
