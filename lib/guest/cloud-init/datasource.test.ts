import { describe, expect, test } from 'vitest';
import { memoryFileSystem, treeOf } from '../../fs/memory.ts';
import { type BareMetalInput, datasourceOnBareMetal } from './datasource.ts';
import { rulesOfRelease, rulesOfScript } from './ds-identify.ts';
import { guestDatasource } from './guest.ts';
import { atLeast } from './version.ts';

const release = (upstream: string) => ({ upstream, version: upstream, from: 'test' });

/** An image whose configuration both readers see alike, with the Ec2 setting that diskimage-builder adds. */
function outcome(
  architecture: string,
  version: string | undefined,
  list: string[],
  more: Partial<BareMetalInput> = {},
) {
  const { withoutConfigDrive, withConfigDrive } = datasourceOnBareMetal({
    architecture,
    list,
    ...(version !== undefined && { version: release(version) }),
    dsIdentify: { list, strictId: 'false' },
    ec2StrictId: false,
    ...more,
  });
  const spell = ({ outcome, datasource }: typeof withConfigDrive) => datasource ?? outcome;
  return [spell(withoutConfigDrive), spell(withConfigDrive)];
}

describe('OpenStack with the None that diskimage-builder adds', () => {
  // cloud-init 02202954c, d1ffbea55, 76b7b3814: the history of “auto-detect OpenStack on bare metal”.
  test.each([
    ['22.4', 'none', 'OpenStack'],
    ['23.1', 'OpenStack', 'OpenStack'],
    ['23.1.1', 'OpenStack', 'OpenStack'],
    ['23.3.3', 'OpenStack', 'OpenStack'],
    ['23.4', 'none', 'OpenStack'],
    ['25.1.4', 'none', 'OpenStack'],
    ['26.2', 'none', 'OpenStack'],
  ])('cloud-init %s: %s on x86_64, %s on aarch64', (version, x86, arm) => {
    expect(outcome('x86_64', version, ['OpenStack', 'None'])[0]).toBe(x86);
    expect(outcome('aarch64', version, ['OpenStack', 'None'])[0]).toBe(arm);
  });
});

describe('OpenStack alone', () => {
  // Until 24.1.2 ds-identify adds None to the only entry, so that the exact list never reaches 23.4 to 24.1.2.
  test.each([
    ['22.4', 'none'],
    ['23.2', 'OpenStack'],
    ['23.4', 'none'],
    ['24.1.2', 'none'],
    ['24.1.3', 'OpenStack'],
    ['25.3', 'OpenStack'],
  ])('cloud-init %s on x86_64: %s', (version, x86) => {
    expect(outcome('x86_64', version, ['OpenStack'])[0]).toBe(x86);
    expect(outcome('aarch64', version, ['OpenStack'])[0]).toBe('OpenStack');
  });

  test('in lower case it is not the name that forces it', () => {
    expect(outcome('x86_64', '25.3', ['openstack'])[0]).toBe('none');
    expect(outcome('aarch64', '25.3', ['openstack'])[0]).toBe('OpenStack');
  });

  test('named on the kernel command line', () => {
    const named = { kernelCommandLine: 'root=LABEL=x ds=openstack quiet' };
    expect(outcome('x86_64', '24.1', ['Ec2', 'OpenStack', 'None'], named)[0]).toBe('OpenStack');
    expect(outcome('x86_64', '22.4', ['OpenStack', 'None'], named)[0]).toBe('none');
  });
});

describe('the list of the guide: Ec2, ConfigDrive, OpenStack, None', () => {
  const list = ['Ec2', 'ConfigDrive', 'OpenStack', 'None'];
  // CVE-2024-6174 (8c3ae1bb9): “maybe” no longer counts since 25.1.3, and since 25.1.4 aarch64 is disabled too.
  test.each([
    ['22.4', 'Ec2', 'OpenStack'],
    ['24.4', 'Ec2', 'OpenStack'],
    ['25.1.2', 'Ec2', 'OpenStack'],
    ['25.1.3', 'disabled', 'OpenStack'],
    ['25.1.4', 'disabled', 'disabled'],
    ['25.3', 'disabled', 'disabled'],
  ])('cloud-init %s without a config drive: %s on x86_64, %s on aarch64', (version, x86, arm) => {
    expect(outcome('x86_64', version, list)).toEqual([x86, 'ConfigDrive']);
    expect(outcome('aarch64', version, list)).toEqual([arm, 'ConfigDrive']);
  });

  test('says why', () => {
    const { withoutConfigDrive } = datasourceOnBareMetal({
      architecture: 'aarch64',
      version: release('25.1.4'),
      list,
      dsIdentify: { list, strictId: 'false' },
    });
    expect(withoutConfigDrive.because).toBe(
      'ds-identify finds none of Ec2, ConfigDrive, OpenStack, None (cloud-init 25.1.4), and Ec2, OpenStack only ' +
        '“maybe”, which its policy ignores, and then disables cloud-init',
    );
  });

  test('an unknown release is unknown where releases differ', () => {
    expect(outcome('aarch64', undefined, list)).toEqual(['unknown', 'ConfigDrive']);
    expect(outcome('x86_64', undefined, ['Ec2', 'None'])).toEqual(['Ec2', 'Ec2']);
  });

  test('a policy in ds-identify.cfg restores it', () => {
    const dsIdentify = { list, strictId: 'false', policy: 'search,maybe=all,notfound=enabled' };
    expect(outcome('x86_64', '25.3', list, { dsIdentify })[0]).toBe('Ec2');
    expect(outcome('x86_64', '25.3', list, { dsIdentify: { list, policy: 'enabled' } })[0]).toBe('Ec2');
    expect(outcome('x86_64', '22.4', list, { dsIdentify: { list, policy: 'disabled' } })[0]).toBe('disabled');
  });
});

describe('other lists', () => {
  test('one entry is immune to the policy', () => {
    expect(outcome('x86_64', '25.3', ['Ec2', 'None'])).toEqual(['Ec2', 'Ec2']);
    expect(outcome('aarch64', '25.3', ['ConfigDrive', 'None'])).toEqual(['none', 'ConfigDrive']);
  });

  test('Ec2 that is strict finds nothing here', () => {
    const strict = { dsIdentify: { list: ['Ec2', 'None'], strictId: 'true' }, ec2StrictId: true };
    expect(outcome('x86_64', '24.4', ['Ec2', 'None'], strict)[0]).toBe('none');
  });

  test('a list that ds-identify does not see makes it look for everything, and overrule the list', () => {
    const unseen = { dsIdentify: {} };
    expect(outcome('x86_64', '24.4', ['OpenStack'], unseen)).toEqual(['disabled', 'ConfigDrive']);
    expect(outcome('aarch64', '24.4', ['OpenStack'], unseen)).toEqual(['OpenStack', 'ConfigDrive']);
  });

  test('without ds-identify the whole list is searched', () => {
    const { withoutConfigDrive } = datasourceOnBareMetal({
      architecture: 'x86_64',
      version: release('25.3'),
      list: ['ConfigDrive', 'Ec2', 'None'],
    });
    expect(withoutConfigDrive).toMatchObject({ outcome: 'uses', datasource: 'Ec2' });
  });

  test('cloud-init=disabled on the kernel command line', () => {
    expect(
      outcome('x86_64', '24.4', ['Ec2', 'None'], { kernelCommandLine: 'ro cloud-init=disabled' })[0],
    ).toBe('disabled');
  });
});

test('Debian’s script has the policy of a later release than its number', () => {
  // 22.4.2-1+deb12u4: the two lines that CVE-2024-6174 changed, and the shape of the rest.
  const script = [
    'DI_DEFAULT_POLICY="search,found=all,maybe=none,notfound=${DI_DISABLED}"',
    'DI_DEFAULT_POLICY_NO_DMI="search,found=all,maybe=none,notfound=${DI_ENABLED}"',
    'DI_DSLIST_DEFAULT="MAAS ConfigDrive NoCloud \\',
    'LXD NWCS"',
    '    if check_config "MAAS"; then',
  ].join('\n');
  expect(rulesOfScript(script, 'script')).toEqual({
    from: 'script',
    defaultList: ['MAAS', 'ConfigDrive', 'NoCloud', 'LXD', 'NWCS'],
    reader: 'lines',
    keepsSingleEntry: false,
    readsDs: false,
    suspectsIronicOnX86: false,
    signs: [expect.objectContaining({ datasource: 'MAAS' })],
    policy: {
      x86: { mode: 'search', found: 'all', maybe: 'none', notfound: 'disabled' },
      other: { mode: 'search', found: 'all', maybe: 'none', notfound: 'enabled' },
    },
  });
  expect(rulesOfScript('#!/bin/sh\nexit 0\n', 'script')).toBeUndefined();
});

test('empty lines of a script without end are skipped in no long time', () => {
  const policy = 'DI_DEFAULT_POLICY="enabled"\nDI_DEFAULT_POLICY_NO_DMI="enabled"\n';
  const lines = '\n'.repeat(500_000);
  const script = `${policy}${lines}    out=$(grep "$key${lines}\t\tds) _rc_dsname=x\n`;
  expect(rulesOfScript(script, 'script')).toMatchObject({ reader: 'grep', readsDs: true });
});

// tools/ds-identify at the tags.
test.each([
  ['22.4', 'lines', false, false, 'all', 'enabled'],
  ['23.2', 'lines', false, true, 'all', 'enabled'],
  ['23.4.1', 'grep', false, true, 'all', 'enabled'],
  ['23.4.2', 'lines', false, true, 'all', 'enabled'],
  ['24.1.3', 'lines', true, true, 'all', 'enabled'],
  ['24.2', 'flow', true, true, 'all', 'enabled'],
  ['25.1.3', 'flow', true, true, 'none', 'enabled'],
  ['25.1.4', 'flow', true, true, 'none', 'disabled'],
])('ds-identify of %s', (version, reader, keepsSingleEntry, readsDs, maybe, notfound) => {
  const rules = rulesOfRelease(release(version));
  expect([
    rules.reader,
    rules.keepsSingleEntry,
    rules.readsDs,
    rules.policy.other.maybe,
    rules.policy.other.notfound,
  ]).toEqual([reader, keepsSingleEntry, readsDs, maybe, notfound]);
});

test('releases compare number by number', () => {
  expect(atLeast(release('23.10'), '23.4')).toBe(true);
  expect(atLeast(release('25.1'), '25.1.3')).toBe(false);
  expect(atLeast(release('25.1.3'), '25.1.3')).toBe(true);
});

test('an image as a whole: DIB’s Ubuntu with a back-ported policy', async () => {
  const d = '/etc/cloud/cloud.cfg.d';
  const image = memoryFileSystem(
    treeOf({
      '/usr/lib/python3/dist-packages/cloudinit/version.py':
        '__VERSION__ = "24.4"\n_PACKAGED_VERSION = "24.4-0ubuntu1~24.04.3"\n',
      '/usr/lib/cloud-init/ds-identify':
        'DI_DEFAULT_POLICY="search,found=all,maybe=none,notfound=${DI_DISABLED}"\n' +
        'DI_DEFAULT_POLICY_NO_DMI="search,found=all,maybe=none,notfound=${DI_DISABLED}"\n' +
        'get_single_line_flow_sequence() {\n',
      [`${d}/91-dib-cloud-init-datasources.cfg`]: 'datasource_list: [  Ec2, ConfigDrive, OpenStack, None ]\n',
      [`${d}/92-ec2-datasource.cfg`]: '#cloud-config\ndatasource:\n    Ec2:\n        strict_id: false\n',
    }),
    'image',
  );
  const found = await guestDatasource(image, 'aarch64');
  expect(found.version).toEqual({
    version: '24.4-0ubuntu1~24.04.3',
    upstream: '24.4',
    from: '/usr/lib/python3/dist-packages/cloudinit/version.py',
  });
  expect(found.dsIdentify?.rules?.from).toBe('/usr/lib/cloud-init/ds-identify');
  expect(found.withoutConfigDrive.outcome).toBe('disabled');
  expect(found.withConfigDrive).toMatchObject({ outcome: 'uses', datasource: 'ConfigDrive' });
});
