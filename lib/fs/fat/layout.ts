import type { Blob } from '../../blob/blob.ts';
import { FormatError } from '../../errors.ts';

// FAT12, FAT16 and FAT32. Names and offsets: Microsoft, "FAT: General Overview of On-Disk Format" (fatgen103);
// which width it is: as Linux decides (fs/fat/inode.c), which differs for small FAT32 volumes.

/** What the boot sector says. Offsets and sizes are in bytes. */
export interface FatLayout {
  readonly width: 12 | 16 | 32;
  readonly sectorSizeInBytes: number;
  readonly clusterSizeInBytes: number;
  readonly fatOffset: number;
  readonly fatSizeInBytes: number;
  /** The fixed root directory of FAT12 and FAT16. */
  readonly rootOffset: number;
  readonly rootSizeInBytes: number;
  /** The first cluster of FAT32's root directory. */
  readonly rootCluster: number;
  readonly dataOffset: number;
  /** Clusters are numbered from 2 to `clusters + 1`. */
  readonly clusters: number;
  readonly sizeInBytes: number;
  readonly serial: number;
}

/** Whether a boot sector has the parameters of a FAT file system. */
export function isFat(sector: Buffer): boolean {
  return sector.length >= 512 && typeof parseFat(sector) !== 'string';
}

/** @throws FormatError naming the field that makes no sense */
export async function readFatLayout(blob: Blob): Promise<FatLayout> {
  const sector = await blob.read(0, 512);
  const layout = parseFat(sector);
  if (typeof layout === 'string') throw new FormatError(`${blob.origin}: FAT boot sector: ${layout}`);
  if (layout.sizeInBytes > blob.sizeInBytes) {
    throw new FormatError(
      `${blob.origin}: truncated: a FAT file system of ${layout.sizeInBytes} bytes in ${blob.sizeInBytes}`,
    );
  }
  return layout;
}

function parseFat(sector: Buffer): FatLayout | string {
  const BPB_BytsPerSec = sector.readUInt16LE(11);
  const BPB_SecPerClus = sector.readUInt8(13);
  const BPB_RsvdSecCnt = sector.readUInt16LE(14);
  const BPB_NumFATs = sector.readUInt8(16);
  const BPB_RootEntCnt = sector.readUInt16LE(17);
  const BPB_Media = sector.readUInt8(21);
  const BPB_FATSz16 = sector.readUInt16LE(22);
  const BPB_FATSz32 = sector.readUInt32LE(36);
  const sectors = sector.readUInt16LE(19) || sector.readUInt32LE(32);

  if (![512, 1024, 2048, 4096].includes(BPB_BytsPerSec)) return `BPB_BytsPerSec ${BPB_BytsPerSec}`;
  if (BPB_SecPerClus === 0 || (BPB_SecPerClus & (BPB_SecPerClus - 1)) !== 0) {
    return `BPB_SecPerClus ${BPB_SecPerClus}, not a power of two`;
  }
  if (BPB_RsvdSecCnt === 0) return 'BPB_RsvdSecCnt 0';
  if (BPB_NumFATs === 0 || BPB_NumFATs > 4) return `BPB_NumFATs ${BPB_NumFATs}`;
  if (BPB_Media < 0xf0) return `BPB_Media 0x${BPB_Media.toString(16)}`;
  const isFat32 = BPB_FATSz16 === 0;
  const fatSectors = isFat32 ? BPB_FATSz32 : BPB_FATSz16;
  if (fatSectors === 0) return 'BPB_FATSz16 and BPB_FATSz32 are 0';

  const rootSectors = Math.ceil((BPB_RootEntCnt * 32) / BPB_BytsPerSec);
  const rootSector = BPB_RsvdSecCnt + BPB_NumFATs * fatSectors;
  const dataSector = rootSector + rootSectors;
  const clusters = Math.floor((sectors - dataSector) / BPB_SecPerClus);
  if (clusters < 1) return `${sectors} sectors, and the data would begin at ${dataSector}`;
  const width = isFat32 ? 32 : clusters < 4085 ? 12 : 16;
  const fatSizeInBytes = fatSectors * BPB_BytsPerSec;
  const described = Math.floor((fatSizeInBytes * 8) / width) - 2;
  if (clusters > 0x0fff_fff5) return `${clusters} clusters`;
  if (described < 1) return `a FAT of ${fatSizeInBytes} bytes`;
  const BPB_RootClus = isFat32 ? sector.readUInt32LE(44) : 0;
  if (isFat32 && BPB_RootClus < 2) return `BPB_RootClus ${BPB_RootClus}`;
  return {
    width,
    sectorSizeInBytes: BPB_BytsPerSec,
    clusterSizeInBytes: BPB_SecPerClus * BPB_BytsPerSec,
    fatOffset: BPB_RsvdSecCnt * BPB_BytsPerSec,
    fatSizeInBytes,
    rootOffset: rootSector * BPB_BytsPerSec,
    rootSizeInBytes: rootSectors * BPB_BytsPerSec,
    rootCluster: BPB_RootClus,
    dataOffset: dataSector * BPB_BytsPerSec,
    // As Linux: clusters that the table cannot describe do not exist.
    clusters: Math.min(clusters, described),
    sizeInBytes: sectors * BPB_BytsPerSec,
    serial: sector.readUInt32LE(isFat32 ? 67 : 39),
  };
}
