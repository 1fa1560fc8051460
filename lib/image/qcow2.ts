import { type Blob, checkRange } from '../blob/blob.ts';
import { Recent } from '../blob/recent.ts';
import { zeros } from '../blob/zeros.ts';
import { FormatError, UnsupportedError } from '../errors.ts';
import { type Run, clusterMap, decompressCluster } from './qcow2-clusters.ts';
import type { Qcow2Header } from './qcow2-layout.ts';

/** How much decompressed data is kept. */
const clustersKeptInBytes = 8 * 1024 * 1024;
/** Compressed clusters are fetched together while they follow each other so closely, up to so much at once. */
const gapInBytes = 64 * 1024;
const fetchInBytes = 4 * 1024 * 1024;

type CompressedRun = Extract<Run, { kind: 'compressed' }>;
interface Placed<R extends Run> {
  readonly at: number;
  readonly run: R;
}

/**
 * The virtual disk inside a qcow2 image: what a machine would see. Nothing is read before it is asked for; what
 * lies together in the image file is read together.
 * @throws UnsupportedError for a backing file, an external data file, encryption and unknown features;
 *   FormatError for an image that QEMU marked corrupt. Reading throws FormatError where the image is damaged.
 */
export function openQcow2(blob: Blob, header: Qcow2Header): Blob {
  refuse(blob, header);
  const cluster = header.clusterSizeInBytes;
  const map = clusterMap(blob, header);
  const recent = new Recent<number, Buffer>(Math.floor(clustersKeptInBytes / cluster));

  /** The plain bytes of compressed clusters that lie together in the image file, by one read. */
  function plainClusters(group: readonly CompressedRun[]): Promise<Buffer[]> {
    const start = Math.min(...group.map((run) => run.host));
    // The last sector may be missing at the end of the file, where nobody wrote its padding.
    const end = Math.min(Math.max(...group.map((run) => run.hostEnd)), blob.sizeInBytes);
    let fetched: Promise<Buffer> | undefined;
    return Promise.all(
      group.map((run) =>
        recent.get(run.host, async () => {
          checkInside(blob, run.host, 1);
          fetched ??= blob.read(start, end - start);
          const bytes = (await fetched).subarray(run.host - start, run.hostEnd - start);
          const origin = `${blob.origin}: compressed qcow2 cluster at ${run.host}`;
          return decompressCluster(bytes, header.compression, cluster, origin);
        }),
      ),
    );
  }

  const disk: Blob = {
    origin: blob.origin,
    sizeInBytes: header.virtualSizeInBytes,
    async read(offset, length) {
      checkRange(disk, offset, length);
      const runs = await map.runs(offset, length);
      const [only] = runs;
      if (only?.kind === 'data' && runs.length === 1) {
        checkInside(blob, only.host, length);
        return blob.read(only.host, length);
      }
      if (runs.every(({ kind }) => kind === 'zero')) return zeros(length);
      const result = Buffer.allocUnsafe(length);
      let group: Placed<CompressedRun>[] = [];
      const finishGroup = async () => {
        if (group.length === 0) return;
        const plain = await plainClusters(group.map((placed) => placed.run));
        for (const [index, { at, run }] of group.entries()) {
          const within = (offset + at) % cluster;
          plain[index]?.copy(result, at, within, within + run.lengthInBytes);
        }
        group = [];
      };
      let at = 0;
      for (const run of runs) {
        if (run.kind === 'compressed') {
          if (!joins(group, run)) await finishGroup();
          group.push({ at, run });
        } else if (run.kind === 'data') {
          checkInside(blob, run.host, run.lengthInBytes);
          (await blob.read(run.host, run.lengthInBytes)).copy(result, at);
        } else {
          result.fill(0, at, at + run.lengthInBytes);
        }
        at += run.lengthInBytes;
      }
      await finishGroup();
      return result;
    },
  };
  return disk;
}

/**
 * How long the image file has to be at least for its tables and the guest's data to be inside; a shorter file is
 * truncated. Reads the L1 and L2 tables only. (The last sector of compressed data counts as one byte.)
 * @throws FormatError when a table itself lies past the end
 */
export async function qcow2Extent(blob: Blob, header: Qcow2Header): Promise<{ neededInBytes: number }> {
  const cluster = header.clusterSizeInBytes;
  const map = clusterMap(blob, header);
  let neededInBytes = header.l1TableOffset + header.l1Entries * 8;
  for await (const { virtualOffset, host, table } of map.tables()) {
    neededInBytes = Math.max(neededInBytes, host + cluster);
    const covered = cluster * (table.length / (header.extendedL2 ? 16 : 8));
    const length = Math.min(covered, header.virtualSizeInBytes - virtualOffset);
    for (const run of map.tableRuns(table, 0, 0, length)) {
      if (run.kind === 'data') neededInBytes = Math.max(neededInBytes, run.host + run.lengthInBytes);
      if (run.kind === 'compressed') neededInBytes = Math.max(neededInBytes, run.hostEnd - 511);
    }
  }
  return { neededInBytes };
}

function joins(group: readonly Placed<CompressedRun>[], next: CompressedRun): boolean {
  const first = group[0]?.run;
  const last = group.at(-1)?.run;
  if (first === undefined || last === undefined) return true;
  return (
    next.host >= last.host &&
    next.host <= last.hostEnd + gapInBytes &&
    next.hostEnd - first.host <= fetchInBytes
  );
}

function checkInside(blob: Blob, host: number, length: number): void {
  if (host + length > blob.sizeInBytes) {
    throw new FormatError(
      `${blob.origin}: truncated: ${length} bytes of the virtual disk are at ${host} in the qcow2 file, ` +
        `which ends at ${blob.sizeInBytes}`,
    );
  }
}

function refuse({ origin }: Blob, header: Qcow2Header): void {
  const unsupported = (what: string) => new UnsupportedError(`${origin}: a qcow2 image ${what}`);
  if (header.unknownIncompatibleBits.length > 0) {
    throw unsupported(
      `with unknown incompatible features: bits ${header.unknownIncompatibleBits.join(', ')}`,
    );
  }
  if (header.corrupt) throw new FormatError(`${origin}: a qcow2 image that is marked corrupt`);
  if (header.backingFile !== undefined) throw unsupported(`with a backing file: ${header.backingFile}`);
  if (header.externalDataFile) {
    throw unsupported(`whose data is in another file: ${header.dataFileName ?? '(not named)'}`);
  }
  if (header.encryption !== 'none') throw unsupported(`that is encrypted: ${header.encryption}`);
  if (header.compression.startsWith('unknown')) {
    throw unsupported(`with a compression type that is ${header.compression}`);
  }
}
