import { parseArgs } from 'node:util';
import { explainCommandLine, refuseSwallowed } from '../command-line.ts';
import { UsageError } from '../errors.ts';

/** What the command line of `npm run discover` says. */
export interface DiscoverOptions {
  /** The cloud of clouds.yaml; openstacksdk's own choice when absent. */
  readonly cloud: string | undefined;
  readonly cloudFile: string | undefined;
  readonly region: string | undefined;
  /** The deployment's name; the cloud's when absent. */
  readonly name: string | undefined;
  readonly help: boolean;
}

const definitions = {
  'os-cloud': { type: 'string' },
  'os-cloud-file': { type: 'string' },
  'os-region-name': { type: 'string' },
  name: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

export const usage = `Usage: npm run -s discover -- [options] > deployment.yaml

Writes a deployment.yaml from what a live cloud tells of itself, to be completed:
what is a guess, and what could not be found out, stands in its comments.
Reads only.

  --os-cloud NAME         the cloud of clouds.yaml; also OS_CLOUD, or the other
                          OS_* variables
  --os-cloud-file FILE    the clouds.yaml, in place of the usual places
  --os-region-name NAME   one of the cloud's regions; the first unless named
  --name NAME             what to call the deployment; the cloud's name unless said
  --help                  this text

Exit codes: 0 written, 2 the cloud could not be asked.`;

const advice = (word: string) => `a cloud is named with --os-cloud ${word}`;

/**
 * Reads the command line. Nothing unknown is ignored.
 * @throws UsageError naming what is unknown and the nearest option
 */
export function parseDiscoverOptions(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
): DiscoverOptions {
  const names = Object.keys(definitions);
  // `name` is among what npm sets itself.
  const swallowed = names.filter((name) => !['help', 'name'].includes(name));
  refuseSwallowed(swallowed, environment, 'npm run -s discover --');
  let values: ReturnType<typeof parse>['values'];
  try {
    ({ values } = parse(argv));
  } catch (error) {
    throw new UsageError(explainCommandLine(error, names, advice), { cause: error });
  }
  return {
    cloud: values['os-cloud'],
    cloudFile: values['os-cloud-file'],
    region: values['os-region-name'],
    name: values.name,
    help: values.help,
  };
}

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: definitions, strict: true, allowPositionals: false });
}
