import { fileURLToPath } from 'node:url';
import { type Reporter, type TestCase, type TestModule, createVitest } from 'vitest/node';
import { newTally } from './blob/tally.ts';
import { UsageError, describeError } from './errors.ts';
import type { Options } from './options.ts';
import { progressTo } from './report/progress.ts';
import type { Report } from './report/report.ts';
import { wantsColour } from './report/style.ts';
import { renderTerminal } from './report/terminal.ts';
import { writeReports } from './report/write.ts';
import type { Result } from './result.ts';
import { summarise } from './verdict.ts';
import manifest from '../package.json' with { type: 'json' };

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Runs the selected checks under vitest and reports on them.
 * @returns the exit code
 * @throws UsageError when the run cannot start
 */
export async function assay(options: Options): Promise<number> {
  const startedAt = new Date();
  const name = options.deployment === undefined ? 'simulated' : await nameOf(options.deployment);
  const { results, read } = await judge(options);
  const report: Report = {
    tool: { name: manifest.name, version: manifest.version },
    deployment: name,
    selection: [...options.suites, ...options.checks],
    startedAt: startedAt.toISOString(),
    durationInMilliseconds: Date.now() - startedAt.getTime(),
    read,
    results,
    summary: summarise(results, options.allowNotVerified),
  };
  // What was found is shown also when it cannot be written.
  const written = await writeReports(report, options.reports ?? `${root}reports`).then(
    (files) => ({ files }),
    (error: unknown) => ({ files: [], error }),
  );
  const width = Math.min(process.stdout.columns ?? 80, 120);
  console.log(renderTerminal(report, { width, colour: wantsColour(process.stdout), files: written.files }));
  if ('error' in written) throw new UsageError(`the reports: ${describeError(written.error)}`);
  return report.summary.exitCode;
}

/** Reads a deployment.yaml before anything is started, so that a mistake in it is told at once. */
async function nameOf(deployment: string): Promise<string> {
  const { readDeployment } = await import('./read-deployment.ts');
  return (await readDeployment(deployment)).name;
}

async function judge(options: Options): Promise<Pick<Report, 'read' | 'results'>> {
  const collected = new Collector();
  const vitest = await createVitest({
    root,
    config: false,
    watch: false,
    include: ['lib/conformance.run.ts'],
    pool: 'threads',
    isolate: false,
    maxWorkers: 1,
    maxConcurrency: 32,
    testTimeout: 15 * 60_000,
    reporters: [collected],
    provide: {
      order: {
        suites: [...options.suites],
        checks: [...options.checks],
        ...(options.deployment !== undefined && { deployment: options.deployment }),
      },
    },
  });
  // vitest would leave at once; a cancelled run still disposes of what it opened.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => {
      collected.cancelled = true;
      void vitest.cancelCurrentRun('keyboard-input');
    });
  }
  try {
    await vitest.start();
  } finally {
    await vitest.close();
    collected.progress.end();
  }
  if (collected.cancelled) throw new UsageError('interrupted before the run was complete');
  const [problem] = collected.problems;
  if (problem !== undefined) throw problem;
  return collected;
}

/** Gathers the results that the tests leave in their metadata, in the order of the specification. */
class Collector implements Reporter {
  readonly progress = progressTo(process.stderr);
  readonly problems: Error[] = [];
  cancelled = false;
  #modules: readonly TestModule[] = [];

  get read(): Report['read'] {
    const [first] = this.#modules.flatMap((module) => module.meta().read ?? []);
    return first ?? { images: newTally(), bootFiles: newTally() };
  }

  get results(): readonly Result[] {
    return this.#modules.flatMap((module) => {
      return [...module.children.allTests()].map((test) => {
        const { result } = test.meta();
        if (result === undefined) throw new Error(`${test.name}: ended without a result`);
        return result;
      });
    });
  }

  onTestModuleCollected(module: TestModule): void {
    this.progress.total([...module.children.allTests()].length);
  }

  onTestCaseResult(test: TestCase): void {
    this.progress.step(test.name);
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message: string }[]): void {
    this.#modules = modules;
    const errors = [...modules.flatMap((module) => module.errors()), ...unhandled];
    for (const error of errors) {
      const usage = 'name' in error && error.name === 'UsageError';
      this.problems.push(usage ? new UsageError(error.message) : new Error(describeError(error)));
    }
  }
}
