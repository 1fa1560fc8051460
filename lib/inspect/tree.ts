import type { Format, Paint } from '../report/style.ts';
import { oneLine, plain, shorten, wrap } from '../report/text.ts';

/** One line of the tree: `label  value`, and what is below it. */
export interface Branch {
  readonly label: string;
  readonly value: string;
  readonly format?: Format;
  readonly below?: readonly Branch[];
}

const longestValueInCharacters = 600;
const gapInCharacters = 2;
const widestLabelInCharacters = 28;
const narrowestValueInCharacters = 24;

/**
 * Draws branches with box-drawing characters, at most `width` wide where words allow it. The labels of branches that
 * stand together are aligned. Text from outside is made harmless.
 */
export function drawTree(branches: readonly Branch[], width: number, paint: Paint, before = ''): string[] {
  const columns = branches
    .map(({ label }) => harmless(label).length)
    .filter((size) => size <= widestLabelInCharacters);
  const column = Math.max(0, ...columns);
  return branches.flatMap((branch, index) => {
    const isLast = index === branches.length - 1;
    const { value, format, below = [] } = branch;
    const label = harmless(branch.label);
    const knot = before + (isLast ? '└─ ' : '├─ ');
    const rail = before + (isLast ? '   ' : '│  ');
    const indent = value === '' || label === '' ? 0 : Math.max(column, label.length) + gapInCharacters;
    const room = Math.max(narrowestValueInCharacters, width - knot.length - indent);
    // A value goes on beside the rail of what is below it.
    const inner = below.length > 0 ? '│' : ' ';
    if (label.length > widestLabelInCharacters) {
      // Beside so long a label there is no room: the value goes below it.
      const rest = wrap(harmless(value), Math.max(narrowestValueInCharacters, width - rail.length - 2));
      return [
        paint('gray', knot) + label,
        ...rest.map((line) => `${paint('gray', rail)}  ${format === undefined ? line : paint(format, line)}`),
        ...drawTree(below, width, paint, rail),
      ];
    }
    const lines = wrap(harmless(value), room).map((line, at) => {
      const text = format === undefined ? line : paint(format, line);
      if (at === 0) {
        const head =
          paint(below.length > 0 ? 'bold' : 'gray', label) + ' '.repeat(Math.max(0, indent - label.length));
        return paint('gray', knot) + head + text;
      }
      return paint('gray', rail + (indent > 0 ? inner : '')) + ' '.repeat(Math.max(0, indent - 1)) + text;
    });
    return [...lines.map((line) => line.trimEnd()), ...drawTree(below, width, paint, rail)];
  });
}

/** Text from outside on one line, bounded, without what a terminal would act on. */
export function harmless(text: string): string {
  return shorten(oneLine(plain(text)), longestValueInCharacters);
}
