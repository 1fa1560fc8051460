import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { renderJson } from './json.ts';
import { renderJunit } from './junit.ts';
import { orRefuse, replaceFile } from './replace.ts';
import type { Report } from './report.ts';
import { renderTap } from './tap.ts';

/**
 * Writes assay.tap, assay.xml (JUnit) and assay.json into a folder, which is made if need be. Each appears
 * whole or not at all: one that cannot be made takes the one of an earlier run with it.
 * @returns the paths
 * @throws UsageError when the folder cannot be written to; Error when tap-junit fails
 */
export async function writeReports(report: Report, directory: string): Promise<string[]> {
  await orRefuse(directory, mkdir(directory, { recursive: true }));
  const outcomes = await Promise.allSettled([
    replaceFile(join(directory, 'assay.tap'), async () => renderTap(report)),
    replaceFile(join(directory, 'assay.xml'), async () => renderJunit(renderTap(report), report)),
    replaceFile(join(directory, 'assay.json'), async () => renderJson(report)),
  ]);
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
}
