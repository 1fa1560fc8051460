import { gzipSync } from 'node:zlib';
import { type Content, contentNames } from '../lib/boot/content.ts';
import { check, finding, suite, unless } from '../lib/check.ts';
import { outcomeOf } from '../lib/facts.ts';
import type { ImageRecord } from '../lib/source/source.ts';
import {
  type DeployImage,
  agent,
  content,
  deployImages,
  deployInitramfs,
  deployKernels,
  deployPairs,
  digests,
  initramfs,
  kernel,
  pairReleases,
  programs,
  record,
  refText,
  servedSize,
} from '../lib/subjects/deploy-images.ts';
import { imageWhere } from '../lib/subjects/images.ts';

/** Content that is neither kernel nor initramfs; one check names it, and the others wait for it to be mended. */
const foreign = new Set<Content>([
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

const of = (about: ImageRecord, what: string) => [{ where: imageWhere(about), what }];

const upload = ({ architecture, role, affects }: DeployImage) =>
  `build it for ${architecture} (ironic-python-agent-builder --extra-args "-a ${architecture === 'aarch64' ? 'arm64' : 'amd64'}"), ` +
  `upload it, and on ${affects.join(', ')} set --driver-info deploy_${role === 'kernel' ? 'kernel' : 'ramdisk'}=<its id>`;

export const deploy = suite('deploy', 'Deploy kernels and initramfs (ironic-python-agent) in Glance', [
  check({
    id: 'found',
    title: 'the image that nodes refer to is in Glance',
    why: 'the deployment fails with ImageNotFound before the node is powered on; validate does not see it',
    level: 'must',
    ref: 'guide, "Building ironic-python-agent deploy image": a kernel and an initramfs per architecture',
    per: deployImages,
    facts: { record: outcomeOf(record) },
    check: ({ record }, { ref, because, affects }) =>
      unless(record.ok, () =>
        finding(record.ok ? '' : record.problem, 'an image that the credential can see', [
          { where: because, what: `${refText(ref)}, on ${affects.join(', ')}` },
        ]),
      ),
    fix: upload,
    faults: [
      {
        name: 'the ARM kernel deleted',
        subject: 'aarch64 kernel',
        plant: (sim) => sim.removeImage('ipa-aarch64.kernel'),
      },
      {
        name: 'the x86-64 initramfs uploaded again, under a new id',
        subject: 'x86_64 initramfs',
        plant(sim) {
          sim.addImage('ipa-x86_64.initramfs again', 'ipa-x86_64.initramfs');
          sim.removeImage('ipa-x86_64.initramfs');
        },
      },
    ],
  }),

  check({
    id: 'active',
    title: 'the image is active',
    why: 'the conductor cannot download it: "Image … is not active", or 403 for a deactivated one',
    level: 'must',
    ref: 'ironic/common/glance_service/service_utils.py is_image_available',
    per: deployImages,
    facts: { record },
    check: ({ record }) =>
      unless(record.status === 'active', () =>
        finding(record.status, 'active', of(record, `status ${record.status}`)),
      ),
    fix: 'openstack image set --activate <id>  # or upload its data: openstack image stage',
    faults: [
      {
        name: 'a kernel that was created and never uploaded',
        subject: 'ipa-aarch64.kernel',
        plant: (sim) => sim.image('ipa-aarch64.kernel').empty(),
      },
      {
        name: 'a deactivated initramfs',
        subject: 'ipa-x86_64.initramfs',
        plant: (sim) => void (sim.image('ipa-x86_64.initramfs').record.status = 'deactivated'),
      },
    ],
  }),

  check({
    id: 'not-empty',
    title: 'the image has bytes',
    why: 'iPXE downloads nothing and prints "Exec format error"',
    level: 'must',
    ref: 'Image API v2, size',
    per: deployImages,
    facts: { record },
    check({ record }) {
      if (record.status !== 'active') return { notVerified: `it is ${record.status}` };
      return unless(record.size !== 0, () =>
        finding('0 bytes', 'a kernel or an initramfs', of(record, 'size 0')),
      );
    },
    fix: upload,
    faults: [
      {
        name: 'a kernel of zero bytes',
        subject: 'ipa-x86_64.kernel',
        plant: (sim) => sim.image('ipa-x86_64.kernel').replace(Buffer.alloc(0)),
      },
    ],
  }),

  check({
    id: 'content',
    title: 'the image is a boot artefact, not something downloaded in its place',
    why: 'iPXE prints "Exec format error", or the kernel panics without an initramfs',
    level: 'must',
    ref: 'ironic/drivers/modules/image_cache.py: kernels and initramfs are never looked into',
    per: deployImages,
    facts: { record, content },
    check: ({ record, content }, { role }) =>
      unless(!foreign.has(content), () =>
        finding(
          contentNames[content],
          role === 'kernel' ? 'a kernel' : 'an initramfs',
          of(record, contentNames[content]),
        ),
      ),
    fix: upload,
    faults: [
      {
        name: 'an error page in place of the kernel',
        subject: 'ipa-aarch64.kernel',
        plant: (sim) =>
          sim
            .image('ipa-aarch64.kernel')
            .replace(Buffer.from('<html><head><title>404 Not Found</title></head></html>\n')),
      },
      {
        name: 'a Git LFS pointer in place of the initramfs',
        subject: 'ipa-aarch64.initramfs',
        plant: (sim) =>
          sim
            .image('ipa-aarch64.initramfs')
            .replace(
              Buffer.from(
                `version https://git-lfs.github.com/spec/v1\noid sha256:${'1'.repeat(64)}\nsize 390000000\n`,
              ),
            ),
      },
    ],
  }),

  check({
    id: 'size',
    title: 'Glance serves as many bytes as it says',
    why: 'the node loads a part of the image: "Could not boot: Exec format error", or an initramfs that cannot be unpacked',
    level: 'must',
    ref: 'Image API v2, size',
    per: deployImages,
    facts: { record, served: outcomeOf(servedSize) },
    check({ record, served }) {
      if (!served.ok && served.missing) return { notVerified: served.problem };
      return unless(served.ok && served.value === record.size, () =>
        finding(
          served.ok ? `${served.value} bytes` : served.problem,
          `${record.size} bytes`,
          of(record, `size ${record.size}`),
        ),
      );
    },
    fix: upload,
    faults: [
      {
        name: 'a store that lost the end of the image',
        subject: 'ipa-aarch64.initramfs',
        plant(sim) {
          const image = sim.image('ipa-aarch64.initramfs');
          image.tamper(image.bytes.subarray(0, image.bytes.length - 100));
        },
      },
    ],
  }),

  check({
    id: 'hash',
    title: 'the bytes have the hash that Glance recorded',
    why: 'what was uploaded is not what is served: the kernel or its agent fails in ways that nothing explains',
    level: 'must',
    ref: 'Image API v2, os_hash_algo and os_hash_value',
    per: deployImages,
    facts: { record, digests },
    check({ record, digests }) {
      const algorithm = record.os_hash_algo;
      const [recorded, computed] = algorithm
        ? [record.os_hash_value, digests[algorithm]]
        : [record.checksum, digests['md5']];
      if (!recorded) return { notVerified: 'Glance recorded no hash' };
      return unless(recorded === computed, () =>
        finding(
          `${algorithm ?? 'md5'} ${computed}`,
          `${recorded}`,
          of(record, 'computed over the bytes served'),
        ),
      );
    },
    fix: upload,
    faults: [
      {
        name: 'a flipped bit in the store',
        subject: 'ipa-x86_64.kernel',
        plant(sim) {
          const image = sim.image('ipa-x86_64.kernel');
          const copy = Buffer.from(image.bytes);
          copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
          image.tamper(copy);
        },
      },
    ],
  }),

  check({
    id: 'kernel',
    title: 'deploy_kernel is a kernel that firmware can start',
    why: 'iPXE prints "Exec format error (https://ipxe.org/2e008081)" and asks again, ten times',
    level: 'must',
    ref: 'Linux, Documentation/arch/arm64/booting.rst, Documentation/arch/x86/boot.rst; ipxe.org/err/2e0080',
    per: deployKernels,
    facts: { record, content, kernel: outcomeOf(kernel) },
    check({ record, content, kernel }) {
      if (foreign.has(content)) return seeContent;
      if (!kernel.ok) return [finding(kernel.problem, 'a kernel', of(record, contentNames[content]))];
      const { form, efiStub } = kernel.value;
      if (form !== 'ELF vmlinux') return [];
      return [
        finding(
          `${form}${efiStub ? '' : ', without an EFI stub'}`,
          'a bootable image: Image, zboot or bzImage',
          of(record, form),
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
    facts: { record, kernel },
    check: ({ record, kernel }, { architecture, because, affects }) =>
      unless(kernel.architecture.name === architecture, () =>
        finding(
          `built for ${kernel.architecture.name} (${kernel.form})`,
          `built for ${architecture}, as ${affects.join(', ')}`,
          [
            ...of(record, `${kernel.form}, ${kernel.release ?? 'release unknown'}`),
            { where: because, what: 'refers to it' },
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
          Object.assign(sim.node('arm-03').driver_info, { deploy_kernel, deploy_ramdisk });
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
    facts: { record, kernel },
    check: ({ record, kernel }) => {
      const { neededSizeInBytes: needed, damage } = kernel;
      if (damage !== undefined) return [finding(damage, 'a whole kernel', of(record, kernel.form))];
      return unless(needed === undefined || record.size === null || needed <= record.size, () =>
        finding(
          `${record.size} bytes`,
          `at least the ${needed} bytes that its headers speak of`,
          of(record, kernel.form),
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
    id: 'initramfs',
    title: 'deploy_ramdisk is an initramfs that the kernel can unpack',
    why: 'the kernel prints "Initramfs unpacking failed", then "Unable to mount root fs", and panics',
    level: 'must',
    ref: 'Linux, Documentation/driver-api/early-userspace/buffer-format.rst',
    per: deployInitramfs,
    facts: { record, content, initramfs: outcomeOf(initramfs) },
    check({ record, content, initramfs }) {
      if (foreign.has(content)) return seeContent;
      return unless(initramfs.ok, () =>
        finding(
          initramfs.ok ? '' : initramfs.problem,
          'cpio archives, compressed or not, to their end',
          of(record, contentNames[content]),
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
    facts: { record, programs },
    check({ record, programs }, { architecture }) {
      if (programs.length === 0)
        return [
          finding('no program', `programs for ${architecture}`, of(record, 'no ELF file in its bin folders')),
        ];
      const wrong = programs.filter((program) => program.architecture?.name !== architecture);
      return unless(wrong.length === 0, () =>
        finding(
          `built for ${[...new Set(wrong.map((program) => program.architecture?.name ?? 'an unknown machine'))].join(', ')}`,
          `built for ${architecture}`,
          wrong.slice(0, 3).map(({ path, architecture: its }) => ({
            where: `${imageWhere(record)} › ${path}`,
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
    facts: { record, agent },
    check: ({ record, agent }) =>
      unless(agent !== undefined, () =>
        finding(
          'no agent',
          'ironic-python-agent in a virtual environment or as a package',
          of(record, 'not found'),
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
    facts: { record, agent },
    check({ record, agent }) {
      if (agent === undefined) return { notVerified: 'no agent is in it; see deploy/agent' };
      return unless(agent.unitEnabled, () =>
        finding(
          `${agent.path} is there, and no unit starts it`,
          'an enabled unit ironic-python-agent.service',
          of(record, agent.path),
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

  check({
    id: 'disk-format',
    title: 'Glance has the image as a kernel, an initramfs or raw',
    why: 'Ironic would take a qcow2 for a disk: it converts or refuses it',
    level: 'should',
    ref: 'ironic/common/images.py; launchpad bug 2074090',
    per: deployImages,
    facts: { record },
    check: ({ record }, { role }) => {
      const own = role === 'kernel' ? 'aki' : 'ari';
      return unless([own, 'raw'].includes(record.disk_format ?? ''), () =>
        finding(
          `disk_format ${record.disk_format}`,
          `${own} or raw`,
          of(record, `container_format ${record.container_format}`),
        ),
      );
    },
    fix: ({ role }) =>
      `upload it again with --disk-format raw --container-format bare  # or ${role === 'kernel' ? 'aki' : 'ari'}`,
    faults: [
      {
        name: 'a kernel as qcow2',
        subject: 'ipa-x86_64.kernel',
        plant: (sim) => void (sim.image('ipa-x86_64.kernel').record.disk_format = 'qcow2'),
      },
    ],
  }),

  check({
    id: 'visible',
    title: 'the image is visible to the service project',
    why: 'the conductor sees it only by being an administrator; with a service role alone the deployment fails with ImageNotFound',
    level: 'should',
    ref: 'ironic/common/glance_service/service_utils.py is_image_available',
    per: deployImages,
    facts: { record },
    check: ({ record }) =>
      unless(record.visibility === undefined || ['public', 'community'].includes(record.visibility), () =>
        finding(
          `visibility ${record.visibility}`,
          'public or community',
          of(record, `owner ${record.owner ?? 'unknown'}`),
        ),
      ),
    fix: 'openstack image set --public <id>',
    faults: [
      {
        name: 'a private initramfs',
        subject: 'ipa-aarch64.initramfs',
        plant: (sim) => void (sim.image('ipa-aarch64.initramfs').record.visibility = 'private'),
      },
    ],
  }),

  check({
    id: 'hw-architecture',
    title: 'hw_architecture says what the bytes are',
    why: 'whoever chooses images by this property, a person or a playbook, takes the wrong one',
    level: 'should',
    ref: 'Glance, etc/schema-image.json architecture; Ironic itself never reads it',
    per: deployImages,
    facts: { record, content, kernel: outcomeOf(kernel), programs: outcomeOf(programs) },
    check({ record, kernel, programs }, { role }) {
      const said = record['hw_architecture'] ?? record['architecture'];
      if (typeof said !== 'string') return { notApplicable: 'the image has no such property' };
      const outcome = role === 'kernel' ? kernel : programs;
      if (!outcome.ok) return { notVerified: outcome.problem };
      const is =
        role === 'kernel'
          ? kernel.ok
            ? kernel.value.architecture.name
            : ''
          : programs.ok
            ? (programs.value[0]?.architecture?.name ?? '')
            : '';
      return unless(said === is, () =>
        finding(
          `hw_architecture=${said}`,
          is || 'none',
          of(record, `the bytes are for ${is || 'no known architecture'}`),
        ),
      );
    },
    fix: ({ architecture }) => `openstack image set --property hw_architecture=${architecture} <id>`,
    faults: [
      {
        name: 'the property of the other architecture',
        subject: 'ipa-aarch64.kernel',
        plant: (sim) => void (sim.image('ipa-aarch64.kernel').record['hw_architecture'] = 'x86_64'),
      },
    ],
  }),
]);
