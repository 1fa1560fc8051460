import { resolve } from 'node:path';
import { parseOptions, usage } from './options.ts';

/** `npm test`: reads the options, runs what they select and reports. @returns the exit code */
export async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2), process.env);
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const { suites: parts, checks, list } = options;
  if (list || parts.length > 0 || checks.length > 0) {
    // The run itself reads them again, in its own thread; without a selection nothing has to be known here.
    const { suites } = await import('../suites/all.ts');
    const { parseSelection } = await import('./selection.ts');
    const selection = parseSelection(parts, checks, suites);
    if (list) {
      const { listChecks } = await import('./list.ts');
      console.log(listChecks(suites, selection));
      return 0;
    }
  }
  const { assay } = await import('./assay.ts');
  const base = process.env.INIT_CWD ?? process.cwd();
  return assay({
    ...options,
    deployment: options.deployment === undefined ? undefined : resolve(base, options.deployment),
    reports: options.reports === undefined ? undefined : resolve(base, options.reports),
  });
}
