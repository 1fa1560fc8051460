import type { Blob } from '../blob/blob.ts';
import { sliceBlob } from '../blob/slice.ts';
import { recogniseFileSystem } from '../fs/detect.ts';
import { type MbrEntry, hasBootSignature, recordInBytes } from './mbr-layout.ts';
import type { SectorSize } from './table.ts';
import { isExtended } from './types.ts';

/**
 * The size of the sectors that an MBR counts in. Linux takes what the drive says (block/partitions/msdos.c), which an
 * image does not tell; but with the right size its partitions begin where something is, and hardly with the wrong.
 * Where neither finds anything, 512.
 */
export async function findMbrSectorSize(disk: Blob, entries: readonly MbrEntry[]): Promise<SectorSize> {
  for (const size of [512, 4096] as const) {
    for (const entry of entries) if (await beginsSomething(disk, entry, size)) return size;
  }
  return 512;
}

async function beginsSomething(disk: Blob, entry: MbrEntry, sectorSizeInBytes: SectorSize): Promise<boolean> {
  const startInBytes = entry.startSector * sectorSizeInBytes;
  const sizeInBytes = Math.min(entry.sectors * sectorSizeInBytes, disk.sizeInBytes - startInBytes);
  if (startInBytes === 0 || sizeInBytes < recordInBytes) return false;
  if (isExtended(entry.type)) {
    return hasBootSignature(await disk.read(startInBytes, recordInBytes));
  }
  const partition = sliceBlob(
    disk,
    startInBytes,
    sizeInBytes,
    `${disk.origin} › sector ${entry.startSector}`,
  );
  return (await recogniseFileSystem(partition)) !== undefined;
}
