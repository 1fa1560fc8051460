import { type DsIdentifyRules, type Policy, policyOf } from './ds-identify.ts';

/** What ds-identify has to go by in the image. */
export interface DsIdentifyInput {
  /** The image's own rules; without them those of the release, and without a release those that all have. */
  readonly rules?: DsIdentifyRules;
  /** The list it sees, undefined when it sees none (see `datasourceListSeen`). */
  readonly list?: readonly string[];
  /** `policy:` and `datasource:` of /etc/cloud/ds-identify.cfg. */
  readonly policy?: string;
  readonly datasource?: string;
  /** Ec2's `strict_id`, as it sees it; `true` where nothing is set. */
  readonly strictId?: string;
  /** Datasources that it finds in the image's own files: seed directories, NoCloud or MAAS in the configuration. */
  readonly foundInFiles?: readonly string[];
}

/** What of the machine and its boot loader matters. */
export interface Machine {
  /** As `uname -m` says: `x86_64`, `aarch64`. */
  readonly architecture: string;
  /** The kernel command line that the image boots with, where known. */
  readonly kernelCommandLine?: string;
}

/** What ds-identify hands on: "do not run", a list to use instead, or nothing (search the configured list). */
export type Identified =
  | { readonly disabled: string }
  | { readonly list?: readonly string[]; readonly how: string; readonly strictId?: string };

/** What ds-identify makes of a machine whose DMI data name no cloud. Source: tools/ds-identify _main, dscheck_*. */
export function identify(
  input: Machine,
  given: DsIdentifyInput,
  rules: DsIdentifyRules,
  hasConfigDrive: boolean,
): Identified {
  const isX86 = /^(i.86|x86_64)$/.test(input.architecture);
  const argument = commandLineOf(input.kernelCommandLine ?? '', rules.readsDs);
  const policyText = argument.policy ?? given.policy ?? '';
  const policy: Policy = policyOf(policyText, isX86 ? rules.policy.x86 : rules.policy.other);
  const untouched: Identified = { how: `ds-identify has the policy ${policy.mode}` };
  if (policy.mode === 'disabled') return { disabled: 'the policy of ds-identify is disabled' };
  if (policy.mode === 'enabled') return untouched;

  const named = argument.datasource ?? given.datasource ?? '';
  const list = given.list ?? rules.defaultList;
  const [only, second] = list;
  let result: Identified;
  if (named !== '') {
    result = { list: withNone([named]), how: `ds-identify is told to use ${named}` };
  } else if (only !== undefined && (list.length === 1 || (list.length === 2 && second === 'None'))) {
    const single = rules.keepsSingleEntry && list.length === 1 ? [only] : withNone(list);
    result = { list: single, how: `ds-identify uses the only entry ${only} without looking` };
  } else {
    // Scripts that do not read `ds=` still take `ds=nocloud` for a sign of NoCloud.
    const hints = / ds=nocloud/.test(` ${input.kernelCommandLine ?? ''}`) ? ['NoCloud'] : [];
    const foundInFiles = [...(given.foundInFiles ?? []), ...hints];
    result = detect(list, { ...given, foundInFiles }, rules, policy, isX86, hasConfigDrive);
  }
  return policy.mode === 'report' ? untouched : result;
}

function detect(
  list: readonly string[],
  given: DsIdentifyInput,
  rules: DsIdentifyRules,
  policy: Policy,
  isX86: boolean,
  hasConfigDrive: boolean,
): Identified {
  const strictId = /^(true|false|warn|warn,\d.*)$/.test(given.strictId ?? '')
    ? (given.strictId ?? '')
    : 'true';
  const hasDrive = hasConfigDrive || (given.foundInFiles ?? []).includes('ConfigDrive');
  const found: string[] = [];
  const maybe: string[] = [];
  for (const name of list) {
    if (name === 'ConfigDrive' ? hasDrive : given.foundInFiles?.includes(name)) found.push(name);
    else if (name === 'OpenStack' && !hasDrive && (!isX86 || rules.suspectsIronicOnX86)) maybe.push(name);
    else if (name === 'Ec2' && strictId !== 'true') maybe.push(name);
  }
  const ec2 = (names: string[]) => (names.includes('Ec2') ? { strictId } : {});
  if (found.length > 0) {
    const used = policy.found === 'first' ? found.slice(0, 1) : found;
    return { list: withNone(used), how: `ds-identify found ${used.join(', ')}`, ...ec2(used) };
  }
  const searched = `${list.join(', ')} (${rules.from})`;
  if (maybe.length > 0 && policy.maybe === 'all') {
    return {
      list: withNone(maybe),
      how: `ds-identify takes ${maybe.join(', ')} for possible`,
      ...ec2(maybe),
    };
  }
  const ignored = maybe.length > 0 ? `, and ${maybe.join(', ')} only “maybe”, which its policy ignores` : '';
  if (policy.notfound === 'disabled') {
    return { disabled: `ds-identify finds none of ${searched}${ignored}, and then disables cloud-init` };
  }
  return {
    how: `ds-identify finds none of ${searched}${ignored}, and lets cloud-init search`,
  };
}

/** `ds=`, `ci.ds=`, `ci.datasource=` and `ci.di.policy=` of a kernel command line; the last one wins. */
export function commandLineOf(text: string, readsDs: boolean): { datasource?: string; policy?: string } {
  let datasource: string | undefined;
  let policy: string | undefined;
  for (const token of text.split(/\s+/)) {
    const key = token.slice(0, token.indexOf('='));
    const value = token.slice(key.length + 1).replace(/;.*$/, '');
    if (key === 'ci.ds' || key === 'ci.datasource' || (key === 'ds' && readsDs)) datasource = value;
    else if (key === 'ci.di.policy') policy = value;
  }
  return { ...(datasource !== undefined && { datasource }), ...(policy !== undefined && { policy }) };
}

function withNone(list: readonly string[]): string[] {
  return list.includes('None') ? [...list] : [...list, 'None'];
}
