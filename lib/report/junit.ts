import type { Result } from '../result.ts';
import { plural } from '../verdict.ts';
import { type Report, evidenceOf, fixesOf, messageOf, nameOf, presentable } from './report.ts';
import { tapJunit } from './tap-junit.ts';
import { unbraced, verdictMessage, verdictName } from './tap.ts';
import { type Element, childrenOf, element, readXml, writeXml } from './xml.ts';

/**
 * The report as JUnit XML, as CI systems read it: made by tap-junit from the report's TAP, then enriched with
 * what tap-junit cannot carry: suites, classes, times, the reasons of skipped cases, the whole of a failure.
 * Valid by Jenkins' schema:
 * https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
 * @throws Error when tap-junit fails, or its cases are not those of the report
 */
export async function renderJunit(tap: string, report: Report): Promise<string> {
  const safe = presentable(report);
  const converted = childrenOf(readXml(await tapJunit(tap)), 'testsuite').flatMap((suite) =>
    childrenOf(suite, 'testcase'),
  );
  const cases = [...safe.results.map(caseOf), verdictCase(safe)];
  compare(converted, cases);
  const suites = [...Map.groupBy(cases, ({ suite }) => suite)].map(([name, ofSuite]) =>
    element(
      'testsuite',
      {
        name,
        ...counts(ofSuite),
        skipped: ofSuite.filter(isSkipped).length,
        timestamp: safe.startedAt.slice(0, 19),
      },
      ofSuite.map(({ name, classname, time, children }) =>
        element('testcase', { classname, name, time: seconds(time) }, children),
      ),
    ),
  );
  const total = { ...counts(cases), time: seconds(safe.durationInMilliseconds) };
  return writeXml(element('testsuites', { name: `${safe.tool.name}: ${safe.deployment}`, ...total }, suites));
}

interface Case {
  readonly suite: string;
  readonly classname: string;
  readonly name: string;
  /** In milliseconds. */
  readonly time: number;
  readonly children: readonly Element[];
}

function caseOf(result: Result): Case {
  const { suite, architecture, durationInMilliseconds } = result;
  return {
    suite,
    // A dot separates package and class in CI systems, so a name has none of its own.
    classname: `${suite}.${(architecture ?? 'shared').replaceAll(/[^\w-]/g, '_')}`,
    name: nameOf(result),
    time: durationInMilliseconds,
    children: childrenFor(result),
  };
}

function childrenFor(result: Result): Element[] {
  const { status } = result;
  const message = messageOf(result);
  if (status === 'fail') return [element('failure', { message, type: status }, [bodyOf(result)])];
  if (status === 'error') return [element('error', { message, type: status }, [bodyOf(result)])];
  if (status === 'warning') return [element('system-out', {}, [`warning: ${message}\n${bodyOf(result)}`])];
  if (status === 'pass') return [];
  return [element('skipped', { message: `${status}: ${message}` })];
}

/** Without the verdict, a run that could not verify what it must would read as passed. */
function verdictCase(report: Report): Case {
  const { verdict, exitCode } = report.summary;
  const failure = element('failure', { message: verdictMessage(report), type: verdict });
  return {
    suite: verdictName,
    classname: verdictName,
    name: verdictName,
    time: 0,
    children: exitCode === 0 ? [] : [failure],
  };
}

function bodyOf(result: Result): string {
  const { title, findings, reason, affects, why, ref } = result;
  const lines = [
    title,
    ...(reason === undefined ? [] : [`reason: ${reason}`]),
    ...findings.flatMap(({ actual, expected }) => [`actual: ${actual}`, `expected: ${expected}`]),
    ...evidenceOf(findings).map((line) => `evidence: ${line}`),
    ...(affects.length === 0 ? [] : [`affects ${plural(affects.length, 'node')}: ${affects.join(', ')}`]),
    `why: ${why}`,
    ...fixesOf(result).flatMap((fix) => ['fix:', ...fix.split('\n').map((line) => `  ${line}`)]),
    `reference: ${ref}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** That every point arrived as what it is. */
function compare(converted: readonly Element[], cases: readonly Case[]): void {
  if (converted.length !== cases.length) {
    throw new Error(
      `tap-junit made ${plural(converted.length, 'test case')} of ${plural(cases.length, 'TAP point')}`,
    );
  }
  for (const [index, { name, children }] of cases.entries()) {
    const made = converted[index];
    const madeName = made?.attributes['name'];
    if (madeName !== unbraced(name)) {
      const names = `${JSON.stringify(madeName)}, not ${JSON.stringify(name)}`;
      throw new Error(`tap-junit gave point ${index + 1} the name ${names}`);
    }
    const [wanted, said] = [children, made?.children ?? []].map(outcomeOf);
    if (said !== wanted)
      throw new Error(`tap-junit made ${JSON.stringify(name)} ${said}, but it is ${wanted}`);
  }
}

function outcomeOf(children: readonly (Element | string)[]): string {
  const names = new Set(children.map((child) => (typeof child === 'string' ? '' : child.name)));
  if (names.has('failure') || names.has('error')) return 'failed';
  return names.has('skipped') ? 'skipped' : 'passed';
}

function counts(cases: readonly Case[]) {
  const having = (name: string) =>
    cases.filter(({ children }) => children.some((child) => child.name === name));
  return {
    tests: cases.length,
    failures: having('failure').length,
    errors: having('error').length,
    time: seconds(cases.reduce((sum, { time }) => sum + time, 0)),
  };
}

function isSkipped({ children }: Case): boolean {
  return children.some(({ name }) => name === 'skipped');
}

/** With no more than the three decimals that the schema allows. */
function seconds(milliseconds: number): string {
  return (Math.max(0, milliseconds) / 1000).toFixed(3);
}
