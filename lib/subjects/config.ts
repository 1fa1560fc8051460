import { readText } from '../blob/blob.ts';
import { FormatError, UsageError } from '../errors.ts';
import type { Evidence } from '../check.ts';
import { fact, isExpected } from '../facts.ts';
import { type IronicConfig, type Occurrence, ironicConfig } from '../ironic/config.ts';
import { type Release, newestRelease, releaseOf } from '../ironic/release.ts';
import type { ConductorSource } from '../world.ts';

/** Ironic's release, and whether anything told it. */
export interface KnownRelease {
  readonly release: Release;
  /** False: nothing told, and the newest is taken for it. What depends on the release is then not verified. */
  readonly known: boolean;
}

/** As deployment.yaml says, or the oldest release that knows the API's newest version. */
export const knownRelease = fact('release', async (_: 'all', { world }): Promise<KnownRelease> => {
  const { release: named } = world.deployment;
  if (named !== undefined) {
    const release = releaseOf(named);
    if (release === undefined)
      throw new UsageError(`release: ${JSON.stringify(named)} is no release of Ironic`);
    return { release, known: true };
  }
  const microversion = await world.newestMicroversion().catch((error: unknown) => {
    // The configuration is judged also where the API cannot be reached.
    if (isExpected(error)) return undefined;
    throw error;
  });
  const release = microversion === undefined ? undefined : releaseOf(microversion);
  return { release: release ?? newestRelease, known: release !== undefined };
});

/** Bounds an ironic.conf, which is some 50 kB even with every option written out. */
const maximumConfigInBytes = 4 * 1024 * 1024;

/** A conductor's configuration, as its service reads it. */
export const configOf = fact('ironic.conf', async (source: ConductorSource, use): Promise<IronicConfig> => {
  const files = await source.config();
  const texts = await Promise.all(
    files.map(async (blob) => ({ text: await readText(blob, maximumConfigInBytes), origin: blob.origin })),
  );
  const environment = await source.environment();
  return ironicConfig(texts, environment, (await use(knownRelease, 'all')).release);
});

/**
 * The configuration of a conductor whose service starts with it.
 * @throws FormatError when oslo.config refuses a file: nothing that depends on its options can be said
 */
export const usableConfig = fact('usable ironic.conf', async (source: ConductorSource, use) => {
  const config = await use(configOf, source);
  const [refused] = config.refused;
  if (refused !== undefined) {
    throw new FormatError(
      `${refused.origin}:${refused.error.line}: oslo.config refuses the file: ${refused.error.message}`,
    );
  }
  return config;
});

/**
 * The configurations that can be had, of all conductors.
 * @throws what keeps the first away, when that is so for every conductor
 */
export const usableConfigs = fact('usable configurations', async (_: 'all', use) => {
  const outcomes = await Promise.allSettled(
    use.world.conductors.map(async (conductor) => ({
      conductor,
      config: await use(usableConfig, conductor),
    })),
  );
  const had = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (had.length === 0 && failed !== undefined) throw failed.reason;
  return had;
});

/** Where a setting stands, with its text as written. */
export function settingEvidence({ origin, line, name, raw }: Occurrence): Evidence {
  return { where: line === undefined ? origin : `${origin}:${line}`, what: `${name} = ${raw}` };
}
