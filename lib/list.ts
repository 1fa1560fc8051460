import type { Suite } from './check.ts';
import { type Selection, selectsCheck } from './selection.ts';
import { plural } from './verdict.ts';

/** The checks that a selection would run, by subject. */
export function listChecks(suites: readonly Suite[], selection: Selection): string {
  const lines: string[] = [];
  let count = 0;
  for (const suite of suites) {
    const checks = suite.checks.filter((check) => selectsCheck(selection, check));
    if (checks.length === 0) continue;
    count += checks.length;
    lines.push(`${suite.name}: ${suite.title}`);
    const width = Math.max(...checks.map(({ id }) => id.length));
    for (const { id, level, title } of checks)
      lines.push(`  ${id.padEnd(width)}  ${level.padEnd(6)}  ${title}`);
    lines.push('');
  }
  const texts = selection.parts.map(({ text }) => text);
  lines.push(`${plural(count, 'check')}${texts.length > 0 ? ` for ${texts.join(', ')}` : ''}`);
  return lines.join('\n');
}
