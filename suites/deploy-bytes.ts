import { gzipSync } from 'node:zlib';
import { type Content, contentNames } from '../lib/boot/content.ts';
import { check, finding, unless } from '../lib/check.ts';
import { outcomeOf } from '../lib/facts.ts';
import {
  type DeployImage,
  agent,
  content,
  deployInitramfs,
  deployKernels,
  deployPairs,
  initramfs,
  kernel,
  pairReleases,
  programs,
  sizeServed,
  unpackers,
} from '../lib/subjects/deploy-images.ts';

/** Content that is neither kernel nor initramfs; one check names it, and the others wait for it to be mended. */
export const foreign = new Set<Content>([
  'html',
  'xml',
  'json',
  'git-lfs-pointer',
  'text',
  'zeros',
  'qcow2',
  'iso',
  'zip',
]);
const seeContent = { notVerified: 'what is served is no boot artefact; see deploy/content' };

export const of = ({ where }: DeployImage, what: string) => [{ where, what }];

export const upload = ({ architecture, role, affects }: DeployImage) =>
  `build it for ${architecture} (ironic-python-agent-builder --extra-args "-a ${architecture === 'aarch64' ? 'arm64' : 'amd64'}"), ` +
  `upload it, and on ${affects.join(', ')} set --driver-info deploy_${role === 'kernel' ? 'kernel' : 'ramdisk'}=<its id>`;

/** The checks of what a kernel and an initramfs are made of. */
export const byteChecks = [
  check({
    id: 'kernel',
    title: 'deploy_kernel is a kernel that firmware can start',
    why: 'iPXE prints "Exec format error (https://ipxe.org/2e008081)" and asks again, ten times',
    level: 'must',
    ref: 'Linux, Documentation/arch/arm64/booting.rst, Documentation/arch/x86/boot.rst; ipxe.org/err/2e0080',
    per: deployKernels,
    facts: { content, kernel: outcomeOf(kernel) },
    check({ content, kernel }, image) {
      if (foreign.has(content)) return seeContent;
      if (!kernel.ok) return [finding(kernel.problem, 'a kernel', of(image, contentNames[content]))];
      const { form, efiStub } = kernel.value;
      if (form !== 'ELF vmlinux') return [];
      return [
        finding(
          `${form}${efiStub ? '' : ', without an EFI stub'}`,
          'a bootable image: Image, zboot or bzImage',
          of(image, form),
        ),
      ];
    },
    fix: upload,
    faults: [
      {
        name: 'kernel and initramfs swapped',
        subject: 'ipa-aarch64.initramfs',
        also: ['deploy/initramfs', 'deploy/disk-format'],
        plant(sim) {
          const { driver_info: info } = sim.node('arm-01');
          [info.deploy_kernel, info.deploy_ramdisk] = [info.deploy_ramdisk, info.deploy_kernel];
        },
      },
    ],
  }),

  check({
    id: 'kernel-architecture',
    title: 'deploy_kernel is built for the architecture of its nodes',
    why: 'iPXE prints "Exec format error", or the screen goes blank as the machine starts the wrong code',
    level: 'must',
    ref: 'guide, "Enrolling an aarch64 node": deploy_kernel and deploy_ramdisk of the aarch64 deploy image',
    per: deployKernels,
    facts: { kernel },
    check: ({ kernel }, image) =>
      unless(kernel.architecture.name === image.architecture, () =>
        finding(
          `built for ${kernel.architecture.name} (${kernel.form})`,
          `built for ${image.architecture}, as ${image.affects.join(', ')}`,
          [
            ...of(image, `${kernel.form}, ${kernel.release ?? 'release unknown'}`),
            { where: image.because, what: 'refers to it' },
          ],
        ),
      ),
    fix: upload,
    faults: [
      {
        name: 'the x86-64 kernel uploaded as the ARM one',
        subject: 'aarch64 kernel ipa-aarch64.kernel',
        also: ['deploy/modules', 'deploy/hw-architecture'],
        plant: (sim) => sim.image('ipa-aarch64.kernel').replace(sim.image('ipa-x86_64.kernel').bytes),
      },
      {
        name: 'an ARM node that refers to the x86-64 images',
        subject: 'aarch64 kernel ipa-x86_64.kernel',
        also: ['deploy/initramfs-architecture'],
        plant(sim) {
          const { deploy_kernel, deploy_ramdisk } = sim.node('x86-01').driver_info;
          Object.assign(sim.node('arm-01').driver_info, { deploy_kernel, deploy_ramdisk });
        },
      },
    ],
  }),

  check({
    id: 'kernel-whole',
    title: 'deploy_kernel is whole',
    why: 'iPXE prints "Exec format error", or the kernel stops while it unpacks itself',
    level: 'must',
    ref: 'PE/COFF section table; Linux boot protocol, syssize and payload_length',
    per: deployKernels,
    facts: { size: sizeServed, kernel },
    check: ({ size, kernel }, image) => {
      const { neededSizeInBytes: needed, damage } = kernel;
      if (damage !== undefined) return [finding(damage, 'a whole kernel', of(image, kernel.form))];
      return unless(needed === undefined || needed <= size, () =>
        finding(
          `${size} bytes`,
          `at least the ${needed} bytes that its headers speak of`,
          of(image, kernel.form),
        ),
      );
    },
    fix: upload,
    faults: [
      {
        name: 'a kernel cut short before it was uploaded',
        subject: 'ipa-aarch64.kernel',
        plant(sim) {
          const image = sim.image('ipa-aarch64.kernel');
          image.replace(image.bytes.subarray(0, image.bytes.length - 512));
        },
      },
    ],
  }),

  check({
    id: 'kernel-gzip',
    title: 'the iPXE of its nodes can unpack deploy_kernel',
    why: 'iPXE prints "Exec format error (https://ipxe.org/2e008081)": builds before 2022, and some since, do not know gzip',
    level: 'must',
    ref: 'iPXE commit 64113751c; Ubuntu and older Enterprise Linux ship the arm64 kernel as a gzip file',
    per: deployKernels,
    facts: { kernel, unpackers },
    check({ kernel, unpackers }) {
      if (!kernel.form.startsWith('gzip'))
        return { notApplicable: `the kernel is no gzip file: ${kernel.form}` };
      return unpackers
        .filter(({ ipxe }) => ipxe.isIpxe && !ipxe.features.includes('gzip'))
        .map(({ file, ipxe }) =>
          finding(
            `iPXE ${ipxe.version ?? 'of unknown version'} without gzip`,
            'iPXE with gzip, or an unpacked kernel',
            [{ where: file.label, what: `features: ${ipxe.features.join(', ')}` }],
          ),
        );
    },
    fix: 'gunzip the kernel and upload that, or put an iPXE of 2022 or later, built with IMAGE_GZIP, in the TFTP root',
    faults: [
      {
        name: 'a gzip kernel and an iPXE that does not know gzip',
        subject: 'aarch64 kernel ipa-aarch64.kernel',
        plant(sim) {
          const image = sim.image('ipa-aarch64.kernel');
          image.replace(gzipSync(image.bytes));
          sim.everyConductor((c) => {
            const old = c.file('ipxe_aa64.efi').toString('latin1').replace('\0gzip\0', '\0img!\0');
            c.replaceFile('ipxe_aa64.efi', Buffer.from(old, 'latin1').subarray(0, old.length));
          });
        },
      },
    ],
  }),

  check({
    id: 'initramfs',
    title: 'deploy_ramdisk is an initramfs that the kernel can unpack',
    why: 'the kernel prints "Initramfs unpacking failed", then "Unable to mount root fs", and panics',
    level: 'must',
    ref: 'Linux, Documentation/driver-api/early-userspace/buffer-format.rst',
    per: deployInitramfs,
    facts: { content, initramfs: outcomeOf(initramfs) },
    check({ content, initramfs }, image) {
      if (foreign.has(content)) return seeContent;
      return unless(initramfs.ok, () =>
        finding(
          initramfs.ok ? '' : initramfs.problem,
          'cpio archives, compressed or not, to their end',
          of(image, contentNames[content]),
        ),
      );
    },
    fix: upload,
    faults: [
      {
        name: 'an initramfs cut short before it was uploaded',
        subject: 'ipa-aarch64.initramfs',
        plant(sim) {
          const image = sim.image('ipa-aarch64.initramfs');
          image.replace(image.bytes.subarray(0, image.bytes.length - 300));
        },
      },
      {
        name: 'a compressed file that is no archive',
        subject: 'ipa-x86_64.initramfs',
        plant: (sim) =>
          sim.image('ipa-x86_64.initramfs').replace(gzipSync(Buffer.alloc(4096, 'not a cpio archive '))),
      },
    ],
  }),

  check({
    id: 'initramfs-architecture',
    title: 'the programs in deploy_ramdisk are built for the architecture of its nodes',
    why: 'the kernel prints "Failed to execute /init (error -8)" and panics',
    level: 'must',
    ref: 'guide, "Enrolling an aarch64 node"; System V gABI, e_machine',
    per: deployInitramfs,
    facts: { programs },
    check({ programs }, image) {
      const { architecture } = image;
      if (programs.length === 0)
        return [
          finding('no program', `programs for ${architecture}`, of(image, 'no ELF file in its bin folders')),
        ];
      const wrong = programs.filter((program) => program.architecture?.name !== architecture);
      return unless(wrong.length === 0, () =>
        finding(
          `built for ${[...new Set(wrong.map((program) => program.architecture?.name ?? 'an unknown machine'))].join(', ')}`,
          `built for ${architecture}`,
          wrong.slice(0, 3).map(({ path, architecture: its }) => ({
            where: `${image.where} › ${path}`,
            what: its?.name ?? 'unknown machine',
          })),
        ),
      );
    },
    fix: upload,
    faults: [
      {
        name: 'the initramfs of the other architecture',
        subject: 'aarch64 initramfs ipa-aarch64.initramfs',
        also: ['deploy/modules', 'deploy/hw-architecture'],
        plant: (sim) => sim.image('ipa-aarch64.initramfs').replace(sim.image('ipa-x86_64.initramfs').bytes),
      },
    ],
  }),

  check({
    id: 'agent',
    title: 'ironic-python-agent is in deploy_ramdisk',
    why: 'the node boots to a login prompt and never calls back; the deployment ends in "Timeout reached while waiting for callback"',
    level: 'must',
    ref: 'ironic-python-agent-builder, dib/ironic-python-agent-ramdisk',
    per: deployInitramfs,
    facts: { agent },
    check: ({ agent }, image) =>
      unless(agent !== undefined, () =>
        finding(
          'no agent',
          'ironic-python-agent in a virtual environment or as a package',
          of(image, 'not found'),
        ),
      ),
    fix: upload,
    faults: [
      {
        name: 'an initramfs of the distribution',
        subject: 'ipa-aarch64.initramfs',
        plant: (sim) => {
          const image = sim.image('ipa-aarch64.initramfs');
          image.editInitramfs('ironic-python-agent', 'initrd-plain-thing-');
          image.editInitramfs('ironic_python_agent', 'initrd_plain_thing_');
        },
      },
    ],
  }),

  check({
    id: 'agent-starts',
    title: 'the agent is started at boot',
    why: 'the node boots to a login prompt and never calls back',
    level: 'must',
    ref: 'systemd.unit(5), .wants; ironic-python-agent-builder, install-static',
    per: deployInitramfs,
    facts: { agent },
    check({ agent }, image) {
      if (agent === undefined) return { notVerified: 'no agent is in it; see deploy/agent' };
      return unless(agent.unitEnabled, () =>
        finding(
          `${agent.path} is there, and no unit starts it`,
          'an enabled unit ironic-python-agent.service',
          of(image, agent.path),
        ),
      );
    },
    fix: upload,
    faults: [
      {
        name: 'the unit not enabled',
        subject: 'ipa-x86_64.initramfs',
        plant: (sim) =>
          sim
            .image('ipa-x86_64.initramfs')
            .editInitramfs('multi-user.target.wants', 'multi-user.target.off--'),
      },
    ],
  }),

  check({
    id: 'modules',
    title: 'deploy_ramdisk has the modules of deploy_kernel',
    why: 'no driver loads, so there is no network card and no disk: the node boots and never calls back',
    level: 'must',
    ref: 'modules(5): /lib/modules/$(uname -r)',
    per: deployPairs,
    facts: { releases: pairReleases },
    check({ releases: { kernel, modules } }, pair) {
      if (kernel.release === undefined)
        return { notVerified: 'the release of the kernel is not to be found in it' };
      return unless(modules.includes(kernel.release), () =>
        finding(
          modules.length === 0 ? 'no modules' : `modules of ${modules.join(', ')}`,
          `modules of ${kernel.release}`,
          [{ where: pair.label, what: `the kernel is ${kernel.release}` }],
        ),
      );
    },
    fix: 'upload kernel and initramfs of one build: ironic-python-agent-builder writes both',
    faults: [
      {
        name: 'an initramfs from another build',
        subject: 'ipa-aarch64.kernel + initramfs ipa-aarch64.initramfs',
        plant: (sim) => sim.image('ipa-aarch64.initramfs').editInitramfs('6.1.0-40-arm64', '6.1.0-39-arm64'),
      },
    ],
  }),
];
