import type { Blob } from '../blob/blob.ts';
import { FormatError, UnsupportedError } from '../errors.ts';
import { recogniseExt, superblockInBytes, superblockOffset } from './ext/layout.ts';
import { isFat } from './fat/layout.ts';
import type { FileSystem } from './filesystem.ts';

// What a partition holds, by the names that blkid prints as TYPE. Offsets: util-linux, libblkid/src/superblocks.

/** What holds other things comes first: a mirror's member begins with the file system that it mirrors. */
const containers = [
  { type: 'crypto_LUKS', offset: 0, magic: 'LUKS\xba\xbe' },
  ...[0, 512, 1024, 1536].map((at) => ({ type: 'LVM2_member', offset: at, magic: 'LABELONE' })),
  { type: 'linux_raid_member', offset: 0, magic: '\xfc\x4e\x2b\xa9' },
  { type: 'linux_raid_member', offset: 4096, magic: '\xfc\x4e\x2b\xa9' },
];
const fileSystems = [
  { type: 'xfs', offset: 0, magic: 'XFSB' },
  { type: 'squashfs', offset: 0, magic: 'hsqs' },
  { type: 'exfat', offset: 3, magic: 'EXFAT   ' },
  { type: 'ntfs', offset: 3, magic: 'NTFS    ' },
  { type: 'erofs', offset: 1024, magic: '\xe2\xe1\xf5\xe0' },
  { type: 'f2fs', offset: 1024, magic: '\x10\x20\xf5\xf2' },
  { type: 'btrfs', offset: 0x10040, magic: '_BHRfS_M' },
  { type: 'iso9660', offset: 0x8001, magic: 'CD001' },
  // The signature ends the first page, of any size that a Linux has.
  ...[4096, 8192, 16384, 65536].flatMap((page) => [
    { type: 'swap', offset: page - 10, magic: 'SWAPSPACE2' },
    { type: 'swap', offset: page - 10, magic: 'SWAP-SPACE' },
    { type: 'swsuspend', offset: page - 10, magic: 'S1SUSPEND\0' },
  ]),
];
const headInBytes = 0x10040 + 8;
const raidMagic = 0xa92b_4efc;

const openExt = async (blob: Blob) => (await import('./ext/ext.ts')).openExt(blob);

/** Loaded when needed: most disks hold two of them. */
const readers: Readonly<Record<string, (blob: Blob) => Promise<FileSystem>>> = {
  vfat: async (blob) => (await import('./fat/fat.ts')).openFat(blob),
  ext2: openExt,
  ext3: openExt,
  ext4: openExt,
  btrfs: async (blob) => (await import('./btrfs/btrfs.ts')).openBtrfs(blob),
  xfs: async (blob) => (await import('./xfs/xfs.ts')).openXfs(blob),
};

/** What a partition holds, as blkid names it, or undefined when nothing known. Reads 64 KiB and two sectors. */
export async function recogniseFileSystem(blob: Blob): Promise<string | undefined> {
  const head = await blob.read(0, Math.min(headInBytes, blob.sizeInBytes));
  const text = head.toString('latin1');
  const matches = ({ offset, magic }: { offset: number; magic: string }) => text.startsWith(magic, offset);
  return (
    containers.find(matches)?.type ??
    (await recogniseRaidAtEnd(blob)) ??
    fileSystems.find(matches)?.type ??
    recogniseExt(head.subarray(superblockOffset, superblockOffset + superblockInBytes)) ??
    (isBootSector(head) && isFat(head) ? 'vfat' : undefined)
  );
}

/**
 * Opens the file system that a partition holds.
 * @throws FormatError when it holds none that is known or a damaged one, UnsupportedError for one that is not read
 */
export async function openFileSystem(blob: Blob): Promise<FileSystem> {
  const type = await recogniseFileSystem(blob);
  if (type === undefined)
    throw new FormatError(`${blob.origin}: no known file system (${blob.sizeInBytes} bytes)`);
  const open = readers[type];
  if (open === undefined) throw new UnsupportedError(`${blob.origin}: holds ${type}, which is not read`);
  return open(blob);
}

function isBootSector(head: Buffer): boolean {
  return head.length >= 512 && head.readUInt16LE(510) === 0xaa55;
}

/** Old RAID metadata is at the end: version 0.90 in the last whole 64 KiB, version 1.0 eight KiB before the end. */
async function recogniseRaidAtEnd(blob: Blob): Promise<string | undefined> {
  const size = blob.sizeInBytes;
  const places = [
    { at: Math.floor(size / 65536) * 65536 - 65536, majorVersion: 0 },
    { at: Math.floor(size / 4096) * 4096 - 8192, majorVersion: 1 },
  ];
  for (const { at, majorVersion } of places.filter((place) => place.at > 0)) {
    const bytes = await blob.read(at, 8);
    if (bytes.readUInt32LE(0) === raidMagic && bytes.readUInt32LE(4) === majorVersion)
      return 'linux_raid_member';
  }
  return undefined;
}
