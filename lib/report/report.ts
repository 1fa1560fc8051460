import type { Tally } from '../blob/tally.ts';
import type { Finding } from '../check.ts';
import type { Result } from '../result.ts';
import type { Summary } from '../verdict.ts';
import { redact } from './redact.ts';
import { oneLine, plain, shorten } from './text.ts';

/** What a run has to say. Every format is made from this and adds nothing to it: a report never decides. */
export interface Report {
  readonly tool: { readonly name: string; readonly version: string };
  /** The deployment's name. */
  readonly deployment: string;
  /** What was selected, as it was typed; empty for everything. */
  readonly selection: readonly string[];
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly durationInMilliseconds: number;
  /** How much was read over the network or from disk: images, and what nodes boot. */
  readonly read: Readonly<Record<'images' | 'bootFiles', Readonly<Tally>>>;
  readonly results: readonly Result[];
  readonly summary: Summary;
}

/** The longest text that a report carries; beyond it, the middle is left out and counted. */
export const maximumTextInCharacters = 20_000;

/** The longest one-line message of a TAP point or a JUnit test case. */
const maximumMessageInCharacters = 2000;

/**
 * The report with every text made harmless: no control characters, no lone surrogates, no secrets, bounded in
 * length. Each format starts with this, so that none can forget it.
 */
export function presentable(report: Report): Report {
  return mapTexts(report, (text) => shorten(redact(plain(text)), maximumTextInCharacters));
}

function mapTexts<T>(value: T, change: (text: string) => string): T {
  if (typeof value === 'string') return change(value) as T;
  if (Array.isArray(value)) return value.map((one) => mapTexts(one, change)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapTexts(one, change)])) as T;
}

/** The name of a result in every report: `firmware/machine · ipxe_aa64.efi on conductor-1`. */
export function nameOf({ check, subject }: Result): string {
  return oneLine(`${check} · ${subject}`);
}

/** What a result says, on one line. */
export function messageOf({ findings, reason, status, title }: Result): string {
  const said =
    findings.length > 0
      ? findings.map(({ actual, expected }) => `${actual} (expected: ${expected})`).join('; ')
      : (reason ?? (status === 'pass' ? title : status));
  return shorten(oneLine(said), maximumMessageInCharacters);
}

/** The remedies of a result, each once. */
export function fixesOf({ findings, fix }: Result): string[] {
  const own = findings.flatMap((finding: Finding) => finding.fix ?? []);
  return [...new Set([...(fix === undefined ? [] : [fix]), ...own])];
}

/** Where a finding was seen and what was there, on one line each. */
export function evidenceOf(findings: readonly Finding[]): string[] {
  return [
    ...new Set(
      findings.flatMap(({ evidence }) => evidence.map(({ where, what }) => oneLine(`${where}: ${what}`))),
    ),
  ];
}

/** `40 nodes: arm-01, arm-02, arm-03 … and 37 more`; a few names are all given. */
export function listed(count: string, names: readonly string[]): string {
  const shown = names.length <= 5 ? names : names.slice(0, 3);
  const rest = names.length - shown.length;
  return `${count}: ${shown.join(', ')}${rest === 0 ? '' : ` … and ${rest} more`}`;
}
