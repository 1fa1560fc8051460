import { FormatError } from '../../errors.ts';
import type { LogItem } from './log-transactions.ts';
import { basicBlockInBytes, type Lsn } from './log-layout.ts';
import type { Superblock } from './layout.ts';
import type { RecoveredDisk } from './recovery-disk.ts';

// Buffers: pieces of 128 bytes of metadata that were changed. `xfs_buf_log_format`, in the byte order of the machine.
// Linux, fs/xfs/xfs_buf_item_recover.c

const XFS_BLF_CHUNK = 128;
const FLAG = { inodeBuffer: 0x1, cancel: 0x2, quota: 0x1c } as const;
const XFS_BLFT_SHIFT = 11;
const headerInBytes = 20;
/** The kinds of buffers that a reader of files comes to; logs of old kernels do not say which one is. */
const kinds = new Set([
  0 /* unknown */, 4 /* B+tree */, 8 /* inodes */, 9 /* link */, 10, 11 /* directory */, 18,
]);

export interface BufferItem {
  readonly block: number;
  readonly blocks: number;
  readonly isCancel: boolean;
  /** Holds inodes, of which only the list of those without a name is logged so. */
  readonly isInodeBuffer: boolean;
  /** What it holds is read here. */
  readonly isRead: boolean;
  readonly regions: readonly { readonly offset: number; readonly bytes: Buffer }[];
}

/** @throws FormatError for a bitmap that does not go with the regions */
export function parseBufferItem({ regions: [format, ...regions] }: LogItem, origin: string): BufferItem {
  const damaged = (what: string) => new FormatError(`${origin}: buffer: ${what}`);
  if (format === undefined || format.length < headerInBytes)
    throw damaged(`a format of ${format?.length} bytes`);
  const flags = format.readUInt16LE(4);
  const blocks = format.readUInt16LE(6);
  const block = Number(format.readBigInt64LE(8));
  const blf_map_size = format.readUInt32LE(16);
  if (headerInBytes + blf_map_size * 4 > format.length) {
    throw damaged(`blf_map_size ${blf_map_size}, in ${format.length} bytes`);
  }
  if (block < 0 || blocks === 0 || !Number.isSafeInteger(block * basicBlockInBytes)) {
    throw damaged(`${blocks} blocks at ${block}`);
  }
  const isCancel = (flags & FLAG.cancel) !== 0;
  const isInodeBuffer = (flags & FLAG.inodeBuffer) !== 0;
  const isRead =
    !isCancel && !isInodeBuffer && (flags & FLAG.quota) === 0 && kinds.has(flags >> XFS_BLFT_SHIFT);
  const item = { block, blocks, isCancel, isInodeBuffer, isRead };
  if (!isRead) return { ...item, regions: [] };

  const isSet = (bit: number) =>
    ((format.readUInt32LE(headerInBytes + (bit >> 5) * 4) >>> (bit & 31)) & 1) === 1;
  const bits = blf_map_size * 32;
  const placed: { offset: number; bytes: Buffer }[] = [];
  for (let bit = 0, index = 0; bit < bits;) {
    if (!isSet(bit)) {
      bit += 1;
      continue;
    }
    // What belongs together may be logged in parts, where memory was not in one piece.
    const bytes = regions[index];
    const chunks = (bytes?.length ?? 0) / XFS_BLF_CHUNK;
    let run = 1;
    while (run < chunks && bit + run < bits && isSet(bit + run)) run += 1;
    const end = (bit + run) * XFS_BLF_CHUNK;
    if (bytes === undefined || run * XFS_BLF_CHUNK > bytes.length || end > blocks * basicBlockInBytes) {
      throw damaged(
        `${run} chunks at ${bit} of ${blocks} blocks at ${block}, where the region has ${bytes?.length} bytes`,
      );
    }
    placed.push({ offset: bit * XFS_BLF_CHUNK, bytes: bytes.subarray(0, run * XFS_BLF_CHUNK) });
    index += 1;
    bit += run;
  }
  return { ...item, regions: placed };
}

/** Puts a buffer's pieces in place, unless it was written since. Gives what it then holds, if it did. */
export async function replayBuffer(
  disk: RecoveredDisk,
  item: BufferItem,
  lsn: Lsn,
): Promise<Buffer | undefined> {
  const at = item.block * basicBlockInBytes;
  const buffer = await disk.read(at, item.blocks * basicBlockInBytes);
  const written = disk.lsnOf(buffer);
  if (written !== undefined && written >= lsn) return undefined;
  for (const { offset, bytes } of item.regions) bytes.copy(buffer, offset);
  await disk.write(at, buffer);
  return buffer;
}

/**
 * The directory of whose block this is only the beginning: what is elsewhere is logged for itself, and there is no
 * telling where that is. Linux takes the beginning for the whole, and fails.
 */
export function directoryInPieces(buffer: Buffer, superblock: Superblock): bigint | undefined {
  if (superblock.version !== 5 || buffer.length >= superblock.directoryBlockInBytes) return undefined;
  const magic = buffer.toString('latin1', 0, 4);
  return magic === 'XDB3' || magic === 'XDD3' ? buffer.readBigUInt64BE(40) : undefined;
}

/** The buffers that were given up later in the log: what was logged of them before then is not replayed. */
export class CancelledBuffers {
  /** Block → length → how many times. */
  readonly #counts = new Map<number, Map<number, number>>();

  add({ block, blocks }: BufferItem): void {
    const counts = this.#counts.get(block) ?? new Map<number, number>();
    this.#counts.set(block, counts.set(blocks, (counts.get(blocks) ?? 0) + 1));
  }

  /** When a replay comes by it, it counts no more for what follows. */
  pass({ block, blocks }: BufferItem): void {
    const counts = this.#counts.get(block);
    const count = counts?.get(blocks) ?? 0;
    if (count > 1) counts?.set(blocks, count - 1);
    else counts?.delete(blocks);
    if (counts?.size === 0) this.#counts.delete(block);
  }

  has(block: number, blocks: number): boolean {
    return this.#counts.get(block)?.has(blocks) ?? false;
  }

  /** Whether one begins in a range. */
  hasWithin(block: number, blocks: number): boolean {
    for (let at = block; at < block + blocks; at++) if (this.#counts.has(at)) return true;
    return false;
  }
}
