import { builtinDatasources } from './builtin.ts';
import { type DsIdentifyInput, type Identified, type Machine, commandLineOf, identify } from './identify.ts';
import { rulesOfRelease } from './ds-identify.ts';
import { type CloudInitVersion, atLeast } from './version.ts';

/** What a node deployed from the image will find, as far as the image decides it. */
export interface DatasourceOutcome {
  /**
   * `uses`: the datasource is asked for the node's data (one over the network must answer, too).
   * `disabled`: cloud-init does not run at all. `none`: it runs and finds nothing: no SSH key, no host name.
   * `unknown`: releases differ, and the image's is not known.
   */
  readonly outcome: 'uses' | 'disabled' | 'none' | 'unknown';
  readonly datasource?: string;
  readonly because: string;
}

export interface BareMetalInput extends Machine {
  readonly version?: Pick<CloudInitVersion, 'upstream' | 'version' | 'from'>;
  /** The merged `datasource_list`. */
  readonly list: readonly string[];
  /** Absent when the image has no ds-identify: then cloud-init searches its whole list. */
  readonly dsIdentify?: DsIdentifyInput;
  /** `datasource/Ec2/strict_id` of the merged configuration. */
  readonly ec2StrictId?: unknown;
  /** Datasources whose seed directory is in the image. */
  readonly seeds?: readonly string[];
}

/** Releases before and after each change that matters here, for images whose release is not known. */
const eras = ['22.4', '23.1', '23.1.1', '23.2', '23.4', '24.1.3', '24.2', '25.1.3', '25.1.4'];

/**
 * Which datasource cloud-init uses on bare metal under Ironic, where the firmware's DMI data name the maker of the
 * machine and not a cloud: once without a config drive, once with one.
 * Source: tools/ds-identify and cloudinit/sources (DataSource.override_ds_detect, DataSourceOpenStack.ds_detect,
 * DataSourceEc2) at the tags 18.1 to 26.2.
 */
export function datasourceOnBareMetal(input: BareMetalInput): {
  withoutConfigDrive: DatasourceOutcome;
  withConfigDrive: DatasourceOutcome;
} {
  return { withoutConfigDrive: outcomeOf(input, false), withConfigDrive: outcomeOf(input, true) };
}

function outcomeOf(input: BareMetalInput, hasConfigDrive: boolean): DatasourceOutcome {
  if (input.version !== undefined) return simulate(input, input.version, hasConfigDrive);
  const outcomes = eras.map((era) => {
    const version = { upstream: era, version: era, from: 'assumed' };
    return { era, ...simulate(input, version, hasConfigDrive) };
  });
  const [first] = outcomes;
  const other = outcomes.find(
    ({ outcome, datasource }) => outcome !== first?.outcome || datasource !== first.datasource,
  );
  if (first === undefined || other === undefined) {
    return { outcome: first?.outcome ?? 'unknown', ...pick(first), because: first?.because ?? '' };
  }
  const say = ({ era, outcome, datasource }: (typeof outcomes)[number]) =>
    `${outcome}${datasource === undefined ? '' : ` ${datasource}`} with cloud-init ${era}`;
  return { outcome: 'unknown', because: `the release is not known: ${say(first)}, ${say(other)}` };
}

const pick = (from: DatasourceOutcome | undefined) =>
  from?.datasource === undefined ? {} : { datasource: from.datasource };

function simulate(
  input: BareMetalInput,
  version: CloudInitVersion,
  hasConfigDrive: boolean,
): DatasourceOutcome {
  const commandLine = ` ${input.kernelCommandLine ?? ''} `;
  if (/ cloud-init=disabled /.test(commandLine)) {
    return { outcome: 'disabled', because: 'cloud-init=disabled is on the kernel command line' };
  }
  const identified: Identified =
    input.dsIdentify === undefined
      ? { how: 'there is no ds-identify' }
      : identify(input, input.dsIdentify, input.dsIdentify.rules ?? rulesOfRelease(version), hasConfigDrive);
  if ('disabled' in identified) return { outcome: 'disabled', because: identified.disabled };
  return search(input, version, identified, hasConfigDrive);
}

/** cloud-init's own search: first what needs no network, then the rest, in the order of the list. */
function search(
  input: BareMetalInput,
  version: CloudInitVersion,
  identified: Exclude<Identified, { disabled: string }>,
  hasConfigDrive: boolean,
): DatasourceOutcome {
  const { how } = identified;
  const list = identified.list ?? input.list;
  const has = (name: string) => list.some((entry) => entry.toLowerCase() === name.toLowerCase());
  const seeded = (name: string) => has(name) && (input.seeds ?? []).includes(name);
  const uses = (datasource: string, why: string): DatasourceOutcome => ({
    outcome: 'uses',
    datasource,
    because: `${how}; ${why}`,
  });
  const openStack = has('OpenStack') ? openStackDetected(input, version, list) : undefined;
  const local = list.find(
    (name) =>
      (name.toLowerCase() === 'configdrive' && (hasConfigDrive || seeded('ConfigDrive'))) ||
      (name.toLowerCase() === 'nocloud' && seeded('NoCloud')) ||
      (name.toLowerCase() === 'openstack' && openStack?.detected === true),
  );
  if (local !== undefined) {
    const name = canonicalName(local);
    if (name === 'OpenStack') return uses(name, `${openStack?.why}; the metadata service must answer`);
    return uses(name, name === 'ConfigDrive' ? 'there is a config drive' : 'the image carries its seed');
  }
  const strict = identified.strictId ?? input.ec2StrictId;
  if (seeded('Ec2') || (has('Ec2') && strict !== true && strict !== 'true')) {
    return uses(
      'Ec2',
      'nothing forbids it on an unknown platform; the metadata service must answer as EC2 does',
    );
  }
  const reasons = [how, `the list is then [${list.join(', ')}]`];
  if (openStack !== undefined) reasons.push(openStack.why);
  if (has('Ec2')) reasons.push('Ec2 has strict_id true, and this is not EC2');
  if (has('ConfigDrive')) reasons.push('there is no config drive');
  return { outcome: 'none', because: reasons.join('; ') };
}

function openStackDetected(
  input: BareMetalInput,
  version: CloudInitVersion,
  list: readonly string[],
): { detected: boolean; why: string } {
  const since = (release: string) => atLeast(version, release);
  const label = `cloud-init ${version.version}`;
  if (!/^(i.86|x86_64|amd64)$/.test(input.architecture)) {
    return { detected: true, why: `${label} expects OpenStack on any ${input.architecture}` };
  }
  if (since('23.1') && !since('23.1.1')) {
    return { detected: true, why: `${label} looks for OpenStack's metadata on x86 bare metal` };
  }
  const named = commandLineOf(input.kernelCommandLine ?? '', true).datasource;
  if (since('23.2') && named?.toLowerCase() === 'openstack') {
    return { detected: true, why: 'the kernel command line names OpenStack' };
  }
  const isOnly = list.length === 1 && list[0] === 'OpenStack';
  const isOnlyButNone = list.length === 2 && list[0] === 'OpenStack' && list[1] === 'None';
  if (since('23.1.1') && (isOnly || (isOnlyButNone && !since('23.4')))) {
    return {
      detected: true,
      why: `${label} does not look whether it is OpenStack, because the list has no other`,
    };
  }
  const exception = since('23.4') ? ', unless its list is exactly [OpenStack]' : '';
  return { detected: false, why: `${label} does not recognise OpenStack on x86 bare metal${exception}` };
}

function canonicalName(name: string): string {
  return builtinDatasources.find((known) => known.toLowerCase() === name.toLowerCase()) ?? name;
}
