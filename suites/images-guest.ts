import { shellWord } from '../lib/shell.ts';
import { check, finding, unless } from '../lib/check.ts';
import { imageWhere, isUrl } from '../lib/subjects/images.ts';
import {
  cloudInit,
  datasource,
  fstab,
  growpart,
  machineId,
  osRelease,
  packages,
  ssh,
  userland,
} from '../lib/subjects/guests.ts';
import { espFileSystem, root, userImageRecord as record, userImages } from '../lib/subjects/user-images.ts';

export const ubuntu = 'ubuntu-24.04-aarch64';
export const rocky = 'rocky-9-x86_64';

const elements =
  'build it again with the elements cloud-init openssh-server cloud-init-datasources cloud-init-growpart';

/** The checks of what lives in a user image's root file system. */
export const guestChecks = [
  check({
    id: 'userland',
    title: 'the programs in the image are built for its architecture',
    why: 'the kernel prints "Failed to execute /sbin/init (error -8)" and panics',
    level: 'must',
    ref: 'guide, "Building an aarch64 user image": on a host of that architecture; System V gABI, e_machine',
    per: userImages,
    facts: { root, userland },
    check({ root, userland }, { architecture }) {
      if (userland.length === 0)
        return [
          finding('no program', `programs for ${architecture}`, [
            { where: root.fs.origin, what: 'no ELF file in /usr/bin' },
          ]),
        ];
      const wrong = userland.filter((program) => program.architecture?.name !== architecture);
      return unless(wrong.length === 0, () =>
        finding(
          `built for ${[...new Set(wrong.map((program) => program.architecture?.name ?? 'an unknown machine'))].join(', ')}`,
          `built for ${architecture}`,
          wrong.slice(0, 3).map(({ path, machine }) => ({
            where: `${root.fs.origin} › ${path}`,
            what: `ELF machine ${machine}`,
          })),
        ),
      );
    },
    fix: 'build it on a host of its architecture: -a is a label that container-based elements do not follow',
    faults: [
      {
        name: 'an x86-64 userland in an ARM image',
        subject: ubuntu,
        plant: (sim) => sim.image(ubuntu).editDisk((disk) => disk.changeElfMachine(0xb7, 0x3e)),
        also: ['images/manifest'],
      },
    ],
  }),

  check({
    id: 'os',
    title: 'the image holds the operating system that is expected',
    why: 'users get another system than the name of the image says',
    level: 'must',
    ref: 'os-release(5)',
    per: userImages,
    facts: { root, osRelease },
    check({ root, osRelease }, { expected }) {
      const where = root.fs.origin;
      if (osRelease === undefined)
        return [
          finding('no os-release', 'an operating system that says its name', [
            { where, what: '/etc/os-release is not there' },
          ]),
        ];
      if (expected.os === undefined) return { notApplicable: 'deployment.yaml expects none' };
      return unless(osRelease.id === expected.os, () =>
        finding(`ID=${osRelease.id}`, `ID=${expected.os}`, [
          { where: `${where} › ${osRelease.path}`, what: osRelease.name },
        ]),
      );
    },
    fix: 'upload the right image, or correct user_images in deployment.yaml',
    faults: [
      {
        name: 'Debian where Ubuntu is expected',
        subject: ubuntu,
        plant: (sim) =>
          sim.image(ubuntu).editDisk((disk) => disk.replaceText('\nID=ubuntu\n', '\nID=debian\n')),
      },
    ],
  }),

  check({
    id: 'cloud-init',
    title: 'cloud-init is installed and starts',
    why: 'the node boots, answers ping, and knows neither its name nor any SSH key',
    level: 'must',
    ref: 'guide: the cloud-init element is essential for Rocky; cloud-init documentation, "How to disable cloud-init"',
    per: userImages,
    facts: { root, packages, cloudInit },
    check({ root, packages, cloudInit }) {
      const where = root.fs.origin;
      const found = packages.find('cloud-init');
      if (packages.manager !== 'none' && found === undefined) {
        return [
          finding('not installed', 'the package cloud-init', [
            { where, what: `${packages.count} packages by ${packages.manager}, none of them cloud-init` },
          ]),
        ];
      }
      return cloudInit.because.map((reason) =>
        finding(reason, 'cloud-init started at boot', [{ where, what: reason }]),
      );
    },
    fix: elements,
    faults: [
      {
        name: 'cloud-init not installed',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk((disk) => disk.replaceText('Package: cloud-init\n', 'Package: cloud-xxxx\n')),
      },
      {
        name: 'no unit starts cloud-init',
        subject: rocky,
        plant: (sim) =>
          sim
            .image(rocky)
            .editDisk((disk) => disk.root().rename('cloud-init.target.wants', 'cloud-init.target.wantx')),
      },
    ],
  }),

  check({
    id: 'datasource',
    title: 'cloud-init finds its datasource on bare metal',
    why: 'cloud-init is disabled or finds nothing: the node answers ping, and nobody can log in',
    level: 'must',
    ref: 'guide, "Building an aarch64 user image": DIB_CLOUD_INIT_DATASOURCES; cloud-init tools/ds-identify',
    per: userImages,
    facts: { root, datasource },
    check({ root, datasource }, { expected }) {
      const { withConfigDrive, withoutConfigDrive, datasources } = datasource;
      const wanted = expected.datasource;
      const drive = wanted === 'ConfigDrive';
      const { outcome, datasource: used, because } = drive ? withConfigDrive : withoutConfigDrive;
      const evidence = [
        {
          where: `${root.fs.origin} › ${datasources.setBy}`,
          what: `datasource_list: [${datasources.list.join(', ')}]`,
        },
        { where: `cloud-init ${datasource.version?.version ?? 'of unknown version'}`, what: because },
      ];
      if (outcome === 'unknown') return { notVerified: because };
      const expectation = wanted ?? 'a datasource that serves the node';
      if (outcome !== 'uses') {
        return [
          finding(outcome === 'disabled' ? 'cloud-init is disabled' : 'no datasource', expectation, evidence),
        ];
      }
      return unless(wanted === undefined || used?.toLowerCase() === wanted.toLowerCase(), () =>
        finding(`it uses ${used}`, expectation, evidence),
      );
    },
    fix: ({ expected }) =>
      `build it again with DIB_CLOUD_INIT_DATASOURCES=${expected.datasource ?? 'Ec2'} and the element cloud-init-datasources`,
    faults: [
      {
        name: 'a list that leaves cloud-init nothing to find',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk((disk) =>
              disk.replaceText('datasource_list: [  Ec2, None ]', 'datasource_list: [ None,None ] '),
            ),
        also: ['images/manifest'],
      },
      {
        name: 'another datasource than expected',
        subject: rocky,
        plant: (sim) =>
          sim
            .image(rocky)
            .editDisk((disk) =>
              disk.replaceText('datasource_list: [  Ec2, None ]', 'datasource_list: [OVF  , None ]'),
            ),
      },
    ],
  }),

  check({
    id: 'growpart',
    title: 'the root grows on first boot',
    why: 'the node comes up with a root of a few gigabytes, which fills up',
    level: 'must',
    ref: 'guide: DIB_CLOUD_INIT_GROWPART_DEVICES; cloud-init cloudinit/config/cc_growpart.py',
    per: userImages,
    facts: { root, growpart },
    check: ({ root, growpart }) =>
      growpart.problems.map((problem) =>
        finding(problem, 'growpart for /, with its tools', [
          {
            where: `${root.fs.origin} › ${growpart.setBy}`,
            what: `mode ${growpart.mode}, devices ${growpart.devices.join(', ')}`,
          },
        ]),
      ),
    fix: `build it again with the element cloud-init-growpart and DIB_CLOUD_INIT_GROWPART_DEVICES='["/"]'`,
    faults: [
      {
        name: 'growpart off',
        subject: rocky,
        plant: (sim) =>
          sim.image(rocky).editDisk((disk) => disk.replaceText('  mode: auto\n', '  mode: off \n')),
      },
      {
        name: 'the tool missing',
        subject: ubuntu,
        plant: (sim) => sim.image(ubuntu).editDisk((disk) => disk.root().rename('growpart', 'growpxrt')),
      },
    ],
  }),

  check({
    id: 'ssh',
    title: 'an SSH server is installed and starts',
    why: 'the node answers ping and refuses connections to port 22',
    level: 'must',
    ref: 'guide: the openssh-server element is essential for Rocky',
    per: userImages,
    facts: { root, ssh },
    check({ root, ssh }) {
      const where = root.fs.origin;
      if (ssh.program === undefined)
        return [finding('no sshd', 'an SSH server', [{ where, what: 'no program sshd' }])];
      const { startedBy, program } = ssh;
      return unless(startedBy !== undefined, () =>
        finding('no unit starts sshd', 'ssh.service or sshd.service enabled', [
          { where: `${where} › ${program}`, what: 'there' },
        ]),
      );
    },
    fix: elements,
    faults: [
      {
        name: 'no SSH server',
        subject: rocky,
        plant: (sim) => sim.image(rocky).editDisk((disk) => disk.root().rename('sshd', 'sxhd')),
      },
      {
        name: 'no unit starts it',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk((disk) => disk.root().rename('multi-user.target.wants', 'multi-user.target.wantx')),
      },
    ],
  }),

  check({
    id: 'fstab',
    title: 'fstab names file systems that are on the disk',
    why: 'systemd waits 90 seconds for a device that never comes, and drops to emergency mode',
    level: 'must',
    ref: 'fstab(5); systemd.mount(5)',
    per: userImages,
    facts: { root, esp: espFileSystem, fstab },
    check({ root, esp, fstab }) {
      if (fstab === undefined) return { notApplicable: 'the image has no /etc/fstab' };
      const known = { LABEL: [root.fs.label, esp.label.toUpperCase()], UUID: [root.fs.uuid, esp.uuid] };
      return fstab.entries
        .filter(({ mountPoint }) => ['/', '/boot/efi', '/efi'].includes(mountPoint))
        .flatMap(({ reference, device, mountPoint }) => {
          if (reference !== 'LABEL' && reference !== 'UUID') return [];
          const own = known[reference].includes(device) || known[reference].includes(device.toUpperCase());
          return unless(own, () =>
            finding(`${reference}=${device} for ${mountPoint}`, `one of ${known[reference].join(', ')}`, [
              { where: `${root.fs.origin} › ${fstab.path}`, what: `${reference}=${device} ${mountPoint}` },
            ]),
          );
        });
    },
    fix: 'give the file system that label (e2label, fatlabel), or correct /etc/fstab',
    faults: [
      {
        name: 'a label that no file system has',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk((disk) =>
              disk.replaceText('LABEL=cloudimg-rootfs / ext4', 'LABEL=cloudimg-roots / ext4 '),
            ),
      },
    ],
  }),

  check({
    id: 'machine-id',
    title: 'the machine-id is left for the first boot',
    why: 'all nodes of the image have one machine-id, and with it one DHCP client id: they are given one address in turn',
    level: 'should',
    ref: 'machine-id(5); diskimage-builder, elements/sysprep',
    per: userImages,
    facts: { root, machineId },
    check({ root, machineId }) {
      if (machineId === undefined) return { notApplicable: 'the image has no /etc/machine-id' };
      return unless(machineId.state !== 'set', () =>
        finding(machineId.value, 'an empty file', [
          { where: `${root.fs.origin} › ${machineId.path}`, what: machineId.value },
        ]),
      );
    },
    fix: 'truncate --size 0 /etc/machine-id in the image',
    faults: [
      {
        name: 'a machine-id of the build host',
        subject: rocky,
        plant: (sim) =>
          sim
            .image(rocky)
            .editDisk((disk) => disk.root().write('machine-id', '5f3b0c64a7e94d0f9b21c3e8d7a6b501\n')),
      },
    ],
  }),

  check({
    id: 'clean',
    title: 'the root file system was unmounted cleanly',
    why: 'what its journal holds is not where programs look for it until the first mount replays it, and an inspection of the image sees the old state',
    level: 'should',
    ref: 'Linux, Documentation/filesystems/ext4/journal.rst; INCOMPAT_RECOVER',
    per: userImages,
    facts: { root },
    check: ({ root: { fs } }) =>
      unless(!('needsRecovery' in fs) || fs.needsRecovery !== true, () =>
        finding('its journal has to be replayed', 'a clean file system', [
          { where: fs.origin, what: 'needs_recovery' },
        ]),
      ),
    fix: 'unmount the image before it is converted; e2fsck -f on the raw disk',
    faults: [
      {
        name: 'a journal to replay',
        subject: ubuntu,
        plant: (sim) => sim.image(ubuntu).editDisk((disk) => disk.root().setIncompatible(0x4)),
      },
    ],
  }),

  check({
    id: 'architecture-property',
    title: 'hw_architecture says what the image is for',
    why: 'Nova finds no host: without it images are taken for x86_64 where that is the default, and with a wrong one they land on nodes that cannot run them',
    level: 'should',
    ref: 'nova/scheduler/filters/image_props_filter.py; [filter_scheduler]image_properties_default_architecture',
    per: userImages,
    facts: { record },
    check({ record }, { architecture }) {
      if (isUrl(record.id)) return { notApplicable: 'it is not in Glance' };
      const said = record['hw_architecture'] ?? record['architecture'];
      return unless(said === architecture, () =>
        finding(
          said === undefined ? 'not set' : `hw_architecture=${JSON.stringify(said)}`,
          `hw_architecture=${architecture}`,
          [
            {
              where: imageWhere(record),
              what: `hw_architecture ${said === undefined ? 'is not set' : JSON.stringify(said)}`,
            },
          ],
        ),
      );
    },
    fix: ({ architecture, label }) =>
      `openstack image set --property hw_architecture=${architecture} ${shellWord(label)}`,
    faults: [
      {
        name: 'arm64 for aarch64',
        subject: ubuntu,
        plant: (sim) => void (sim.image(ubuntu).record['hw_architecture'] = 'arm64'),
      },
      {
        name: 'no architecture',
        subject: rocky,
        plant: (sim) => void delete sim.image(rocky).record['hw_architecture'],
      },
    ],
  }),
];
