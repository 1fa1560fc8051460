import { check, finding, suite, unless } from '../lib/check.ts';
import { outcomeOf } from '../lib/facts.ts';
import { nodesOfArchitecture } from '../lib/subjects/nodes.ts';
import { imageWhere } from '../lib/subjects/images.ts';
import { loader } from '../lib/subjects/guests.ts';
import {
  container,
  containerExtent,
  esp,
  espFileSystem,
  partitionTable,
  root,
  userImageBytes,
  userImageRecord as record,
  userImages,
  virtualDisk,
} from '../lib/subjects/user-images.ts';
import { guestChecks } from './images-guest.ts';

const ubuntu = 'ubuntu-24.04-aarch64';
const rocky = 'rocky-9-x86_64';

const rebuild = 'build it again: disk-image-create … vm block-device-efi …  # and upload it';

/** Problems of a GPT that a reader of it, or a tool that writes it to a larger disk, stumbles over. */
const serious = new Set([
  'primary-header',
  'primary-entries',
  'overlap',
  'out-of-disk',
  'hybrid-mbr',
  'entry',
]);

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
      { name: 'the image deleted', subject: ubuntu, plant: (sim) => sim.removeImage(ubuntu) },
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
      if (format !== 'qcow2' && format !== 'raw')
        return [finding(format, 'qcow2 or raw', [{ where, what: `it begins as ${format}` }])];
      return unless(record.disk_format === format, () =>
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

  check({
    id: 'gpt',
    title: 'the disk has a sound GPT',
    why: 'the agent reports "No EFI partition could be detected", or the firmware finds no boot option',
    level: 'must',
    ref: 'UEFI specification, "GUID Partition Table (GPT) Disk Layout"; guide: block-device-efi',
    per: userImages,
    facts: { record, disk: virtualDisk, table: outcomeOf(partitionTable) },
    check({ record, table }) {
      const where = imageWhere(record);
      if (!table.ok)
        return [finding(table.problem, 'a GPT', [{ where, what: 'no partition table can be read' }])];
      const { scheme, problems } = table.value;
      const found = problems.filter(({ code }) => serious.has(code));
      if (scheme !== 'gpt') {
        return [
          finding(scheme === 'none' ? 'no partition table' : 'an MBR', 'a GPT', [
            { where, what: 'sector 1 holds no EFI PART' },
          ]),
        ];
      }
      return found.map(({ code, message }) => finding(message, 'none of it', [{ where, what: code }]));
    },
    fix: rebuild,
    faults: [
      {
        name: 'a BIOS-only image with an MBR',
        subject: ubuntu,
        also: ['images/esp'],
        plant: (sim) => sim.image(ubuntu).editDisk((disk) => disk.mbrOnly()),
      },
      {
        name: 'a damaged primary header',
        subject: rocky,
        plant: (sim) => sim.image(rocky).editDisk((disk) => disk.corruptGptHeader('primary')),
      },
    ],
  }),

  check({
    id: 'gpt-backup',
    title: 'the backup GPT is sound and in place',
    why: 'growpart and sgdisk refuse to work on the disk until it is repaired, so the root does not grow',
    level: 'should',
    ref: 'UEFI specification, "GUID Partition Table (GPT) Disk Layout"',
    per: userImages,
    facts: { record, table: partitionTable },
    check({ record, table: { scheme, problems } }) {
      if (scheme !== 'gpt') return { notVerified: 'there is no GPT; see images/gpt' };
      return problems
        .filter(({ code }) => !serious.has(code))
        .map(({ code, message }) =>
          finding(message, 'none of it', [{ where: imageWhere(record), what: code }]),
        );
    },
    fix: 'sgdisk --move-second-header <disk>, then build the image anew from it',
    faults: [
      {
        name: 'a damaged backup header',
        subject: ubuntu,
        plant: (sim) => sim.image(ubuntu).editDisk((disk) => disk.corruptGptHeader('backup')),
      },
    ],
  }),

  check({
    id: 'esp',
    title: 'the disk has an EFI system partition with a FAT file system',
    why: 'the deployment fails: "No EFI partition could be detected on device"',
    level: 'must',
    ref: 'ironic-python-agent, efi_utils.py manage_uefi; UEFI specification, "File System Format"',
    per: userImages,
    facts: { record, table: partitionTable, esp: outcomeOf(esp), fs: outcomeOf(espFileSystem) },
    check({ record, esp, fs }) {
      const where = imageWhere(record);
      if (!esp.ok)
        return [
          finding(esp.problem, 'a partition of type C12A7328-… (sgdisk EF00)', [{ where, what: 'none' }]),
        ];
      if (!fs.ok)
        return [
          finding(fs.problem, 'FAT', [{ where: `${where} partition ${esp.value.number}`, what: 'no FAT' }]),
        ];
      return unless(fs.value.type === 'vfat', () =>
        finding(fs.value.type, 'FAT', [
          { where: `${where} partition ${esp.value.number}`, what: fs.value.type },
        ]),
      );
    },
    fix: rebuild,
    faults: [
      {
        name: 'the ESP has another type',
        subject: rocky,
        plant: (sim) =>
          sim
            .image(rocky)
            .editDisk((disk) => disk.setPartitionType(1, '0FC63DAF-8483-4772-8E79-3D69D8477DE4')),
      },
      {
        name: 'an ESP without a file system',
        subject: ubuntu,
        plant: (sim) => sim.image(ubuntu).editDisk((disk) => disk.fill(disk.partitionOffset(1), 65_536, 0)),
      },
    ],
  }),

  check({
    id: 'loader',
    title: 'the ESP holds the boot loader of the architecture, under its removable-media name',
    why: 'once the NVRAM entry is gone (a new board, a reset) the firmware finds nothing: "No bootable device"; on an ARM node BOOTX64.EFI is never looked at',
    level: 'must',
    ref: 'UEFI specification, "Removable Media Boot Behavior"; diskimage-builder, elements/bootloader',
    per: userImages,
    facts: { record, fs: espFileSystem, loader: outcomeOf(loader) },
    check: ({ fs, loader }, { architecture }) => {
      if (!loader.ok)
        return [
          finding(loader.problem, `the boot loader of ${architecture}`, [
            { where: fs.origin, what: 'EFI/BOOT' },
          ]),
        ];
      const { pe, origin } = loader.value;
      return unless(pe.architecture?.name === architecture && pe.isEfiApplication, () =>
        finding(
          `built for ${pe.architecture?.name ?? 'an unknown machine'}, PE subsystem ${pe.subsystem}`,
          `an EFI application for ${architecture}`,
          [{ where: origin, what: `PE machine 0x${pe.machine.toString(16)}` }],
        ),
      );
    },
    fix: rebuild,
    faults: [
      {
        name: 'the loader missing',
        subject: ubuntu,
        plant: (sim) => sim.image(ubuntu).editDisk((disk) => disk.fatRename('BOOTAA64EFI', 'GRUBAA64EFI')),
      },
      {
        name: 'the ARM loader under the x86-64 name',
        subject: rocky,
        plant: (sim) =>
          sim.image(rocky).editDisk((disk) => {
            // Every EFI file of the ESP is made an ARM one: the machine follows "PE\\0\\0".
            disk.replaceText(Buffer.from('504500006486', 'hex'), Buffer.from('5045000064aa', 'hex'));
          }),
      },
    ],
  }),

  check({
    id: 'root',
    title: 'the disk has a root file system',
    why: 'the initramfs of the image drops to an emergency shell: "Gave up waiting for root file system device"',
    level: 'must',
    ref: 'diskimage-builder, elements/block-device-efi/block-device-default.yaml',
    per: userImages,
    facts: { record, disk: virtualDisk, root: outcomeOf(root) },
    check: ({ record, root }) =>
      unless(root.ok, () =>
        finding(root.ok ? '' : root.problem, 'a file system with /etc and /usr', [
          { where: imageWhere(record), what: 'none' },
        ]),
      ),
    fix: rebuild,
    faults: [
      {
        name: 'the root wiped',
        subject: ubuntu,
        plant: (sim) => sim.image(ubuntu).editDisk((disk) => disk.fill(disk.partitionOffset(3), 65_536, 0)),
      },
    ],
  }),

  check({
    id: 'root-last',
    title: 'the root is the last partition',
    why: 'growpart cannot grow it: the node comes up with a root of a few gigabytes on a disk of terabytes',
    level: 'must',
    ref: 'guide, "Building an aarch64 user image"; growpart(1)',
    per: userImages,
    facts: { table: partitionTable, root },
    check({ table, root }) {
      const { partition } = root;
      const after = table.partitions.filter(({ startInBytes }) => startInBytes > partition.startInBytes);
      return unless(after.length === 0, () =>
        finding(
          `partition ${after.map(({ number, name }) => `${number} (${name || 'unnamed'})`).join(', ')} lies after it`,
          'nothing after the root',
          [{ where: partition.blob.origin, what: `starts at ${partition.startInBytes}` }],
        ),
      );
    },
    fix: rebuild,
    faults: [
      {
        name: 'the root first',
        subject: rocky,
        plant: (sim) => sim.image(rocky).editDisk((disk) => disk.layOut([3, 1, 2])),
      },
    ],
  }),

  check({
    id: 'fits',
    title: 'the disk of the image fits on the nodes',
    why: 'the deployment fails: "Root partition is too small", or the write ends with "No space left on device"',
    level: 'must',
    ref: 'ironic/drivers/modules/deploy_utils.py check_image_size; node properties local_gb',
    per: userImages,
    facts: { record, disk: virtualDisk, nodes: nodesOfArchitecture },
    check({ record, disk, nodes }) {
      const sized = nodes.flatMap(({ label, record: { properties } }) => {
        const gigabytes = Number(properties['local_gb']);
        return Number.isFinite(gigabytes) && gigabytes > 0 ? [{ label, gigabytes }] : [];
      });
      if (sized.length === 0)
        return { notApplicable: 'no node of its architecture says how large its disk is' };
      return sized
        .filter(({ gigabytes }) => disk.sizeInBytes > gigabytes * 2 ** 30)
        .map(({ label, gigabytes }) =>
          finding(`${disk.sizeInBytes} bytes`, `at most the ${gigabytes} GiB of ${label}`, [
            { where: `${imageWhere(record)}`, what: 'virtual size' },
          ]),
        );
    },
    fix: 'build a smaller image (DIB_IMAGE_SIZE), or choose nodes with a larger disk',
    faults: [
      {
        name: 'a node with a disk of nothing',
        subject: ubuntu,
        plant: (sim) => void (sim.node('arm-03').properties['local_gb'] = 0.001),
      },
    ],
  }),

  ...guestChecks,
]);
