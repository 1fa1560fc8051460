import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { temporaryDirectory, tool } from '../../fixtures/disks/tools.ts';
import { openFile } from '../blob/file.ts';
import { inspect } from './inspect.ts';

const folder = temporaryDirectory();
afterAll(() => folder[Symbol.dispose]());

const mebibyte = 1024 * 1024;

async function inspected(path: string): Promise<unknown> {
  await using file = await openFile(path);
  return JSON.parse(JSON.stringify(await inspect(file))) as unknown;
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** A root of an operating system, and a disk with it in partition 2 behind an ESP, both made by the tools. */
function makeDisk(name: string, table: 'gpt' | 'dos'): string {
  const disk = folder.path(`${name}.raw`);
  const root = folder.path(`${name}.root`);
  write(
    `${root}/etc/os-release`,
    'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  );
  write(`${root}/etc/fstab`, 'LABEL=root / ext4 defaults 0 1\n/dev/sda1 /boot/efi vfat umask=0077 0 1\n');
  write(`${root}/etc/machine-id`, '');
  mkdirSync(`${root}/usr/bin`, { recursive: true });
  symlinkSync('usr/bin', `${root}/bin`);
  tool('cp', '-L', '/usr/bin/env', `${root}/usr/bin/env`);
  writeFileSync(disk, '');
  truncateSync(disk, 64 * mebibyte);
  const types = table === 'gpt' ? ['U', 'L'] : ['ef', '83'];
  const script = `label: ${table}\nstart=1MiB, size=16MiB, type=${types[0]}\nstart=17MiB, size=40MiB, type=${types[1]}\n`;
  const commands = folder.path(`${name}.sfdisk`);
  writeFileSync(commands, script);
  tool('sh', '-c', `sfdisk -q "$0" < "$1"`, disk, commands);
  tool('mkfs.vfat', '-n', 'MKFS_ESP', '--offset', '2048', disk, String(16 * 1024));
  tool('mkfs.ext4', '-q', '-L', 'root', '-d', root, '-E', `offset=${17 * mebibyte}`, disk, '40M');
  return disk;
}

interface Sfdisk {
  partitiontable: {
    label: string;
    id: string;
    partitions: { start: number; size: number; type: string; uuid?: string }[];
  };
}

/** What blkid says of the file system at an offset. */
function blkid(disk: string, offset: number, size: number): Record<string, string> {
  const text = tool('blkid', '-p', '-o', 'export', '-O', String(offset), '-S', String(size), disk);
  return Object.fromEntries(text.split('\n').map((line) => line.split('=') as [string, string]));
}

test.for(['gpt', 'dos'] as const)('a %s disk as sfdisk and blkid read it', async (table) => {
  const disk = makeDisk(`disk-${table}`, table);
  const { partitiontable } = JSON.parse(tool('sfdisk', '--json', disk)) as Sfdisk;
  const inspection = await inspected(disk);
  expect(inspection).toMatchObject({
    kind: 'disk image',
    understood: true,
    container: { format: 'raw' },
    disk: {
      value: {
        scheme: table === 'gpt' ? 'gpt' : 'mbr',
        diskUuid: partitiontable.id.toLowerCase().replace(/^0x/, ''),
        partitions: partitiontable.partitions.map(({ start, size, type, uuid }) => {
          const { TYPE, LABEL, UUID } = blkid(disk, start * 512, size * 512);
          return {
            startInBytes: start * 512,
            sizeInBytes: size * 512,
            ...(table === 'gpt'
              ? { typeGuid: type, uuid: uuid?.toLowerCase() }
              : { type: Number.parseInt(type, 16) }),
            volume: { value: { type: TYPE, fileSystem: { value: { label: LABEL, uuid: UUID } } } },
          };
        }),
      },
    },
  });
  const machine = tool('uname', '-m').trim();
  expect(inspection).toMatchObject({
    disk: {
      value: {
        partitions: [
          {},
          {
            volume: {
              value: {
                fileSystem: {
                  value: {
                    guest: {
                      osRelease: { value: { id: 'debian', name: 'Debian GNU/Linux 12 (bookworm)' } },
                      programs: { value: { architectures: [machine] } },
                      packages: { absent: 'no database of dpkg or rpm' },
                      machineId: { value: { state: 'empty' } },
                    },
                  },
                },
              },
            },
          },
        ],
      },
    },
  });
});

interface QemuInfo {
  'virtual-size': number;
  'cluster-size': number;
  'full-backing-filename'?: string;
  'backing-filename'?: string;
  'format-specific': { data: { compat: string; 'compression-type': string } };
}

test.for([
  ['plain', []],
  ['old', ['-o', 'compat=0.10']],
  ['compressed', ['-c']],
  ['zstd', ['-c', '-o', 'compression_type=zstd,cluster_size=2M']],
  ['small', ['-o', 'cluster_size=512']],
] as const)('qcow2, %s, as qemu-img reads it, with the same disk in it', async ([name, options]) => {
  const raw = makeDisk(`qcow2-${name}`, 'gpt');
  const image = folder.path(`${name}.qcow2`);
  tool('qemu-img', 'convert', '-O', 'qcow2', ...options, raw, image);
  const info = JSON.parse(tool('qemu-img', 'info', '--output=json', image)) as QemuInfo;
  const { compat } = info['format-specific'].data;
  const inspection = (await inspected(image)) as { disk: unknown; bytesRead: number; sizeInBytes: number };
  expect(inspection).toMatchObject({
    understood: true,
    container: {
      format: 'qcow2',
      qcow2: {
        version: compat === '0.10' ? 2 : 3,
        virtualSizeInBytes: info['virtual-size'],
        clusterSizeInBytes: info['cluster-size'],
        compression: info['format-specific'].data['compression-type'],
      },
    },
  });
  const plain = (await inspected(raw)) as { disk: unknown };
  expect(inspection.disk).toEqual(plain.disk);
  const overlay = folder.path(`${name}.overlay`);
  tool('qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', image, overlay);
  const above = JSON.parse(tool('qemu-img', 'info', '--output=json', overlay)) as QemuInfo;
  expect(await inspected(overlay)).toMatchObject({
    understood: false,
    container: { qcow2: { backingFile: above['backing-filename'] } },
    disk: { notRead: expect.stringContaining('with a backing file') },
  });
});

test.for([
  ['none', 'cat'],
  ['gzip', 'gzip -9'],
  ['xz', 'xz --check=crc32'],
  ['zstd', 'zstd -q'],
  ['lz4-legacy', 'lz4 -l'],
  ['lzma', 'xz --format=lzma'],
] as const)('an initramfs, %s, with as many entries as cpio lists', async ([compression, command]) => {
  const root = folder.path(`initramfs-${compression}`);
  write(`${root}/etc/os-release`, 'ID=tiny\nPRETTY_NAME="Tiny 1"\n');
  write(`${root}/lib/modules/6.1.0-40-arm64/modules.dep`, '');
  for (let index = 0; index < 200; index++) write(`${root}/usr/share/x/${index}`, `${index}\n`.repeat(index));
  const file = folder.path(`${compression}.initramfs`);
  tool('sh', '-c', `cd "$0" && find . | cpio -o -H newc --quiet | ${command} > "$1"`, root, file);
  const count = tool('sh', '-c', `cd "$0" && find . | wc -l`, root);
  expect(await inspected(file)).toMatchObject({
    kind: 'initramfs',
    understood: true,
    initramfs: {
      value: {
        segments: [{ compression, entries: Number(count) }],
        system: { value: 'Tiny 1' },
        moduleReleases: { value: ['6.1.0-40-arm64'] },
        agent: { absent: 'no ironic-python-agent' },
      },
    },
  });
});
