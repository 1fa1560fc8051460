import type { Result } from '../result.ts';
import { isBad } from '../verdict.ts';
import { type Report, evidenceOf, fixesOf, messageOf, nameOf, presentable } from './report.ts';
import { oneLine } from './text.ts';

/** The name of the last point, which is `not ok` exactly when the exit code is not 0. */
export const verdictName = 'verdict';

/**
 * The report as TAP 13 (https://testanything.org/tap-version-13-specification.html): flat, a point for each
 * result and one for the verdict. What could not be verified is skipped, which TAP readers count as passed:
 * the verdict, which weighs it, keeps such a run red.
 */
export function renderTap(report: Report): string {
  const { tool, deployment, startedAt, results, summary } = presentable(report);
  const lines = [
    'TAP version 13',
    `1..${results.length + 1}`,
    `# ${oneLine(`${tool.name} ${tool.version}: ${deployment}, ${startedAt}`)}`,
    ...results.flatMap((result, index) => point(result, index + 1)),
    comment({ status: summary.verdict }),
    `${summary.exitCode === 0 ? 'ok' : 'not ok'} ${results.length + 1} - ${verdictName}`,
    ...diagnostics({
      message: verdictMessage({ summary }),
      severity: summary.exitCode === 0 ? 'pass' : 'fail',
      exit_code: summary.exitCode,
    }),
  ];
  return `${lines.join('\n')}\n`;
}

/** `not conformant: 2 checks did not hold` */
export function verdictMessage({ summary }: Pick<Report, 'summary'>): string {
  return oneLine(`${summary.verdict}: ${summary.because}`);
}

function point(result: Result, number: number): string[] {
  const { suite, check, architecture, level, status, reason, durationInMilliseconds } = result;
  const about = comment({
    suite,
    check,
    architecture,
    level,
    status,
    reason,
    duration_ms: durationInMilliseconds,
  });
  const head = `${isBad(status) ? 'not ok' : 'ok'} ${number} - ${escape(unbraced(nameOf(result)))}`;
  if (status === 'pass') return [about, head];
  const skipped = status === 'not applicable' || status === 'not verified';
  if (!skipped) return [about, head, ...details(result)];
  const line = `${head} # SKIP ${status}: ${escape(unbraced(messageOf(result)))}`;
  return status === 'not applicable' ? [about, line] : [about, line, ...details(result)];
}

function details(result: Result): string[] {
  const { findings, status, level, affects, why, ref } = result;
  return diagnostics({
    message: messageOf(result),
    severity: status,
    level,
    actual: findings.map(({ actual }) => actual),
    expected: findings.map(({ expected }) => expected),
    evidence: evidenceOf(findings),
    affects,
    why,
    fix: fixesOf(result),
    reference: ref,
  });
}

/** tap-junit attaches a comment to the point after it, and would drop one with `failed 1 of 2 tests`. */
function comment(about: Readonly<Record<string, unknown>>): string {
  return `# ${JSON.stringify(about).replaceAll('failed ', String.raw`failed\u0020`)}`;
}

/**
 * A YAML block whose values are all JSON on one line: nothing in them can end the block or start a point. Lists
 * too, since Perl's TAP::Parser takes a block list's item that has a colon in it for a hash, and gives up.
 */
function diagnostics(values: Readonly<Record<string, string | number | readonly string[]>>): string[] {
  const lines = Object.entries(values).flatMap(([key, value]) => {
    if (!Array.isArray(value)) return [`  ${key}: ${JSON.stringify(value)}`];
    if (value.length === 0) return [];
    return [`  ${key}: ${JSON.stringify(value.length === 1 ? value[0] : value)}`];
  });
  return ['  ---', ...lines, '  ...'];
}

function escape(text: string): string {
  return text.replaceAll(/[\\#]/g, String.raw`\$&`);
}

/** A name or reason that ends with a brace would open a subtest, and TAP has no escape for it. */
export function unbraced(text: string): string {
  return text.endsWith('{') ? `${text};` : text;
}
