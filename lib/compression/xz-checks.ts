import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Crc64 } from './crc64.ts';

// The .xz file format, section 2.1.1.2: https://tukaani.org/xz/xz-file-format.txt
const sizes = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/** The integrity check of an .xz stream. The kernel's decoder knows none and CRC32, CRC64 only of late. */
export type XzCheck = 'none' | 'crc32' | 'crc64' | 'sha256' | 'unknown';

const names: Readonly<Record<number, XzCheck>> = { 0: 'none', 1: 'crc32', 4: 'crc64', 10: 'sha256' };

export function xzCheckNamed(id: number): XzCheck {
  return names[id] ?? 'unknown';
}

export function xzCheckSize(id: number): number {
  return sizes[id] ?? 0;
}

interface RunningCheck {
  update(bytes: Buffer): void;
  /** As it is stored behind the block; undefined where it cannot be computed. */
  digest(): Buffer | undefined;
}

export function runningCheck(check: XzCheck): RunningCheck {
  if (check === 'crc64') return new Crc64();
  if (check === 'sha256') {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest() };
  }
  if (check === 'crc32') {
    let crc = 0;
    return {
      update: (bytes) => {
        crc = crc32(bytes, crc);
      },
      digest: () => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32LE(crc);
        return bytes;
      },
    };
  }
  return { update: () => {}, digest: () => undefined };
}

/** The integrity check of the .xz stream that these bytes start. */
export function xzCheckOf(head: Buffer): XzCheck {
  return head.length > 7 ? xzCheckNamed(head.readUInt8(7) & 0x0f) : 'unknown';
}
