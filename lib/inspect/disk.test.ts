import { expect, test } from 'vitest';
import { guestImage, guestsExpected } from '../../fixtures/disks/guests/images.ts';
import { memoryBlob } from '../blob/memory.ts';
import { inspect } from './inspect.ts';
import { renderInspection } from './render.ts';

// As the recipe wrote it: fixtures/disks/guests/make.sh.
const { fileSystems, subvolumes, group, logicalVolumes } = guestsExpected;
const inspected = async (name: 'fedora' | 'lvm') => inspect(memoryBlob(guestImage(name), name));
const rendered = async (name: 'fedora' | 'lvm', width = 80) =>
  renderInspection(await inspected(name), { width, colour: false });
const holding = ({ type, label, uuid }: (typeof fileSystems)['boot'], more: object = {}) => ({
  volume: { value: { type, fileSystem: { value: { label, uuid, ...more } } } },
});
const bootsAlike = (root: string, place: string) => ({
  kernels: {
    value: [
      {
        path: '/boot/vmlinuz-6.1.0-40-amd64',
        architecture: 'x86_64',
        release: '6.1.0-40-amd64',
        initrds: [
          {
            content: {
              value: {
                programs: { value: { architectures: ['x86_64'] } },
                moduleReleases: { value: ['6.1.0-40-amd64'] },
                modules: { value: { modules: 2 } },
              },
            },
          },
        ],
        modulesListed: { value: { modules: 1, network: 1, storage: 0 } },
      },
    ],
  },
  menu: {
    value: {
      entries: [
        {
          isDefault: true,
          kernel: { path: '/boot/vmlinuz-6.1.0-40-amd64', exists: true },
          initrds: [{ path: '/boot/initramfs-6.1.0-40-amd64.img', exists: true }],
          root,
          rootLeadsTo: { value: place },
        },
      ],
    },
  },
});
const leadsTo = (mountPoint: string, place: string) => ({ mountPoint, leadsTo: { value: place } });

test('subvolumes of btrfs, and a root whose /boot is a partition', async () => {
  const inspection = await inspected('fedora');
  expect(inspection).toMatchObject({
    understood: true,
    architectures: ['x86_64'],
    obstacles: [],
    disk: {
      value: {
        partitions: [
          holding(fileSystems['esp-fedora'], {
            esp: {
              value: {
                loaders: [
                  { path: '/EFI/BOOT/BOOTX64.EFI', removable: true },
                  { path: '/EFI/fedora/grubx64.efi', removable: false },
                  { path: '/EFI/fedora/shimx64.efi', removable: false },
                ],
                csvFiles: [
                  {
                    path: '/EFI/fedora/BOOTX64.CSV',
                    entries: [{ label: 'fedora', loader: 'shimx64.efi', exists: true }],
                  },
                ],
                agentMakesEntriesOf: ['/EFI/fedora/BOOTX64.CSV'],
              },
            },
          }),
          holding(fileSystems.boot, { bootOf: 'partition 3' }),
          holding(fileSystems.btrfs, {
            subvolumes: {
              value: {
                paths: Object.keys(subvolumes),
                default: '/',
                root: { value: { path: 'root' } },
              },
            },
            guest: {
              osRelease: { value: { id: 'fedora', versionId: '42' } },
              boot: bootsAlike(`UUID=${fileSystems.btrfs.uuid}`, 'partition 3'),
              fstab: {
                value: {
                  entries: [
                    leadsTo('/', 'partition 3'),
                    leadsTo('/boot', 'partition 2'),
                    leadsTo('/home', 'partition 3'),
                    leadsTo('/boot/efi', 'partition 1'),
                    { mountPoint: '/scratch', leadsTo: { absent: 'nothing on this disk has it' } },
                  ],
                },
              },
            },
          }),
        ],
      },
    },
  });
  expect(await rendered('fedora')).toContain(
    'subvolumes  root, home, var, root/var/lib/machines; mounted without an',
  );
});

test('logical volumes as diskimage-builder makes them', async () => {
  expect(await inspected('lvm')).toMatchObject({
    understood: true,
    obstacles: [],
    disk: {
      value: {
        partitions: [
          holding(fileSystems['esp-rocky']),
          { volume: { absent: 'empty: no boot code for BIOS' } },
          {
            volume: {
              value: { type: 'LVM2_member', fileSystem: { absent: 'belongs to a volume group' } },
            },
          },
        ],
        volumeGroups: {
          value: [
            {
              ...group,
              logicalVolumes: [
                {
                  name: 'lv_root',
                  sizeInBytes: logicalVolumes['lv_root'],
                  ...holding(fileSystems.lv_root, {
                    guest: {
                      osRelease: { value: { id: 'rocky', versionId: '9.6' } },
                      boot: bootsAlike('LABEL=img-rootfs', 'vg/lv_root'),
                      fstab: {
                        value: {
                          entries: [
                            leadsTo('/', 'vg/lv_root'),
                            leadsTo('/var', 'vg/lv_var'),
                            leadsTo('/home', 'vg/lv_home'),
                            leadsTo('/boot/efi', 'partition 1'),
                          ],
                        },
                      },
                    },
                  }),
                },
                {
                  name: 'lv_var',
                  sizeInBytes: logicalVolumes['lv_var'],
                  ...holding(fileSystems.lv_var),
                },
                {
                  name: 'lv_home',
                  sizeInBytes: logicalVolumes['lv_home'],
                  ...holding(fileSystems.lv_home),
                },
              ],
            },
          ],
        },
      },
    },
  });
  expect(await rendered('lvm')).toContain('├─ vg/lv_root  16 MiB\n   │  └─ xfs  label img-rootfs, UUID');
});

test.for([80, 60])('%i columns hold all but paths and UUIDs', async (width) => {
  for (const name of ['fedora', 'lvm'] as const) {
    const lines = (await rendered(name, width)).split('\n');
    expect(lines.filter((line) => line.length > width && !/[^ ]{24,}$/.test(line))).toEqual([]);
  }
});
