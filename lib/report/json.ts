import { type Report, presentable } from './report.ts';

/** The version of the JSON report's shape: raised when a field changes its meaning or goes. */
export const schemaVersion = 1;

/** The report as JSON, complete, in the shape of reports/schema.json. */
export function renderJson(report: Report): string {
  return `${JSON.stringify({ schema: schemaVersion, ...presentable(report) }, undefined, 2)}\n`;
}
