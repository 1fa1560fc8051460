import { FormatError } from '../../errors.ts';
import {
  type Log,
  type RecordHeader,
  XLOG_BIG_RECORD_BSIZE,
  XLOG_MAX_ICLOGS,
  XLOG_MAX_RECORD_BSIZE,
  XLOG_UNMOUNT_TRANS,
  basicBlockInBytes,
  headerAt,
  readRecord,
  sumOfRecord,
  wrongHeader,
} from './log-layout.ts';

// From where to where a log has to be replayed. Each block is stamped with how many times the log had been gone
// through: where that falls, the next block would have been written. Records go to the disk several at a time and in
// any order, so that there can be holes before it, and torn records: what comes from them on does not count.
// Linux, fs/xfs/xfs_log_recover.c, `xlog_find_tail`

export interface Extent {
  /** The block of the first record that may not be in place. */
  readonly tail: number;
  /** The block after the last record. The same when there is nothing to replay. */
  readonly head: number;
}

/** @throws FormatError where a kernel would refuse to mount */
export async function findExtent(log: Log): Promise<Extent> {
  const head = await findHead(log);
  if (head === 0 && (await log.cycleAt(0)) === 0) return { tail: 0, head: 0 };
  const last = await headerBefore(log, head, head);
  if (last === undefined) throw new FormatError(`${log.origin}: no record in ${log.count} blocks`);
  if (await isUnmount(log, last, head)) return { tail: head, head };

  let extent = { tail: blockOf(last.tail), head };
  let end = last;
  const firstOnItsWay = await headersBefore(log, head, extent.tail, XLOG_MAX_ICLOGS);
  const torn = await firstWrong(log, { tail: firstOnItsWay ?? extent.tail, head });
  if (torn !== undefined) {
    const good = torn.block === 0 ? undefined : await headerBefore(log, torn.block, extent.tail);
    if (good === undefined) throw new FormatError(`${log.origin}: ${torn.what}, with no record before it`);
    end = good;
    if (await isUnmount(log, end, torn.block)) return { tail: torn.block, head: torn.block };
    extent = { tail: blockOf(end.tail), head: torn.block };
  }
  checkCycles(log, end, extent.head);
  if (extent.tail === extent.head) return extent;
  return { ...extent, tail: await verifiedTail(log, extent, end.sizeInBytes || XLOG_BIG_RECORD_BSIZE) };
}

const blockOf = (lsn: bigint) => Number(lsn & 0xffff_ffffn);

async function findHead(log: Log): Promise<number> {
  const { count } = log;
  const recordBlocks =
    (log.superblock.hasLogVersion2 ? XLOG_MAX_RECORD_BSIZE : XLOG_BIG_RECORD_BSIZE) / basicBlockInBytes;
  const first = await log.cycleAt(0);
  const last = await log.cycleAt(count - 1);
  if (first === 0) return 0;
  let head = count;
  if (first !== last) head = await firstOfCycle(log, last);
  const sought = first === last ? last - 1 : last;
  const scanned = Math.min(count, recordBlocks * XLOG_MAX_ICLOGS);
  if (last === 0 || head >= scanned) {
    // Beyond what was ever written there is nothing to look for.
    head = (await findCycle(log, Math.max(0, head - scanned), head, sought)) ?? head;
  } else {
    const atEnd = await findCycle(log, count - (scanned - head), count, sought - 1);
    head = atEnd ?? (await findCycle(log, 0, head, sought)) ?? head;
  }
  // It is not in the middle of a record.
  const start = Math.max(0, head - recordBlocks);
  let header = await headerIn(log, start, head);
  let end = head;
  if (header === undefined && start === 0 && last !== 0) {
    header = await headerIn(log, Math.max(head, count - (recordBlocks - head)), count);
    end = head + count;
  }
  if (header === undefined) throw new FormatError(`${log.origin}: no record before its head, block ${head}`);
  if (end - header.block !== header.headerBlocks + header.dataBlocks) head = header.block;
  return head === count ? 0 : head;
}

async function firstOfCycle(log: Log, cycle: number): Promise<number> {
  let before = 0;
  let from = log.count - 1;
  while (from - before > 1) {
    const middle = Math.floor((before + from) / 2);
    if ((await log.cycleAt(middle)) === cycle) from = middle;
    else before = middle;
  }
  return from;
}

async function findCycle(log: Log, from: number, to: number, cycle: number): Promise<number | undefined> {
  for (let block = from; block < to; block++) if ((await log.cycleAt(block)) === cycle) return block;
  return undefined;
}

/** The last header in a range. */
async function headerIn(log: Log, from: number, to: number): Promise<RecordHeader | undefined> {
  for (let block = to - 1; block >= from; block--) {
    const header = await headerAt(log, block);
    if (header !== undefined) return header;
  }
  return undefined;
}

/** The last header before a block, back to the tail; around the whole log when both are the same. */
async function headerBefore(log: Log, end: number, tail: number): Promise<RecordHeader | undefined> {
  const found = await headerIn(log, end > tail ? tail : 0, end);
  if (found !== undefined || tail < end) return found;
  return headerIn(log, tail, log.count);
}

/** Where the first of the last few records begins. */
async function headersBefore(
  log: Log,
  head: number,
  tail: number,
  limit: number,
): Promise<number | undefined> {
  let first: number | undefined;
  for (let found = 0, end = head; found < limit; found++) {
    const header = await headerBefore(log, end, tail);
    if (header === undefined) break;
    first = end = header.block;
    if (end === tail) break;
  }
  return first;
}

/** Goes from record to record, by what their headers say. @throws FormatError for one that makes no sense */
export async function* headersOf(log: Log, { tail, head }: Extent): AsyncGenerator<RecordHeader> {
  const end = head > tail ? head : head + log.count;
  for (let block = tail; block < end;) {
    const header = await checkedHeader(log, block);
    if (typeof header === 'string') throw new FormatError(`${log.origin}: ${header}`);
    yield header;
    block += header.headerBlocks + header.dataBlocks;
  }
}

/** The header in a block, or what is wrong with it. */
async function checkedHeader(log: Log, block: number): Promise<RecordHeader | string> {
  const header = await headerAt(log, block);
  const wrong = header === undefined ? 'no header of a record' : wrongHeader(header, log);
  if (header === undefined || wrong !== undefined) return `record at block ${block % log.count}: ${wrong}`;
  return header;
}

/** The first record that is damaged, if one is. */
async function firstWrong(
  log: Log,
  { tail, head }: Extent,
): Promise<{ readonly block: number; readonly what: string } | undefined> {
  const end = head > tail ? head : head + log.count;
  for (let block = tail; block < end;) {
    const header = await checkedHeader(log, block);
    if (typeof header === 'string') return { block: block % log.count, what: header };
    if (sumOfRecord(await readRecord(log, header), header) === 'wrong') {
      return { block: header.block, what: `record at block ${header.block}: its checksum is wrong` };
    }
    block += header.headerBlocks + header.dataBlocks;
  }
  return undefined;
}

/**
 * The tail may have been written over, by what did not arrive whole: the record that moved it then is not there.
 * What that can have reached is not far in front of the head.
 */
async function verifiedTail(log: Log, { tail, head }: Extent, recordInBytes: number): Promise<number> {
  const reach = (recordInBytes * XLOG_MAX_ICLOGS) / basicBlockInBytes;
  for (let from = (await headerFrom(log, tail, head)) ?? tail; ;) {
    const wrong = await firstWrong(log, { tail: from, head });
    if (wrong === undefined) return from;
    const distance = (wrong.block - head + log.count) % log.count;
    const next =
      wrong.block === 0 || distance > reach
        ? undefined
        : await headerFrom(log, (wrong.block + 1) % log.count, head);
    if (next === undefined) throw new FormatError(`${log.origin}: ${wrong.what}`);
    from = next;
  }
}

/** The first header from a block on, before the head. */
async function headerFrom(log: Log, from: number, head: number): Promise<number | undefined> {
  const end = head > from ? head : head + log.count;
  for (let block = from; block < end; block++) {
    const header = await headerAt(log, block);
    if (header !== undefined) return header.block;
  }
  return undefined;
}

/** As Linux, which would otherwise not know what to clear: `xlog_clear_stale_blocks`. */
function checkCycles(log: Log, last: RecordHeader, head: number): void {
  const tailCycle = Number(last.tail >> 32n);
  const tail = blockOf(last.tail);
  const cycle = head <= last.block ? last.cycle + 1 : last.cycle;
  const isRight =
    cycle === tailCycle ? head >= tail && head < log.count : head < tail && cycle === tailCycle + 1;
  if (tail >= log.count || !isRight) {
    throw new FormatError(
      `${log.origin}: its head is block ${head} of cycle ${cycle}, and its tail block ${tail} of cycle ${tailCycle}, of ${log.count} blocks`,
    );
  }
}

async function isUnmount(log: Log, record: RecordHeader, head: number): Promise<boolean> {
  const { block, headerBlocks, dataBlocks, operations } = record;
  if ((block + headerBlocks + dataBlocks) % log.count !== head || operations !== 1) return false;
  const oh_flags = (await log.read(block + headerBlocks, 1)).readUInt8(9);
  return (oh_flags & XLOG_UNMOUNT_TRANS) !== 0;
}
