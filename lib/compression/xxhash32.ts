// xxHash32: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;
const stripeInBytes = 16;

/** The checksum of LZ4 frames, as a stream. Seed 0. */
export class XxHash32 {
  readonly #lanes = new Uint32Array([prime1 + prime2, prime2, 0, -prime1]);
  #rest: Buffer = Buffer.alloc(0);
  #sizeInBytes = 0;

  update(bytes: Buffer): void {
    this.#sizeInBytes += bytes.length;
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % stripeInBytes);
    for (let at = 0; at < whole; at += stripeInBytes) {
      for (let lane = 0; lane < 4; lane++) {
        const sum = this.#lane(lane) + Math.imul(all.readUInt32LE(at + 4 * lane), prime2);
        this.#lanes[lane] = Math.imul(rotateLeft(sum, 13), prime1);
      }
    }
    this.#rest = Buffer.from(all.subarray(whole));
  }

  /** The hash of everything so far, as an unsigned number. */
  digest(): number {
    let sum =
      this.#sizeInBytes >= stripeInBytes
        ? rotateLeft(this.#lane(0), 1) +
          rotateLeft(this.#lane(1), 7) +
          rotateLeft(this.#lane(2), 12) +
          rotateLeft(this.#lane(3), 18)
        : prime5;
    sum = (sum + this.#sizeInBytes) | 0;
    let at = 0;
    for (; at + 4 <= this.#rest.length; at += 4) {
      sum = (sum + Math.imul(this.#rest.readUInt32LE(at), prime3)) | 0;
      sum = Math.imul(rotateLeft(sum, 17), prime4);
    }
    for (; at < this.#rest.length; at++) {
      sum = (sum + Math.imul(this.#rest.readUInt8(at), prime5)) | 0;
      sum = Math.imul(rotateLeft(sum, 11), prime1);
    }
    sum = Math.imul(sum ^ (sum >>> 15), prime2);
    sum = Math.imul(sum ^ (sum >>> 13), prime3);
    return (sum ^ (sum >>> 16)) >>> 0;
  }

  #lane(index: number): number {
    return this.#lanes[index] ?? 0;
  }
}

/** The hash of one piece. */
export function xxHash32(bytes: Buffer): number {
  const hash = new XxHash32();
  hash.update(bytes);
  return hash.digest();
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
