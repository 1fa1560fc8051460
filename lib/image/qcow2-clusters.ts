import { inflateRaw, zstdDecompress } from 'node:zlib';
import type { Blob } from '../blob/blob.ts';
import { FormatError, describeError } from '../errors.ts';
import type { Qcow2Header } from './qcow2-layout.ts';
import { Recent } from '../blob/recent.ts';
import { zstdFrameLength } from '../compression/zstd-frame.ts';

// Where the clusters are: L1 table → L2 tables → clusters.
// https://www.qemu.org/docs/master/interop/qcow2.html, "Cluster mapping"

/** Bits 9 to 55 of an L1 or L2 entry are an offset, of which these are in the upper and the lower half. */
const offsetMaskUpper = 0x00ff_ffff;
const offsetMaskLower = 0xffff_fe00;
const L2_COMPRESSED_UPPER = 0x4000_0000;
const L2_ALL_ZEROES_LOWER = 1;
const sectorInBytes = 512;
const subclusters = 32;
/** How much of the L2 tables is kept. */
const tablesKeptInBytes = 8 * 1024 * 1024;
const spareInBytes = 64;

/** What a stretch of the virtual disk is: nothing, bytes of the image file, or one compressed cluster. */
export type Run =
  | { readonly kind: 'zero'; lengthInBytes: number }
  | { readonly kind: 'data'; lengthInBytes: number; readonly host: number }
  | { readonly kind: 'compressed'; lengthInBytes: number; readonly host: number; readonly hostEnd: number };

export interface ClusterMap {
  /** The stretches that cover a range of the virtual disk, in order; neighbours in the file are one. */
  runs(offset: number, length: number): Promise<Run[]>;
  /** Every L2 table that the L1 table points to, once: the virtual offset it begins at, and its place. */
  tables(): AsyncGenerator<{ virtualOffset: number; host: number; table: Buffer }>;
  /** The runs of one L2 table's entries from `index` on, covering `length` bytes from `within` a cluster. */
  tableRuns(table: Buffer, index: number, within: number, length: number): Generator<Run>;
}

export function clusterMap(blob: Blob, header: Qcow2Header): ClusterMap {
  const cluster = header.clusterSizeInBytes;
  const entrySize = header.extendedL2 ? 16 : 8;
  const entriesPerTable = cluster / entrySize;
  const tableCovers = cluster * entriesPerTable;
  const recent = new Recent<number, Buffer>(Math.floor(tablesKeptInBytes / cluster));
  let l1: Promise<Buffer> | undefined;

  /** Where an offset in a table leads, which is always a cluster's beginning. */
  function place(table: Buffer, at: number, what: string): number {
    const upper = table.readUInt32BE(at) & offsetMaskUpper;
    const host = upper * 2 ** 32 + ((table.readUInt32BE(at + 4) & offsetMaskLower) >>> 0);
    if (host % cluster !== 0) {
      throw new FormatError(`${blob.origin}: qcow2 ${what} at ${host}, not at a cluster of ${cluster} bytes`);
    }
    return host;
  }

  function readTable(offset: number, length: number, what: string): Promise<Buffer> {
    if (offset + length > blob.sizeInBytes) {
      throw new FormatError(
        `${blob.origin}: truncated: the qcow2 ${what} of ${length} bytes is at ${offset}, ` +
          `but the file ends at ${blob.sizeInBytes}`,
      );
    }
    return blob.read(offset, length);
  }

  async function l2Place(index: number): Promise<number> {
    l1 ??= Promise.resolve().then(() => readTable(header.l1TableOffset, header.l1Entries * 8, 'L1 table'));
    return place(await l1, index * 8, `L2 table ${index}`);
  }

  function* tableRuns(table: Buffer, index: number, within: number, length: number): Generator<Run> {
    let start = within;
    for (let left = length, at = index * entrySize; left > 0; at += entrySize, start = 0) {
      const take = Math.min(left, cluster - start);
      const upper = table.readUInt32BE(at);
      const lower = table.readUInt32BE(at + 4);
      if ((upper & L2_COMPRESSED_UPPER) !== 0) {
        yield compressedRun(upper, lower, cluster, take);
      } else if (header.extendedL2) {
        yield* subclusterRuns(table, at, start, take);
      } else {
        const host = place(table, at, 'cluster');
        if (host === 0 || (lower & L2_ALL_ZEROES_LOWER) !== 0) yield { kind: 'zero', lengthInBytes: take };
        else yield { kind: 'data', lengthInBytes: take, host: host + start };
      }
      left -= take;
    }
  }

  /** An extended entry says for each 32nd of the cluster whether it is allocated, or reads as zeroes. */
  function* subclusterRuns(table: Buffer, at: number, start: number, length: number): Generator<Run> {
    const host = place(table, at, 'cluster');
    const zeroes = table.readUInt32BE(at + 8);
    const allocated = table.readUInt32BE(at + 12);
    if ((zeroes & allocated) !== 0) {
      throw new FormatError(`${blob.origin}: qcow2 cluster at ${host}: a part both allocated and all zeroes`);
    }
    const part = cluster / subclusters;
    for (let from = start; from < start + length;) {
      const index = Math.floor(from / part);
      const take = Math.min((index + 1) * part, start + length) - from;
      if (((allocated >>> index) & 1) === 0) yield { kind: 'zero', lengthInBytes: take };
      else yield { kind: 'data', lengthInBytes: take, host: host + from };
      from += take;
    }
  }

  return {
    tableRuns,

    async runs(offset, length) {
      const found: Run[] = [];
      for (let at = offset; at < offset + length;) {
        const l1Index = Math.floor(at / tableCovers);
        const take = Math.min((l1Index + 1) * tableCovers, offset + length) - at;
        const host = await l2Place(l1Index);
        if (host === 0) {
          join(found, { kind: 'zero', lengthInBytes: take });
        } else {
          const table = await recent.get(host, async () => readTable(host, cluster, `L2 table ${l1Index}`));
          const index = Math.floor((at % tableCovers) / cluster);
          for (const run of tableRuns(table, index, at % cluster, take)) join(found, run);
        }
        at += take;
      }
      return found;
    },

    async *tables() {
      const seen = new Set<number>();
      const count = Math.ceil(header.virtualSizeInBytes / tableCovers);
      for (let index = 0; index < count; index++) {
        const host = await l2Place(index);
        if (host === 0 || seen.has(host)) continue;
        seen.add(host);
        const table = await readTable(host, cluster, `L2 table ${index}`);
        yield { virtualOffset: index * tableCovers, host, table };
      }
    },
  };
}

/** The offset has 62 - (cluster_bits - 8) bits; above it stands the number of further 512-byte sectors. */
function compressedRun(upper: number, lower: number, cluster: number, lengthInBytes: number): Run {
  const offsetBitsUpper = 70 - Math.log2(cluster) - 32;
  const host = (upper & (2 ** offsetBitsUpper - 1)) * 2 ** 32 + lower;
  const furtherSectors = (upper & 0x3fff_ffff) >>> offsetBitsUpper;
  const hostEnd = (Math.floor(host / sectorInBytes) + furtherSectors + 1) * sectorInBytes;
  return { kind: 'compressed', lengthInBytes, host, hostEnd };
}

function join(runs: Run[], next: Run): void {
  const last = runs.at(-1);
  const follows =
    (last?.kind === 'zero' && next.kind === 'zero') ||
    (last?.kind === 'data' && next.kind === 'data' && last.host + last.lengthInBytes === next.host);
  if (follows && last !== undefined) last.lengthInBytes += next.lengthInBytes;
  else runs.push(next);
}

/**
 * One decompressed cluster. What follows the compressed data in its last sector belongs to another cluster and is
 * left alone. @throws FormatError when it is damaged or does not fill the cluster
 */
export async function decompressCluster(
  bytes: Buffer,
  compression: Qcow2Header['compression'],
  clusterSizeInBytes: number,
  origin: string,
): Promise<Buffer> {
  const plain = await decompress(bytes, compression, clusterSizeInBytes).catch((error: unknown) => {
    throw new FormatError(`${origin}: damaged ${compression} data: ${describeError(error)}`, {
      cause: error,
    });
  });
  if (plain.length !== clusterSizeInBytes) {
    throw new FormatError(`${origin}: ${plain.length} bytes of the cluster's ${clusterSizeInBytes}`);
  }
  return plain;
}

function decompress(bytes: Buffer, compression: Qcow2Header['compression'], limit: number): Promise<Buffer> {
  // With more room than is filled, zlib does not come back to ask for more.
  const options = { maxOutputLength: limit, chunkSize: limit + spareInBytes };
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, plain: Buffer) => (error === null ? resolve(plain) : reject(error));
    if (compression === 'zstd') zstdDecompress(bytes.subarray(0, zstdFrameLength(bytes)), options, done);
    else inflateRaw(bytes, options, done);
  });
}
