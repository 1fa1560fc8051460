import { type Blob, readWhole } from '../../blob/blob.ts';
import { sliceBlob } from '../../blob/slice.ts';
import { FormatError, LimitError } from '../../errors.ts';
import { checkAncestors, pathOf } from '../ancestry.ts';
import { Recent } from '../../blob/recent.ts';
import { stretchBlob } from '../extents.ts';
import { type FatDirectory, type FatEntry, foldFatName, parseFatDirectory } from './directory.ts';
import { type FatLayout, readFatLayout } from './layout.ts';
import type { FileSystem } from '../filesystem.ts';
import { fileSystemOf } from '../walk.ts';

export interface FatFileSystem extends FileSystem {
  readonly type: 'vfat';
  /** 12, 16 or 32. */
  readonly width: FatLayout['width'];
  /** How much of the partition it takes. */
  readonly sizeInBytes: number;
}

/** As the specification: 65,536 entries of 32 bytes. */
const maximumDirectoryInBytes = 2 * 1024 * 1024;
const fatPieceInBytes = 64 * 1024;
const fatPiecesKept = 32;
const directoriesKept = 16;
/** No path that Linux opens is deeper. */

interface Node {
  readonly entry: FatEntry;
  readonly name: string;
  readonly parent?: Node;
}

/**
 * A FAT12, FAT16 or FAT32 file system with VFAT names. The label is the one in the root directory, as blkid's.
 * @throws FormatError when the boot sector makes no sense or the file system is larger than what holds it
 */
export async function openFat(blob: Blob): Promise<FatFileSystem> {
  const layout = await readFatLayout(blob);
  const chainOf = chainReader(blob, layout);
  const recent = new Recent<FatEntry, FatDirectory>(directoriesKept);
  const rootEntry = {
    name: '',
    shortName: '',
    isDirectory: true,
    firstCluster: layout.rootCluster,
    sizeInBytes: 0,
  };
  const root: Node = { entry: rootEntry, name: '' };

  /** A chain of clusters as a Blob: of a file's size, or as long as the chain of a directory. */
  async function chained(entry: FatEntry, sizeInBytes: number | undefined, origin: string): Promise<Blob> {
    const cluster = layout.clusterSizeInBytes;
    const limit = Math.ceil((sizeInBytes ?? maximumDirectoryInBytes + 1) / cluster);
    const chain = await chainOf(entry.firstCluster, limit, origin);
    const chainInBytes = chain.length * cluster;
    if (sizeInBytes !== undefined && chainInBytes < sizeInBytes) {
      throw new FormatError(
        `${origin}: ${sizeInBytes} bytes, but only ${chain.length} clusters of ${cluster}`,
      );
    }
    if (sizeInBytes === undefined && chainInBytes > maximumDirectoryInBytes) {
      throw new LimitError(`${origin}: a directory of more than ${maximumDirectoryInBytes} bytes`);
    }
    return stretchBlob(blob, sizeInBytes ?? chainInBytes, origin, async (offset) => {
      const within = offset % cluster;
      const number = chain[Math.floor(offset / cluster)] ?? 0;
      return {
        lengthInBytes: cluster - within,
        fromInBytes: layout.dataOffset + (number - 2) * cluster + within,
      };
    });
  }

  async function directoryOf(node: Node): Promise<FatDirectory> {
    const { entry } = node;
    const origin = `${blob.origin} › ${pathOf(node)}`;
    return recent.get(entry, async () => {
      const fixedRoot = entry === rootEntry && layout.width !== 32;
      const content = fixedRoot
        ? sliceBlob(blob, layout.rootOffset, layout.rootSizeInBytes, origin)
        : await chained(entry, undefined, origin);
      return parseFatDirectory(await readWhole(content, maximumDirectoryInBytes), layout.width);
    });
  }

  async function nodesOf(node: Node): Promise<Node[]> {
    const { firstCluster } = node.entry;
    checkAncestors(
      node,
      blob.origin,
      ({ entry }) => entry.firstCluster === firstCluster,
      `cluster ${firstCluster}`,
    );
    const { entries } = await directoryOf(node);
    return entries.map((entry) => ({ entry, name: entry.name, parent: node }));
  }

  const { label } = await directoryOf(root);
  const base = fileSystemOf<Node>(
    { type: 'vfat', origin: blob.origin, label: label ?? '', uuid: serialText(layout.serial) },
    {
      root,
      entry: ({ entry }) => ({
        name: entry.name,
        type: entry.isDirectory ? 'directory' : 'file',
        sizeInBytes: entry.isDirectory ? 0 : entry.sizeInBytes,
      }),
      async child(directory, name) {
        const wanted = foldFatName(name);
        const nodes = await nodesOf(directory);
        return nodes.find(
          ({ entry }) => foldFatName(entry.name) === wanted || foldFatName(entry.shortName) === wanted,
        );
      },
      children: nodesOf,
      content: (file, origin) => chained(file.entry, file.entry.sizeInBytes, origin),
      async target(link) {
        throw new FormatError(`${blob.origin} › ${pathOf(link)}: FAT has no symbolic links`);
      },
    },
  );
  return { ...base, type: 'vfat', width: layout.width, sizeInBytes: layout.sizeInBytes };
}

type ChainReader = (first: number, limit: number, origin: string) => Promise<number[]>;

/** Follows the file allocation table, of which it reads the pieces that it needs. */
function chainReader(blob: Blob, layout: FatLayout): ChainReader {
  const { width, clusters, fatOffset, fatSizeInBytes } = layout;
  const recent = new Recent<number, Buffer>(fatPiecesKept);
  const endMark = { 12: 0xff8, 16: 0xfff8, 32: 0x0fff_fff8 }[width];

  async function next(cluster: number): Promise<number> {
    const at = Math.floor((cluster * width) / 8);
    const index = Math.floor(at / fatPieceInBytes);
    const start = index * fatPieceInBytes;
    // One byte more, for a FAT12 entry that begins in the last byte of a piece.
    const length = Math.min(fatPieceInBytes + 1, fatSizeInBytes - start);
    const piece = await recent.get(index, () => blob.read(fatOffset + start, length));
    if (width === 32) return piece.readUInt32LE(at - start) % 0x1000_0000;
    const value = piece.readUInt16LE(at - start);
    if (width === 16) return value;
    return cluster % 2 === 0 ? value & 0xfff : value >> 4;
  }

  /** The clusters from `first` on, at most `limit`; none when `first` is 0, as in an empty file. */
  return async (first, limit, origin) => {
    const chain: number[] = [];
    if (first === 0) return chain;
    const seen = new Uint8Array(Math.ceil((clusters + 2) / 8));
    for (let cluster = first; chain.length < limit; cluster = await next(cluster)) {
      if (cluster >= endMark && chain.length > 0) break;
      if (cluster < 2 || cluster > clusters + 1) {
        throw new FormatError(
          `${origin}: goes on in cluster ${cluster}, where there are 2 to ${clusters + 1}`,
        );
      }
      const bits = seen[cluster >> 3] ?? 0;
      const bit = 1 << (cluster & 7);
      if ((bits & bit) !== 0) throw new FormatError(`${origin}: cluster ${cluster} comes again: a loop`);
      seen[cluster >> 3] = bits | bit;
      chain.push(cluster);
    }
    return chain;
  };
}

function serialText(serial: number): string {
  const text = serial.toString(16).toUpperCase().padStart(8, '0');
  return `${text.slice(0, 4)}-${text.slice(4)}`;
}
