import { FormatError, UnsupportedError } from '../../errors.ts';
import { crc32c } from '../crc32c.ts';

// The journal of ext3 and ext4, all numbers big-endian. Names and offsets: Linux, include/linux/jbd2.h
// https://docs.kernel.org/filesystems/ext4/journal.html

export const JBD2_MAGIC_NUMBER = 0xc03b_3998;
export const BLOCK_TYPE = { descriptor: 1, commit: 2, superblockV1: 3, superblockV2: 4, revoke: 5 } as const;
export const headerInBytes = 12;
export const journalSuperblockInBytes = 1024;
const blockTailInBytes = 4;
const revokeHeaderInBytes = 16;
const uuidInBytes = 16;
const JBD2_CRC32C_CHKSUM = 4;
const JBD2_CRC32_CHKSUM = 1;
const JBD2_DEFAULT_FAST_COMMIT_BLOCKS = 256;
const JBD2_MIN_JOURNAL_BLOCKS = 1024;

const COMPAT_CHECKSUM = 0x1;
const INCOMPAT = {
  revoke: 0x1,
  '64bit': 0x2,
  async_commit: 0x4,
  csum_v2: 0x8,
  csum_v3: 0x10,
  fast_commit: 0x20,
} as const;
const knownIncompat = Object.values(INCOMPAT).reduce((all, bit) => all | bit, 0);
const FLAG = { escape: 0x1, sameUuid: 0x2, lastTag: 0x8 } as const;

/** How the blocks of a transaction are checked: all together in the commit block (v1), or each (v2, v3). */
export type JournalChecksum = 'none' | 'v1' | 'v2' | 'v3';

export interface JournalSuperblock {
  readonly blockSizeInBytes: number;
  /** The first block of the log, and the one after its last: there it goes on at the first. */
  readonly first: number;
  readonly end: number;
  /** The oldest transaction that may not be in place, and the block where it begins; 0 when all are. */
  readonly sequence: number;
  readonly start: number;
  readonly checksum: JournalChecksum;
  /** What the checksums v2 and v3 start from. */
  readonly checksumSeed: number;
  readonly is64bit: boolean;
  readonly hasAsyncCommit: boolean;
  readonly hasFastCommit: boolean;
}

/** @throws FormatError naming the field that makes no sense, UnsupportedError naming the feature */
export function parseJournalSuperblock(bytes: Buffer, blockSizeInBytes: number, origin: string) {
  const damaged = (what: string) => new FormatError(`${origin}: superblock: ${what}`);
  const at32 = (offset: number) => bytes.readUInt32BE(offset);
  const blockType = at32(4);
  if (at32(0) !== JBD2_MAGIC_NUMBER) throw damaged(`magic ${hex(at32(0))}, not ${hex(JBD2_MAGIC_NUMBER)}`);
  if (blockType !== BLOCK_TYPE.superblockV1 && blockType !== BLOCK_TYPE.superblockV2)
    throw damaged(`a block of type ${blockType}`);
  const s_blocksize = at32(0xc);
  const s_maxlen = at32(0x10);
  const s_first = at32(0x14);
  const s_start = at32(0x1c);
  if (s_blocksize !== blockSizeInBytes)
    throw damaged(`s_blocksize ${s_blocksize}, where the file system has ${blockSizeInBytes}`);
  const has = (offset: number, bit: number) =>
    blockType === BLOCK_TYPE.superblockV2 && (at32(offset) & bit) !== 0;
  if (has(0x28, ~knownIncompat))
    throw new UnsupportedError(
      `${origin}: unknown incompatible features ${hex((at32(0x28) & ~knownIncompat) >>> 0)}`,
    );
  if (has(0x2c, ~0)) throw new UnsupportedError(`${origin}: unknown read-only features ${hex(at32(0x2c))}`);

  const checksums = [
    ...(has(0x24, COMPAT_CHECKSUM) ? (['v1'] as const) : []),
    ...(has(0x28, INCOMPAT.csum_v2) ? (['v2'] as const) : []),
    ...(has(0x28, INCOMPAT.csum_v3) ? (['v3'] as const) : []),
  ];
  const [checksum = 'none'] = checksums;
  if (checksums.length > 1) throw damaged(`checksums ${checksums.join(' and ')} at once`);
  if (checksum === 'v2' || checksum === 'v3') {
    const s_checksum_type = bytes.readUInt8(0x50);
    if (s_checksum_type !== JBD2_CRC32C_CHKSUM) throw damaged(`s_checksum_type ${s_checksum_type}`);
    const actual = checksumWithout(bytes, 0xfc, 0xffff_ffff);
    if (actual !== at32(0xfc)) throw damaged(`checksum ${hex(actual)}, but it says ${hex(at32(0xfc))}`);
  }

  const hasFastCommit = has(0x28, INCOMPAT.fast_commit);
  const fastCommitBlocks = at32(0x54) || JBD2_DEFAULT_FAST_COMMIT_BLOCKS;
  const isReserved = hasFastCommit && s_maxlen - fastCommitBlocks >= JBD2_MIN_JOURNAL_BLOCKS;
  const end = isReserved ? s_maxlen - fastCommitBlocks : s_maxlen;
  if (s_first === 0 || s_first >= end) throw damaged(`s_first ${s_first} of ${end} blocks`);
  if (s_start !== 0 && (s_start < s_first || s_start >= end))
    throw damaged(`s_start ${s_start}, not from ${s_first} to ${end}`);
  const superblock: JournalSuperblock = {
    blockSizeInBytes,
    first: s_first,
    end,
    sequence: at32(0x18),
    start: s_start,
    checksum,
    checksumSeed: crc32c(0xffff_ffff, bytes.subarray(0x30, 0x40)),
    is64bit: has(0x28, INCOMPAT['64bit']),
    hasAsyncCommit: has(0x28, INCOMPAT.async_commit),
    hasFastCommit,
  };
  return { superblock, blocks: s_maxlen };
}

/** Where a block of the log is to go. */
export interface Tag {
  readonly block: number;
  /** Its first four bytes are the journal's magic, which the log may not hold. */
  readonly isEscaped: boolean;
  /** As stored: 16 bits with v2, 32 with v3. */
  readonly checksum: number;
}

const isEachChecked = ({ checksum }: JournalSuperblock) => checksum === 'v2' || checksum === 'v3';

/** The tags of a descriptor block. */
export function tagsOf(descriptor: Buffer, journal: JournalSuperblock): Tag[] {
  const { checksum, is64bit } = journal;
  const tagInBytes = checksum === 'v3' ? 16 : (is64bit ? 12 : 8) + (checksum === 'v2' ? 2 : 0);
  const end = descriptor.length - (isEachChecked(journal) ? blockTailInBytes : 0);
  const tags: Tag[] = [];
  for (let at = headerInBytes; at + tagInBytes <= end;) {
    // In v3 the flags take 32 bits, the low half of which is where the others have all of them.
    const flags = descriptor.readUInt16BE(at + 6);
    const high = is64bit ? descriptor.readUInt32BE(at + 8) : 0;
    tags.push({
      block: high * 2 ** 32 + descriptor.readUInt32BE(at),
      isEscaped: (flags & FLAG.escape) !== 0,
      checksum: checksum === 'v3' ? descriptor.readUInt32BE(at + 12) : descriptor.readUInt16BE(at + 4),
    });
    if ((flags & FLAG.lastTag) !== 0) break;
    at += tagInBytes + ((flags & FLAG.sameUuid) === 0 ? uuidInBytes : 0);
  }
  return tags;
}

/** The blocks that a revoke block names. @throws FormatError for a count that the block has no room for */
export function revokedBlocks(bytes: Buffer, journal: JournalSuperblock, origin: string): number[] {
  const r_count = bytes.readUInt32BE(headerInBytes);
  const room = bytes.length - (isEachChecked(journal) ? blockTailInBytes : 0);
  if (r_count > room) throw new FormatError(`${origin}: revoke block: r_count ${r_count}, room for ${room}`);
  const blocks: number[] = [];
  const recordInBytes = journal.is64bit ? 8 : 4;
  for (let at = revokeHeaderInBytes; at + recordInBytes <= r_count; at += recordInBytes) {
    // Beyond 2^53 it loses digits, and is no block of any file system either way.
    blocks.push(journal.is64bit ? Number(bytes.readBigUInt64BE(at)) : bytes.readUInt32BE(at));
  }
  return blocks;
}

/** Whether the checksum at the end of a descriptor or revoke block is right; true where they have none. */
export function isTailRight(bytes: Buffer, journal: JournalSuperblock): boolean {
  if (!isEachChecked(journal)) return true;
  const tail = bytes.length - blockTailInBytes;
  return checksumWithout(bytes, tail, journal.checksumSeed) === bytes.readUInt32BE(tail);
}

/** What is wrong with the checksum of a logged block, or undefined. */
export function wrongBlockChecksum(bytes: Buffer, tag: Tag, sequence: number, journal: JournalSuperblock) {
  if (!isEachChecked(journal)) return undefined;
  const sequenceBytes = Buffer.alloc(4);
  sequenceBytes.writeUInt32BE(sequence);
  const full = crc32c(crc32c(journal.checksumSeed, sequenceBytes), bytes);
  const actual = journal.checksum === 'v3' ? full : full & 0xffff;
  if (actual === tag.checksum) return undefined;
  return `checksum ${hex(actual)}, but its tag says ${hex(tag.checksum)}`;
}

/** The checksum of the whole transaction in v1: CRC-32 with the most significant bit first, not inverted. */
export function crc32BigEndian(seed: number, bytes: Uint8Array): number {
  let crc = seed;
  for (const byte of bytes) crc = (crc << 8) ^ (table[(crc >>> 24) ^ byte] ?? 0);
  return crc >>> 0;
}

/** Seconds since 1970, for telling a transaction from a stale one. */
export function commitTime(commit: Buffer): bigint {
  return commit.readBigUInt64BE(0x30);
}

/** What is wrong with the checksum in a commit block, or undefined. */
export function wrongCommitChecksum(commit: Buffer, transactionSum: number, journal: JournalSuperblock) {
  const h_chksum = commit.readUInt32BE(0x10);
  let actual = h_chksum;
  if (isEachChecked(journal)) actual = checksumWithout(commit, 0x10, journal.checksumSeed);
  if (journal.checksum === 'v1') {
    const h_chksum_type = commit.readUInt8(0xc);
    const h_chksum_size = commit.readUInt8(0xd);
    const isUnused = h_chksum_type === 0 && h_chksum_size === 0 && h_chksum === 0;
    if (!isUnused && (h_chksum_type !== JBD2_CRC32_CHKSUM || h_chksum_size !== 4))
      return `a checksum of type ${h_chksum_type} and ${h_chksum_size} bytes`;
    if (!isUnused) actual = transactionSum;
  }
  return actual === h_chksum ? undefined : `checksum ${hex(actual)}, but it says ${hex(h_chksum)}`;
}

/** CRC32C of a block with its own four bytes of checksum taken as zeroes. */
function checksumWithout(bytes: Buffer, at: number, seed: number): number {
  const before = crc32c(seed, bytes.subarray(0, at));
  return crc32c(crc32c(before, Buffer.alloc(4)), bytes.subarray(at + 4));
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

const polynomial = 0x04c1_1db7;
const table = Int32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ polynomial : value << 1;
  return value;
});
