import type { Blob } from '../../blob/blob.ts';
import { overlayBlob } from '../../blob/overlay.ts';
import { sliceBlob } from '../../blob/slice.ts';
import { FormatError, LimitError, UnsupportedError } from '../../errors.ts';
import { contentReader } from './blocks.ts';
import { inodeReader } from './inodes.ts';
import {
  BLOCK_TYPE,
  JBD2_MAGIC_NUMBER,
  type JournalSuperblock,
  type Tag,
  commitTime,
  crc32BigEndian,
  isTailRight,
  journalSuperblockInBytes,
  parseJournalSuperblock,
  revokedBlocks,
  tagsOf,
  wrongBlockChecksum,
  wrongCommitChecksum,
} from './journal-layout.ts';
import { COMPAT, INCOMPAT, type Superblock, superblockInBytes, superblockOffset } from './layout.ts';

// What a mount does with the journal of a file system that was not unmounted: Linux, fs/jbd2/recovery.c. The log is
// read once and nothing is written: a block that it holds takes the place of the one on the disk when that is read.

/** What is read of a log at most: that of mke2fs's largest has 2^18 blocks. */
const maximumLogBlocks = 2 ** 20;
const maximumRevokes = 2 ** 21;
const EXT4_FC_TAG_HEAD = 9;

export interface Recovered {
  /** The file system with the blocks of complete transactions in place. */
  readonly disk: Blob;
  readonly replayedTransactions: number;
}

/** A block that the log holds for the file system. */
interface Write {
  readonly tag: Tag;
  readonly logBlock: number;
  readonly sequence: number;
}

interface Log {
  readonly writes: readonly Write[];
  /** Block → the last transaction that revoked it: what it or an earlier one wrote there is not replayed. */
  readonly revokes: ReadonlyMap<number, number>;
  /** The first transaction that is not complete. */
  readonly endSequence: number;
}

/**
 * The file system as a kernel sees it after mounting: its journal replayed, in memory, where it needs recovery.
 * @throws FormatError where a kernel would refuse to mount, UnsupportedError for an external journal and for fast
 *   commits, LimitError for a log larger than any that is made
 */
export async function recoverExt(blob: Blob, superblock: Superblock): Promise<Recovered> {
  const untouched = { disk: blob, replayedTransactions: 0 };
  // Without a journal Linux takes no notice of the flag.
  if ((superblock.incompat & INCOMPAT.needs_recovery) === 0) return untouched;
  if ((superblock.compat & COMPAT.has_journal) === 0) return untouched;
  const content = await openJournal(blob, superblock);
  const { origin } = content;
  const { blockSizeInBytes } = superblock;
  const head = await content.read(0, Math.min(journalSuperblockInBytes, content.sizeInBytes));
  if (head.length < journalSuperblockInBytes) throw new FormatError(`${origin}: ${head.length} bytes`);
  const { superblock: journal, blocks } = parseJournalSuperblock(head, blockSizeInBytes, origin);
  if (blocks * blockSizeInBytes > content.sizeInBytes) {
    throw new FormatError(
      `${origin}: s_maxlen ${blocks} blocks of ${blockSizeInBytes}, but its inode has ${content.sizeInBytes} bytes`,
    );
  }
  if (journal.start === 0) return untouched;
  const log = await scanLog(content, journal);
  if (journal.hasFastCommit) await refuseFastCommits(content, journal, log.endSequence);
  const replaced = await replay(content, journal, log, blob);
  return {
    disk: overlayBlob(blob, blockSizeInBytes, replaced),
    replayedTransactions: distance(journal.sequence, log.endSequence),
  };
}

async function openJournal(blob: Blob, superblock: Superblock): Promise<Blob> {
  const origin = `${blob.origin} › journal`;
  const bytes = await blob.read(superblockOffset, superblockInBytes);
  const s_journal_inum = bytes.readUInt32LE(0xe0);
  const s_journal_dev = bytes.readUInt32LE(0xe4);
  if (s_journal_inum === 0) {
    const uuid = bytes.toString('hex', 0xd0, 0xe0);
    throw new UnsupportedError(
      `${blob.origin}: its journal has to be replayed and is external (device 0x${s_journal_dev.toString(16)}, UUID ${uuid})`,
    );
  }
  if (s_journal_dev !== 0) {
    throw new FormatError(
      `${origin}: said to be both in inode ${s_journal_inum} and on device 0x${s_journal_dev.toString(16)}`,
    );
  }
  const inode = await inodeReader(blob, superblock)(s_journal_inum);
  if (inode.type !== 'file')
    throw new FormatError(`${origin}: inode ${s_journal_inum} is a ${inode.type}, not a file`);
  return contentReader(blob, superblock)(inode, origin);
}

/** Follows the log from transaction to transaction, to the first that is not complete. */
async function scanLog(content: Blob, journal: JournalSuperblock): Promise<Log> {
  const { origin } = content;
  const { blockSizeInBytes, first, end } = journal;
  const writes: Write[] = [];
  const revokes = new Map<number, number>();
  /** Those of the transaction that is being read, which counts when its commit block is found. */
  let pendingWrites: Write[] = [];
  let pendingRevokes: number[] = [];
  let { sequence, start: at } = journal;
  let taken = 0;
  let transactionSum = 0xffff_ffff;
  let lastCommitTime = 0n;
  let isDoubtful = false;
  /** With asynchronous commits one that is damaged may have been interrupted, if no other follows. */
  let interrupted: number | undefined;

  const take = (): number => {
    taken += 1;
    if (taken > end - first)
      throw new FormatError(
        `${origin}: transaction ${sequence} does not end in a log of ${end - first} blocks`,
      );
    if (taken > maximumLogBlocks)
      throw new LimitError(`${origin}: more than ${maximumLogBlocks} blocks of log`);
    const block = at;
    at = at + 1 >= end ? first : at + 1;
    return block;
  };
  const readBlock = (block: number) => content.read(block * blockSizeInBytes, blockSizeInBytes);

  for (;;) {
    if (taken === end - first) break;
    const bytes = await readBlock(take());
    if (bytes.readUInt32BE(0) !== JBD2_MAGIC_NUMBER || bytes.readUInt32BE(8) !== sequence) break;
    const blockType = bytes.readUInt32BE(4);
    if (blockType === BLOCK_TYPE.descriptor) {
      // A block of the same number may be left from an earlier use of the log: its commit block's time tells.
      if (!isTailRight(bytes, journal)) isDoubtful = true;
      const sums = journal.checksum === 'v1' && !isDoubtful && interrupted === undefined;
      if (sums) transactionSum = crc32BigEndian(transactionSum, bytes);
      for (const tag of tagsOf(bytes, journal)) {
        const logBlock = take();
        pendingWrites.push({ tag, logBlock, sequence });
        if (sums) transactionSum = crc32BigEndian(transactionSum, await readBlock(logBlock));
      }
    } else if (blockType === BLOCK_TYPE.revoke) {
      if (!isTailRight(bytes, journal)) isDoubtful = true;
      else pendingRevokes.push(...revokedBlocks(bytes, journal, `${origin}: transaction ${sequence}`));
      if (revokes.size + pendingRevokes.length > maximumRevokes)
        throw new LimitError(`${origin}: more than ${maximumRevokes} revoked blocks`);
    } else if (blockType === BLOCK_TYPE.commit) {
      const time = commitTime(bytes);
      const isStale = time < lastCommitTime;
      const corrupt = (number: number, what: string) =>
        new FormatError(`${origin}: transaction ${number} is corrupt, and cannot be replayed: ${what}`);
      if (isDoubtful && isStale) break;
      if (isDoubtful) throw corrupt(sequence, 'the checksum of a descriptor or revoke block');
      if (interrupted !== undefined && journal.checksum === 'v1')
        throw corrupt(interrupted, `its checksum, and transaction ${sequence} is complete`);
      const wrong = wrongCommitChecksum(bytes, transactionSum, journal);
      if (wrong !== undefined) {
        if (isStale) break;
        if (!journal.hasAsyncCommit) throw corrupt(sequence, `commit block: ${wrong}`);
        interrupted ??= sequence;
      }
      if (interrupted === undefined) {
        for (const write of pendingWrites) writes.push(write);
        for (const block of pendingRevokes) revokes.set(block, sequence);
      }
      pendingWrites = [];
      pendingRevokes = [];
      transactionSum = 0xffff_ffff;
      lastCommitTime = time;
      sequence = (sequence + 1) >>> 0;
    } else break;
  }
  return { writes, revokes, endSequence: interrupted ?? sequence };
}

/** Fast commits follow the last complete transaction, in their own blocks at the journal's end. */
async function refuseFastCommits(content: Blob, journal: JournalSuperblock, sequence: number): Promise<void> {
  const { blockSizeInBytes, end } = journal;
  // Linux leaves the first of them out.
  for (const block of [end, end + 1]) {
    if ((block + 1) * blockSizeInBytes > content.sizeInBytes) return;
    const bytes = await content.read(block * blockSizeInBytes, 12);
    if (bytes.readUInt16LE(0) === EXT4_FC_TAG_HEAD && bytes.readUInt32LE(8) === sequence) {
      throw new UnsupportedError(
        `${content.origin}: fast commits after transaction ${(sequence - 1) >>> 0}, which are not replayed`,
      );
    }
  }
}

/** What the log holds for each block in the end. Every logged block is checked, as in a mount. */
async function replay(content: Blob, journal: JournalSuperblock, log: Log, disk: Blob) {
  const { blockSizeInBytes } = journal;
  const blocks = Math.floor(disk.sizeInBytes / blockSizeInBytes);
  const replaced = new Map<number, Blob>();
  for (const { tag, logBlock, sequence } of log.writes) {
    const revokedIn = log.revokes.get(tag.block);
    if (revokedIn !== undefined && distance(sequence, revokedIn) >= 0) continue;
    const what = `${content.origin}: transaction ${sequence}: block ${tag.block}`;
    if (tag.block >= blocks) throw new FormatError(`${what}, of the ${blocks} that there are`);
    const origin = `${content.origin} › block ${logBlock}`;
    const logged = sliceBlob(content, logBlock * blockSizeInBytes, blockSizeInBytes, origin);
    if (journal.checksum === 'v2' || journal.checksum === 'v3') {
      const wrong = wrongBlockChecksum(await logged.read(0, blockSizeInBytes), tag, sequence, journal);
      if (wrong !== undefined) throw new FormatError(`${what}: ${wrong}`);
    }
    replaced.set(tag.block, tag.isEscaped ? unescaped(logged) : logged);
  }
  return replaced;
}

/** Numbers of transactions go round after 2^32: how far it is from one to another, negative when that is earlier. */
function distance(from: number, to: number): number {
  return (to - from) | 0;
}

function unescaped(logged: Blob): Blob {
  const magic = Buffer.alloc(4);
  magic.writeUInt32BE(JBD2_MAGIC_NUMBER);
  return {
    ...logged,
    async read(offset, length) {
      const bytes = Buffer.from(await logged.read(offset, length));
      if (offset < magic.length) magic.copy(bytes, 0, offset);
      return bytes;
    },
  };
}
