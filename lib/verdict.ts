import { type Result, type Status, statuses } from './result.ts';

export type Verdict = 'conformant' | 'not conformant' | 'not verified';

/** What the run as a whole says. */
export interface Summary {
  readonly verdict: Verdict;
  /** One sentence that says why. */
  readonly because: string;
  readonly counts: Readonly<Record<Status, number>>;
  /** 0 conformant, 1 not conformant, 2 could not be judged. */
  readonly exitCode: 0 | 1 | 2;
}

/**
 * Any failure makes a deployment not conformant. Without one, a *must* that could not be verified leaves the
 * verdict open, unless the operator accepts that. A run that judged nothing is never a pass.
 */
export function summarise(results: readonly Result[], allowNotVerified: boolean): Summary {
  const counts = Object.fromEntries(statuses.map((status) => [status, 0])) as Record<Status, number>;
  for (const { status } of results) counts[status] += 1;
  const open = results.filter(({ status, level }) => status === 'not verified' && level === 'must').length;
  const judged = counts.pass + counts.warning + counts.fail + counts.error;
  const say = (verdict: Verdict, exitCode: 0 | 1 | 2, because: string): Summary => ({
    verdict,
    because,
    counts,
    exitCode,
  });
  if (counts.fail + counts.error > 0) {
    const checks = new Set(results.filter(({ status }) => isBad(status)).map(({ check }) => check));
    return say('not conformant', 1, `${plural(checks.size, 'check')} did not hold`);
  }
  if (judged === 0) return say('not verified', 2, 'nothing could be judged');
  if (open > 0 && !allowNotVerified) {
    return say('not verified', 2, `${plural(open, 'required judgement')} could not be made`);
  }
  return say('conformant', 0, `${plural(counts.pass, 'judgement')} passed`);
}

/** Whether a status makes a deployment not conformant. */
export function isBad(status: Status): boolean {
  return status === 'fail' || status === 'error';
}

/** `1 node`, `2 nodes`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
