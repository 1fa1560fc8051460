import { expect, test } from 'vitest';
import { imageBytes } from '../../fixtures/disks/images.ts';
import { artefact } from '../../fixtures/simulated/simulation.ts';
import { memoryBlob } from '../blob/memory.ts';
import { inspect } from './inspect.ts';
import { renderInspections } from './json.ts';
import { renderInspection } from './render.ts';

const at80 = { width: 80, colour: false };
const rendered = async (bytes: Buffer, name = 'x') =>
  renderInspection(await inspect(memoryBlob(bytes, name)), at80);

test('an MBR disk, word for word', async () => {
  const text = await rendered(imageBytes('mbr'), 'mbr.qcow2');
  expect(text.split('\n').slice(2, 13).join('\n')).toBe(
    `├─ cannot boot  there is no operating system: no file system with /etc and /usr
├─ qcow2        version 3, a disk of 8 MiB, clusters of 64 KiB, compression
│               zlib, no snapshots, no backing file
├─ MBR          5 partitions, sectors of 512 bytes, disk a1b2c3d4
├─ partition 1  EFI system partition, active, 1 MiB at 1 MiB
│  ├─ PARTUUID  a1b2c3d4-01
│  └─ content   no known file system
├─ partition 2  Extended, 5 MiB at 2 MiB
│  ├─ PARTUUID  a1b2c3d4-02
│  └─ content   the logical partitions
├─ partition 3  Linux filesystem, 1 MiB at 7 MiB`,
  );
});

test('the origin is named once, not in every line', async () => {
  const bytes = (await artefact('ubuntu-24.04-aarch64.qcow2')).subarray(0, 70_000);
  const text = await rendered(bytes, '/srv/images/ubuntu.qcow2');
  expect(text.match(/\/srv\/images/g)).toHaveLength(1);
  expect(text).toMatch(/! /);
});

test('a loader that is none, and cloud-init that was only configured', async () => {
  const text = await rendered(imageBytes('whole-disk'));
  expect(text).toContain('/EFI/BOOT/BOOTAA64.EFI  ! not a PE (EFI) binary but a text');
  expect(text).toContain('cloud-init  of unknown release, not enabled: ');
});

test('what is wrong with a partition table', async () => {
  const bytes = imageBytes('whole-disk');
  const { openVirtualDisk, readContainer } = await import('../image/container.ts');
  const blob = memoryBlob(bytes, 'x');
  const disk = await openVirtualDisk(await readContainer(blob), blob).read(0, 12 * 1024 * 1024);
  const raw = Buffer.from(disk);
  raw.writeUInt8(raw.readUInt8(512 + 72) ^ 1, 512 + 72); // the entries' place, in the primary header
  const text = await rendered(raw, 'raw');
  expect(text).toContain('a raw disk image');
  expect(text).toMatch(/├─ problem +! the GPT header: /);
  // The backup at the end of the disk is used.
  expect(text).toContain('partition 3  “root”, Linux filesystem');
});

test('a name that would command the terminal does not', async () => {
  const name = 'evil\u001b[2J\u202egnp.exe\n\u009b31m';
  const bytes = await artefact('ipxe.efi');
  // oxlint-disable-next-line no-control-regex
  const commands = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;
  expect(await rendered(bytes, name)).not.toMatch(commands);
  const json = renderInspections([await inspect(memoryBlob(bytes, name))]);
  expect(json).not.toMatch(commands);
  expect(JSON.parse(json)).toMatchObject({ inspections: [{ origin: name }] });
});

test.for([
  ['bootx64.efi', ['an EFI program', 'iPXE       not iPXE', 'signature  not signed']],
  ['undionly.kpxe', ['a boot file for x86 BIOS', 'program  iPXE; its version and features are compressed']],
  [
    'ipa-x86_64.initramfs',
    ['contents  65 entries,', 'at 0     not compressed, 4 entries', 'at 1024  zstd, 61 entries'],
  ],
  [
    'rocky-9-x86_64.qcow2',
    ['packages    8 by rpm (7 x86_64, 1 noarch)', '/EFI/rocky/shimx64.efi  x86_64, not signed'],
  ],
] as const)('%s', async ([name, lines]) => {
  const text = await rendered(await artefact(name), name);
  for (const line of lines) expect(text).toContain(line);
});
