import { contentNames } from '../lib/boot/content.ts';
import { check, finding, suite, unless } from '../lib/check.ts';
import { outcomeOf } from '../lib/facts.ts';
import {
  content,
  deployImages,
  digest,
  glanceDeployImages,
  kernel,
  located,
  programs,
  record,
  refText,
} from '../lib/subjects/deploy-images.ts';

import { byteChecks, foreign, of, upload } from './deploy-bytes.ts';

export const deploy = suite('deploy', 'Deploy kernels and initramfs (ironic-python-agent) in Glance', [
  check({
    id: 'found',
    title: 'the image that nodes refer to is there',
    why: 'the deployment fails with ImageNotFound before the node is powered on; validate does not see it',
    level: 'must',
    ref: 'guide, "Building ironic-python-agent deploy image": a kernel and an initramfs per architecture',
    per: deployImages,
    facts: { there: outcomeOf(located) },
    check: ({ there }, { ref, because, affects }) =>
      unless(there.ok, () =>
        finding(there.ok ? '' : there.problem, 'an image that can be read', [
          { where: because, what: `${refText(ref)}, on ${affects.join(', ')}` },
        ]),
      ),
    fix: upload,
    faults: [
      {
        name: 'the ARM kernel deleted',
        subject: 'aarch64 kernel',
        plant(sim) {
          sim.showAll();
          sim.removeImage('ipa-aarch64.kernel');
        },
      },
      {
        name: 'the x86-64 initramfs uploaded again, under a new id',
        subject: 'x86_64 initramfs',
        plant(sim) {
          sim.showAll();
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
    per: glanceDeployImages,
    facts: { record },
    check: ({ record }, image) =>
      unless(record.status === 'active', () =>
        finding(record.status, 'active', of(image, `status ${record.status}`)),
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
    per: glanceDeployImages,
    facts: { record },
    check({ record }, image) {
      if (record.status !== 'active') return { notVerified: `it is ${record.status}` };
      return unless(record.size !== 0, () =>
        finding('0 bytes', 'a kernel or an initramfs', of(image, 'size 0')),
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
    facts: { content },
    check: ({ content }, image) =>
      unless(!foreign.has(content), () =>
        finding(
          contentNames[content],
          image.role === 'kernel' ? 'a kernel' : 'an initramfs',
          of(image, contentNames[content]),
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
    per: glanceDeployImages,
    facts: { record, digest: outcomeOf(digest) },
    check({ record, digest }, image) {
      if (!digest.ok && digest.missing) return { notVerified: digest.problem };
      return unless(digest.ok && digest.value.sizeInBytes === record.size, () =>
        finding(
          digest.ok ? `${digest.value.sizeInBytes} bytes` : digest.problem,
          `${record.size} bytes`,
          of(image, `size ${record.size}`),
        ),
      );
    },
    fix: upload,
    faults: [
      {
        name: 'a store that lost the end of the image',
        subject: 'ipa-aarch64.initramfs',
        also: ['http/node-initramfs'],
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
    per: glanceDeployImages,
    facts: { record, digest },
    check({ record, digest: { hashes } }, image) {
      const algorithm = record.os_hash_algo;
      const [recorded, computed] = algorithm
        ? [record.os_hash_value, hashes[algorithm]]
        : [record.checksum, hashes['md5']];
      if (!recorded) return { notVerified: 'Glance recorded no hash' };
      return unless(recorded === computed, () =>
        finding(`${algorithm ?? 'md5'} ${computed}`, recorded, of(image, 'computed over the bytes served')),
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

  ...byteChecks,

  check({
    id: 'disk-format',
    title: 'Glance has the image as a kernel, an initramfs or raw',
    why: 'Ironic would take a qcow2 for a disk: it converts or refuses it',
    level: 'should',
    ref: 'ironic/common/images.py; launchpad bug 2074090',
    per: glanceDeployImages,
    facts: { record },
    check: ({ record }, image) => {
      const own = image.role === 'kernel' ? 'aki' : 'ari';
      return unless([own, 'raw'].includes(record.disk_format ?? ''), () =>
        finding(
          `disk_format ${record.disk_format}`,
          `${own} or raw`,
          of(image, `container_format ${record.container_format}`),
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
    per: glanceDeployImages,
    facts: { record },
    check: ({ record }, image) =>
      unless(record.visibility === undefined || ['public', 'community'].includes(record.visibility), () =>
        finding(
          `visibility ${record.visibility}`,
          'public or community',
          of(image, `owner ${record.owner ?? 'unknown'}`),
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
    per: glanceDeployImages,
    facts: { record, content, kernel: outcomeOf(kernel), programs: outcomeOf(programs) },
    check({ record, kernel, programs }, image) {
      const { role } = image;
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
          of(image, `the bytes are for ${is || 'no known architecture'}`),
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
