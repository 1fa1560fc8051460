import { expect, test } from 'vitest';
import { guestImage } from '../../fixtures/disks/guests/images.ts';
import { fixtureDisk } from '../../fixtures/disks/images.ts';
import { journalImage } from '../../fixtures/disks/journal/images.ts';
import { physicalVolume } from '../../fixtures/disks/lvm/images.ts';
import { type Blob, readText } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { type Partition, readPartitionTable } from '../disk/partitions.ts';
import { FormatError, UnsupportedError } from '../errors.ts';
import { openVirtualDisk, readContainer } from '../image/container.ts';
import { findRoot } from './root.ts';

const partition = (number: number, blob: Blob): Partition => ({
  number,
  name: '',
  uuid: '',
  startInBytes: 0,
  sizeInBytes: blob.sizeInBytes,
  blob,
});
const empty = (number: number) =>
  partition(number, memoryBlob(Buffer.alloc(8192), `disk › partition ${number}`));
const lvm = (number: number, index: 0 | 1) =>
  partition(number, memoryBlob(physicalVolume(index), `disk › partition ${number}`));
const osRelease = async (partitions: readonly Partition[]) => {
  const { partition, fs } = await findRoot(partitions, 'image');
  return [partition.number, await readText(await fs.open('/etc/os-release'))];
};

test('in a partition', async () => {
  const { partitions } = await readPartitionTable(await fixtureDisk('whole-disk'));
  expect(await osRelease(partitions)).toEqual([3, 'NAME="Ubuntu"\nVERSION_ID="24.04"\n']);
});

test('in a logical volume over two partitions, beside volumes that are not read', async () => {
  const rocky = 'NAME="Rocky Linux"\nVERSION_ID="9.4"\n';
  expect(await osRelease([empty(1), lvm(2, 0), empty(3), lvm(4, 1)])).toEqual([4, rocky]);
  expect(await osRelease([lvm(1, 1), lvm(2, 0), empty(3)])).toEqual([2, rocky]);
});

// fixtures/disks/guests/make.sh
async function guestPartitions(name: 'fedora' | 'lvm'): Promise<readonly Partition[]> {
  const blob = memoryBlob(guestImage(name), name);
  return (await readPartitionTable(openVirtualDisk(await readContainer(blob), blob))).partitions;
}

test('in the subvolume that the entries in another partition name', async () => {
  const { partition, fs } = await findRoot(await guestPartitions('fedora'), 'image');
  expect(partition.number).toBe(3);
  expect(await readText(await fs.open('/etc/os-release'))).toContain('ID=fedora');
  expect(fs.origin).toBe('fedora › partition 3 › subvol=root');
  // Without them, the name is the one that Fedora gives it.
  const alone = await findRoot((await guestPartitions('fedora')).slice(2), 'image');
  expect(alone.fs.origin).toBe('fedora › partition 3 › subvol=root');
});

test('in a logical volume with XFS', async () => {
  const { partition, fs } = await findRoot(await guestPartitions('lvm'), 'image');
  expect(partition.number).toBe(3);
  expect(fs).toMatchObject({ type: 'xfs', label: 'img-rootfs' });
});

test('in a file system that was not unmounted, as its journal has it', async () => {
  const blob = memoryBlob(journalImage('ext4-ordered'), 'disk › partition 1');
  expect(await osRelease([partition(1, blob)])).toEqual([1, 'NAME="Ubuntu"\nVERSION_ID="24.04"\n']);
});

test('what kept it from being found is told', async () => {
  await expect(findRoot([empty(1)], 'image')).rejects.toThrow(FormatError);
  await expect(findRoot([empty(1)], 'image')).rejects.toThrow(
    'image: no partition holds a root file system (1: no known file system)',
  );
  await expect(findRoot([], 'image')).rejects.toThrow('(no partitions)');
  await expect(findRoot([lvm(1, 1)], 'image')).rejects.toThrow(UnsupportedError);
  await expect(findRoot([lvm(1, 1)], 'image')).rejects.toThrow('vg/lv_cow: a snapshot, which is not read');
});
