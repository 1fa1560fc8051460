import { FormatError } from '../../errors.ts';
import type { LogItem } from './log-transactions.ts';
import { basicBlockInBytes, type Lsn } from './log-layout.ts';
import { positionOf, type Superblock } from './layout.ts';
import type { CancelledBuffers } from './recovery-buffer.ts';
import { type RecoveredDisk, sealBuffer } from './recovery-disk.ts';

// Inodes: the whole of what comes before the forks, in the byte order of the machine, and what was changed of the
// forks, of which that of attributes is left out, as nobody reads it here. So are times and devices.
// Linux, fs/xfs/xfs_inode_item_recover.c and xfs_icreate_item.c

const XFS_DINODE_MAGIC = 0x494e;
const XFS_ILOG = { data: 0x2, extents: 0x4, tree: 0x8, dataOwner: 0x200 } as const;
const XFS_ILOG_DFORK = XFS_ILOG.data | XFS_ILOG.extents | XFS_ILOG.tree;
const XFS_DINODE_CRC_OFF = 100;
const DI_MAX_FLUSH = 0xffff;
const NULLAGINO = 0xffff_ffff;
/** Sizes of what comes before the data fork, in versions 1 and 2, and 3. */
const coreInBytes = { 4: 100, 5: 176 } as const;
/** Of what is logged of it. */
const loggedInBytes = { 4: 96, 5: 176 } as const;
/** The format with, and as 32-bit machines log it without padding. */
const formatInBytes = 56;
const packedFormatInBytes = 52;

/** Fields of `xfs_log_dinode` that have more than one byte, where those of `xfs_dinode` are too: [offset, bytes]. */
const fields = [
  [0, 2],
  [2, 2],
  [8, 4],
  [12, 4],
  [16, 4],
  [20, 2],
  [22, 2],
  [56, 8],
  [64, 8],
  [72, 4],
  [88, 2],
  [90, 2],
  [92, 4],
] as const;
const fieldsOfVersion3 = [
  [104, 8],
  [120, 8],
  [128, 4],
  [152, 8],
] as const;
const XFS_DIFLAG2_NREXT64 = 0x10n;

const longTreeHeaderInBytes = { 4: 24, 5: 72 } as const;
const rootHeaderInBytes = 4;
const keyInBytes = 8;
const pointerInBytes = 8;

export interface InodeItem {
  readonly number: bigint;
  /** The buffer that it is in, in blocks of 512 bytes, and where in that. */
  readonly block: number;
  readonly blocks: number;
  readonly offsetInBytes: number;
  /** The blocks of its tree of extents were those of another inode, and say so. */
  readonly hasOthersBlocks: boolean;
  readonly core: Buffer;
  readonly fork?: { readonly kind: 'content' | 'root'; readonly bytes: Buffer };
}

/** @throws FormatError */
export function parseInodeItem(
  { regions: [format, core, third] }: LogItem,
  { version }: Superblock,
  origin: string,
): InodeItem {
  const damaged = (what: string) => new FormatError(`${origin}: inode: ${what}`);
  if (format === undefined || core === undefined) throw damaged('without what was logged of it');
  if (format.length < packedFormatInBytes) throw damaged(`a format of ${format.length} bytes`);
  const shift = format.length < formatInBytes ? 0 : 4;
  const ilf_fields = format.readUInt32LE(4);
  const number = format.readBigUInt64LE(12 + shift);
  const block = Number(format.readBigInt64LE(36 + shift));
  const blocks = format.readInt32LE(44 + shift);
  const offsetInBytes = format.readInt32LE(48 + shift);
  if (block < 0 || blocks <= 0 || offsetInBytes < 0 || offsetInBytes >= blocks * basicBlockInBytes) {
    throw damaged(`${number}: at ${offsetInBytes} of ${blocks} blocks at ${block}`);
  }
  if (core.length < loggedInBytes[version]) throw damaged(`${number}: a core of ${core.length} bytes`);
  const di_magic = core.readUInt16LE(0);
  if (di_magic !== XFS_DINODE_MAGIC) throw damaged(`${number}: logged with magic 0x${di_magic.toString(16)}`);
  const kind = ilf_fields & XFS_ILOG_DFORK;
  if (kind !== 0 && third === undefined) throw damaged(`${number}: without its data fork`);
  const hasFork = kind !== 0 && third !== undefined;
  return {
    number,
    block,
    blocks,
    offsetInBytes,
    hasOthersBlocks: (ilf_fields & XFS_ILOG.dataOwner) !== 0,
    core,
    ...(hasFork && { fork: { kind: kind === XFS_ILOG.tree ? 'root' : 'content', bytes: third } }),
  };
}

/** Puts an inode in place, unless it was written since. @throws FormatError */
export async function replayInode(
  disk: RecoveredDisk,
  item: InodeItem,
  superblock: Superblock,
  lsn: Lsn,
  origin: string,
): Promise<void> {
  const { version, inodeSizeInBytes } = superblock;
  const what = `${origin}: inode ${item.number}`;
  const at = item.block * basicBlockInBytes + item.offsetInBytes;
  const raw = await disk.read(at, inodeSizeInBytes);
  const di_magic = raw.readUInt16BE(0);
  if (di_magic !== XFS_DINODE_MAGIC) {
    throw new FormatError(`${what}: is to be replayed over magic 0x${di_magic.toString(16)}`);
  }
  if (version === 5) {
    const written = raw.readBigUInt64BE(112);
    if (written !== 0n && written !== 0xffff_ffff_ffff_ffffn && written > lsn) return;
  } else if (isFlushedSince(raw, item.core)) return;

  convertCore(item.core, raw, version);
  if (version === 5) raw.writeBigUInt64BE(lsn, 112);
  if (item.fork !== undefined) {
    const start = coreInBytes[version];
    const di_forkoff = raw.readUInt8(82) * 8;
    if (start + di_forkoff > raw.length) throw new FormatError(`${what}: di_forkoff ${di_forkoff} bytes`);
    const fork = raw.subarray(start, di_forkoff === 0 ? raw.length : start + di_forkoff);
    const { kind, bytes } = item.fork;
    if (kind === 'root') convertRoot(bytes, fork, version, what);
    else if (bytes.length > fork.length) {
      throw new FormatError(`${what}: ${bytes.length} bytes for a fork of ${fork.length}`);
    } else bytes.copy(fork);
  }
  if (version === 5) sealBuffer(raw, XFS_DINODE_CRC_OFF);
  await disk.write(at, raw);
}

/** In version 4 an inode counts its writes, and begins again at zero. */
function isFlushedSince(raw: Buffer, core: Buffer): boolean {
  const stored = raw.readUInt16BE(30);
  const logged = core.readUInt16LE(30);
  return logged < stored && !(stored === DI_MAX_FLUSH && logged < DI_MAX_FLUSH >> 1);
}

function convertCore(core: Buffer, raw: Buffer, version: 4 | 5): void {
  const swap = (offset: number, length: number) => {
    for (let index = 0; index < length; index++) raw[offset + index] = core[offset + length - 1 - index] ?? 0;
  };
  for (const [offset, length] of fields) swap(offset, length);
  // Versions, formats and the place of the attributes have one byte.
  for (const [offset, length] of [
    [4, 2],
    [82, 2],
  ] as const)
    core.copy(raw, offset, offset, offset + length);
  raw.writeUInt16BE(0, 6);
  if (version === 5) {
    for (const [offset, length] of fieldsOfVersion3) swap(offset, length);
    core.copy(raw, 160, 160, 176);
  } else raw.writeUInt16BE(0, 30);
  // Where the count of extents has 64 bits it is here, else in what is one of attributes then.
  const hasLargeCount = version === 5 && (core.readBigUInt64LE(120) & XFS_DIFLAG2_NREXT64) !== 0n;
  if (hasLargeCount) swap(24, 8);
  else if (version === 5) raw.fill(0, 24, 32);
  swap(76, 4);
  swap(80, 2);
}

/** The root of a tree of extents is logged as a block of it, which has another header and room for more. */
function convertRoot(block: Buffer, fork: Buffer, version: 4 | 5, what: string): void {
  const header = longTreeHeaderInBytes[version];
  const each = keyInBytes + pointerInBytes;
  const numrecs = block.length < header ? 0 : block.readUInt16BE(6);
  const room = Math.floor((block.length - header) / each);
  const forkRoom = Math.floor((fork.length - rootHeaderInBytes) / each);
  if (numrecs === 0 || numrecs > room || numrecs > forkRoom) {
    throw new FormatError(
      `${what}: bb_numrecs ${numrecs} in ${block.length} bytes, for a fork of ${fork.length}`,
    );
  }
  block.copy(fork, 0, 4, 8);
  block.copy(fork, rootHeaderInBytes, header, header + numrecs * keyInBytes);
  const pointers = header + room * keyInBytes;
  block.copy(fork, rootHeaderInBytes + forkRoom * keyInBytes, pointers, pointers + numrecs * pointerInBytes);
}

/** Makes the inodes that `xfs_icreate_log` says were allocated together: free ones, for what is logged then. */
export async function replayCreation(
  disk: RecoveredDisk,
  { regions: [log] }: LogItem,
  superblock: Superblock,
  cancelled: CancelledBuffers,
  origin: string,
): Promise<void> {
  const { inodeSizeInBytes, blockSizeInBytes, groups, groupBlockBits, inodePlaceBits, metaUuid } = superblock;
  if (log === undefined || log.length < 28) {
    throw new FormatError(`${origin}: new inodes: a format of ${log?.length} bytes`);
  }
  const [group = 0, block = 0, count, size, length = 0] = [4, 8, 12, 16, 20].map((at) =>
    log.readUInt32BE(at),
  );
  const inChunk = length * (blockSizeInBytes / inodeSizeInBytes);
  // 64 at once; fewer where the room is sparse, but never many more.
  if (group >= groups || block === 0 || size !== inodeSizeInBytes || count !== inChunk || count > 1024) {
    throw new FormatError(
      `${origin}: new inodes: ${count} of ${size} bytes in ${length} blocks at ${block} of group ${group}`,
    );
  }
  const address = group * 2 ** groupBlockBits + block;
  const at = positionOf(superblock, address, length, `${origin}: new inodes`);
  const sectors = (length * blockSizeInBytes) / basicBlockInBytes;
  if (cancelled.hasWithin(at / basicBlockInBytes, sectors)) return;
  const bytes = Buffer.alloc(length * blockSizeInBytes);
  for (let index = 0; index < count; index++) {
    const inode = bytes.subarray(index * size, (index + 1) * size);
    inode.writeUInt16BE(XFS_DINODE_MAGIC, 0);
    inode.writeUInt8(3, 4);
    log.copy(inode, 92, 24, 28);
    inode.writeUInt32BE(NULLAGINO, 96);
    inode.writeBigUInt64BE(BigInt(address) * BigInt(2 ** inodePlaceBits) + BigInt(index), 152);
    metaUuid.copy(inode, 160);
    sealBuffer(inode, XFS_DINODE_CRC_OFF);
  }
  await disk.write(at, bytes);
}
