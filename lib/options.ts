import { parseArgs } from 'node:util';
import { explainCommandLine, refuseSwallowed } from './command-line.ts';
import { UsageError } from './errors.ts';

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

const advice = (word: string) => `suites are chosen with --suite ${word}`;

/**
 * Reads the command line. Nothing is passed on to another program, and nothing unknown is ignored.
 * @throws UsageError naming what is unknown and the nearest option
 */
export function parseOptions(argv: readonly string[], environment: NodeJS.ProcessEnv): Options {
  const names = Object.keys(definitions);
  refuseSwallowed(
    names.filter((name) => name !== 'help'),
    environment,
    'npm test --',
  );
  let values: ReturnType<typeof parse>['values'];
  try {
    ({ values } = parse(argv));
  } catch (error) {
    throw new UsageError(explainCommandLine(error, names, advice), { cause: error });
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
