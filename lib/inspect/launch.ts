import { resolve } from 'node:path';
// oxlint-disable-next-line import/no-unassigned-import -- for those who call this file directly
import '../compile-cache.js';
import { AssayError, UsageError, describeError } from '../errors.ts';
import type { Inspection } from './inspect.ts';
import { type InspectOptions, parseInspectOptions, usage } from './options.ts';
import type { TargetOptions } from './target.ts';

/** What came of one target, as `--json` prints it. */
type Outcome =
  | ({ readonly target: string } & Inspection)
  | { readonly target: string; readonly error: { readonly code: string; readonly message: string } };

/** `npm run inspect`: says what each target is, and sets the exit code. */
async function main(): Promise<number> {
  const options = parseInspectOptions(process.argv.slice(2), process.env);
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const folder = process.env.INIT_CWD ?? process.cwd();
  const { cloud, downloadInBytes } = options;
  const reach: TargetOptions = { folder, cloud, downloadInBytes, ...deploymentOf(options, folder) };
  const outcomes: Outcome[] = [];
  for (const target of options.targets) {
    const outcome = await outcomeOf(target, reach);
    if (!options.json) await show(outcome, outcomes.length > 0 && !('error' in (outcomes.at(-1) ?? {})));
    outcomes.push(outcome);
  }
  if (options.json) {
    const { renderInspections } = await import('./json.ts');
    process.stdout.write(renderInspections(outcomes));
  }
  return Math.max(...outcomes.map((outcome) => ('error' in outcome ? 2 : outcome.understood ? 0 : 1)));
}

/** The deployment is read when a target needs it, and once. */
function deploymentOf({ deployment }: InspectOptions, folder: string): Pick<TargetOptions, 'deployment'> {
  if (deployment === undefined) return {};
  let reading: ReturnType<NonNullable<TargetOptions['deployment']>> | undefined;
  const read = async () =>
    (await import('../read-deployment.ts')).readDeployment(resolve(folder, deployment));
  return { deployment: () => (reading ??= read()) };
}

async function outcomeOf(target: string, reach: TargetOptions): Promise<Outcome> {
  await using held = new AsyncDisposableStack();
  try {
    const { openTarget } = await import('./target.ts');
    const { inspect } = await import('./inspect.ts');
    return { target, ...(await inspect(await openTarget(target, reach, held))) };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { target, error: { code: error.code, message: error.message } };
  }
}

async function show(outcome: Outcome, isLater: boolean): Promise<void> {
  if ('error' in outcome) return complain(outcome.error.message);
  const [{ renderInspection }, { wantsColour }] = await Promise.all([
    import('./render.ts'),
    import('../report/style.ts'),
  ]);
  const width = process.stdout.columns ?? 80;
  if (isLater) console.log();
  console.log(renderInspection(outcome, { width, colour: wantsColour(process.stdout) }));
}

/** A message may quote what a server or a file says. */
async function complain(text: string): Promise<void> {
  const { plain } = await import('../report/text.ts');
  console.error(`ironic-assay: ${plain(text)}`);
}

try {
  process.exitCode = await main();
} catch (error) {
  await complain(error instanceof UsageError ? error.message : `internal error: ${describeError(error)}`);
  process.exitCode = 2;
}
