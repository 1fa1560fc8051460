import { FormatError, LimitError, UnsupportedError } from '../../errors.ts';
import type { Extent } from './log-head.ts';
import { headersOf } from './log-head.ts';
import {
  type Log,
  type Lsn,
  type RecordHeader,
  readRecord,
  sumOfRecord,
  unpackRecord,
} from './log-layout.ts';

// The transactions in the records of a log: each an own thread of operations, that counts when its commit is found.
// Linux, fs/xfs/xfs_log_recover.c, `xlog_recover_process_data`

const operationInBytes = 12;
const XFS_TRANSACTION = 0x69;
const XFS_LOG = 0xaa;
const FLAG = { start: 0x1, commit: 0x2, continue: 0x4, wasContinued: 0x8, end: 0x10, unmount: 0x20 } as const;
const XFS_TRANS_HEADER_MAGIC = 0x5452_414e;
const transactionHeaderInBytes = 16;
/** As XLOG_MAX_REGIONS_IN_ITEM: every other chunk of the largest buffer, and what says so. */
const maximumRegions = 257;
/** More than Linux lets a transaction grow to. */
const maximumHeldInBytes = 256 * 1024 * 1024;
/** As Linux's XFS_MAX_LOG_BYTES is 2 GiB; mkfs.xfs makes no log of that size for an image. */
const maximumReplayedInBytes = 1024 * 1024 * 1024;

/** What was logged of one thing: a description, and the pieces of it that it tells of. */
export interface LogItem {
  readonly type: number;
  readonly regions: readonly Buffer[];
}

export interface Transaction {
  /** Where it begins. */
  readonly lsn: Lsn;
  readonly items: readonly LogItem[];
}

interface Pending {
  readonly lsn: Lsn;
  header: Buffer;
  readonly items: { type: number; total: number; regions: Buffer[] }[];
  heldInBytes: number;
}

/**
 * The complete transactions in that part of the log, in the order of their commits.
 * @param verify whether records without a right checksum are refused, as Linux does in version 5
 * @throws FormatError for what makes no sense, LimitError for what is larger than any that is made
 */
export async function* transactionsOf(
  log: Log,
  extent: Extent,
  verify: boolean,
): AsyncGenerator<Transaction> {
  const pending = new Map<number, Pending>();
  let heldInBytes = 0;
  let readInBytes = 0;
  for await (const header of headersOf(log, extent)) {
    const raw = await readRecord(log, header);
    const what = `${log.origin}: record at block ${header.block}`;
    if (verify && sumOfRecord(raw, header) !== 'right')
      throw new FormatError(`${what}: its checksum is wrong`);
    if ((readInBytes += header.lengthInBytes) > maximumReplayedInBytes) {
      throw new LimitError(`${log.origin}: more than ${maximumReplayedInBytes} bytes to replay`);
    }
    for (const { id, flags, data } of operationsOf(unpackRecord(raw, header), header, what)) {
      const transaction = pending.get(id);
      if (transaction === undefined) {
        // Anything else belongs to one that began before the tail, and is in place.
        if ((flags & FLAG.start) !== 0) {
          pending.set(id, { lsn: header.lsn, header: Buffer.alloc(0), items: [], heldInBytes: 0 });
        }
        continue;
      }
      const kind =
        (flags & FLAG.wasContinued) === 0 ? flags & ~FLAG.end : flags & ~(FLAG.end | FLAG.continue);
      if (kind === FLAG.commit || kind === FLAG.unmount) {
        pending.delete(id);
        heldInBytes -= transaction.heldInBytes;
        if (kind === FLAG.commit) yield { lsn: transaction.lsn, items: completeItems(transaction, what) };
      } else if (kind === 0 || kind === FLAG.continue) addRegion(transaction, data, what);
      else if (kind === FLAG.wasContinued) continueRegion(transaction, data, what);
      else throw new FormatError(`${what}: an operation with flags 0x${flags.toString(16)}`);
      transaction.heldInBytes += data.length;
      if ((heldInBytes += pending.has(id) ? data.length : 0) > maximumHeldInBytes) {
        throw new LimitError(`${what}: transactions of more than ${maximumHeldInBytes} bytes`);
      }
    }
  }
}

function* operationsOf(data: Buffer, { operations }: RecordHeader, what: string) {
  for (let at = 0, left = operations; at < data.length && left > 0; left--) {
    if (at + operationInBytes > data.length) throw new FormatError(`${what}: an operation at ${at}, its end`);
    const length = data.readUInt32BE(at + 4);
    const oh_clientid = data.readUInt8(at + 8);
    const start = at + operationInBytes;
    if (oh_clientid !== XFS_TRANSACTION && oh_clientid !== XFS_LOG) {
      throw new FormatError(`${what}: oh_clientid 0x${oh_clientid.toString(16)} at ${at}`);
    }
    if (start + length > data.length) {
      throw new FormatError(`${what}: oh_len ${length} at ${at}, of ${data.length} bytes`);
    }
    const flags = data.readUInt8(at + 9);
    yield { id: data.readUInt32BE(at), flags, data: data.subarray(start, start + length) };
    at = start + length;
  }
}

function addRegion(transaction: Pending, data: Buffer, what: string): void {
  if (data.length === 0) return;
  if (transaction.header.length < transactionHeaderInBytes) {
    // It can be divided between two records.
    if (transaction.header.length > 0 || data.length > transactionHeaderInBytes) {
      throw new FormatError(`${what}: a transaction whose header has ${data.length} bytes`);
    }
    transaction.header = checkedHeader(data, what);
    return;
  }
  let item = transaction.items.at(-1);
  if (item === undefined || item.regions.length === item.total) {
    if (data.length < 4) throw new FormatError(`${what}: an item of ${data.length} bytes`);
    const total = data.readUInt16LE(2);
    if (total === 0 || total > maximumRegions) {
      throw new FormatError(`${what}: an item of ${total} regions, of 1 to ${maximumRegions}`);
    }
    item = { type: data.readUInt16LE(0), total, regions: [] };
    transaction.items.push(item);
  }
  item.regions.push(data);
}

/** The rest of what did not fit into the record before. */
function continueRegion(transaction: Pending, data: Buffer, what: string): void {
  if (transaction.header.length < transactionHeaderInBytes) {
    const header = Buffer.concat([transaction.header, data]);
    if (header.length !== transactionHeaderInBytes) {
      throw new FormatError(`${what}: a transaction whose header has ${header.length} bytes`);
    }
    transaction.header = checkedHeader(header, what);
    return;
  }
  const regions = transaction.items.at(-1)?.regions ?? [];
  const last = regions.pop();
  if (last === undefined) throw new FormatError(`${what}: the rest of a region that did not begin`);
  regions.push(Buffer.concat([last, data]));
}

function checkedHeader(header: Buffer, what: string): Buffer {
  const magic = header.length < 4 ? 0 : header.readUInt32LE(0);
  if (magic !== XFS_TRANS_HEADER_MAGIC) {
    throw new FormatError(
      `${what}: a transaction with magic 0x${magic.toString(16)}, not 0x${XFS_TRANS_HEADER_MAGIC.toString(16)}`,
    );
  }
  return header;
}

function completeItems({ items }: Pending, what: string): LogItem[] {
  for (const { type, total, regions } of items) {
    if (regions.length !== total) {
      throw new FormatError(
        `${what}: an item of type 0x${type.toString(16)} with ${regions.length} of ${total} regions`,
      );
    }
  }
  return items;
}

/** What the types of items are called that a replay has to know. */
export const ITEM = {
  inode: 0x123b,
  buffer: 0x123c,
  icreate: 0x123f,
  mapIntent: 0x1244,
  mapDone: 0x1245,
  exchangeIntent: 0x1248,
  exchangeDone: 0x1249,
} as const;

/**
 * What changes nothing that a reader of files sees: frees blocks (EFI), keeps accounts (RUI, CUI, their realtime
 * kinds, quotas), or changes extended attributes (ATTRI).
 */
const ignored = new Set([
  0x1236, 0x1237, 0x123d, 0x123e, 0x1240, 0x1241, 0x1242, 0x1243, 0x1246, 0x1247, 0x124a, 0x124b, 0x124c,
  0x124d, 0x124e, 0x124f,
]);
const known = new Set<number>([...Object.values(ITEM), ...ignored]);

/** @throws UnsupportedError naming a type that is not known */
export function refuseUnknownItems({ items }: Transaction, origin: string): void {
  for (const { type } of items) {
    if (!known.has(type)) {
      throw new UnsupportedError(`${origin}: an item of the unknown type 0x${type.toString(16)}`);
    }
  }
}
