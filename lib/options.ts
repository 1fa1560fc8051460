import { parseArgs } from 'node:util';
import { UsageError } from './errors.ts';
import { didYouMean } from './suggest.ts';

/** What the command line says. */
export interface Options {
  readonly suites: readonly string[];
  readonly checks: readonly string[];
  readonly deployment: string | undefined;
  readonly reports: string | undefined;
  readonly allowNotVerified: boolean;
  readonly list: boolean;
  readonly help: boolean;
}

const definitions = {
  suite: { type: 'string', multiple: true, default: [] as string[] },
  check: { type: 'string', multiple: true, default: [] as string[] },
  deployment: { type: 'string' },
  reports: { type: 'string' },
  'allow-not-verified': { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

export const usage = `Usage: npm test -- [options]

Tells, before a node is powered on, whether a multi-architecture OpenStack Ironic
deployment will boot. Without --deployment it assays the embedded simulated one.

  --deployment FILE     the deployment.yaml of a real deployment
  --suite NAME          an architecture (aarch64), a subject (firmware) or both
                        (aarch64/firmware); repeatable
  --check ID            one check (firmware/machine); repeatable
  --list                the checks that would run, without running them
  --allow-not-verified  do not refuse a deployment for what could not be verified
  --reports DIR         where the reports go (default: reports)
  --help                this text

Exit codes: 0 conformant, 1 not conformant, 2 could not be judged.`;

/**
 * Reads the command line. Nothing is passed on to another program, and nothing unknown is ignored.
 * @throws UsageError naming what is unknown and the nearest option
 */
export function parseOptions(argv: readonly string[], environment: NodeJS.ProcessEnv): Options {
  refuseSwallowed(environment);
  let values: ReturnType<typeof parse>['values'];
  try {
    ({ values } = parse(argv));
  } catch (error) {
    throw new UsageError(explain(error, argv), { cause: error });
  }
  return {
    suites: values.suite,
    checks: values.check,
    deployment: values.deployment,
    reports: values.reports,
    allowNotVerified: values['allow-not-verified'],
    list: values.list,
    help: values.help,
  };
}

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: definitions, strict: true, allowPositionals: false });
}

/** `npm test --suite x` (without `--`) never reaches the program: npm keeps the option for itself. */
function refuseSwallowed(environment: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(definitions)) {
    const key = `npm_config_${name.replaceAll('-', '_')}`;
    if (environment[key] !== undefined && name !== 'help') {
      throw new UsageError(`--${name} was taken by npm; put "--" before it: npm test -- --${name} …`);
    }
  }
}

function explain(error: unknown, argv: readonly string[]): string {
  const { code, message } = error as { code?: string; message: string };
  const names = Object.keys(definitions).map((name) => `--${name}`);
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const option = /'(-[^'\s]*)/.exec(message)?.[1] ?? 'option';
    return `unknown option ${JSON.stringify(option)}${didYouMean(option, names) || `; the options are ${names.join(', ')}`}`;
  }
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL') {
    const word = /'([^']*)'/.exec(message)?.[1] ?? argv.at(-1) ?? '';
    return `unexpected argument ${JSON.stringify(word)}; suites are chosen with --suite ${word}`;
  }
  return message.replace(/\. To specify.*$/s, '').replace(/\.$/, '');
}
