/** The version of the shape of `--json`: raised when a field changes its meaning or goes. */
export const inspectionSchema = 1;

/** What JSON allows in a string and a terminal may act on: C1 controls, marks of direction, line separators. */
const risky = /[\u007F-\u009F\u00AD\u061C\u200B\u200E\u200F\u2028-\u202E\u2060\u2066-\u2069\uFEFF]/g;

/** Inspections for programs: `{"schema": 1, "inspections": [one a target]}`. */
export function renderInspections(outcomes: readonly unknown[]): string {
  const text = JSON.stringify({ schema: inspectionSchema, inspections: outcomes }, undefined, 2);
  return `${text.replaceAll(risky, (character) => `\\u${hex(character)}`)}\n`;
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).padStart(4, '0');
}
