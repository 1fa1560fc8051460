import type { Check, Judgement, Suite } from './check.ts';
import { UsageError, describeError } from './errors.ts';
import { type Use, factStore, isExpected } from './facts.ts';
import type { Result, Status } from './result.ts';
import { type Selection, selectedArchitectures, selects, selectsCheck } from './selection.ts';
import type { Awaited, Subject } from './subject.ts';
import type { World } from './world.ts';

/** One judgement to make: a check of a subject. */
export interface Task {
  readonly check: Check;
  readonly subject: Subject;
  /** Never rejects: what goes wrong is part of the result. */
  run(): Promise<Result>;
}

/**
 * Finds the subjects of every selected check.
 * @throws UsageError when the selection matches nothing of this deployment
 */
export async function prepare(
  world: World,
  suites: readonly Suite[],
  selection: Selection,
): Promise<readonly Task[]> {
  const use = factStore(world);
  const checks = suites.flatMap((suite) => suite.checks).filter((check) => selectsCheck(selection, check));
  const wanted = selectedArchitectures(selection);
  const seen = new Set<string>();
  let failed = false;
  const tasks = await Promise.all(
    checks.map(async (check): Promise<Task[]> => {
      const whole = wholeOf(check, wanted);
      let all: readonly Subject[];
      let awaited: readonly Awaited[];
      try {
        all = await use(check.per.all, 'all');
        awaited = check.per.awaited === undefined ? [] : await use(check.per.awaited, 'all');
      } catch (error) {
        failed = true;
        return [settled(check, whole, statusOf(error), describeError(error))];
      }
      for (const { architecture } of [...all, ...awaited])
        if (architecture !== undefined) seen.add(architecture);
      const chosen = all.filter((subject) => selects(selection, check, subject));
      const open = awaited
        .filter(({ architecture }) => !all.some((subject) => subject.architecture === architecture))
        .map(({ architecture, reason }) => ({ subject: wholeFor(check, architecture), reason }))
        .filter(({ subject }) => selects(selection, check, subject));
      if (chosen.length + open.length === 0) return [settled(check, whole, 'not applicable', check.per.none)];
      return [
        ...chosen.map((subject) => ({ check, subject, run: async () => judge(check, subject, use) })),
        ...open.map(({ subject, reason }) => settled(check, subject, 'not verified', reason)),
      ];
    }),
  );
  if (!failed && wanted.length > 0 && !wanted.some((name) => seen.has(name))) {
    const there = seen.size === 0 ? 'none' : [...seen].toSorted().join(', ');
    throw new UsageError(
      `nothing to judge for ${wanted.join(', ')}: this deployment has ${there}; ` +
        '`architectures` in deployment.yaml names one before its nodes are enrolled',
    );
  }
  return tasks.flat();
}

/** What stands for the subjects of a check when there are none, or when they cannot be found. */
function wholeOf({ per }: Check, wanted: readonly string[]): Subject {
  const [only, second] = wanted;
  const label = `all ${per.name}`;
  if (!per.perArchitecture || only === undefined || second !== undefined) return { label, affects: [] };
  return { label, architecture: only, affects: [] };
}

/** What stands for the subjects of one architecture that are still to come. */
function wholeFor({ per }: Check, architecture: string): Subject {
  return { label: `all ${per.name} of ${architecture}`, architecture, affects: [] };
}

async function judge(check: Check, subject: Subject, use: Use): Promise<Result> {
  const started = performance.now();
  const took = () => Math.round((performance.now() - started) * 1000) / 1000;
  try {
    return { ...resultOf(check, subject, await check.judge(subject, use)), durationInMilliseconds: took() };
  } catch (error) {
    const result = bareResult(check, subject, statusOf(error), describeError(error));
    return { ...result, durationInMilliseconds: took() };
  }
}

function resultOf(check: Check, subject: Subject, judgement: Judgement): Result {
  if ('notApplicable' in judgement) {
    return bareResult(check, subject, 'not applicable', judgement.notApplicable);
  }
  if ('notVerified' in judgement) {
    return bareResult(check, subject, 'not verified', judgement.notVerified);
  }
  const result = bareResult(check, subject, 'pass');
  if (judgement.length === 0) return result;
  const status: Status = check.level === 'must' ? 'fail' : 'warning';
  return { ...result, status, findings: judgement, fix: judgement[0]?.fix ?? check.fix(subject) };
}

/** What could not be looked at is not verified; anything unexpected is a fault of this suite. */
function statusOf(error: unknown): Status {
  return isExpected(error) ? 'not verified' : 'error';
}

function settled(check: Check, subject: Subject, status: Status, reason: string): Task {
  return { check, subject, run: async () => bareResult(check, subject, status, reason) };
}

function bareResult(check: Check, subject: Subject, status: Status, reason?: string): Result {
  const { id, suite, title, why, level, ref } = check;
  const { label, architecture, affects } = subject;
  return {
    check: id,
    suite,
    title,
    why,
    level,
    ref,
    subject: label,
    ...(architecture !== undefined && { architecture }),
    affects,
    status,
    ...(reason !== undefined && { reason }),
    findings: [],
    durationInMilliseconds: 0,
  };
}
