// oxlint-disable-next-line import/no-unassigned-import -- for those who call this file directly
import '../compile-cache.js';
import { AssayError, describeError } from '../errors.ts';
import { parseDiscoverOptions, usage } from './options.ts';

/** `npm run discover`: prints a deployment.yaml, and sets the exit code. */
async function main(): Promise<number> {
  const options = parseDiscoverOptions(process.argv.slice(2), process.env);
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const { discover } = await import('./discover.ts');
  process.stdout.write(await discover(options, process.env.INIT_CWD ?? process.cwd()));
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  // What the settings of clouds are read for is a deployment.yaml elsewhere.
  const said = describeError(error).replace('deployment.yaml: cloud.file', '--os-cloud-file');
  const text = error instanceof AssayError ? said : `internal error: ${said}`;
  const { plain } = await import('../report/text.ts');
  console.error(`ironic-assay: ${plain(text)}`);
  process.exitCode = 2;
}
