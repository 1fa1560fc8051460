import { type Result, type Status, statuses } from '../result.ts';
import { type Paint, colours, symbols } from './style.ts';
import { oneLine, shorten } from './text.ts';

const shared = 'shared';
const longestNameInCharacters = 50;
const gapInCharacters = 3;

/**
 * The table at a glance: suites down, architectures across, in each cell the worst status and its count. Many
 * architectures make several tables below each other, none wider than `width`.
 */
export function glance(results: readonly Result[], width: number, paint: Paint): string[] {
  const suites = [...new Set(results.map(({ suite }) => suite))];
  const named = [...new Set(results.flatMap(({ architecture }) => architecture ?? []))].toSorted();
  const hasShared = results.some(({ architecture }) => architecture === undefined);
  const columns = [...named, ...(hasShared ? [shared] : [])].map((name) => {
    const cells = suites.map((suite) =>
      cellOf(results.filter((one) => one.suite === suite && (one.architecture ?? shared) === name)),
    );
    // An architecture is whatever a node's cpu_arch says.
    const shown = shorten(oneLine(name), longestNameInCharacters);
    return { name: shown, cells, width: Math.max(shown.length, ...cells.map(({ text }) => text.length)) };
  });
  const first = Math.max(0, ...suites.map((suite) => suite.length));
  const groups = grouped(columns, width - 2 - first);
  const tables = groups.map((group) => [
    line(
      '',
      first,
      group.map(({ name, width }) => paint('bold', name) + fill(name, width)),
    ),
    ...suites.map((suite, row) =>
      line(
        suite,
        first,
        group.map(({ cells, width }) => {
          const { text, status } = cells[row] ?? empty;
          return (status === undefined ? text : paint(colours[status], text)) + fill(text, width);
        }),
      ),
    ),
  ]);
  return tables.flatMap((table, index) => (index === 0 ? table : ['', ...table]));
}

interface Cell {
  readonly text: string;
  readonly status?: Status;
}

const empty: Cell = { text: '' };

/** Not applicable counts only where nothing else is: a pass beside it is what the cell has to say. */
function cellOf(results: readonly Result[]): Cell {
  if (results.length === 0) return empty;
  const count = (wanted: Status) => results.filter(({ status }) => status === wanted).length;
  const worst = statuses.toReversed().find((status) => count(status) > 0) ?? 'pass';
  const status = worst === 'not applicable' && count('pass') > 0 ? 'pass' : worst;
  if (status === 'not applicable') return { text: symbols[status], status };
  const judged = results.length - count('not applicable');
  const of = count(status) === judged ? '' : ` of ${judged}`;
  return { text: `${symbols[status]} ${count(status)}${of}`, status };
}

function grouped<T extends { readonly width: number }>(columns: readonly T[], room: number): T[][] {
  const groups: T[][] = [];
  let left = 0;
  for (const column of columns) {
    const needed = gapInCharacters + column.width;
    const group = groups.at(-1);
    if (group === undefined || needed > left) {
      groups.push([column]);
      left = room - needed;
    } else {
      group.push(column);
      left -= needed;
    }
  }
  return groups;
}

function line(head: string, headWidth: number, cells: readonly string[]): string {
  const gap = ' '.repeat(gapInCharacters);
  return `  ${[head.padEnd(headWidth), ...cells].join(gap)}`.trimEnd();
}

function fill(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - text.length));
}
