import { afterAll, inject, test } from 'vitest';
import { suites } from '../suites/all.ts';
import { readDeployment } from './read-deployment.ts';
import type { Result } from './result.ts';
import { prepare } from './run.ts';
import { parseSelection } from './selection.ts';
import { isBad } from './verdict.ts';
import { type World, openWorld } from './world.ts';

/** What the launcher asks of a run. */
export interface Order {
  /** The path of a deployment.yaml; the embedded simulated deployment when absent. */
  readonly deployment?: string;
  readonly suites: string[];
  readonly checks: string[];
}

declare module 'vitest' {
  interface ProvidedContext {
    order: Order;
  }
  interface TaskMeta {
    result?: Result;
    read?: World['tallies'];
  }
}

/** The conformance run: every judgement is a test, so that vitest schedules, times and cancels it. */
const order = inject('order');
const held = new AsyncDisposableStack();
afterAll(() => held.disposeAsync());

async function deploymentOf() {
  if (order.deployment !== undefined) return readDeployment(order.deployment);
  const { serveHealthy } = await import('../fixtures/simulated/deployment.ts');
  return held.use(await serveHealthy()).deployment;
}

const world = held.use(await openWorld(await deploymentOf()));
const tasks = await prepare(world, suites, parseSelection(order.suites, order.checks, suites));

for (const task of tasks) {
  const { check, subject } = task;
  // oxlint-disable-next-line vitest/expect-expect -- the judgement is the assertion
  test.concurrent(`${check.id} · ${subject.label}`, async (context) => {
    const result = await task.run();
    context.task.meta.result = result;
    // What was read so far goes the same way: the file's own data are sent when all is done.
    context.task.file.meta.read = world.tallies;
    if (isBad(result.status)) throw new Error(`${result.status}: ${result.title}`);
    if (result.reason !== undefined) context.skip(result.reason);
  });
}
