import type { Blob } from '../../blob/blob.ts';
import type { Superblock } from './layout.ts';
import {
  type Log,
  type RecordHeader,
  XLOG_HEADER_CYCLE_SIZE,
  XLOG_MAX_RECORD_BSIZE,
  XLOG_UNMOUNT_TRANS,
  basicBlockInBytes,
  headerAt,
  openLog,
} from './log-layout.ts';

// The end of the log, to tell whether the file system was unmounted: the last record then says so.
// XFS Algorithms & Data Structures, "Journaling Log"; Linux, fs/xfs/libxfs/xfs_log_format.h, xfs_log_recover.c

const maximumHeaders = XLOG_MAX_RECORD_BSIZE / XLOG_HEADER_CYCLE_SIZE;
const maximumRecordInBlocks = XLOG_MAX_RECORD_BSIZE / basicBlockInBytes + maximumHeaders;

/**
 * Whether there is nothing to replay: the log is empty, or the record before its head is that of an unmount.
 * A log that makes no sense is not clean either; Linux would refuse it. Few blocks of it are read.
 */
export async function isLogClean(blob: Blob, superblock: Superblock): Promise<boolean> {
  const log = openLog(blob, superblock, 1);
  const { count } = log;
  if ((await log.cycleAt(0)) === 0) return true;
  const head = await findHead(log, superblock.lastWriteInLog);
  const last = await lastRecord(log, head);
  if (last === undefined) return false;
  // A record that does not end at the head was not written whole, and is as good as none: the one before counts.
  return isUnmount(endOf(last) === head % count ? last : await lastRecord(log, last.block), last.block);

  function endOf({ block, headerBlocks, dataBlocks }: RecordHeader): number {
    return (block + headerBlocks + dataBlocks) % count;
  }

  async function isUnmount(record: RecordHeader | undefined, partial: number): Promise<boolean> {
    if (record === undefined) return false;
    const { block, headerBlocks } = record;
    const isWhole = endOf(record) === head % count || endOf(record) === partial;
    // Before the head is what was written in this round of the log, from there on what is left of the one before.
    const isCurrent = record.cycle === (await log.cycleAt(block < head ? 0 : count - 1));
    // The shown UUID, not the one of metadata.
    const isOurs = record.uuid === superblock.uuid.replaceAll('-', '');
    if (!isWhole || !isCurrent || !isOurs || record.operations !== 1 || headerBlocks > maximumRecordInBlocks)
      return false;
    const oh_flags = (await log.read(block + headerBlocks, 1)).readUInt8(9);
    return (oh_flags & XLOG_UNMOUNT_TRANS) !== 0;
  }
}

/** The record whose header is next before a block. */
async function lastRecord(log: Log, end: number): Promise<RecordHeader | undefined> {
  for (let back = 1; back <= Math.min(maximumRecordInBlocks, log.count); back++) {
    const header = await headerAt(log, end - back);
    if (header !== undefined) return header;
  }
  return undefined;
}

/**
 * The block that would be written next. Each block is stamped with how many times the log had been gone through:
 * the head is where that falls. After a crash there can be gaps before it, of writes that came out of order; a
 * record of an unmount is never behind one, so they need not be looked for.
 * @param near a block not long before the head, where it is known
 */
async function findHead(log: Log, near: number): Promise<number> {
  const { count } = log;
  const cycleAt = async (block: number) => log.cycleAt(block);
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
