import type { Blob } from '../../blob/blob.ts';
import { UnsupportedError } from '../../errors.ts';
import { type Superblock } from './layout.ts';
import { type Extent, findExtent } from './log-head.ts';
import { type Log, type Lsn, basicBlockInBytes, openLog } from './log-layout.ts';
import {
  ITEM,
  type LogItem,
  type Transaction,
  refuseUnknownItems,
  transactionsOf,
} from './log-transactions.ts';
import { CancelledBuffers, directoryInPieces, parseBufferItem, replayBuffer } from './recovery-buffer.ts';
import { RecoveredDisk } from './recovery-disk.ts';
import { parseInodeItem, replayCreation, replayInode } from './recovery-inode.ts';

// What a mount does with the log of a file system that was not unmounted, in memory: Linux, fs/xfs/xfs_log_recover.c.
// Left out is what it does then, which no reader of files sees: it frees inodes without a name, and blocks.

const XFS_SB_FEAT_INCOMPAT_LOG_XATTRS = 0x1;

export interface RecoveredXfs {
  /** The file system with what the log holds in place. */
  readonly disk: Blob;
  readonly replayedTransactions: number;
  /** Inode → what is in the log of it and not done here, such as a change that a mount would go on with. */
  readonly unsettled: ReadonlyMap<bigint, string>;
}

/**
 * The file system as a kernel sees it after mounting: its log replayed, in memory.
 * @throws FormatError where a kernel would refuse to mount, UnsupportedError for unknown items and features,
 *   LimitError for a log that holds more than any that is made
 */
export async function recoverXfs(blob: Blob, superblock: Superblock): Promise<RecoveredXfs> {
  const log = openLog(blob, superblock);
  const extent = await findExtent(log);
  const untouched = { disk: blob, replayedTransactions: 0, unsettled: new Map<bigint, string>() };
  if (extent.tail === extent.head) return untouched;
  await refuseLogFeatures(blob, superblock, log.origin);
  const cancelled = await findCancelled(log, extent);
  return replay(blob, log, extent, cancelled);
}

async function refuseLogFeatures(blob: Blob, { version }: Superblock, origin: string): Promise<void> {
  const features = version === 5 ? (await blob.read(220, 4)).readUInt32BE() : 0;
  const unknown = (features & ~XFS_SB_FEAT_INCOMPAT_LOG_XATTRS) >>> 0;
  if (unknown === 0) return;
  throw new UnsupportedError(
    `${origin}: has to be replayed, with unknown features 0x${unknown.toString(16)}`,
  );
}

async function findCancelled(log: Log, extent: Extent): Promise<CancelledBuffers> {
  const cancelled = new CancelledBuffers();
  for await (const transaction of transactionsOf(log, extent, log.superblock.version === 5)) {
    refuseUnknownItems(transaction, log.origin);
    for (const item of transaction.items) {
      if (item.type !== ITEM.buffer) continue;
      const buffer = parseBufferItem(item, log.origin);
      if (buffer.isCancel) cancelled.add(buffer);
    }
  }
  return cancelled;
}

async function replay(
  blob: Blob,
  log: Log,
  extent: Extent,
  cancelled: CancelledBuffers,
): Promise<RecoveredXfs> {
  const { superblock, origin } = log;
  const disk = new RecoveredDisk(blob, superblock);
  const unsettled = new Map<bigint, string>();
  const intents = new Map<bigint, { what: string; inodes: bigint[] }>();
  /** Buffers that are to be stamped when all of that time are in place: several transactions can begin in one record. */
  const toStamp = new Map<number, { length: number; lsn: Lsn }>();
  let lastLsn: Lsn | undefined;
  let replayedTransactions = 0;

  const stampAll = async () => {
    for (const [at, { length, lsn }] of toStamp) await disk.stamp(at, length, lsn);
    toStamp.clear();
  };

  async function replayItem(item: LogItem, lsn: Lsn): Promise<void> {
    if (item.type === ITEM.buffer) {
      const buffer = parseBufferItem(item, origin);
      if (buffer.isCancel) cancelled.pass(buffer);
      if (!buffer.isRead || cancelled.has(buffer.block, buffer.blocks)) return;
      const bytes = await replayBuffer(disk, buffer, lsn);
      if (bytes === undefined) return;
      toStamp.set(buffer.block * basicBlockInBytes, { length: bytes.length, lsn });
      const directory = directoryInPieces(bytes, superblock);
      if (directory !== undefined) unsettled.set(directory, 'a change of a block of it that is in pieces is');
    } else if (item.type === ITEM.icreate) {
      await replayCreation(disk, item, superblock, cancelled, origin);
    } else if (item.type === ITEM.inode) {
      const inode = parseInodeItem(item, superblock, origin);
      if (cancelled.has(inode.block, inode.blocks)) return;
      await replayInode(disk, inode, superblock, lsn, origin);
      if (inode.hasOthersBlocks) {
        unsettled.set(inode.number, 'an exchange of its extents with those of another inode is');
      }
    } else noteIntent(item, intents);
  }

  for await (const transaction of transactionsOf(log, extent, false)) {
    if (transaction.lsn !== lastLsn) await stampAll();
    lastLsn = transaction.lsn;
    for (const item of inOrder(transaction, origin)) await replayItem(item, transaction.lsn);
    replayedTransactions += 1;
  }
  await stampAll();
  for (const { what, inodes } of intents.values()) for (const inode of inodes) unsettled.set(inode, what);
  return { disk: disk.blob, replayedTransactions, unsettled };
}

/** Buffers and new inodes come before what is written into them, and those that are given up last. */
function inOrder({ items }: Transaction, origin: string): LogItem[] {
  const rank = (item: LogItem) => {
    if (item.type === ITEM.icreate) return 0;
    if (item.type !== ITEM.buffer) return 1;
    const { isCancel, isInodeBuffer } = parseBufferItem(item, origin);
    if (isCancel) return 3;
    return isInodeBuffer ? 2 : 0;
  };
  const ranked = items.map((item) => ({ item, rank: rank(item) }));
  return ranked.toSorted((one, other) => one.rank - other.rank).map(({ item }) => item);
}

/** A change of the blocks of inodes, in several transactions: an intent, and that it was done. */
function noteIntent(item: LogItem, intents: Map<bigint, { what: string; inodes: bigint[] }>): void {
  const [format] = item.regions;
  if (format === undefined || format.length < 16) return;
  const id = format.readBigUInt64LE(8);
  const at64 = (at: number) => (at + 8 <= format.length ? [format.readBigUInt64LE(at)] : []);
  if (item.type === ITEM.mapDone || item.type === ITEM.exchangeDone) intents.delete(id);
  if (item.type === ITEM.mapIntent) {
    intents.set(id, { what: 'a change of its blocks (BUI) is', inodes: at64(16) });
  }
  if (item.type === ITEM.exchangeIntent) {
    intents.set(id, {
      what: 'an exchange of blocks with another inode (XMI) is',
      inodes: [...at64(16), ...at64(24)],
    });
  }
}
