import { type Blob, checkRange } from '../../blob/blob.ts';
import { FormatError, LimitError, UnsupportedError } from '../../errors.ts';
import { uint64LittleEndian } from '../../blob/integers.ts';
import { Recent } from '../../blob/recent.ts';
import type { Locate } from './chunks.ts';
import { type Compression, compressions, unpackExtent } from './compression.ts';
import { KEY } from './entries.ts';
import type { Inode } from './inodes.ts';
import type { Superblock, TreeRoot } from './layout.ts';
import type { Subvolume } from './subvolumes.ts';
import type { Item, TreeReader } from './tree.ts';

// The content of files: extents on the disk, perhaps compressed, or in the tree itself.
// https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#extent-data-6c

const FILE_EXTENT = { INLINE: 0, REG: 1, PREALLOC: 2 } as const;
const inlineHeaderInBytes = 21;
const extentInBytes = 53;
/** As the kernel's BTRFS_MAX_COMPRESSED and BTRFS_MAX_UNCOMPRESSED. */
const maximumPackedInBytes = 128 * 1024;
const unpackedKept = 32;

/** A part of a file: on the disk as it is, unpacked in memory, or a hole that reads as zeroes. */
interface Part {
  readonly lengthInBytes: number;
  readonly fromInBytes?: number;
  readonly bytes?: Buffer;
}

export type ContentReader = (subvolume: Subvolume, inode: Inode, origin: string) => Blob;

/** Makes the content of inodes readable as Blobs; nothing is read before the Blob is. */
export function contentReader(
  blob: Blob,
  superblock: Superblock,
  tree: TreeReader,
  locate: Locate,
): ContentReader {
  const { sectorSizeInBytes: sector } = superblock;
  const unpacked = new Recent<string, Buffer>(unpackedKept);

  /** What is at an offset of the file, up to where that ends: as the log has it, or else the subvolume. */
  async function partAt(subvolume: Subvolume, inode: Inode, offset: number, origin: string): Promise<Part> {
    const { log } = subvolume;
    if (log?.withExtents.has(inode.number) !== true) {
      return partIn(subvolume, inode, offset, inode.sizeInBytes, origin);
    }
    const logged = await extentAt(log.root, inode, offset, `${origin}: in the log`);
    if (logged.extent !== undefined)
      return partOf(logged.extent, offset, logged.end, `${origin}: in the log`);
    return partIn(subvolume, inode, offset, logged.end, origin);
  }

  async function partIn(
    root: TreeRoot,
    inode: Inode,
    offset: number,
    limit: number,
    origin: string,
  ): Promise<Part> {
    const { extent, end } = await extentAt(root, inode, offset, origin);
    const stop = Math.min(end, limit);
    return extent === undefined ? { lengthInBytes: stop - offset } : partOf(extent, offset, stop, origin);
  }

  /** The extent that an offset is in, if any, and where something else begins. */
  async function extentAt(root: TreeRoot, inode: Inode, offset: number, origin: string) {
    const key = { objectid: inode.number, type: KEY.EXTENT_DATA, offset: BigInt(offset) };
    const { item, next } = await tree.atOrBefore(root, key);
    const isOwn = next !== undefined && next.objectid === inode.number && next.type === KEY.EXTENT_DATA;
    const nextStart = isOwn ? Number(next.offset) : Infinity;
    const end = Math.min(inode.sizeInBytes, nextStart);
    if (item === undefined || item.key.objectid !== inode.number || item.key.type !== KEY.EXTENT_DATA)
      return { end };
    const what = `${origin}: extent at ${item.key.offset}`;
    const extent = parseExtent(item, sector, what);
    if (offset - extent.start >= extent.lengthInBytes) return { end };
    if (extent.start + extent.lengthInBytes > nextStart) {
      throw new FormatError(`${what}: ${extent.lengthInBytes} bytes, but the next begins at ${nextStart}`);
    }
    return { extent, end };
  }

  async function partOf(extent: Extent, offset: number, end: number, origin: string): Promise<Part> {
    const what = `${origin}: extent at ${extent.start}`;
    const within = offset - extent.start;
    const lengthInBytes = Math.min(extent.lengthInBytes - within, end - offset);
    const bytes = await packedBytes(extent, what);
    const skip = extent.offset + within;
    if (bytes !== undefined) return { lengthInBytes, bytes: bytes.subarray(skip, skip + lengthInBytes) };
    if (extent.bytenr === undefined) return { lengthInBytes };
    const [fromInBytes] = locate(extent.bytenr + skip, lengthInBytes, what);
    return { lengthInBytes, ...(fromInBytes !== undefined && { fromInBytes }) };
  }

  /** An extent's content where it is in the tree or compressed. */
  async function packedBytes(extent: Extent, what: string): Promise<Buffer | undefined> {
    const { compression, inline, bytenr, packedInBytes, unpackedInBytes } = extent;
    if (inline !== undefined) return unpackExtent(inline, compression, unpackedInBytes, sector, what);
    if (compression === 'none' || bytenr === undefined) return undefined;
    return unpacked.get(`${bytenr} ${compression} ${packedInBytes} ${unpackedInBytes}`, async () => {
      const [from = 0] = locate(bytenr, packedInBytes, what);
      const packed = await blob.read(from, packedInBytes);
      return unpackExtent(packed, compression, unpackedInBytes, sector, what);
    });
  }

  return (subvolume, inode, origin) => {
    const { sizeInBytes } = inode;
    const content: Blob = {
      origin,
      sizeInBytes,
      async read(offset, length) {
        checkRange(content, offset, length);
        const result = Buffer.alloc(length);
        const end = offset + length;
        let run: { at: number; from: number; length: number } | undefined;
        const readRun = async () => {
          if (run !== undefined) (await blob.read(run.from, run.length)).copy(result, run.at - offset);
          run = undefined;
        };
        for (let at = offset; at < end;) {
          const { lengthInBytes, fromInBytes: from, bytes } = await partAt(subvolume, inode, at, origin);
          if (lengthInBytes <= 0) throw new FormatError(`${origin}: nothing is mapped at ${at}`);
          const take = Math.min(lengthInBytes, end - at);
          // Neighbours on the disk are read at once.
          const follows = run !== undefined && run.at + run.length === at && run.from + run.length === from;
          if (run !== undefined && follows) run.length += take;
          else {
            await readRun();
            if (from !== undefined) run = { at, from, length: take };
          }
          bytes?.copy(result, at - offset, 0, take);
          at += take;
        }
        await readRun();
        return result;
      },
    };
    return content;
  };
}

interface Extent {
  /** Where in the file it begins. */
  readonly start: number;
  /** How much of the file it is. */
  readonly lengthInBytes: number;
  readonly compression: Compression;
  readonly inline?: Buffer;
  /** Logical; absent for a hole, and for what is allocated and not written. */
  readonly bytenr?: number;
  readonly packedInBytes: number;
  readonly unpackedInBytes: number;
  /** How far into the unpacked bytes it begins. */
  readonly offset: number;
}

function parseExtent({ key, data }: Item, sector: number, what: string): Extent {
  const damaged = (why: string) => new FormatError(`${what}: ${why}`);
  if (data.length < inlineHeaderInBytes) throw damaged(`an item of ${data.length} bytes`);
  const start = Number(key.offset);
  if (!Number.isSafeInteger(start) || start % sector !== 0) throw damaged('begins within a sector');
  const ram_bytes = uint64LittleEndian(data, 8, `${what}: ram_bytes`);
  const compression = compressions[data.readUInt8(16)];
  const encryption = data.readUInt8(17);
  const other_encoding = data.readUInt16LE(18);
  if (compression === undefined || encryption !== 0 || other_encoding !== 0) {
    const encodings = `compression ${data.readUInt8(16)}, encryption ${encryption}, other ${other_encoding}`;
    throw new UnsupportedError(`${what}: encoded in an unknown way (${encodings})`);
  }
  const type = data.readUInt8(20);
  if (compression !== 'none' && ram_bytes > maximumPackedInBytes) {
    throw new LimitError(
      `${what}: ram_bytes ${ram_bytes}, more than ${maximumPackedInBytes} of a packed one`,
    );
  }
  if (type === FILE_EXTENT.INLINE) {
    const inline = data.subarray(inlineHeaderInBytes);
    if (start !== 0) throw damaged('inline, but not at the beginning of the file');
    if (compression === 'none' && inline.length !== ram_bytes) {
      throw damaged(`inline: ram_bytes ${ram_bytes}, but it has ${inline.length}`);
    }
    const about = { start, compression, inline, offset: 0, packedInBytes: inline.length };
    return { ...about, lengthInBytes: ram_bytes, unpackedInBytes: ram_bytes };
  }
  if (type !== FILE_EXTENT.REG && type !== FILE_EXTENT.PREALLOC) throw damaged(`type ${type}`);
  if (data.length < extentInBytes) throw damaged(`an item of ${data.length} bytes`);
  const at64 = (at: number, name: string) => uint64LittleEndian(data, at, `${what}: ${name}`);
  const disk_bytenr = at64(21, 'disk_bytenr');
  const disk_num_bytes = at64(29, 'disk_num_bytes');
  const offset = at64(37, 'offset');
  const num_bytes = at64(45, 'num_bytes');
  if (num_bytes === 0 || num_bytes % sector !== 0 || !Number.isSafeInteger(start + num_bytes)) {
    throw damaged(`num_bytes ${num_bytes}`);
  }
  const about = { start, compression, offset, lengthInBytes: num_bytes };
  const sizes = { packedInBytes: disk_num_bytes, unpackedInBytes: ram_bytes };
  if (disk_bytenr === 0 || type === FILE_EXTENT.PREALLOC) return { ...about, ...sizes };
  if (compression !== 'none' && disk_num_bytes > maximumPackedInBytes) {
    throw new LimitError(
      `${what}: disk_num_bytes ${disk_num_bytes}, more than ${maximumPackedInBytes} of a packed one`,
    );
  }
  const holds = compression === 'none' ? disk_num_bytes : ram_bytes;
  if (offset + num_bytes > holds) {
    throw damaged(`num_bytes ${num_bytes} from ${offset} on, but there are ${holds}`);
  }
  return { ...about, ...sizes, bytenr: disk_bytenr };
}
