import type { Finding } from '../check.ts';
import type { Result, Status } from '../result.ts';
import { evidenceOf, fixesOf } from './report.ts';

/** One cause, however many subjects and nodes it concerns. */
export interface Cause {
  readonly subjects: readonly string[];
  /** The nodes that depend on any of the subjects. */
  readonly affects: readonly string[];
  readonly findings: readonly Finding[];
  readonly reason?: string;
  readonly evidence: readonly string[];
  readonly fixes: readonly string[];
}

/** A check that did not hold, with its causes. */
export interface Trouble {
  readonly check: string;
  readonly title: string;
  readonly why: string;
  readonly ref: string;
  readonly status: Status;
  readonly causes: readonly Cause[];
}

/** The results of one status by check and, within it, by cause: the same actual and expected values. */
export function troubles(results: readonly Result[], status: Status): Trouble[] {
  const wanted = results.filter((result) => result.status === status);
  return [...Map.groupBy(wanted, ({ check }) => check).values()].flatMap((ofCheck) => {
    const [first] = ofCheck;
    if (first === undefined) return [];
    const { check, title, why, ref } = first;
    const causes = [...Map.groupBy(ofCheck, causeOf).values()].map(merged);
    return [{ check, title, why, ref, status, causes }];
  });
}

function causeOf({ findings, reason }: Result): string {
  return JSON.stringify([reason, findings.map(({ actual, expected }) => [actual, expected])]);
}

function merged(results: readonly Result[]): Cause {
  const reason = results[0]?.reason;
  return {
    subjects: [...new Set(results.map(({ subject }) => subject))],
    affects: [...new Set(results.flatMap(({ affects }) => affects))],
    findings: results[0]?.findings ?? [],
    ...(reason !== undefined && { reason }),
    evidence: [...new Set(results.flatMap(({ findings }) => evidenceOf(findings)))],
    fixes: [...new Set(results.flatMap(fixesOf))],
  };
}

/** What kept checks from being judged: each reason once. */
export interface Obstacle {
  readonly reason: string;
  readonly checks: readonly string[];
  readonly judgements: number;
}

export function obstacles(results: readonly Result[]): Obstacle[] {
  const open = results.filter(({ status }) => status === 'not verified');
  return [...Map.groupBy(open, ({ reason }) => reason ?? 'no reason given')].map(([reason, ofReason]) => ({
    reason,
    checks: [...new Set(ofReason.map(({ check }) => check))],
    judgements: ofReason.length,
  }));
}
