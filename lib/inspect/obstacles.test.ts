import { beforeAll, expect, test } from 'vitest';
import { guestImage } from '../../fixtures/disks/guests/images.ts';
import { imageBytes } from '../../fixtures/disks/images.ts';
import { memoryBlob } from '../blob/memory.ts';
import { openVirtualDisk, readContainer } from '../image/container.ts';
import { inspect } from './inspect.ts';

// Disks that would boot (fixtures/disks/guests/make.sh), with some bytes changed for others.

const disks = new Map<string, Buffer>();
beforeAll(async () => {
  for (const name of ['fedora', 'lvm'] as const) {
    const blob = memoryBlob(guestImage(name), name);
    const disk = openVirtualDisk(await readContainer(blob), blob);
    disks.set(name, Buffer.from(await disk.read(0, disk.sizeInBytes)));
  }
});

/** A disk in which every occurrence of a text is another, as long. */
function changed(name: string, from: string, to: string): Buffer {
  const bytes = Buffer.from(disks.get(name) ?? '');
  const [old, fresh] = [Buffer.from(from, 'latin1'), Buffer.from(to, 'latin1')];
  expect(fresh).toHaveLength(old.length);
  let count = 0;
  for (let at = bytes.indexOf(old); at >= 0; at = bytes.indexOf(old, at + old.length), count++)
    fresh.copy(bytes, at);
  expect(count).toBeGreaterThan(0);
  return bytes;
}

async function obstaclesIn(bytes: Buffer): Promise<readonly string[]> {
  const inspection = await inspect(memoryBlob(bytes, 'disk'));
  return inspection.kind === 'disk image' ? inspection.obstacles : [inspection.kind];
}

test.for(['fedora', 'lvm'])('nothing keeps %s from booting', async (name) => {
  expect(await obstaclesIn(disks.get(name) ?? Buffer.alloc(0))).toEqual([]);
});

test('files that the boot entry loads', async () => {
  const bytes = changed('fedora', 'linux /vmlinuz-6.1.0-40', 'linux /vmlinuz-6.1.0-41');
  expect(await obstaclesIn(bytes)).toEqual([
    '/boot/loader/entries/0123456789abcdef-6.1.0-40-amd64.conf:3 loads /vmlinuz-6.1.0-41-amd64, which is not there',
  ]);
});

test('the root that the boot entry and fstab name', async () => {
  const entry = changed('lvm', 'root=LABEL=img-rootfs', 'root=LABEL=img-rootxx');
  expect(await obstaclesIn(entry)).toEqual([
    '/boot/grub2/grub.cfg:3 boots from LABEL=img-rootxx: nothing on this disk has it',
  ]);
  const fstab = changed('lvm', 'LABEL=img-rootfs / xfs', 'LABEL=img-rootxx / xfs');
  expect(await obstaclesIn(fstab)).toEqual([
    '/etc/fstab mounts LABEL=img-rootxx at /: nothing on this disk has it',
  ]);
});

test('the loader that firmware starts by itself', async () => {
  // The name as FAT stores it.
  expect(await obstaclesIn(changed('fedora', 'BOOTX64 EFI', 'BOOTX65 EFI'))).toEqual([
    'UEFI finds no loader for x86_64 by itself: /EFI/BOOT/BOOTX64.EFI is on no partition',
  ]);
});

test('an image for BIOS needs no loader for UEFI', async () => {
  const bytes = changed('fedora', 'BOOTX64 EFI', 'BOOTX65 EFI');
  bytes.writeUInt8(0xeb, 0);
  expect(await obstaclesIn(bytes)).toEqual([]);
});

test('programs of one architecture, and a kernel of another', async () => {
  const elf = '\u007fELF\u0002\u0001\u0001\0\0\0\0\0\0\0\0\0\u0002\0';
  expect(await obstaclesIn(changed('lvm', `${elf}\u003e\0`, `${elf}\u00b7\0`))).toEqual([
    '/boot/vmlinuz-6.1.0-40-amd64 is for x86_64, the programs are for aarch64',
    '/boot/initramfs-6.1.0-40-amd64.img is for x86_64, the programs are for aarch64',
    'UEFI finds no loader for aarch64 by itself: /EFI/BOOT/BOOTAA64.EFI is on no partition',
  ]);
});

test('no operating system, but only where all was looked into', async () => {
  expect(await obstaclesIn(imageBytes('mbr'))).toEqual([
    'there is no operating system: no file system with /etc and /usr',
  ]);
  const damaged = changed('lvm', 'XFSB', 'XFSX');
  expect(await obstaclesIn(damaged)).toEqual([
    'there is no operating system: no file system with /etc and /usr',
  ]);
  const unread = changed('lvm', 'physical_volumes {', 'physical_volumes (');
  expect(await obstaclesIn(unread)).toEqual([]);
});
