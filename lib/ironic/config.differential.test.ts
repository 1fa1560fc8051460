import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { askPython, Choices } from '../../fixtures/ironic/oracle.ts';
import { ironicOf } from '../../fixtures/ironic/suites.ts';
import { ironicConfig, type IronicConfig, type Reading } from './config.ts';
import { optionOf, options, type Option } from './options.ts';
import { releaseOf, newestRelease, type Release } from './release.ts';

/**
 * Generated configurations, read by us and by oslo.config, of the oldest and of the newest suite of Debian that has it:
 * the same value or the same refusal.
 */
const count = 2500;

type Answer =
  | { refused: { file: number; line: number; message: string } }
  | { values: ({ ok: true; value: unknown } | { ok: false; problem: string })[] };

interface Case {
  files: string[];
  environment: Record<string, string>;
}

const names = [
  ['pxe', 'ipxe_bootfile_name_by_arch'],
  ['pxe', 'loader_file_paths'],
  ['pxe', 'kernel_append_params'],
  ['pxe', 'tftp_root'],
  ['pxe', 'tftp_server'],
  ['pxe', 'uefi_ipxe_bootfile_name'],
  ['pxe', 'ipxe_timeout'],
  ['pxe', 'boot_retry_timeout'],
  ['pxe', 'file_permission'],
  ['pxe', 'ipxe_use_swift'],
  ['pxe', 'ip_version'],
  ['deploy', 'http_url'],
  ['deploy', 'http_root'],
  ['deploy', 'default_boot_mode'],
  ['conductor', 'deploy_kernel'],
  ['conductor', 'automated_clean'],
  ['DEFAULT', 'enabled_boot_interfaces'],
  ['DEFAULT', 'default_boot_interface'],
  ['DEFAULT', 'my_ip'],
  ['DEFAULT', 'my_ipv6'],
  ['DEFAULT', 'force_raw_images'],
] as const satisfies readonly (readonly [string, string])[];

const blanks = ['', '', ' ', '  ', '\t', '\u00a0', '\u001c', '\u0085', '\u2003', '\ufeff', '\f'] as const;
const wholes = [
  'true',
  'Yes',
  'OFF',
  'maybe',
  '0',
  '1',
  '42',
  ' 7',
  '0o644',
  '-3',
  '1_000',
  '60',
  '4',
  'uefi',
  'bios',
  'UEFI',
] as const;
const entries = [
  'aarch64:ipxe_aa64.efi',
  'x86_64:snponly.efi',
  'aarch64-uefi:x.efi',
  'aarch64:',
  ':x',
  'arm64 : "y.efi"',
  "a:'b",
  'plain',
  'k:v:w',
  "{'aarch64': 'ipxe_aa64.efi'}",
  'http://10.0.0.1:8051',
  'https://[2001:db8::1]/x',
  'http://300.1.1.1/',
  'http://010.0.0.1:80',
  'ftp://host',
  'http:///x',
  'http://under_score/%zz',
  'http://[::1',
  'http://u:p@host:x',
  'HTTP://Host?q#f',
  '',
  'ipxe',
  'pxe',
  'naïve',
] as const;
const references = [
  '$my_ip',
  '${tftp_root}',
  '$deploy.http_root',
  '${pxe.ipxe_timeout}',
  '$ipxe_use_swift',
  '$enabled_boot_interfaces',
  '$ipxe_bootfile_name_by_arch',
  '$my_ipv6',
  '$nosuch_name',
  '${mac}',
  '$$x',
  '\\$y',
  '$',
  '$1',
  '$pxe',
  '$nogroup.x',
  '$pxe.nosuch',
  '$tftp_server',
  '$MY_IP',
  '$bindir',
  '${unclosed',
  '$uefi_ipxe_bootfile_name',
] as const;

function value(choose: Choices): string {
  const kind = choose.below(10);
  if (kind < 3) return choose.of(wholes);
  if (kind < 7)
    return choose.some(1 + choose.below(4), () => choose.of(entries)).join(choose.of([',', ', ']));
  if (kind < 9) {
    return choose.some(1 + choose.below(2), () => choose.of(references)).join(choose.of(['', '/', ' ']));
  }
  const quote = choose.of(['"', "'"]);
  return `${quote}${choose.of(entries)}${choose.chance(80) ? quote : ''}`;
}

function line(choose: Choices): string {
  const kind = choose.below(1000);
  if (kind < 140)
    return `[${choose.of(['pxe', 'PXE', 'Pxe', 'deploy', 'conductor', 'DEFAULT', 'default', ' pxe '])}]`;
  if (kind < 200) return choose.of(['# a comment', '; another', '', '   ', '\u00a0']);
  if (kind < 203) return choose.of(['[pxe', '[]', 'no separator', '= value', ': value', '  indented first']);
  const [, name] = choose.of(names);
  const key = choose.chance(3) ? 'pxe_append_params' : choose.chance(3) ? name.replaceAll('_', '-') : name;
  const assignment = `${key}${choose.of(blanks)}${choose.of(['=', '=', '=', ':'])}${choose.of(blanks)}${value(choose)}`;
  let text = `${assignment}${choose.of(blanks)}`;
  while (choose.chance(12)) {
    const indent = choose.of([' ', '\t', '    ']);
    text += `\n${indent}${choose.of(['# not a comment', '[not a section]', `${name} = ${value(choose)}`, `,${value(choose)}`])}`;
  }
  return text;
}

function makeCase(choose: Choices): Case {
  const ends = choose.of(['\n', '\n', '\r\n', '\r']);
  const file = (): string => {
    const first = choose.chance(99) ? `[${choose.of(['pxe', 'DEFAULT', 'deploy'])}]\n` : '';
    const body = choose.some(1 + choose.below(14), () => line(choose)).join('\n');
    return (first + body).replaceAll('\n', ends);
  };
  const environment: Record<string, string> = {};
  if (choose.chance(15)) {
    const [group, name] = choose.of(names);
    environment[`OS_${group}__${name}`.toUpperCase()] = value(choose);
  }
  return { files: choose.some(1 + choose.below(3), file), environment };
}

function read(config: IronicConfig, { group, name, type }: Option): Reading<unknown> {
  switch (type.kind) {
    case 'string':
    case 'uri':
    case 'kernel parameters':
      return config.string(group, name);
    case 'boolean':
      return config.boolean(group, name);
    case 'integer':
      return config.integer(group, name);
    case 'list':
      return config.list(group, name);
    case 'dict':
      return config.dict(group, name);
  }
}

/** Our reading in the oracle's terms. */
function told(reading: Reading<unknown>, option: Option): unknown {
  return normalised(plain(reading, option), option);
}

function plain(
  reading: Reading<unknown>,
  option: Option,
): { ok: boolean; problem?: string; value?: unknown } {
  if (reading.ok) {
    if (reading.value === undefined && option.defaultFromMachine === true)
      return { ok: true, value: `$${option.name}` };
    const value = reading.value instanceof Map ? Object.fromEntries(reading.value) : (reading.value ?? null);
    return { ok: true, value };
  }
  if (reading.problem.startsWith('interpolation does not end')) return { ok: false, problem: 'recursion' };
  return { ok: false, problem: reading.problem.replace(/^(?:Value for option \S+ is not valid: )+/u, '') };
}

/** The first refusal; oslo.config names another line for an assignment outside sections: where it ended reading it. */
function refusal(config: IronicConfig): unknown {
  const [first] = config.refused;
  if (first === undefined) return undefined;
  return refusedBy({ file: Number(first.origin), ...first.error });
}

function refusedBy(refused: { file: number; line: number; message: string } | undefined): unknown {
  if (refused?.message !== 'Section must be started before assignment') return refused;
  return { ...refused, line: 'somewhere' };
}

/** The reasons against a URI are its library's, which we give in words of our own. */
function normalised(answer: { ok: boolean; problem?: string } | undefined, { type }: Option): unknown {
  const ofUri =
    type.kind === 'uri' && answer?.ok === false && !/^(?:no such|template)/u.test(answer.problem ?? '');
  return ofUri && answer.problem !== 'recursion' ? { ok: false } : answer;
}

describe.each([
  ['21.4.4', 'bookworm'],
  ['38.0.0', 'bookworm'],
  ['38.0.0', 'sid'],
] as const)('configurations of Ironic %s, with the oslo.config of Debian %s', (version, suite) => {
  test(`read as oslo.config reads them, ${count} of them`, { timeout: 600_000 }, (context) => {
    const { python } = ironicOf(suite, context);
    const release: Release = releaseOf(version) ?? newestRelease;
    const wanted = names
      .map(([group, name]) => optionOf(group, name, release))
      .filter((row) => row !== undefined);
    expect(wanted).toHaveLength(names.length);
    const table = options.filter((row) => optionOf(row.group, row.name, release) === row);
    const choose = new Choices(version === '21.4.4' ? 21 : 38);
    const cases = choose.some(count, () => makeCase(choose));
    const answers = askPython(
      'oslo_config_oracle.py',
      [table, ...cases.map((one) => ({ ...one, read: names }))],
      python,
    ) as Answer[];
    expect(answers).toHaveLength(count);

    const seen = { refused: 0, values: 0, errors: 0 };
    const differences: unknown[] = [];
    for (const [index, { files, environment }] of cases.entries()) {
      const answer = answers[index];
      const texts = files.map((text, at) => ({ text, origin: String(at) }));
      const config = ironicConfig(texts, environment, release);
      const refused = refusal(config);
      const differs = (option: string, ours: unknown, theirs: unknown): void => {
        if (!isDeepStrictEqual(ours, theirs)) differences.push({ option, ours, theirs, files, environment });
      };
      if (answer !== undefined && 'values' in answer) {
        differs('refused', refused, undefined);
        for (const [at, option] of wanted.entries()) {
          const theirs = answer.values[at];
          differs(option.name, told(read(config, option), option), normalised(theirs, option));
          seen[theirs?.ok === true ? 'values' : 'errors']++;
        }
      } else {
        differs('refused', refused, refusedBy(answer?.refused));
        seen.refused++;
      }
    }
    console.info(`oslo.config of ${suite}, as Ironic ${version} uses it: ${count} configurations`, seen);
    expect(differences.slice(0, 3)).toEqual([]);
    expect(seen.refused).toBeGreaterThan(count / 100);
    expect(seen.errors).toBeGreaterThan(count / 10);
  });
});
