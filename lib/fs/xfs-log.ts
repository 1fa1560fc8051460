import type { Blob } from '../blob/blob.ts';
import { sliceBlob } from '../blob/slice.ts';
import { positionOf, type Superblock } from './xfs-layout.ts';

// The end of the log, to tell whether the file system was unmounted: the last record then says so.
// XFS Algorithms & Data Structures, "Journaling Log"; Linux, fs/xfs/libxfs/xfs_log_format.h, xfs_log_recover.c

const XLOG_HEADER_MAGIC_NUM = 0xfeed_babe;
const XLOG_VERSION_2 = 2;
const XLOG_HEADER_CYCLE_SIZE = 32 * 1024;
const XLOG_MAX_RECORD_BSIZE = 256 * 1024;
const XLOG_UNMOUNT_TRANS = 0x20;
/** What the log counts in, whatever the sectors are. */
const basicBlockInBytes = 512;
const maximumRecordInBlocks =
  XLOG_MAX_RECORD_BSIZE / basicBlockInBytes + XLOG_MAX_RECORD_BSIZE / XLOG_HEADER_CYCLE_SIZE;

/**
 * Whether there is nothing to replay: the log is empty, or the record before its head is that of an unmount.
 * A log that makes no sense is not clean either; Linux would refuse it.
 */
export async function isLogClean(blob: Blob, superblock: Superblock): Promise<boolean> {
  const { logStart, logBlocks, blockSizeInBytes, hasLogVersion2 } = superblock;
  const origin = `${blob.origin}: xfs log`;
  const start = positionOf(superblock, logStart, logBlocks, origin);
  const log = sliceBlob(blob, start, logBlocks * blockSizeInBytes, origin);
  const count = log.sizeInBytes / basicBlockInBytes;
  const readBlock = (index: number) =>
    log.read(((index + count) % count) * basicBlockInBytes, basicBlockInBytes);
  const cycleAt = async (index: number) => cycleOf(await readBlock(index));

  if (count < 2) return false;
  if ((await cycleAt(0)) === 0) return true;
  const head = await findHead(cycleAt, count, superblock.lastWriteInLog);
  const last = await lastRecord(head);
  if (last === undefined) return false;
  // A record that does not end at the head was not written whole, and is as good as none: the one before counts.
  return isUnmount(last.endsAt === head % count ? last : await lastRecord(last.index), last.index);

  /** The record whose header is next before a block. */
  async function lastRecord(end: number) {
    for (let back = 1; back <= Math.min(maximumRecordInBlocks, count); back++) {
      const index = (end - back + count) % count;
      const header = await readBlock(index);
      if (header.readUInt32BE(0) !== XLOG_HEADER_MAGIC_NUM) continue;
      const h_version = header.readUInt32BE(8);
      const h_len = header.readUInt32BE(12);
      const h_size = header.readUInt32BE(320);
      const isLarge = hasLogVersion2 && (h_version & XLOG_VERSION_2) !== 0 && h_size > XLOG_HEADER_CYCLE_SIZE;
      const headers = isLarge ? Math.ceil(h_size / XLOG_HEADER_CYCLE_SIZE) : 1;
      const endsAt = (index + headers + Math.ceil(h_len / basicBlockInBytes)) % count;
      return { index, header, headers, endsAt };
    }
    return undefined;
  }

  async function isUnmount(
    record: Awaited<ReturnType<typeof lastRecord>>,
    partial: number,
  ): Promise<boolean> {
    if (record === undefined) return false;
    const { index, header, headers, endsAt } = record;
    const isWhole = endsAt === head % count || endsAt === partial;
    // Before the head is what was written in this round of the log, from there on what is left of the one before.
    const isCurrent = header.readUInt32BE(4) === (await cycleAt(index < head ? 0 : count - 1));
    // The shown UUID, not the one of metadata.
    const isOurs = header.toString('hex', 304, 320) === superblock.uuid.replaceAll('-', '');
    const h_num_logops = header.readUInt32BE(40);
    if (!isWhole || !isCurrent || !isOurs || h_num_logops !== 1 || headers > maximumRecordInBlocks)
      return false;
    const oh_flags = (await readBlock(index + headers)).readUInt8(9);
    return (oh_flags & XLOG_UNMOUNT_TRANS) !== 0;
  }
}

/**
 * The block that would be written next. Each block is stamped with how many times the log had been gone through:
 * the head is where that falls. After a crash there can be gaps before it, of writes that came out of order; a
 * record of an unmount is never behind one, so they need not be looked for.
 * @param near a block not long before the head, where it is known
 */
async function findHead(
  cycleAt: (index: number) => Promise<number>,
  count: number,
  near: number,
): Promise<number> {
  const last = await cycleAt(count - 1);
  if ((await cycleAt(0)) === last) return count;
  let before = 0;
  let high = count - 1;
  if (near > 0 && near < high && (await cycleAt(near)) !== last) {
    before = near;
    for (let step = 8; before + step < high; step *= 2) {
      if ((await cycleAt(before + step)) === last) high = before + step;
      else before += step;
    }
  }
  while (high - before > 1) {
    const middle = Math.floor((before + high) / 2);
    if ((await cycleAt(middle)) === last) high = middle;
    else before = middle;
  }
  return high;
}

/** The first word of every block but a header is the cycle; what was there is kept in the header. */
function cycleOf(block: Buffer): number {
  const first = block.readUInt32BE(0);
  return first === XLOG_HEADER_MAGIC_NUM ? block.readUInt32BE(4) : first;
}
