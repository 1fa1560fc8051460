import { type TestContext, describe, expect, test } from 'vitest';
import { askPython } from '../../fixtures/ironic/oracle.ts';
import { type Suite, ironicOf, suites } from '../../fixtures/ironic/suites.ts';
import { removedBefore } from './hardware-types.ts';
import { supportedBootInterfaces } from './interfaces.ts';
import type { OptionType } from './option-types.ts';
import { type Option, optionOf, options } from './options.ts';
import { isGroup, isRegistered } from './registered.ts';
import type { Release } from './release.ts';

/*
 * What the tables here say of a release, held against that release itself, in each Debian suite that has one: options,
 * groups, boot interfaces, the version of the API.
 */
interface Tables {
  readonly newestMicroversion: string;
  readonly bootInterfaces: Readonly<Record<string, readonly string[]>>;
  readonly options: Readonly<Record<string, Readonly<Record<string, TheirOption>>>>;
  readonly groups: readonly string[];
}

interface TheirOption {
  readonly kind: string;
  readonly default: string | number | boolean | readonly string[] | Readonly<Record<string, string>> | null;
  readonly choices: readonly string[];
  readonly minimum: number | null;
  readonly mutable: boolean;
  readonly deprecatedNames: readonly (readonly [group: string | null, name: string])[];
}

const groups = [...new Set(options.map(({ group }) => group))];

/** Those of some release that is compared with. */
const hardwareTypes = [
  'fake-hardware',
  'ibmc',
  'idrac',
  'ilo',
  'ilo5',
  'intel-ipmi',
  'ipmi',
  'irmc',
  'manual-management',
  'redfish',
  'snmp',
  'xclarity',
];

/** Both in the words of oslo.config's types. */
const kinds: Readonly<Record<OptionType['kind'], readonly string[]>> = {
  string: ['String', 'HostAddress', 'HostDomain', 'IPAddress'],
  uri: ['URI'],
  'kernel parameters': ['KernelParameterString'],
  boolean: ['Boolean'],
  integer: ['Integer'],
  list: ['List'],
  dict: ['Dict'],
};

/** As one would write it in the file. */
function written(value: TheirOption['default']): string | undefined {
  if (value === null) return undefined;
  if (typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return value.join(',');
  if (typeof value === 'object') {
    return Object.entries(value)
      .map(([key, item]) => `${key}:${item}`)
      .join(',');
  }
  return String(value);
}

/** In what our definition of an option differs from theirs. */
function differences(ours: Option, theirs: TheirOption): string[] {
  const { type } = ours;
  const choices = 'choices' in type ? (type.choices ?? []) : [];
  const minimum = 'minimum' in type ? (type.minimum ?? null) : null;
  const told: [what: string, ours: unknown, theirs: unknown][] = [
    ['kind', kinds[type.kind].includes(theirs.kind), true],
    ['choices', choices.toSorted().join(), theirs.choices.toSorted().join()],
    ['minimum', minimum, theirs.minimum],
    ['mutable', ours.mutable ?? false, theirs.mutable],
    [
      'deprecated names',
      (ours.deprecatedNames ?? []).map(({ group, name }) => `${group ?? ''}.${name}`).join(),
      theirs.deprecatedNames.map(([group, name]) => `${group ?? ''}.${name}`).join(),
    ],
  ];
  if (ours.defaultFromMachine !== true) told.push(['default', ours.default, written(theirs.default)]);
  return told
    .filter(([, mine, other]) => mine !== other)
    .map(([what, mine, other]) => `${what}: ${String(mine)}, theirs ${String(other)} (${theirs.kind})`);
}

const asked = new Map<string, Tables>();

function tablesOf(suite: Suite, context: TestContext): { tables: Tables; release: Release } {
  const { python, release } = ironicOf(suite, context);
  const tables = asked.get(suite) ?? (askPython('tables_oracle.py', [groups], python)[0] as Tables);
  asked.set(suite, tables);
  return { tables, release };
}

describe.each(suites)('the Ironic of Debian %s', { timeout: 600_000 }, (suite) => {
  test('speaks this version of the API', (context) => {
    const { tables, release } = tablesOf(suite, context);
    expect(`1.${release.maximumMicroversion}`).toBe(tables.newestMicroversion);
  });

  test('has these options, with these types and defaults', (context) => {
    const { tables, release } = tablesOf(suite, context);
    const wrong: string[] = [];
    for (const { group, name } of options) {
      const [ours, theirs] = [optionOf(group, name, release), tables.options[group]?.[name]];
      const at = `[${group}]${name}`;
      if (ours === undefined || theirs === undefined) {
        if (ours !== undefined) wrong.push(`${at}: Ironic has none`);
        if (theirs !== undefined) wrong.push(`${at}: Ironic has it`);
      } else wrong.push(...differences(ours, theirs).map((what) => `${at}: ${what}`));
    }
    expect([...new Set(wrong)]).toEqual([]);
  });

  test('no name of an option or group of it is taken for a misspelt one', (context) => {
    const { tables } = tablesOf(suite, context);
    const unknown = Object.entries(tables.options).flatMap(([group, of]) =>
      Object.keys(of)
        .filter((name) => isRegistered(group, name) === false)
        .map((name) => `[${group}]${name}`),
    );
    expect(unknown).toEqual([]);
    expect(tables.groups.filter((group) => !isGroup(group))).toEqual([]);
  });

  test('has these hardware types, with these boot interfaces in this order', (context) => {
    const { tables, release } = tablesOf(suite, context);
    const wrong = Object.entries(tables.bootInterfaces).filter(
      ([type, theirs]) => supportedBootInterfaces(type, release)?.join() !== theirs.join(),
    );
    expect(wrong).toEqual([]);
    const ours = hardwareTypes.filter((type) => removedBefore(release, type) === undefined);
    expect(Object.keys(tables.bootInterfaces).toSorted()).toEqual(ours.toSorted());
  });
});
