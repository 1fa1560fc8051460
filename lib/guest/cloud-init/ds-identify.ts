import type { FileSystem } from '../../fs/filesystem.ts';
import { firstFile, textIfPresent } from '../files.ts';
import { type CloudInitVersion, atLeast } from './version.ts';

/** What ds-identify does with its findings: https://docs.cloud-init.io/en/latest/reference/ds-identify.html */
export interface Policy {
  readonly mode: 'search' | 'enabled' | 'disabled' | 'report';
  readonly found: 'all' | 'first';
  readonly maybe: 'all' | 'none';
  readonly notfound: 'enabled' | 'disabled';
}

/**
 * The rules of one ds-identify, the shell script that decides, as a systemd generator, whether cloud-init runs at
 * all and with which datasources. Distributions back-port changes, so that the script in the image says more than
 * its version number (Debian's 22.4.2-1+deb12u3 has the policy of 25.1.3).
 */
export interface DsIdentifyRules {
  /** The script's path in the image, or the release whose rules are assumed. */
  readonly from: string;
  /**
   * How it finds keys in cloud.cfg.d: line by line in the shell (`lines`), by an unanchored grep (`grep`, 23.4 and
   * 23.4.1), or by a grep that wants a value on the same line (`flow`, since 24.2).
   */
  readonly reader: 'lines' | 'grep' | 'flow';
  /** A list of one datasource is passed on as it is (since 24.1.3); before, `None` was added to it. */
  readonly keepsSingleEntry: boolean;
  /** It obeys `ds=` on the kernel command line (since 23.2), besides `ci.ds=` and `ci.datasource=`. */
  readonly readsDs: boolean;
  /** On x86 without a hypervisor it says that OpenStack may be there (23.1 only). */
  readonly suspectsIronicOnX86: boolean;
  /** Keys that, all found anywhere in the configuration, make it find a datasource. */
  readonly signs: readonly { readonly datasource: string; readonly keys: readonly string[] }[];
  /** What it checks for, in this order, when it sees no list. */
  readonly defaultList: readonly string[];
  /** The default policy on machines with DMI data (x86) and on all others. */
  readonly policy: { readonly x86: Policy; readonly other: Policy };
}

const scripts = [
  '/usr/lib/cloud-init/ds-identify',
  '/usr/libexec/cloud-init/ds-identify',
  '/lib/cloud-init/ds-identify',
];

/** DI_DSLIST_DEFAULT of 24.1; releases before it lack some of the last. The order is not that of the Python side. */
const defaultDatasources = words(`
  MAAS ConfigDrive NoCloud AltCloud Azure Bigstep CloudSigma CloudStack DigitalOcean Vultr AliYun Ec2 GCE OpenNebula
  OpenStack OVF SmartOS Scaleway Hetzner IBMCloud Oracle Exoscale RbxCloud UpCloud VMware LXD NWCS Akamai WSL`);

function words(text: string): string[] {
  return text.split(/[\s\\]+/).filter((word) => word !== '');
}

const signs: readonly { datasource: string; keys: string[]; since: string; until?: string }[] = [
  { datasource: 'MAAS', keys: ['MAAS'], since: '17.1', until: '25.2' },
  { datasource: 'NoCloud', keys: ['NoCloud', 'user-data', 'meta-data'], since: '22.2' },
  { datasource: 'NoCloud', keys: ['NoCloud', 'seedfrom'], since: '24.3' },
];

/** The script itself in the image: Debian's and Fedora's places. */
export function dsIdentifyPath(fs: FileSystem): Promise<string | undefined> {
  return firstFile(fs, scripts);
}

/** The rules of the image's own script, or undefined when there is none or it is not recognised. */
export async function readDsIdentify(fs: FileSystem): Promise<DsIdentifyRules | undefined> {
  const path = await dsIdentifyPath(fs);
  return path === undefined ? undefined : rulesOfScript((await textIfPresent(fs, path)) ?? '', path);
}

/** Reads the rules from the script's text by the lines in which the releases differ. */
export function rulesOfScript(script: string, from: string): DsIdentifyRules | undefined {
  const x86 = /^DI_DEFAULT_POLICY="([^"]*)"/m.exec(script)?.[1];
  const other = /^DI_DEFAULT_POLICY_NO_DMI="([^"]*)"/m.exec(script)?.[1];
  if (x86 === undefined || other === undefined) return undefined;
  const defaultList = /^DI_DSLIST_DEFAULT="([^"]*)"/m.exec(script)?.[1];
  return {
    from,
    defaultList: defaultList === undefined ? defaultDatasources : words(defaultList),
    reader: script.includes('get_single_line_flow_sequence')
      ? 'flow'
      : /^[ \t]+out=\$\(grep "\$key/m.test(script)
        ? 'grep'
        : 'lines',
    keepsSingleEntry: script.includes('write_result "datasource_list: [ $1 ]"'),
    readsDs: /^[ \t]+ds\) _rc_dsname=/m.test(script),
    suspectsIronicOnX86: script.includes('bare metal Ironic environment'),
    signs: signs.filter(({ keys }) => script.includes(`check_config "${keys.at(-1)}"`)),
    policy: { x86: defaultPolicy(x86), other: defaultPolicy(other) },
  };
}

/**
 * The rules of an upstream release.
 * Source: tools/ds-identify at the tags 18.1 to 26.2. The two changes of June 2025 are for CVE-2024-6174.
 */
export function rulesOfRelease(version: CloudInitVersion): DsIdentifyRules {
  const since = (release: string) => atLeast(version, release);
  const maybe = since('25.1.3') ? 'none' : 'all';
  const x86: Policy = { mode: 'search', found: 'all', maybe, notfound: 'disabled' };
  return {
    from: `cloud-init ${version.upstream}`,
    defaultList: defaultDatasources,
    reader: since('24.2') ? 'flow' : since('23.4') && !since('23.4.2') ? 'grep' : 'lines',
    keepsSingleEntry: since('24.1.3'),
    readsDs: since('23.2'),
    suspectsIronicOnX86: since('23.1') && !since('23.1.1'),
    signs: signs.filter(({ since: first, until }) => since(first) && !(until !== undefined && since(until))),
    policy: { x86, other: { ...x86, notfound: since('25.1.4') ? 'disabled' : 'enabled' } },
  };
}

/** A script's default, `search,found=all,maybe=none,notfound=${DI_DISABLED}`. */
function defaultPolicy(text: string): Policy {
  const plain = text.replaceAll(/\$\{DI_(ENABLED|DISABLED)\}/g, (_, word: string) => word.toLowerCase());
  return policyOf(plain, { mode: 'search', found: 'all', maybe: 'none', notfound: 'disabled' });
}

/** A policy as it is written in ds-identify.cfg or after `ci.di.policy=`; words that are no policy change nothing. */
export function policyOf(text: string, defaults: Policy): Policy {
  let policy = defaults;
  for (const token of text.split(',')) {
    const value = token.slice(token.indexOf('=') + 1);
    if (token === 'search' || token === 'enabled' || token === 'disabled' || token === 'report') {
      policy = { ...policy, mode: token };
    } else if (/^found=(all|first)$/.test(token)) {
      policy = { ...policy, found: value as Policy['found'] };
    } else if (/^maybe=(all|none)$/.test(token)) {
      policy = { ...policy, maybe: value as Policy['maybe'] };
    } else if (/^notfound=(enabled|disabled)$/.test(token)) {
      policy = { ...policy, notfound: value as Policy['notfound'] };
    }
  }
  return policy;
}
