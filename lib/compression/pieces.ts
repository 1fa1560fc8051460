import { FormatError } from '../errors.ts';

const nothing = Buffer.alloc(0);
const zeros = Buffer.alloc(4096);

/**
 * Bytes that come in pieces, read front to back, with the possibility of giving back what was read too far.
 * So concatenated members (a microcode archive before a compressed initramfs) can each stop where they end.
 */
export class PieceReader {
  readonly origin: string;
  readonly #source: AsyncIterator<Buffer>;
  #buffered: Buffer = nothing;
  #ended = false;
  #position = 0;

  constructor(pieces: AsyncIterable<Buffer>, origin: string) {
    this.origin = origin;
    this.#source = pieces[Symbol.asyncIterator]();
  }

  /** How many bytes were taken so far, less those given back. */
  get positionInBytes(): number {
    return this.#position;
  }

  /** Whatever is there already, without waiting. */
  get buffered(): Buffer {
    return this.#buffered;
  }

  /** The next `length` bytes without taking them; fewer only where the input ends. */
  async peek(length: number): Promise<Buffer> {
    if (this.#buffered.length < length && !this.#ended) {
      const parts = [this.#buffered];
      for (let have = this.#buffered.length; have < length;) {
        const next = await this.#source.next();
        if (next.done === true) {
          this.#ended = true;
          break;
        }
        parts.push(next.value);
        have += next.value.length;
      }
      this.#buffered = parts.length === 1 ? this.#buffered : Buffer.concat(parts);
    }
    return this.#buffered.subarray(0, length);
  }

  /** Takes bytes that were peeked at. */
  skipPeeked(length: number): void {
    this.#buffered = this.#buffered.subarray(length);
    this.#position += length;
  }

  /** Exactly `length` bytes. @throws FormatError when the input ends before, naming `what` it ends in */
  async take(length: number, what: string): Promise<Buffer> {
    const bytes =
      this.#buffered.length >= length ? this.#buffered.subarray(0, length) : await this.peek(length);
    if (bytes.length < length) {
      throw new FormatError(`${this.origin}: ends in the middle of ${what}, ${this.#at(bytes.length)}`);
    }
    this.skipPeeked(length);
    return bytes;
  }

  /** The next piece as it came, at most `limit` bytes of it; undefined at the end. */
  async piece(limit = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
    if (this.#buffered.length === 0) await this.peek(1);
    if (this.#buffered.length === 0) return undefined;
    const bytes = this.#buffered.subarray(0, Math.min(limit, this.#buffered.length));
    this.skipPeeked(bytes.length);
    return bytes;
  }

  /** Takes all zero bytes that come next. @returns whether anything follows */
  async skipZeros(): Promise<boolean> {
    for (;;) {
      if (this.#buffered.length === 0) await this.peek(1);
      const bytes = this.#buffered.subarray(0, zeros.length);
      if (bytes.length === 0) return false;
      if (bytes.equals(zeros.subarray(0, bytes.length))) {
        this.skipPeeked(bytes.length);
      } else {
        this.skipPeeked(bytes.findIndex((byte) => byte !== 0));
        return true;
      }
    }
  }

  /** Gives back the last bytes that were taken. */
  unread(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#buffered = this.#buffered.length === 0 ? bytes : Buffer.concat([bytes, this.#buffered]);
    this.#position -= bytes.length;
  }

  /** Tells the source that no more is wanted. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#buffered = nothing;
    await this.#source.return?.();
  }

  #at(extra: number): string {
    return `after ${this.#position + extra} bytes`;
  }
}
