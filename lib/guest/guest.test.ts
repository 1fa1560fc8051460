import { describe, expect, test } from 'vitest';
import { memoryFileSystem, treeOf } from '../fs/memory.ts';
import { userlandArchitectures } from './architecture.ts';
import { askedDatasources, readDibManifest } from './dib.ts';
import { readFstab } from './fstab.ts';
import { readKernels } from './kernels.ts';
import { readMachineId } from './machine-id.ts';
import { readOsRelease } from './os-release.ts';
import { sshServer } from './ssh.ts';
import { unitState } from './systemd.ts';

type Tree = Parameters<typeof treeOf>[0];
const image = (tree: Tree) => memoryFileSystem(treeOf(tree), 'image');

describe('os-release(5)', () => {
  test('Ubuntu’s, through its link', async () => {
    const text =
      'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n';
    const tree = { '/etc/os-release': { link: '../usr/lib/os-release' }, '/usr/lib/os-release': text };
    expect(await readOsRelease(image(tree))).toMatchObject({
      id: 'ubuntu',
      idLike: ['debian'],
      versionId: '24.04',
      name: 'Ubuntu',
      path: '/etc/os-release',
      problems: [],
    });
  });

  test('quotes, escapes and lines that are no assignment', async () => {
    const text = `# comment\nID='rocky'\nID_LIKE="rhel centos fedora"\nNAME="A \\"B\\" \\$C"\nnonsense\nVERSION="9\n`;
    const release = await readOsRelease(image({ '/usr/lib/os-release': text }));
    expect(release?.idLike).toEqual(['rhel', 'centos', 'fedora']);
    expect(release?.name).toBe('A "B" $C');
    expect(release?.problems).toEqual([
      '/usr/lib/os-release:5: not an assignment: nonsense',
      '/usr/lib/os-release:6: not an assignment: VERSION="9',
    ]);
  });

  test('an empty file has the defaults of the specification, no file is undefined', async () => {
    expect(await readOsRelease(image({ '/etc/os-release': '' }))).toMatchObject({
      id: 'linux',
      name: 'Linux',
    });
    expect(await readOsRelease(image({}))).toBeUndefined();
  });
});

/** System V gABI: magic, class, data, version; e_type ET_DYN; e_machine. */
function elf(machine: number, bits: 32 | 64, isBigEndian = false): Buffer {
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, bits === 64 ? 2 : 1, isBigEndian ? 2 : 1, 1]);
  if (isBigEndian) header.writeUInt16BE(machine, 18);
  else header.writeUInt16LE(machine, 18);
  return header;
}

describe('the architecture of the user space', () => {
  test('several programs, through links, scripts left out', async () => {
    const found = await userlandArchitectures(
      image({
        '/usr/bin/bash': elf(183, 64),
        '/bin': { link: 'usr/bin' },
        '/usr/bin/sh': { link: 'dash' },
        '/usr/bin/dash': elf(183, 64),
        '/usr/bin/env': elf(62, 64),
        '/usr/bin/python3': '#!/bin/sh\n',
        '/usr/bin/python3.12': elf(40, 32),
        '/usr/lib/ld-linux-aarch64.so.1': elf(183, 64),
        '/lib': { link: 'usr/lib' },
        '/sbin/init': { link: '/lib/systemd/systemd' },
      }),
    );
    expect(found.map(({ path, architecture, machine }) => [path, architecture?.name, machine])).toEqual([
      ['/usr/bin/bash', 'aarch64', 183],
      ['/bin/sh', 'aarch64', 183],
      ['/usr/bin/env', 'x86_64', 62],
      ['/lib/ld-linux-aarch64.so.1', 'aarch64', 183],
      ['/usr/bin/python3.12', 'armv7l', 40],
    ]);
  });

  test('byte orders and unknown machines', async () => {
    const found = await userlandArchitectures(
      image({
        '/usr/bin/bash': elf(22, 64, true),
        '/bin/sh': elf(21, 64, true),
        '/usr/bin/env': elf(4711, 64),
      }),
    );
    expect(found.map(({ architecture, machine }) => [architecture?.name, machine])).toEqual([
      ['s390x', 22],
      [undefined, 21],
      [undefined, 4711],
    ]);
    expect(await userlandArchitectures(image({ '/usr/bin/bash': Buffer.from('\x7fELF') }))).toEqual([]);
  });
});

test('fstab: labels, UUIDs, escapes, damaged lines', async () => {
  const text =
    'LABEL=cloudimg-rootfs\t/ ext4 defaults 0 1\nLABEL="MKFS_ESP" /boot/efi vfat defaults 0 2\n# none\n' +
    'UUID=ABCD-1234 /mnt/a\\040b auto noauto,ro\n/dev/vdb none swap sw 0 0\nbroken line\n';
  const fstab = await readFstab(image({ '/etc/fstab': text }));
  expect(fstab?.entries).toEqual([
    {
      reference: 'LABEL',
      device: 'cloudimg-rootfs',
      mountPoint: '/',
      type: 'ext4',
      options: ['defaults'],
      line: 1,
    },
    {
      reference: 'LABEL',
      device: 'MKFS_ESP',
      mountPoint: '/boot/efi',
      type: 'vfat',
      options: ['defaults'],
      line: 2,
    },
    {
      reference: 'UUID',
      device: 'ABCD-1234',
      mountPoint: '/mnt/a b',
      type: 'auto',
      options: ['noauto', 'ro'],
      line: 4,
    },
    { reference: 'path', device: '/dev/vdb', mountPoint: 'none', type: 'swap', options: ['sw'], line: 5 },
  ]);
  expect(fstab?.problems).toEqual(['/etc/fstab:6: fewer than three fields: broken line']);
  expect(await readFstab(image({}))).toBeUndefined();
});

test.each([
  ['', 'empty'],
  ['\n', 'empty'],
  ['uninitialized\n', 'uninitialized'],
  ['b08dfa6083e7567a1921a715000001fb\n', 'set'],
  ['00000000000000000000000000000000\n', 'malformed'],
  ['B08DFA6083E7567A1921A715000001FB\n', 'malformed'],
])('machine-id(5) %j is %s', async (text, state) => {
  expect((await readMachineId(image({ '/etc/machine-id': text })))?.state).toBe(state);
});

test('kernels with their initrds and modules', async () => {
  const kernels = await readKernels(
    image({
      '/boot/vmlinuz-6.8.0-45-generic': 'MZ…',
      '/boot/initrd.img-6.8.0-45-generic': 'x',
      '/boot/vmlinuz-5.14.0-427.el9.aarch64': Buffer.alloc(5000),
      '/boot/initramfs-5.14.0-427.el9.aarch64.img': 'yy',
      '/boot/vmlinuz-0-rescue-b08dfa': 'z',
      '/boot/vmlinuz': { link: 'vmlinuz-6.8.0-45-generic' },
      '/boot/vmlinuz-dangling': { link: 'nowhere' },
      '/boot/config-6.8.0-45-generic': '',
      '/usr/lib/modules/6.8.0-45-generic': null,
    }),
  );
  expect(
    kernels.map(({ version, rescue, initrds, modules, head }) => [
      version,
      rescue,
      initrds,
      modules,
      head.length,
    ]),
  ).toEqual([
    ['0-rescue-b08dfa', true, [], undefined, 1],
    [
      '5.14.0-427.el9.aarch64',
      false,
      [{ path: '/boot/initramfs-5.14.0-427.el9.aarch64.img', sizeInBytes: 2 }],
      undefined,
      4096,
    ],
    [
      '6.8.0-45-generic',
      false,
      [{ path: '/boot/initrd.img-6.8.0-45-generic', sizeInBytes: 1 }],
      '/usr/lib/modules/6.8.0-45-generic',
      5,
    ],
  ]);
  expect(await readKernels(image({}))).toEqual([]);
});

describe('systemd units', () => {
  const unit = { '/usr/lib/systemd/system/ssh.service': '[Unit]\n', '/lib': { link: 'usr/lib' } };
  const wants = '/etc/systemd/system/multi-user.target.wants/ssh.service';

  test('enabled by a link', async () => {
    const tree = { ...unit, [wants]: { link: '/lib/systemd/system/ssh.service' } };
    expect(await unitState(image(tree), 'ssh.service')).toEqual({
      name: 'ssh.service',
      file: '/usr/lib/systemd/system/ssh.service',
      enabledBy: [wants],
      enabled: true,
    });
  });

  test('only there, masked, and dangling', async () => {
    expect((await unitState(image(unit), 'ssh.service')).enabled).toBe(false);
    const masked = {
      ...unit,
      [wants]: { link: '/lib/x' },
      '/etc/systemd/system/ssh.service': { link: '/dev/null' },
    };
    expect(await unitState(image(masked), 'ssh.service')).toMatchObject({
      enabled: false,
      maskedBy: '/etc/systemd/system/ssh.service',
    });
    const dangling = await unitState(image({ [wants]: { link: '/lib/x' } }), 'ssh.service');
    expect([dangling.file, dangling.enabledBy, dangling.enabled]).toEqual([undefined, [wants], false]);
  });

  test('an SSH server that listens by its socket', async () => {
    const ssh = await sshServer(
      image({
        ...unit,
        '/usr/sbin/sshd': 'x',
        '/etc/ssh/sshd_config': '',
        '/usr/lib/systemd/system/ssh.socket': '[Socket]\n',
        '/etc/systemd/system/sockets.target.wants/ssh.socket': { link: '/lib/systemd/system/ssh.socket' },
      }),
    );
    expect([ssh.program, ssh.config, ssh.startedBy]).toEqual([
      '/usr/sbin/sshd',
      '/etc/ssh/sshd_config',
      'ssh.socket',
    ]);
  });

  test('a Rocky container has none', async () => {
    expect(await sshServer(image({ '/etc/os-release': 'ID=rocky\n' }))).toEqual({ units: [] });
  });
});

test('what diskimage-builder wrote down', async () => {
  const manifest = await readDibManifest(
    image({
      '/etc/dib-manifests/dib_arguments': '-a arm64 -o ubuntu-arm64 ubuntu vm block-device-efi\n',
      '/etc/dib-manifests/dib_environment':
        'declare -x DIB_CLOUD_INIT_DATASOURCES="Ec2, ConfigDrive, OpenStack"\ndeclare -- DIB_NOTE="two\nlines \\"q\\""\n' +
        'declare -x DIB_RELEASE="noble"\n',
      '/etc/dib-manifests/dib-manifest-dpkg-ubuntu-arm64': '{}',
    }),
  );
  expect(manifest?.arguments).toBe('-a arm64 -o ubuntu-arm64 ubuntu vm block-device-efi');
  expect([...(manifest?.environment ?? [])]).toEqual([
    ['DIB_CLOUD_INIT_DATASOURCES', 'Ec2, ConfigDrive, OpenStack'],
    ['DIB_NOTE', 'two\nlines "q"'],
    ['DIB_RELEASE', 'noble'],
  ]);
  expect(manifest?.files).toEqual(['dib-manifest-dpkg-ubuntu-arm64']);
  expect(manifest && askedDatasources(manifest)).toEqual(['Ec2', 'ConfigDrive', 'OpenStack']);
  expect(await readDibManifest(image({}))).toBeUndefined();
});

test.for<[string, string | undefined]>([
  ['-a arm64 -o ubuntu ubuntu vm', 'arm64'],
  ['-o ubuntu -t raw -aamd64 ubuntu vm', 'amd64'],
  ['-xa arm64 ubuntu', 'arm64'],
  ['-a amd64 -x -a arm64 ubuntu', 'arm64'],
  ['-o image-a ubuntu --image-size 5', undefined],
  ['', undefined],
])('diskimage-builder was asked by %o for %o', async ([args, architecture]) => {
  const manifest = await readDibManifest(image({ '/etc/dib-manifests/dib_arguments': `${args}\n` }));
  expect(manifest?.architecture).toBe(architecture);
  expect(manifest && askedDatasources(manifest)).toBeUndefined();
});

test.for<[string, string[]]>([
  ['Ec2', ['Ec2']],
  ["'ConfigDrive', 'OpenStack'", ['ConfigDrive', 'OpenStack']],
  ['NoCloud, None', ['NoCloud']],
  ['', []],
])('DIB_CLOUD_INIT_DATASOURCES=%o', async ([value, names]) => {
  const text = `declare -x DIB_CLOUD_INIT_DATASOURCES="${value}"\n`;
  const manifest = await readDibManifest(image({ '/etc/dib-manifests/dib_environment': text }));
  expect(manifest && askedDatasources(manifest)).toEqual(names);
});
