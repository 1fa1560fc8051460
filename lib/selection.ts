import { architectureMeant, architectures } from './arch.ts';
import type { Check, Suite } from './check.ts';
import { UsageError } from './errors.ts';
import type { Subject } from './subject.ts';
import { didYouMean } from './suggest.ts';

/** What an operator asked for: everything that any part matches, or everything when there is no part. */
export interface Selection {
  readonly parts: readonly SelectionPart[];
}

interface SelectionPart {
  readonly text: string;
  readonly architecture?: string;
  readonly suite?: string;
  readonly check?: string;
}

/**
 * Reads the values of `--suite` (`aarch64`, `firmware`, `aarch64/firmware`) and `--check` (`firmware/machine`).
 * @throws UsageError for a name that is unknown, with the nearest ones
 */
export function parseSelection(
  suiteTexts: readonly string[],
  checkIds: readonly string[],
  suites: readonly Suite[],
): Selection {
  const suiteNames = suites.map(({ name }) => name);
  const ids = suites.flatMap(({ checks }) => checks.map(({ id }) => id));
  const parts = suiteTexts.map((text) => parsePart(text, suiteNames));
  for (const id of checkIds) {
    if (!ids.includes(id)) throw new UsageError(`unknown check ${JSON.stringify(id)}${didYouMean(id, ids)}`);
    parts.push({ text: id, check: id });
  }
  return { parts };
}

function parsePart(text: string, suiteNames: readonly string[]): SelectionPart {
  const names = architectures.map(({ name }) => name);
  const pieces = text.split('/');
  const architecture = pieces.find((piece) => names.includes(piece));
  const suite = pieces.find((piece) => suiteNames.includes(piece));
  const known = pieces.filter((piece) => piece === architecture || piece === suite).length;
  if (pieces.length <= 2 && known === pieces.length && new Set(pieces).size === pieces.length) {
    return {
      text,
      ...(architecture !== undefined && { architecture }),
      ...(suite !== undefined && { suite }),
    };
  }
  const strange = pieces.find((piece) => piece !== architecture && piece !== suite) ?? text;
  const meant = architectureMeant(strange)?.name;
  const hint =
    meant === undefined
      ? didYouMean(strange, [...names, ...suiteNames])
      : `; did you mean ${JSON.stringify(meant)}?`;
  const choices = `the architectures are ${names.join(', ')}; the subjects ${suiteNames.join(', ')}`;
  throw new UsageError(`unknown suite ${JSON.stringify(text)}${hint}\n  ${choices}`);
}

/** Whether a check can be part of the selection at all. */
export function selectsCheck(selection: Selection, check: Check): boolean {
  if (selection.parts.length === 0) return true;
  return selection.parts.some(
    (part) => (part.suite ?? check.suite) === check.suite && (part.check ?? check.id) === check.id,
  );
}

/** Whether a check of a subject is selected. What all architectures share belongs to each of them. */
export function selects(selection: Selection, check: Check, subject: Subject): boolean {
  if (selection.parts.length === 0) return true;
  return selection.parts.some(
    (part) =>
      (part.suite ?? check.suite) === check.suite &&
      (part.check ?? check.id) === check.id &&
      (subject.architecture ?? part.architecture) === (part.architecture ?? subject.architecture),
  );
}

/** The architectures that the selection is limited to; none when it has parts for all of them. */
export function selectedArchitectures(selection: Selection): string[] {
  const names = selection.parts.map(({ architecture }) => architecture);
  return names.includes(undefined) ? [] : [...new Set(names)].filter((name) => name !== undefined);
}
