import { type Blob, checkRange } from '../../blob/blob.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { overlayBlob } from '../../blob/overlay.ts';
import { LimitError } from '../../errors.ts';
import { crc32c } from '../crc32c.ts';
import type { Lsn } from './log-layout.ts';
import type { Superblock } from './layout.ts';

// What a replay changes: blocks in memory, in front of those on the disk.

/** A log holds each change once, and is smaller. */
const maximumHeldInBytes = 512 * 1024 * 1024;

/** Where the kinds of metadata of version 5 say when they were written last, of which file system, and their sum. */
interface Stamp {
  readonly lsn: number;
  readonly uuid: number;
  readonly crc: number;
}
const shortTree: Stamp = { lsn: 24, uuid: 32, crc: 52 };
const directory: Stamp = { lsn: 16, uuid: 24, crc: 4 };
const attribute: Stamp = { lsn: 24, uuid: 32, crc: 12 };
const stamps: Readonly<Record<string, Stamp>> = {
  AB3B: shortTree,
  AB3C: shortTree,
  IAB3: shortTree,
  RMB3: shortTree,
  R3FC: shortTree,
  BMA3: { lsn: 32, uuid: 40, crc: 64 },
  XDB3: directory,
  XDD3: directory,
  XDF3: directory,
  XSLM: { lsn: 48, uuid: 16, crc: 12 },
  XFSB: { lsn: 240, uuid: 32, crc: 224 },
};
/** Blocks of an index or of attributes have their magic after two addresses. */
const indexMagics = new Set([0x3df1, 0x3dff, 0x3ebe]);

export class RecoveredDisk {
  readonly #disk: Blob;
  readonly #superblock: Superblock;
  readonly #blocks = new Map<number, Buffer>();

  constructor(disk: Blob, superblock: Superblock) {
    this.#disk = disk;
    this.#superblock = superblock;
  }

  /** The disk with what was written. */
  get blob(): Blob {
    const blocks = new Map<number, Blob>();
    for (const [index, block] of this.#blocks) blocks.set(index, memoryBlob(block, this.#disk.origin));
    return overlayBlob(this.#disk, this.#superblock.blockSizeInBytes, blocks);
  }

  /** A copy, which may be changed. */
  async read(offset: number, length: number): Promise<Buffer> {
    checkRange(this.#disk, offset, length);
    const size = this.#superblock.blockSizeInBytes;
    let bytes: Buffer | undefined;
    for (let index = Math.floor(offset / size); index * size < offset + length; index++) {
      const block = this.#blocks.get(index);
      if (block === undefined) bytes ??= Buffer.from(await this.#disk.read(offset, length));
    }
    bytes ??= Buffer.alloc(length);
    for (let index = Math.floor(offset / size); index * size < offset + length; index++) {
      const from = Math.max(offset, index * size);
      const to = Math.min(offset + length, (index + 1) * size);
      this.#blocks.get(index)?.copy(bytes, from - offset, from - index * size, to - index * size);
    }
    return bytes;
  }

  async write(offset: number, bytes: Buffer): Promise<void> {
    checkRange(this.#disk, offset, bytes.length);
    const size = this.#superblock.blockSizeInBytes;
    for (let index = Math.floor(offset / size); index * size < offset + bytes.length; index++) {
      let block = this.#blocks.get(index);
      if (block === undefined) {
        if ((this.#blocks.size + 1) * size > maximumHeldInBytes) {
          throw new LimitError(
            `${this.#disk.origin}: xfs log: more than ${maximumHeldInBytes} bytes changed`,
          );
        }
        block = Buffer.from(await this.#disk.read(index * size, size));
        this.#blocks.set(index, block);
      }
      const from = Math.max(offset, index * size);
      const to = Math.min(offset + bytes.length, (index + 1) * size);
      bytes.copy(block, from - index * size, from - offset, to - offset);
    }
  }

  /** When a buffer was written last; undefined when it does not say, or is of another file system. */
  lsnOf(buffer: Buffer): Lsn | undefined {
    const stamp = this.#stampOf(buffer);
    if (stamp === undefined) return undefined;
    const lsn = buffer.readBigUInt64BE(stamp.lsn);
    const isOurs = buffer.subarray(stamp.uuid, stamp.uuid + 16).equals(this.#superblock.metaUuid);
    return !isOurs || lsn === 0n || lsn === 0xffff_ffff_ffff_ffffn ? undefined : lsn;
  }

  /** Makes a buffer say when it was written, with a checksum that is right. */
  async stamp(offset: number, length: number, lsn: Lsn): Promise<void> {
    const buffer = await this.read(offset, length);
    const stamp = this.#stampOf(buffer);
    if (stamp === undefined) return;
    buffer.writeBigUInt64BE(lsn, stamp.lsn);
    sealBuffer(buffer, stamp.crc);
    await this.write(offset, buffer);
  }

  #stampOf(buffer: Buffer): Stamp | undefined {
    if (this.#superblock.version !== 5 || buffer.length < 512) return undefined;
    const magic = buffer.toString('latin1', 0, 4);
    return stamps[magic] ?? (indexMagics.has(buffer.readUInt16BE(8)) ? attribute : undefined);
  }
}

/** Makes a CRC32C right, which counts as zero itself. */
export function sealBuffer(buffer: Buffer, crcOffset: number): void {
  buffer.writeUInt32LE(0, crcOffset);
  buffer.writeUInt32LE(~crc32c(0xffff_ffff, buffer) >>> 0, crcOffset);
}
