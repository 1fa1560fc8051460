import type { Finding, Level } from './check.ts';

/**
 * From best to worst. *Not verified* is never a pass: it could not be looked at. *Error* is a fault of the
 * suite itself.
 */
export const statuses = ['pass', 'not applicable', 'not verified', 'warning', 'fail', 'error'] as const;

export type Status = (typeof statuses)[number];

/** What one check said of one subject. */
export interface Result {
  readonly check: string;
  readonly suite: string;
  readonly title: string;
  readonly why: string;
  readonly level: Level;
  readonly ref: string;
  readonly subject: string;
  /** Absent when the subject is shared by all architectures. */
  readonly architecture?: string;
  readonly affects: readonly string[];
  readonly status: Status;
  /** Why it is not applicable, not verified, or an error. */
  readonly reason?: string;
  readonly findings: readonly Finding[];
  /** The remedy, when there is something to remedy. */
  readonly fix?: string;
  readonly durationInMilliseconds: number;
}

/** The worse of two statuses. */
export function worse(a: Status, b: Status): Status {
  return statuses.indexOf(a) >= statuses.indexOf(b) ? a : b;
}
