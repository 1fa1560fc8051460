import { relative } from 'node:path';
import { type Status, statuses } from '../result.ts';
import { sizeText } from '../size.ts';
import { plural } from '../verdict.ts';
import { type Cause, type Trouble, obstacles, troubles } from './causes.ts';
import { type Report, listed, presentable } from './report.ts';
import { type Format, type Paint, colours, painter, symbols } from './style.ts';
import { glance } from './table.ts';
import { oneLine, shorten, wrap } from './text.ts';

export interface TerminalOptions {
  /** Of the terminal, in characters. */
  readonly width: number;
  readonly colour: boolean;
  /** The paths of the reports that were written. */
  readonly files?: readonly string[];
}

const narrowestInCharacters = 40;
const labelInCharacters = 11;
const longestValueInCharacters = 600;
/** What is shown of a long list; all of it is in assay.json. */
const most = { causes: 5, subjects: 5, findings: 5, evidence: 4, fixes: 3, checks: 10 } as const;

interface Pen {
  readonly width: number;
  readonly paint: Paint;
}

/**
 * The report for people: a table at a glance, each cause of a failure or warning once with its remedy, what
 * could not be verified, and last the verdict.
 */
export function renderTerminal(report: Report, options: TerminalOptions): string {
  const pen = { width: Math.max(narrowestInCharacters, options.width), paint: painter(options.colour) };
  const safe = presentable(report);
  const { results } = safe;
  const blocks = [
    heading(safe, pen),
    table(safe, pen),
    ...(['fail', 'error', 'warning'] as const).flatMap((status) =>
      troubles(results, status).map((trouble) => troubleLines(trouble, pen)),
    ),
    notVerified(safe, pen),
    ending(safe, options.files ?? [], pen),
  ];
  return blocks
    .filter((block) => block.length > 0)
    .map((block) => block.join('\n'))
    .join('\n\n');
}

function heading({ tool, deployment, selection }: Report, { paint }: Pen): string[] {
  const what = [oneLine(deployment), ...(selection.length > 0 ? [selection.map(oneLine).join(' ')] : [])];
  return ['', `${paint('bold', `${tool.name} ${tool.version}`)}  ${what.join('  ')}`];
}

function table({ results, summary }: Report, { width, paint }: Pen): string[] {
  if (results.length === 0) return [];
  const legend = statuses
    .filter((status) => summary.counts[status] > 0)
    .map((status) => `${symbols[status]} ${words[status]}`);
  return [...glance(results, width, paint), '', paint('gray', `  ${legend.join('   ')}`)];
}

const words: Readonly<Record<Status, string>> = {
  pass: 'passed',
  'not applicable': 'not applicable',
  'not verified': 'not verified',
  warning: 'warning',
  fail: 'failed',
  error: 'error',
};

function troubleLines(trouble: Trouble, pen: Pen): string[] {
  const { check, title, why, ref, status, causes } = trouble;
  const { paint, width } = pen;
  const shown = causes.slice(0, most.causes);
  const [first] = shown;
  const sameFix = shown.every((cause) => cause.fixes.join('\0') === first?.fixes.join('\0'));
  const left = causes.slice(shown.length).flatMap(({ subjects }) => subjects);
  return [
    `${paint(colours[status], symbols[status])} ${paint(colours[status], paint('bold', check))}`,
    ...wrap(oneLine(title), width - 2).map((line) => `  ${paint('bold', line)}`),
    ...shown.flatMap((cause) => [
      '',
      ...causeLines(cause, pen),
      ...(sameFix ? [] : fixLines(cause.fixes, pen)),
    ]),
    ...(left.length === 0 ? [] : ['', ...field('also', listed(plural(left.length, 'subject'), left), pen)]),
    ...(shown.length > 1 ? [''] : []),
    ...field('why', oneLine(why), pen),
    ...(sameFix ? fixLines(first?.fixes ?? [], pen) : []),
    ...field('reference', oneLine(ref), pen, 'gray'),
  ];
}

function causeLines({ subjects, affects, findings, reason, evidence }: Cause, pen: Pen): string[] {
  const items = (label: string, all: readonly string[], limit: number, format?: Format) => {
    const rest = all.length - limit;
    const texts = rest > 0 ? [...all.slice(0, limit), `… and ${rest} more`] : all;
    return texts.flatMap((text, index) => field(index === 0 ? label : '', oneLine(text), pen, format));
  };
  const alone = affects.length === 1 && subjects.length === 1 && subjects[0]?.includes(affects[0] ?? '');
  return [
    ...items(subjects.length > 1 ? 'subjects' : 'subject', subjects, most.subjects),
    ...(affects.length === 0 || alone
      ? []
      : field('affects', oneLine(listed(plural(affects.length, 'node'), affects)), pen)),
    ...(reason === undefined
      ? []
      : field('reason', `${reason} (a fault of this suite, not of the deployment)`, pen, 'magenta')),
    ...findings
      .slice(0, most.findings)
      .flatMap(({ actual, expected }) => [
        ...field('actual', actual, pen, 'red'),
        ...field('expected', expected, pen, 'green'),
      ]),
    ...(findings.length > most.findings
      ? field('', `… and ${plural(findings.length - most.findings, 'finding')} more`, pen)
      : []),
    ...items('evidence', evidence, most.evidence),
  ];
}

function field(label: string, value: string, { width, paint }: Pen, format?: Format): string[] {
  const room = width - 4 - labelInCharacters;
  return wrap(shorten(value, longestValueInCharacters), room).map((line, index) => {
    const head = (index === 0 ? label : '').padEnd(labelInCharacters);
    return `    ${paint('gray', head)}${format === undefined ? line : paint(format, line)}`.trimEnd();
  });
}

/** A remedy is for copying: never wrapped, shortened or decorated. */
function fixLines(fixes: readonly string[], { paint }: Pen): string[] {
  if (fixes.length === 0) return [];
  const lines = fixes.slice(0, most.fixes).flatMap((fix) => fix.trimEnd().split('\n'));
  const rest = fixes.length - most.fixes;
  const note = rest > 0 ? [paint('gray', `      # … and ${rest} more like these, in assay.json`)] : [];
  return [`    ${paint('gray', 'fix')}`, ...lines.map((line) => `      ${line}`.trimEnd()), ...note];
}

function notVerified({ results }: Report, pen: Pen): string[] {
  const all = obstacles(results);
  if (all.length === 0) return [];
  const { paint, width } = pen;
  const indented = (text: string, by: number) => wrap(text, width - by).map((line) => ' '.repeat(by) + line);
  return [
    paint('bold', 'Not verified'),
    ...all.flatMap(({ reason, checks, judgements }) => {
      const [head = '', ...more] = wrap(shorten(oneLine(reason), longestValueInCharacters), width - 4);
      const count = `${plural(judgements, 'judgement')} of ${plural(checks.length, 'check')}`;
      return [
        '',
        `  ${paint(colours['not verified'], symbols['not verified'])} ${head}`,
        ...more.map((line) => `    ${line}`),
        ...indented(`${count}: ${namesOf(checks)}`, 4).map((line) => paint('gray', line)),
      ];
    }),
  ];
}

/** The checks, or of many how many each subject has. */
function namesOf(checks: readonly string[]): string {
  if (checks.length <= most.checks) return checks.join(', ');
  const suites = Map.groupBy(checks, (id) => id.slice(0, id.indexOf('/')));
  return [...suites].map(([suite, ids]) => `${suite} (${ids.length})`).join(', ');
}

function ending(
  { summary, results, durationInMilliseconds, read }: Report,
  files: readonly string[],
  pen: Pen,
): string[] {
  const { counts, verdict, because } = summary;
  const { paint, width } = pen;
  const said = [
    `${counts.pass} passed`,
    `${counts['not applicable']} not applicable`,
    `${counts['not verified']} not verified`,
    plural(counts.warning, 'warning'),
    `${counts.fail} failed`,
    ...(counts.error > 0 ? [plural(counts.error, 'error')] : []),
  ].join(', ');
  const open = verdict === 'conformant' ? unverified(results) : '';
  const settled = open === '' ? 'green' : 'yellow';
  const colour = verdict === 'conformant' ? settled : verdict === 'not verified' ? 'cyan' : 'red';
  // One line whatever the width, for those who look at the last one only.
  const line = `${verdict}${open}: ${said} in ${seconds(durationInMilliseconds)}`;
  const amount = readText(read);
  const where = files.length === 0 ? [] : wrap(`reports: ${files.map(shown).join(' ')}`, width);
  return [
    ...(amount === '' ? [] : wrap(`read: ${amount}`, width).map((line) => paint('gray', line))),
    ...where.map((line) => paint('gray', line)),
    ...(verdict === 'conformant' ? [] : wrap(because, width)),
    paint(['bold', colour], line),
  ];
}

/** `; 1 recommendation not verified`: what a verdict that stands leaves open. */
function unverified(results: Report['results']): string {
  const open = results.filter(({ status }) => status === 'not verified');
  const required = open.filter(({ level }) => level === 'must').length;
  const recommended = open.length - required;
  const kinds = [
    ...(required > 0 ? [plural(required, 'required judgement')] : []),
    ...(recommended > 0 ? [plural(recommended, 'recommendation')] : []),
  ];
  return kinds.length === 0 ? '' : `; ${kinds.join(' and ')} not verified`;
}

/** `5 MB of 3.4 GB of images in 112 reads, 2 MB of boot files in 9 reads`. */
function readText({ images, bootFiles }: Report['read']): string {
  const kinds = [
    ['images', images],
    ['boot files', bootFiles],
  ] as const;
  return kinds
    .filter(([, { files }]) => files > 0)
    .map(([name, { bytesRead, sizeInBytes, reads }]) => {
      const part =
        bytesRead < sizeInBytes ? `${sizeText(bytesRead)} of ${sizeText(sizeInBytes)}` : sizeText(bytesRead);
      return `${part} of ${name} in ${plural(reads, 'read')}`;
    })
    .join(', ');
}

function seconds(milliseconds: number): string {
  const tenths = Math.round(milliseconds / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const whole = Math.round(milliseconds / 1000);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A path as short as it can be typed. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
