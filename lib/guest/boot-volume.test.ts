import { expect, test } from 'vitest';
import { guestImage } from '../../fixtures/disks/guests/images.ts';
import { readText } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { readPartitionTable } from '../disk/partitions.ts';
import { openFileSystem } from '../fs/detect.ts';
import { openVirtualDisk, readContainer } from '../image/container.ts';
import { readBootEntries } from './boot-entries/boot-entries.ts';
import { isBootVolume, mountedAtBoot, withBoot } from './boot-volume.ts';
import { readKernels } from './kernels.ts';
import { findRootSubvolume, isBtrfs } from './root-subvolume.ts';

// As the recipe wrote it: fixtures/disks/guests/make.sh.
const blob = memoryBlob(guestImage('fedora'), 'fedora');
const { partitions } = await readPartitionTable(openVirtualDisk(await readContainer(blob), blob));
const fileSystem = async (number: number) => openFileSystem(partitions[number - 1]?.blob ?? blob);
const boot = await fileSystem(2);
const kernel = {
  path: '/boot/vmlinuz-6.1.0-40-amd64',
  initrds: [{ path: '/boot/initramfs-6.1.0-40-amd64.img' }],
};

test('a partition of its own for /boot', async () => {
  expect(await isBootVolume(boot)).toBe(true);
  expect(await isBootVolume(await fileSystem(1))).toBe(false);
  expect(await isBootVolume(await fileSystem(3))).toBe(false);
  const mounted = mountedAtBoot(boot);
  const kernels = await readKernels(mounted);
  expect(kernels).toMatchObject([kernel]);
  expect(kernels[0]).not.toHaveProperty('modules');
  await expect(mounted.lookup('/etc')).resolves.toBeUndefined();
  await expect(mounted.list('/etc')).rejects.toThrow('no such file or directory');
  expect(await readBootEntries(mounted)).toMatchObject([
    { kernel: '/vmlinuz-6.1.0-40-amd64', consoles: ['tty0', 'ttyS0'], isDefault: true },
  ]);
});

test('a root with its /boot', async () => {
  const btrfs = await fileSystem(3);
  expect(isBtrfs(btrfs)).toBe(true);
  if (!isBtrfs(btrfs)) return;
  const root = await findRootSubvolume(btrfs, () => readBootEntries(mountedAtBoot(boot)));
  expect(root).toMatchObject({
    path: 'root',
    because: 'rootflags= in /boot/loader/entries/0123456789abcdef-6.1.0-40-amd64.conf:3',
  });
  if (root === undefined) return;
  expect(await readKernels(root.fs)).toEqual([]);
  const whole = withBoot(root.fs, boot);
  const modules = '/usr/lib/modules/6.1.0-40-amd64';
  expect(await readKernels(whole)).toMatchObject([{ ...kernel, modules }]);
  expect(await readText(await whole.open('/etc/os-release'))).toContain('ID=fedora');
  expect((await whole.list('/boot')).map(({ name }) => name)).toContain('grub2');
});
