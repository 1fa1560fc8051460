import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bootFixture } from '../../fixtures/boot/fixture.ts';
import { imageBytes } from '../../fixtures/disks/images.ts';
import { artefact } from '../../fixtures/simulated/simulation.ts';
import type { Blob } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { type Inspection, inspect } from './inspect.ts';

/** What independent tools read in the artefacts: see fixtures/simulated/recipe/expected.py. */
const expected = JSON.parse(
  readFileSync(new URL('../../fixtures/simulated/artefacts/expected.json', import.meta.url), 'utf8'),
) as {
  machines: Record<string, string>;
  initramfs: Record<string, string[][]>;
  disks: Record<string, ExpectedDisk>;
};
interface ExpectedDisk {
  virtualSizeInBytes: number;
  clusterSizeInBytes: number;
  formatVersion: number;
  partitions: { number: number; firstSector: number; lastSector: number; typeGuid: string; name: string }[];
  packages?: string[];
}

const inspectBytes = (bytes: Buffer, name = 'x') => inspect(memoryBlob(bytes, name));

type Of<Kind extends Inspection['kind']> = Extract<Inspection, { kind: Kind }>;

/** The inspection as the kind that it has to be. */
function as<Kind extends Inspection['kind']>(inspection: Inspection, kind: Kind): Of<Kind> {
  expect(inspection.kind).toBe(kind);
  return inspection as Of<Kind>;
}

/** The root file system's guest, as JSON says it. */
function guestOf(inspection: Inspection): unknown {
  const { disk } = as(inspection, 'disk image');
  const root = 'value' in disk ? disk.value.partitions.find(({ name }) => name === 'root') : undefined;
  const { volume = { absent: '' } } = root ?? {};
  const files = 'value' in volume ? volume.value.fileSystem : volume;
  return 'value' in files ? files.value.guest : undefined;
}

test.for(Object.entries(expected.disks))('%s: container and partitions', async ([name, disk]) => {
  const bytes = await artefact(`${name}.qcow2`);
  const inspection = await inspectBytes(bytes, name);
  expect(inspection).toMatchObject({
    kind: 'disk image',
    origin: name,
    content: 'qcow2',
    sizeInBytes: bytes.length,
    understood: true,
    container: {
      format: 'qcow2',
      qcow2: {
        version: disk.formatVersion,
        virtualSizeInBytes: disk.virtualSizeInBytes,
        clusterSizeInBytes: disk.clusterSizeInBytes,
        snapshots: 0,
      },
    },
    disk: {
      value: {
        scheme: 'gpt',
        sizeInBytes: disk.virtualSizeInBytes,
        problems: [],
        partitions: disk.partitions.map(({ number, name, typeGuid, firstSector, lastSector }) => ({
          number,
          name,
          typeGuid,
          startInBytes: firstSector * 512,
          sizeInBytes: (lastSector - firstSector + 1) * 512,
        })),
      },
    },
  });
});

// As the recipes wrote it: fixtures/simulated/recipe/ubuntu.sh, rocky.sh.
test('ubuntu: the ESP and the guest', async () => {
  const inspection = await inspectBytes(await artefact('ubuntu-24.04-aarch64.qcow2'));
  const { disk } = as(inspection, 'disk image');
  expect(disk).toMatchObject({
    value: {
      partitions: [
        {
          typeName: 'EFI system partition',
          volume: {
            value: {
              type: 'vfat',
              fileSystem: {
                value: {
                  label: 'MKFS_ESP',
                  uuid: 'A55A-0001',
                  esp: {
                    value: {
                      loaders: [
                        {
                          path: '/EFI/BOOT/BOOTAA64.EFI',
                          architecture: 'aarch64',
                          signed: false,
                          removable: true,
                        },
                      ],
                      csvFiles: [],
                      agentMakesEntriesOf: ['/EFI/BOOT/BOOTAA64.EFI'],
                    },
                  },
                },
              },
            },
          },
        },
        { volume: { absent: 'empty: no boot code for BIOS' } },
        {
          volume: {
            value: {
              type: 'ext4',
              fileSystem: {
                value: { label: 'cloudimg-rootfs', uuid: '6d8b5a1e-0001-4c1d-9a5e-aa6400000001' },
              },
            },
          },
        },
      ],
    },
  });
  expect(guestOf(inspection)).toMatchObject({
    osRelease: { value: { id: 'ubuntu', versionId: '24.04', name: 'Ubuntu 24.04.3 LTS' } },
    programs: { value: { architectures: ['aarch64'] } },
    packages: { value: { manager: 'dpkg', count: 8, architectures: { arm64: 6, all: 2 } } },
    boot: {
      kernels: {
        value: [
          {
            path: '/boot/vmlinuz-6.8.0-60-generic',
            release: '6.8.0-60-generic',
            releaseFrom: 'name',
            form: 'gzip-compressed arm64 Image',
            architecture: 'aarch64',
            initrds: [
              {
                path: '/boot/initrd.img-6.8.0-60-generic',
                content: {
                  value: {
                    programs: { value: { architectures: ['aarch64'] } },
                    moduleReleases: { value: ['6.8.0-60-generic'] },
                  },
                },
              },
            ],
            modules: '/usr/lib/modules/6.8.0-60-generic',
          },
        ],
      },
      menu: {
        value: {
          entries: [
            {
              isDefault: true,
              kernel: { exists: true },
              root: 'LABEL=cloudimg-rootfs',
              rootLeadsTo: { value: 'partition 3' },
            },
          ],
        },
      },
    },
    cloudInit: {
      value: {
        version: { value: { version: '24.4-0ubuntu1~24.04.2' } },
        enabled: { value: { enabled: true } },
        datasourceList: ['Ec2', 'None'],
        setBy: '/etc/cloud/cloud.cfg.d/91-dib-cloud-init-datasources.cfg:1',
        onBareMetal: {
          value: { withoutConfigDrive: { outcome: 'uses', datasource: 'Ec2' } },
        },
        growpart: { value: { growsRoot: true } },
      },
    },
    ssh: { value: { program: '/usr/sbin/sshd', startedBy: 'ssh.service' } },
    fstab: {
      value: {
        entries: [
          { reference: 'LABEL', device: 'cloudimg-rootfs', mountPoint: '/', type: 'ext4' },
          { reference: 'LABEL', device: 'MKFS_ESP', mountPoint: '/boot/efi', type: 'vfat' },
        ],
      },
    },
    machineId: { value: { state: 'empty' } },
    dib: {
      value: { path: '/etc/dib-manifests', architecture: 'arm64', release: 'noble', datasources: 'Ec2' },
    },
  });
});

test('rocky: packages of rpm, and the release in the kernel itself', async () => {
  const inspection = await inspectBytes(await artefact('rocky-9-x86_64.qcow2'));
  const packages = expected.disks['rocky-9-x86_64']?.packages ?? [];
  expect(guestOf(inspection)).toMatchObject({
    osRelease: { value: { id: 'rocky', versionId: '9.6' } },
    packages: {
      value: {
        manager: 'rpm',
        count: packages.length,
        architectures: { noarch: packages.filter((name) => name.endsWith('.noarch')).length },
      },
    },
    boot: {
      kernels: {
        value: [
          {
            release: '5.14.0-570.25.1.el9_6.x86_64',
            releaseFrom: 'header',
            form: 'x86 bzImage',
            architecture: 'x86_64',
          },
        ],
      },
    },
    ssh: { value: { startedBy: 'sshd.service' } },
  });
});

// The kernels and what is in the initramfs: the recipes of fixtures/simulated and fixtures/boot.
test.for([
  [
    'ipa-aarch64.kernel',
    { form: 'arm64 Image', architecture: 'aarch64', release: { value: '6.1.0-40-arm64' } },
  ],
  [
    'ipa-x86_64.kernel',
    { form: 'x86 bzImage', architecture: 'x86_64', release: { value: '6.1.0-40-amd64' } },
  ],
] as const)('%s', async ([name, kernel]) => {
  const inspection = await inspectBytes(await artefact(name), name);
  expect(inspection).toMatchObject({ kind: 'kernel', understood: true, kernel: { value: kernel } });
});

test.for([
  ['Image', { form: 'arm64 Image', efiStub: true, signed: false, pageSizeInBytes: 65536 }],
  ['Image.gz', { form: 'gzip-compressed arm64 Image', efiStub: false, compression: 'gzip' }],
  ['vmlinuz.zboot', { form: 'EFI zboot', efiStub: true, compression: 'gzip' }],
] as const)('%s', async ([name, kernel]) => {
  const inspection = await inspectBytes(bootFixture(name), name);
  const release = { value: '6.8.0-45-generic-64k' };
  expect(inspection).toMatchObject({ kind: 'kernel', kernel: { value: { ...kernel, release } } });
});

test.for(['aarch64', 'x86_64'])('the initramfs for %s', async (architecture) => {
  const name = `ipa-${architecture}.initramfs`;
  const segments = expected.initramfs[name] ?? [];
  expect(await inspectBytes(await artefact(name), name)).toMatchObject({
    kind: 'initramfs',
    understood: true,
    initramfs: {
      value: {
        segments: segments.map(({ length }) => ({ entries: length })),
        entries: segments.flat().length,
        system: { value: 'Debian GNU/Linux 12 (bookworm)' },
        programs: { value: { architectures: [architecture] } },
        moduleReleases: { value: [`6.1.0-40-${architecture === 'aarch64' ? 'arm64' : 'amd64'}`] },
        agent: { value: { version: '9.4.2', unitEnabled: true } },
      },
    },
  });
});

test('segments with what compresses them', async () => {
  const microcode = await inspectBytes(bootFixture('microcode-and-zstd.initramfs'));
  expect(microcode).toMatchObject({
    initramfs: { value: { segments: [{ compression: 'none', offset: 0 }, { compression: 'zstd' }] } },
  });
  const xz = await inspectBytes(bootFixture('ipa.crc.cpio.xz'));
  expect(xz).toMatchObject({
    initramfs: { value: { segments: [{ compression: 'xz', xzCheck: 'crc32' }] } },
  });
});

test.for(Object.entries(expected.machines))('%s is for %s', async ([name, machine]) => {
  const architecture = machine.includes('aarch64') ? 'aarch64' : 'x86_64';
  const inspection = await inspectBytes(await artefact(name), name);
  const efi = { architecture, subsystem: 'EFI application', signed: false };
  expect(inspection).toMatchObject({ kind: 'EFI program', understood: true, efi: { value: efi } });
  const ipxe = name.startsWith('ipxe')
    ? { value: { version: '1.21.1+ (g6ba671ac)', buildName: 'ipxe.efi' } }
    : { absent: 'not iPXE' };
  expect(inspection).toMatchObject({ efi: { value: { ipxe } } });
});

test('iPXE for BIOS, of which no more is known', async () => {
  const inspection = await inspectBytes(await artefact('undionly.kpxe'));
  expect(inspection).toMatchObject({ kind: 'BIOS boot file', bios: 'iPXE', understood: true });
});

test('a file system without a partition table, and an MBR', async () => {
  expect(await inspectBytes(imageBytes('fat12'))).toMatchObject({
    disk: { value: { scheme: 'none', volume: { value: { type: 'vfat' } } } },
  });
  const mbr = as(await inspectBytes(imageBytes('mbr')), 'disk image');
  expect(mbr.disk).toMatchObject({
    value: {
      scheme: 'mbr',
      diskUuid: 'a1b2c3d4',
      partitions: [
        { number: 1, type: 0xef, active: true },
        { number: 2, typeName: 'Extended', volume: { absent: 'the logical partitions' } },
        { number: 3 },
        { number: 5, typeName: 'Linux swap' },
        { number: 6, typeName: 'Linux LVM' },
      ],
    },
  });
});

const mbr = Buffer.alloc(4096, 1);
mbr.writeUInt16BE(0x55aa, 510);
test.for<[string, Buffer, string, RegExp]>([
  ['nothing', Buffer.alloc(0), 'empty', /an empty file, nothing that a node boots/],
  ['an HTML page', Buffer.from('<!DOCTYPE html>\n<html><body>404</body></html>'), 'html', /an HTML page/],
  ['JSON', Buffer.from('{"code": 404}'), 'json', /a JSON document/],
  ['random bytes', Buffer.from('8a93fe01b7c5d2e6', 'hex'), 'unknown', /begins with 8a 93 fe 01 b7 c5 d2 e6$/],
  ['zeros', Buffer.alloc(5000), 'zeros', /nothing but zero bytes/],
  ['a program', bootFixture('program-x86-64.elf'), 'elf', /an ELF file for x86_64, and no Linux kernel/],
  ['compressed text', bootFixture('numbers.gz'), 'gzip', /a text file within gzip-compressed data/],
  [
    'a packed qcow2',
    gzipSync(imageBytes('mbr')),
    'gzip',
    /a qcow2 disk image within gzip-compressed data: to be/,
  ],
  ['a packed disk', gzipSync(mbr), 'gzip', /a raw disk image within gzip-compressed data: to be unpacked/],
  ['bzip2', bootFixture('numbers.bz2'), 'bzip2', /not unpacked by this program/],
])('%s is named, and not understood', async ([, bytes, content, problem]) => {
  const inspection = await inspectBytes(bytes);
  expect(inspection).toMatchObject({ kind: 'other', content, understood: false });
  expect(as(inspection, 'other').problems.join('\n')).toMatch(problem);
});

test('a truncated qcow2 shows what can still be read, and says what is missing', async () => {
  const bytes = await artefact('ubuntu-24.04-aarch64.qcow2');
  const inspection = as(await inspectBytes(bytes.subarray(0, 60_000)), 'disk image');
  expect(inspection.understood).toBe(false);
  expect(inspection.container.qcow2).toMatchObject({ version: 3, virtualSizeInBytes: 15_728_640 });
  expect(inspection.container.damage).toMatch(
    /truncated: 60000 bytes, but its tables speak of \d+|ends at 60000/,
  );
  const header = as(await inspectBytes(bytes.subarray(0, 80)), 'disk image');
  expect(header).toMatchObject({
    understood: false,
    disk: { notRead: expect.stringContaining('qcow2 header') },
  });
});

test.for([
  ['a backing file', 8, Buffer.from([0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 4]), /with a backing file: /],
  ['a data file', 72, Buffer.from([0, 0, 0, 0, 0, 0, 0, 4]), /whose data is in another file/],
] as const)('a qcow2 with %s is refused, by name', async ([, offset, change, message]) => {
  const bytes = Buffer.from(await artefact('ubuntu-24.04-aarch64.qcow2'));
  change.copy(bytes, offset);
  const inspection = as(await inspectBytes(bytes), 'disk image');
  expect(inspection.understood).toBe(false);
  expect(inspection.disk).toMatchObject({ notRead: expect.stringMatching(message) });
});

test('a truncated kernel and a damaged initramfs', async () => {
  const kernel = await artefact('ipa-aarch64.kernel');
  expect(await inspectBytes(kernel.subarray(0, 9000))).toMatchObject({
    kind: 'kernel',
    understood: false,
    kernel: { value: { damage: 'truncated: 9000 bytes, but its headers speak of 12288' } },
  });
  const initramfs = Buffer.from(await artefact('ipa-aarch64.initramfs'));
  expect(await inspectBytes(initramfs.subarray(0, 1500))).toMatchObject({
    kind: 'initramfs',
    understood: false,
    initramfs: { notRead: expect.stringMatching(/truncated|ends|end of/i) },
  });
});

test('what cannot be read at all is an error, and what fails underway is told at its place', async () => {
  const bytes = await artefact('ubuntu-24.04-aarch64.qcow2');
  const { AccessError } = await import('../errors.ts');
  const lost = (from: number): Blob => ({
    ...memoryBlob(bytes, 'x'),
    read: async (offset, length) => {
      if (offset + length > from) throw new AccessError('x: the connection was lost');
      return bytes.subarray(offset, offset + length);
    },
  });
  await expect(inspect(lost(0))).rejects.toThrow('the connection was lost');
  const padded = { ...lost(65536), sizeInBytes: bytes.length };
  const inspection = await inspect(padded);
  expect(inspection.understood).toBe(false);
  expect(JSON.stringify(inspection)).toContain('the connection was lost');
});

test('changed bytes give an inspection in JSON, never a crash', async () => {
  const originals = await Promise.all(
    [
      'ubuntu-24.04-aarch64.qcow2',
      'ipa-x86_64.initramfs',
      'ipa-x86_64.kernel',
      'ipxe.efi',
      'undionly.kpxe',
    ].map((name) => artefact(name)),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...originals),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
      fc.option(fc.nat(), { nil: undefined }),
      async (original, changes, cut) => {
        const bytes = Buffer.from(original);
        for (const [at, value] of changes) bytes.writeUInt8(value, at % bytes.length);
        const end = cut === undefined ? bytes.length : cut % bytes.length;
        const inspection = await inspectBytes(bytes.subarray(0, end));
        expect(JSON.parse(JSON.stringify(inspection))).toHaveProperty('kind');
      },
    ),
    { numRuns: 150 },
  );
});
