import { check, finding, unless } from '../lib/check.ts';
import { outcomeOf } from '../lib/facts.ts';
import { nodesOfArchitecture } from '../lib/subjects/nodes.ts';
import { imageWhere } from '../lib/subjects/images.ts';
import { loader } from '../lib/subjects/guests.ts';
import {
  esp,
  espFileSystem,
  onlyBios,
  partitionTable,
  root,
  userImageRecord as record,
  userImages,
  virtualDisk,
} from '../lib/subjects/user-images.ts';
import { rocky, ubuntu } from './images-guest.ts';

export const rebuild = 'build it again: disk-image-create … vm block-device-efi …  # and upload it';

/** Problems of a GPT that a reader of it, or a tool that writes it to a larger disk, stumbles over. */
const serious = new Set([
  'primary-header',
  'primary-entries',
  'overlap',
  'out-of-disk',
  'hybrid-mbr',
  'entry',
]);

const bios = { notApplicable: 'all nodes of its architecture boot by BIOS' };

/** The checks of the disk in a user image: partitions, boot loader and root. */
export const diskChecks = [
  check({
    id: 'gpt',
    title: 'the disk has a sound GPT',
    why: 'the agent reports "No EFI partition could be detected", or the firmware finds no boot option',
    level: 'must',
    ref: 'UEFI specification, "GUID Partition Table (GPT) Disk Layout"; guide: block-device-efi',
    per: userImages,
    facts: { record, disk: virtualDisk, table: outcomeOf(partitionTable), onlyBios },
    check({ record, table, onlyBios }) {
      const where = imageWhere(record);
      if (!table.ok)
        return [finding(table.problem, 'a GPT', [{ where, what: 'no partition table can be read' }])];
      const { scheme, problems } = table.value;
      const found = problems.filter(({ code }) => serious.has(code));
      if (scheme === 'mbr' && onlyBios) return bios;
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
    id: 'sector-size',
    title: 'the partition table is for disks of 512-byte sectors',
    why: 'on such a disk firmware looks for the table at byte 512, finds none, and starts the next boot device',
    level: 'should',
    ref: 'UEFI specification, "GPT Header": it lies in the second logical block; diskimage-builder, block-device-efi-4k',
    per: userImages,
    facts: { record, table: partitionTable },
    check: ({ record, table: { scheme, sectorSizeInBytes } }) =>
      scheme === 'none'
        ? { notVerified: 'there is no partition table; see images/gpt' }
        : unless(sectorSizeInBytes === 512, () =>
            finding(
              `for sectors of ${sectorSizeInBytes} bytes`,
              '512, unless all disks of its nodes are 4Kn',
              [{ where: imageWhere(record), what: `${scheme} with sectors of ${sectorSizeInBytes} bytes` }],
            ),
          ),
    fix: 'build it with block-device-efi in place of block-device-efi-4k',
    faults: [
      {
        name: 'a table for 4096-byte sectors',
        subject: ubuntu,
        plant: (sim) => sim.image(ubuntu).editDisk((disk) => disk.forLargeSectors()),
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
    facts: { record, table: partitionTable, esp: outcomeOf(esp), fs: outcomeOf(espFileSystem), onlyBios },
    check({ record, esp, fs, onlyBios }) {
      if (onlyBios) return bios;
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
    facts: { esp: outcomeOf(espFileSystem), loader: outcomeOf(loader), onlyBios },
    check({ esp, loader, onlyBios }, { architecture }) {
      if (onlyBios) return bios;
      if (!esp.ok) return { notVerified: esp.problem };
      if (!loader.ok)
        return [
          finding(loader.problem, `the boot loader of ${architecture}`, [
            { where: esp.value.origin, what: 'EFI/BOOT' },
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
            { where: imageWhere(record), what: 'virtual size' },
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
];
