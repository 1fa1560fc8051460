import { check, finding, suite, unless } from '../lib/check.ts';
import { outcomeOf } from '../lib/facts.ts';
import { imageSafety } from '../lib/subjects/image-safety.ts';
import { imageWhere } from '../lib/subjects/images.ts';
import {
  container,
  containerExtent,
  userImageBytes,
  userImageRecord as record,
  userImages,
} from '../lib/subjects/user-images.ts';
import { bootChecks } from './images-boot.ts';
import { guestChecks, ubuntu, rocky } from './images-guest.ts';

import { diskChecks, rebuild } from './images-disk.ts';
import { manifestChecks } from './images-manifest.ts';

/** What Ironic deploys. */
const deployed = new Set<string>(['qcow2', 'raw']);

export const images = suite('images', 'User images: partitions, boot loader and what cloud-init will do', [
  check({
    id: 'found',
    title: 'the image is in Glance',
    why: 'no instance can be created from it',
    level: 'must',
    ref: 'Image API v2',
    per: userImages,
    facts: { record: outcomeOf(record) },
    check: ({ record }, { expected }) =>
      unless(record.ok, () =>
        finding(record.ok ? '' : record.problem, 'one image of that name or id', [
          { where: 'deployment.yaml: user_images', what: expected.image },
        ]),
      ),
    fix: 'correct user_images in deployment.yaml, or upload the image',
    faults: [
      {
        name: 'the image deleted',
        subject: ubuntu,
        plant(sim) {
          sim.showAll();
          sim.removeImage(ubuntu);
        },
      },
      {
        name: 'two images of one name',
        subject: rocky,
        plant: (sim) => void (sim.addImage('second', rocky).record.name = rocky),
      },
    ],
  }),

  check({
    id: 'active',
    title: 'the image is active',
    why: 'the deployment fails while the image is downloaded',
    level: 'must',
    ref: 'ironic/common/glance_service/service_utils.py is_image_available',
    per: userImages,
    facts: { record },
    check: ({ record }) =>
      unless(record.status === 'active', () =>
        finding(record.status, 'active', [{ where: imageWhere(record), what: `status ${record.status}` }]),
      ),
    fix: 'openstack image set --activate <id>',
    faults: [{ name: 'an image without data', subject: rocky, plant: (sim) => sim.image(rocky).empty() }],
  }),

  check({
    id: 'whole-disk',
    title: 'Ironic takes it for a whole disk',
    why: 'with kernel_id or ramdisk_id it is deployed as a partition: no ESP is written, and the node does not boot',
    level: 'must',
    ref: 'ironic/common/images.py is_whole_disk_image',
    per: userImages,
    facts: { record },
    check({ record }) {
      const type = record['img_type'];
      if (type === 'whole-disk') return [];
      if (typeof type === 'string') {
        return [
          finding(`img_type=${type}`, 'img_type=whole-disk', [
            { where: imageWhere(record), what: `img_type ${type}` },
          ]),
        ];
      }
      const left = ['kernel_id', 'ramdisk_id'].filter(
        (name) => record[name] !== undefined && record[name] !== '',
      );
      return unless(left.length === 0, () =>
        finding(left.map((name) => `${name}=${String(record[name])}`).join(', '), 'neither', [
          { where: imageWhere(record), what: left.join(', ') },
        ]),
      );
    },
    fix: 'openstack image unset --property kernel_id --property ramdisk_id <id>  # or: openstack image set --property img_type=whole-disk <id>',
    faults: [
      {
        name: 'a leftover kernel_id',
        subject: ubuntu,
        plant(sim) {
          const { record } = sim.image(ubuntu);
          delete record['img_type'];
          record['kernel_id'] = '2f1b7c1e-54f5-4b8e-9d5a-6f8f35a1a001';
        },
      },
      {
        name: 'registered as a partition image',
        subject: rocky,
        plant: (sim) => void (sim.image(rocky).record['img_type'] = 'partition'),
      },
    ],
  }),

  check({
    id: 'format',
    title: 'the image is in a format that Ironic deploys, as Glance says',
    why: 'the deployment fails with InvalidImage; with inspection off, the bytes of the container are written to the disk as they are',
    level: 'must',
    ref: 'ironic/conf/conductor.py permitted_image_formats; oslo_utils/imageutils/format_inspector.py',
    per: userImages,
    facts: { record, container },
    check: ({ record, container: { format } }) => {
      const where = imageWhere(record);
      if (!deployed.has(format))
        return [finding(format, 'qcow2 or raw', [{ where, what: `it begins as ${format}` }])];
      return unless((record.disk_format ?? format) === format, () =>
        finding(`disk_format ${record.disk_format}, and the bytes are ${format}`, `disk_format ${format}`, [
          { where, what: format },
        ]),
      );
    },
    fix: `qemu-img convert -c -O qcow2 <image> <image>.qcow2; openstack image create --disk-format qcow2 --container-format bare --file …`,
    faults: [
      {
        name: 'qcow2 registered as raw',
        subject: ubuntu,
        plant: (sim) => void (sim.image(ubuntu).record.disk_format = 'raw'),
      },
      {
        name: 'a VMDK',
        subject: rocky,
        plant(sim) {
          const bytes = Buffer.alloc(65_536);
          bytes.write('KDMV', 0);
          sim.image(rocky).replace(bytes);
        },
      },
    ],
  }),

  check({
    id: 'standalone',
    title: 'the qcow2 stands alone and is sound',
    why: 'Ironic refuses it with InvalidImage, since a backing or data file could be any file of the conductor',
    level: 'must',
    ref: 'oslo_utils/imageutils/format_inspector.py QcowInspector; CVE-2024-32498, CVE-2024-44082; QEMU, docs/interop/qcow2.rst',
    per: userImages,
    facts: { record, container },
    check({ record, container: { format, qcow2, damage } }) {
      const where = imageWhere(record);
      if (format !== 'qcow2') return { notApplicable: `the image is ${format}` };
      if (qcow2 === undefined)
        return [finding(damage ?? 'a damaged header', 'a qcow2 header', [{ where, what: 'header' }])];
      const wrong = [
        qcow2.backingFile === undefined ? '' : `a backing file: ${qcow2.backingFile}`,
        qcow2.externalDataFile
          ? `an external data file${qcow2.dataFileName ? `: ${qcow2.dataFileName}` : ''}`
          : '',
        qcow2.encryption === 'none' ? '' : `encryption: ${qcow2.encryption}`,
        qcow2.corrupt ? 'the mark of a corrupt image' : '',
        qcow2.extendedL2 ? 'extended L2 entries' : '',
        qcow2.unknownIncompatibleBits.length === 0
          ? ''
          : `unknown features: bits ${qcow2.unknownIncompatibleBits.join(', ')}`,
      ].filter((what) => what !== '');
      return wrong.map((what) => finding(what, 'none of it', [{ where: `${where} qcow2 header`, what }]));
    },
    fix: 'qemu-img convert -c -O qcow2 <image> <image>.qcow2  # and upload that',
    faults: [
      {
        name: 'a backing file',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk(({ container }) => Object.assign(container, { backingFile: '/etc/passwd' })),
        also: ['images/safe'],
      },
      {
        name: 'the corrupt bit',
        subject: rocky,
        plant: (sim) =>
          sim.image(rocky).editDisk(({ container }) => Object.assign(container, { corrupt: true })),
      },
    ],
  }),

  check({
    id: 'safe',
    title: 'Ironic accepts the image',
    why: 'the deployment fails with InvalidImage; the conductor logs "Security: The requested image … fails safety sanity checking"',
    level: 'must',
    ref: 'ironic/common/images.py safety_check_image, check_if_image_format_is_permitted; oslo_utils/imageutils/format_inspector.py',
    per: userImages,
    facts: { record, container, safety: imageSafety },
    check({ record, container: { format }, safety: { judgements, undecided } }) {
      if (!deployed.has(format) || format !== (record.disk_format ?? format)) {
        return { notVerified: 'the format is not one to deploy, or not what Glance says; see images/format' };
      }
      if (undecided) {
        return {
          notVerified: 'releases before 2025.1 judge this image otherwise; set release in deployment.yaml',
        };
      }
      if (judgements.every(({ refusals }) => refusals === undefined)) {
        return { notApplicable: 'disable_deep_image_inspection is on: Ironic looks into no image' };
      }
      const where = imageWhere(record);
      const all = judgements.flatMap(({ conductor, refusals = [] }) =>
        refusals.map(({ step, reason, found }) => ({ conductor, step, told: `${reason} (${found})` })),
      );
      return [...new Set(all.map(({ told }) => told))].map((told) => {
        const alike = all.filter((one) => one.told === told);
        const evidence = alike.map(({ conductor, step }) => ({ where, what: `${step}, on ${conductor}` }));
        return finding(told, 'nothing that its image inspection refuses', evidence);
      });
    },
    fix: 'qemu-img convert -c -O qcow2 <image> <image>.qcow2  # and upload that; a raw disk gets a protective MBR by: printf "x\\nn\\nw\\ny\\n" | gdisk <image>',
    faults: [
      {
        name: 'a raw disk with a hybrid MBR, under Ironic 2025.1',
        subject: rocky,
        plant(sim) {
          sim.deployment['release'] = '2025.1';
          const image = sim.image(rocky);
          const disk = Buffer.from(image.disk);
          // A second record in the MBR, as sgdisk --hybrid makes it.
          disk.write('00fefffffdfeffff0008000000080000', 462, 'hex');
          image.replace(disk);
          image.record.disk_format = 'raw';
        },
        also: ['images/gpt'],
      },
      {
        name: 'the bit of an external data file',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk(({ container }) => Object.assign(container, { dataFile: '/etc/passwd' })),
        also: ['images/standalone'],
      },
      {
        name: 'conductors that permit only raw images',
        subject: [ubuntu, rocky],
        plant: (sim) =>
          sim.everyConductor((conductor) =>
            conductor.edit('[conductor]', '[conductor]\npermitted_image_formats = raw'),
          ),
      },
    ],
  }),

  check({
    id: 'whole',
    title: 'the image is whole',
    why: 'the disk is written to the point where the image ends: the node boots into a broken file system, or not at all',
    level: 'must',
    ref: 'QEMU, docs/interop/qcow2.rst',
    per: userImages,
    facts: { record, extent: outcomeOf(containerExtent), bytes: userImageBytes },
    check: ({ record, extent, bytes }) => {
      const where = imageWhere(record);
      if (!extent.ok)
        return [
          finding(extent.problem, 'all tables and clusters', [{ where, what: `${bytes.sizeInBytes} bytes` }]),
        ];
      return unless(extent.value <= bytes.sizeInBytes, () =>
        finding(`${bytes.sizeInBytes} bytes`, `the ${extent.value} bytes that its tables refer to`, [
          { where, what: 'cut short' },
        ]),
      );
    },
    fix: rebuild,
    faults: [
      {
        name: 'an image cut short before it was uploaded',
        subject: ubuntu,
        plant(sim) {
          const image = sim.image(ubuntu);
          image.replace(image.bytes.subarray(0, Math.floor(image.bytes.length / 2)));
        },
        also: ['images/gpt', 'images/root'],
      },
    ],
  }),

  ...diskChecks,
  ...guestChecks,
  ...manifestChecks,
  ...bootChecks,
]);
