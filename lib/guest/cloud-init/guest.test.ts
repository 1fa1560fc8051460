import { describe, expect, test } from 'vitest';
import { memoryFileSystem, treeOf } from '../../fs/memory.ts';
import { cloudInitEnabled } from './enabled.ts';
import { growpart } from './growpart.ts';
import { cloudInitVersion } from './version.ts';

type Tree = Parameters<typeof treeOf>[0];
const image = (tree: Tree) => memoryFileSystem(treeOf(tree), 'image');

describe('the version', () => {
  test('of the code before that of the package', async () => {
    const dpkg =
      'Package: cloud-init\nStatus: install ok installed\nVersion: 24.4-0ubuntu1\nArchitecture: all\n';
    const code = '__VERSION__ = "22.4.2"\n_PACKAGED_VERSION = "22.4.2-1+deb12u4"\n';
    const path = '/usr/lib/python3/dist-packages/cloudinit/version.py';
    expect(await cloudInitVersion(image({ '/var/lib/dpkg/status': dpkg, [path]: code }))).toEqual({
      version: '22.4.2-1+deb12u4',
      upstream: '22.4.2',
      from: path,
    });
    expect(await cloudInitVersion(image({ '/var/lib/dpkg/status': dpkg }))).toEqual({
      version: '24.4-0ubuntu1',
      upstream: '24.4',
      from: '/var/lib/dpkg/status',
    });
  });

  test('upstream’s own, Meson’s, and Python’s metadata', async () => {
    const site = '/usr/lib/python3.9/site-packages';
    const upstream = '__VERSION__ = "23.4"\n_PACKAGED_VERSION = "@@PACKAGED_VERSION@@"\n';
    expect((await cloudInitVersion(image({ [`${site}/cloudinit/version.py`]: upstream })))?.version).toBe(
      '23.4',
    );
    const meson = 'UPSTREAM_VERSION = "26.1"\nDOWNSTREAM_VERSION = "26.1-2.fc44"\n';
    expect((await cloudInitVersion(image({ [`${site}/cloudinit/meson_versions.py`]: meson })))?.version).toBe(
      '26.1-2.fc44',
    );
    const metadata = { [`${site}/cloud_init-23.4-py3.9.egg-info/PKG-INFO`]: '' };
    expect((await cloudInitVersion(image(metadata)))?.upstream).toBe('23.4');
    expect(await cloudInitVersion(image({ '/etc/cloud/cloud.cfg': '' }))).toBeUndefined();
  });
});

test('empty lines of its code without end are skipped in no long time', async () => {
  const path = '/usr/lib/python3/dist-packages/cloudinit/version.py';
  const code = `${'\n'.repeat(500_000)}__VERSION__ = "24.1"\n`;
  expect((await cloudInitVersion(image({ [path]: code })))?.version).toBe('24.1');
});

describe('whether it starts', () => {
  const services = ['cloud-init-local', 'cloud-init', 'cloud-config', 'cloud-final'];
  const units: Record<string, string | { link: string }> = {};
  for (const name of services) {
    units[`/usr/lib/systemd/system/${name}.service`] = '[Unit]\n';
    units[`/etc/systemd/system/cloud-init.target.wants/${name}.service`] = {
      link: `/usr/lib/systemd/system/${name}.service`,
    };
  }

  test('all stages enabled', async () => {
    expect(await cloudInitEnabled(image(units))).toMatchObject({ enabled: true, because: [] });
  });

  test('the names of 24.3 and later', async () => {
    const renamed = Object.fromEntries(
      Object.entries(units).map(([path, what]) => [
        path.replace('/cloud-init.service', '/cloud-init-network.service'),
        what,
      ]),
    );
    expect((await cloudInitEnabled(image(renamed))).enabled).toBe(true);
    const main = { ...renamed, '/usr/lib/systemd/system/cloud-init-main.service': '' };
    expect((await cloudInitEnabled(image(main))).because).toEqual(['cloud-init-main.service is not enabled']);
  });

  test('what keeps it from starting', async () => {
    const disabled = { ...units, '/etc/cloud/cloud-init.disabled': '' };
    expect((await cloudInitEnabled(image(disabled))).because).toEqual([
      '/etc/cloud/cloud-init.disabled exists',
    ]);
    const overruled = { ...disabled, '/etc/cloud/cloud-init.enabled': '' };
    expect((await cloudInitEnabled(image(overruled))).enabled).toBe(true);
    const masked = { ...units, '/etc/systemd/system/cloud-final.service': { link: '/dev/null' } };
    expect((await cloudInitEnabled(image(masked))).because).toEqual([
      'cloud-final.service is masked by /etc/systemd/system/cloud-final.service',
    ]);
    expect((await cloudInitEnabled(image({}))).because[0]).toBe('there is no cloud-init-local.service');
  });
});

describe('growpart', () => {
  const tools = { '/usr/bin/growpart': 'x', '/usr/sbin/resize2fs': 'x' };
  const main = { '/etc/cloud/cloud.cfg': 'cloud_init_modules: [seed_random, growpart, resizefs]\n' };
  const path = '/etc/cloud/cloud.cfg.d/55-growpart.cfg';
  const of = (text: string, more: Tree = {}) => growpart(image({ ...tools, ...main, ...more, [path]: text }));

  test('as diskimage-builder configures it', async () => {
    const text =
      '#cloud-config\ngrowpart:\n  mode: auto\n  devices: ["/"]\n  ignore_growroot_disabled: false\n';
    expect(await of(text)).toEqual({
      mode: 'auto',
      devices: ['/'],
      ignoreGrowrootDisabled: false,
      setBy: `${path}:2`,
      growsRoot: true,
      problems: [],
      notices: [],
      tools: { growpart: '/usr/bin/growpart', resize2fs: '/usr/sbin/resize2fs' },
    });
    expect(await growpart(image({ ...tools, ...main }))).toMatchObject({
      growsRoot: true,
      setBy: 'built-in',
    });
  });

  test('a text is a list of one to cloud-init', async () => {
    expect(await of('growpart: {devices: /}\n')).toMatchObject({
      growsRoot: true,
      devices: ['/'],
      notices: [expect.any(String)],
    });
    expect((await of(`growpart: {devices: '["/"]'}\n`)).problems).toEqual([
      `${path}:1: growpart devices ["/"] name no root: ["/"]`,
    ]);
  });

  test.each([
    ['growpart: false', /growpart is False, not a mapping: it is disabled/],
    ['growpart:', /growpart is None, not a mapping/],
    ['growpart: {mode: off}', /mode is False: it is disabled/],
    ['growpart: {mode: "off"}', /mode is off: it is disabled/],
    ['growpart: {mode: gpart}', /mode gpart is none that Linux has/],
    ['growpart: {devices: []}', /devices \[\] name no root/],
    ['growpart: {devices: }', /devices None name no root/],
    ['growpart: {devices: [/srv]}', /devices \["\/srv"\] name no root/],
  ])('%s does not grow the root', async (text, message) => {
    const found = await of(`${text}\n`);
    expect(found.growsRoot).toBe(false);
    expect(found.problems.join()).toMatch(message);
  });

  test('the marker file, unless it is ignored', async () => {
    const marker = { '/etc/growroot-disabled': '' };
    expect((await of('', marker)).problems).toEqual(['/etc/growroot-disabled exists: growpart is disabled']);
    expect((await of('growpart: {ignore_growroot_disabled: true}\n', marker)).growsRoot).toBe(true);
  });

  test('tools and module that are missing', async () => {
    expect((await growpart(image({}))).problems).toEqual([
      'the program growpart is not installed',
      'neither resize2fs nor xfs_growfs is installed',
      'growpart is in none of cloud_init_modules, cloud_config_modules, cloud_final_modules',
    ]);
  });
});
