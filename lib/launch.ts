import { resolve } from 'node:path';
import { UsageError, describeError } from './errors.ts';
import { parseOptions, usage } from './options.ts';

/** `npm test`: reads the options, runs what they select, reports, and sets the exit code. */
async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const { suites } = await import('../suites/all.ts');
  const { parseSelection } = await import('./selection.ts');
  const selection = parseSelection(options.suites, options.checks, suites);
  if (options.list) {
    const { listChecks } = await import('./list.ts');
    console.log(listChecks(suites, selection));
    return 0;
  }
  const { assay } = await import('./assay.ts');
  const base = process.env.INIT_CWD ?? process.cwd();
  return assay({
    ...options,
    deployment: options.deployment === undefined ? undefined : resolve(base, options.deployment),
    reports: options.reports === undefined ? undefined : resolve(base, options.reports),
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  const text = error instanceof UsageError ? error.message : `internal error: ${describeError(error)}`;
  console.error(`ironic-assay: ${text}`);
  process.exitCode = 2;
}
