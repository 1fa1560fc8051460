import { parseArgs } from 'node:util';
import { UsageError } from '../errors.ts';
import { didYouMean } from '../suggest.ts';

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

/**
 * Reads the command line. Nothing unknown is ignored.
 * @throws UsageError naming what is unknown and the nearest option
 */
export function parseDiscoverOptions(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv,
): DiscoverOptions {
  // `name` is among what npm sets itself.
  for (const name of Object.keys(definitions).filter((option) => !['help', 'name'].includes(option))) {
    // `npm run discover --os-cloud x` (without `--`) never reaches the program: npm keeps the option for itself.
    if (environment[`npm_config_${name.replaceAll('-', '_')}`] !== undefined) {
      throw new UsageError(
        `--${name} was taken by npm; put "--" before it: npm run -s discover -- --${name} …`,
      );
    }
  }
  let values: ReturnType<typeof parse>['values'];
  try {
    ({ values } = parse(argv));
  } catch (error) {
    throw new UsageError(explain(error), { cause: error });
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

function explain(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const names = Object.keys(definitions).map((name) => `--${name}`);
    const option = /'(-[^'\s]*)/.exec(message)?.[1] ?? 'option';
    return `unknown option ${JSON.stringify(option)}${didYouMean(option, names) || `; the options are ${names.join(', ')}`}`;
  }
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') {
    const word = /'([^']*)'/.exec(message)?.[1] ?? argvWord;
    return `unexpected argument ${JSON.stringify(word)}; a cloud is named with --os-cloud ${word}`;
  }
  return message.replace(/\. To specify.*$/s, '').replace(/\.$/, '');
}

const argvWord = 'NAME';
