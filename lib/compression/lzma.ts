import { FormatError, LimitError } from '../errors.ts';

// LZMA: the specification in the LZMA SDK (lzma-specification.txt, public domain): its names, where it has them.
const kNumBitModelTotalBits = 11;
const kNumMoveBits = 5;
const PROB_INIT_VAL = (1 << kNumBitModelTotalBits) / 2;
const kTopValue = 2 ** 24;
const kNumPosBitsMax = 4;
const kNumStates = 12;
const kNumLenToPosStates = 4;
const kEndPosModelIndex = 14;
const kNumFullDistances = 1 << (kEndPosModelIndex >> 1);
const kNumAlignBits = 4;
const kMatchMinLen = 2;
const endMarkerDistance = 0xffffffff;

// Where each group of probabilities starts in the one table.
const isMatch = 0;
const isRep = isMatch + (kNumStates << kNumPosBitsMax);
const isRepG0 = isRep + kNumStates;
const isRepG1 = isRepG0 + kNumStates;
const isRepG2 = isRepG1 + kNumStates;
const isRep0Long = isRepG2 + kNumStates;
const posSlot = isRep0Long + (kNumStates << kNumPosBitsMax);
const posDecoders = posSlot + (kNumLenToPosStates << 6);
const alignDecoder = posDecoders + 1 + kNumFullDistances - kEndPosModelIndex;
const lenDecoder = alignDecoder + (1 << kNumAlignBits);
const lenChoice2 = 1;
const lenLow = 2;
const lenMid = lenLow + (1 << (kNumPosBitsMax + 3));
const lenHigh = lenMid + (1 << (kNumPosBitsMax + 3));
const repLenDecoder = lenDecoder + lenHigh + (1 << 8);
const literals = repLenDecoder + lenHigh + (1 << 8);

/** A symbol takes at most 20 bytes of input (LZMA_REQUIRED_INPUT_MAX) and gives at most 273 of output. */
export const symbolInputInBytes = 20;
const symbolOutputInBytes = 273;
/** What is remembered of the output, whatever dictionary is claimed. */
const maximumHistoryInBytes = 128 << 20;
const slackInBytes = 4 << 20;

export type LzmaProperties = { readonly lc: number; readonly lp: number; readonly pb: number };

/** The properties byte: (pb * 5 + lp) * 9 + lc. Undefined when there is no such. */
export function lzmaProperties(byte: number): LzmaProperties | undefined {
  if (byte >= 9 * 5 * 5) return undefined;
  return { lc: byte % 9, lp: Math.floor(byte / 9) % 5, pb: Math.floor(byte / 45) };
}

/**
 * The LZMA decoder: state, probabilities, history. `input` is what there is of the compressed data; `decode`
 * goes on from `at` until as much output is there as wanted or the input may not suffice for a symbol.
 */
export class LzmaDecoder {
  input: Buffer = Buffer.alloc(0);
  at = 0;
  /** Set when the end marker came. */
  ended = false;

  private readonly origin: string;
  private readonly historyLimit: number;
  private readonly isHistoryCut: boolean;
  private output = Buffer.allocUnsafe(64 << 10);
  private to = 0;
  private emitted = 0;
  private probs = new Uint16Array(literals);
  private properties: LzmaProperties = { lc: 0, lp: 0, pb: 0 };
  private state = 0;
  private rep0 = 0;
  private rep1 = 0;
  private rep2 = 0;
  private rep3 = 0;
  private range = 0;
  private code = 0;
  /** How far back a match may reach: what was put out since the dictionary was reset. */
  private known = 0;
  /** The position as the contexts count it. */
  private position = 0;

  constructor(dictionaryInBytes: number, origin: string) {
    this.historyLimit = Math.min(Math.max(dictionaryInBytes, 4096), maximumHistoryInBytes);
    this.isHistoryCut = dictionaryInBytes > maximumHistoryInBytes;
    this.origin = origin;
  }

  resetDictionary(): void {
    this.known = 0;
    this.position = 0;
  }

  resetState(properties: LzmaProperties = this.properties): void {
    this.properties = properties;
    const size = literals + (0x300 << (properties.lc + properties.lp));
    if (this.probs.length !== size) this.probs = new Uint16Array(size);
    this.probs.fill(PROB_INIT_VAL);
    this.state = 0;
    this.rep0 = this.rep1 = this.rep2 = this.rep3 = 0;
  }

  /** Starts the range coder with the 5 bytes at `at`. */
  startRange(): void {
    if (this.input.readUInt8(this.at) !== 0) throw this.damaged('the range coder does not start with zero');
    this.code = this.input.readUInt32BE(this.at + 1);
    this.range = 0xffffffff;
    this.at += 5;
  }

  /** Bytes that are stored as they are (LZMA2). */
  store(bytes: Buffer): void {
    this.reserve(bytes.length);
    bytes.copy(this.output, this.to);
    this.advance(bytes.length);
  }

  /** Whether the range coder stands at a proper end. */
  get isFinished(): boolean {
    return this.code === 0;
  }

  /** What was put out since the last call, copied. */
  takeOutput(): Buffer {
    const bytes = Buffer.from(this.output.subarray(this.emitted, this.to));
    this.emitted = this.to;
    return bytes;
  }

  /**
   * Decodes up to `wanted` bytes; `isExact` refuses a match that goes beyond. Stops early where fewer than
   * `reserveInBytes` of input are left, or at the end marker. @returns how many bytes came out
   */
  decode(wanted: number, isExact: boolean, reserveInBytes: number): number {
    this.reserve(wanted + symbolOutputInBytes);
    const start = this.position;
    const goal = start + wanted;
    const lastStart = this.input.length - reserveInBytes;
    while (this.position < goal && this.at <= lastStart && !this.ended) this.symbol(goal, isExact);
    if (this.at > this.input.length)
      throw new FormatError(`${this.origin}: ends in the middle of its LZMA data`);
    return this.position - start;
  }

  /** Brings the range coder to rest behind a symbol, so that what was used of the input is known. */
  normalise(): void {
    if (this.range < kTopValue) {
      this.range = (this.range << 8) >>> 0;
      this.code = ((this.code << 8) | (this.input[this.at] ?? 0)) >>> 0;
      this.at += 1;
    }
  }

  private symbol(goal: number, isExact: boolean): void {
    const { probs } = this;
    const posState = this.position & ((1 << this.properties.pb) - 1);
    const { state } = this;
    if (this.bit(probs, isMatch + (state << kNumPosBitsMax) + posState) === 0) {
      this.literal();
      return;
    }
    let length: number;
    if (this.bit(probs, isRep + state) === 0) {
      this.rep3 = this.rep2;
      this.rep2 = this.rep1;
      this.rep1 = this.rep0;
      length = this.length(lenDecoder, posState);
      this.state = state < 7 ? 7 : 10;
      this.rep0 = this.distance(length);
      if (this.rep0 === endMarkerDistance) {
        this.ended = true;
        this.normalise();
        return;
      }
    } else {
      if (this.known === 0) throw this.damaged('a repeated match at the start');
      if (this.bit(probs, isRepG0 + state) === 0) {
        if (this.bit(probs, isRep0Long + (state << kNumPosBitsMax) + posState) === 0) {
          this.state = state < 7 ? 9 : 11;
          this.copyMatch(1);
          return;
        }
      } else {
        let distance: number;
        if (this.bit(probs, isRepG1 + state) === 0) {
          distance = this.rep1;
        } else {
          if (this.bit(probs, isRepG2 + state) === 0) {
            distance = this.rep2;
          } else {
            distance = this.rep3;
            this.rep3 = this.rep2;
          }
          this.rep2 = this.rep1;
        }
        this.rep1 = this.rep0;
        this.rep0 = distance;
      }
      length = this.length(repLenDecoder, posState);
      this.state = state < 7 ? 8 : 11;
    }
    length += kMatchMinLen;
    if (isExact && this.position + length > goal) throw this.damaged('a match goes beyond the stated size');
    this.copyMatch(length);
  }

  private literal(): void {
    const { probs, output } = this;
    const { lc, lp } = this.properties;
    const previous = this.known > 0 ? (output[this.to - 1] as number) : 0;
    const context = ((this.position & ((1 << lp) - 1)) << lc) + (previous >> (8 - lc));
    const base = literals + 0x300 * context;
    let symbol = 1;
    if (this.state >= 7) {
      if (this.rep0 >= this.known) throw this.damaged(`a distance of ${this.rep0 + 1}`);
      let matchByte = output[this.to - this.rep0 - 1] as number;
      while (symbol < 0x100) {
        const matchBit = (matchByte >> 7) & 1;
        matchByte <<= 1;
        const bit = this.bit(probs, base + ((1 + matchBit) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (matchBit !== bit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.bit(probs, base + symbol);
    output[this.to] = symbol;
    this.advance(1);
    this.state = this.state < 4 ? 0 : this.state < 10 ? this.state - 3 : this.state - 6;
  }

  private copyMatch(length: number): void {
    const { output, to } = this;
    const distance = this.rep0 + 1;
    if (distance > this.known) {
      if (this.isHistoryCut && distance <= this.position) {
        throw new LimitError(
          `${this.origin}: an LZMA match ${distance} bytes back, more than the ${maximumHistoryInBytes} that are kept`,
        );
      }
      throw this.damaged(`a distance of ${distance}, with ${this.known} bytes of history`);
    }
    const from = to - distance;
    if (distance >= length && length > 16) output.copyWithin(to, from, from + length);
    else for (let i = 0; i < length; i++) output[to + i] = output[from + i] as number;
    this.advance(length);
  }

  private length(base: number, posState: number): number {
    const { probs } = this;
    if (this.bit(probs, base) === 0) return this.tree(base + lenLow + (posState << 3), 3);
    if (this.bit(probs, base + lenChoice2) === 0) return 8 + this.tree(base + lenMid + (posState << 3), 3);
    return 16 + this.tree(base + lenHigh, 8);
  }

  private distance(length: number): number {
    const lenState = Math.min(length, kNumLenToPosStates - 1);
    const slot = this.tree(posSlot + (lenState << 6), 6);
    if (slot < 4) return slot;
    const numDirectBits = (slot >> 1) - 1;
    const high = (2 | (slot & 1)) * 2 ** numDirectBits;
    if (slot < kEndPosModelIndex) return high + this.reverseTree(posDecoders + high - slot, numDirectBits);
    const middle = this.direct(numDirectBits - kNumAlignBits) * 2 ** kNumAlignBits;
    return high + middle + this.reverseTree(alignDecoder, kNumAlignBits);
  }

  private tree(base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.bit(this.probs, base + symbol);
    return symbol - (1 << bits);
  }

  private reverseTree(base: number, bits: number): number {
    let node = 1;
    let symbol = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.bit(this.probs, base + node);
      node = (node << 1) | bit;
      symbol |= bit << i;
    }
    return symbol;
  }

  private direct(bits: number): number {
    let value = 0;
    for (let i = 0; i < bits; i++) {
      this.normalise();
      this.range >>>= 1;
      const bit = this.code >= this.range ? 1 : 0;
      if (bit === 1) this.code -= this.range;
      value = value * 2 + bit;
    }
    return value;
  }

  private bit(probs: Uint16Array, index: number): number {
    if (this.range < kTopValue) {
      this.range = (this.range << 8) >>> 0;
      this.code = ((this.code << 8) | (this.input[this.at] ?? 0)) >>> 0;
      this.at += 1;
    }
    const prob = probs[index] as number;
    const bound = (this.range >>> kNumBitModelTotalBits) * prob;
    if (this.code < bound) {
      probs[index] = prob + (((1 << kNumBitModelTotalBits) - prob) >> kNumMoveBits);
      this.range = bound;
      return 0;
    }
    probs[index] = prob - (prob >> kNumMoveBits);
    this.code -= bound;
    this.range -= bound;
    return 1;
  }

  private advance(length: number): void {
    this.to += length;
    this.position += length;
    this.known = Math.min(this.known + length, this.historyLimit);
  }

  /** Makes room for `length` more bytes; only what history needs is kept when the buffer is full. */
  private reserve(length: number): void {
    if (this.to + length <= this.output.length) return;
    const kept = this.known;
    const needed = kept + length;
    const largest = Math.max(needed, 2 * this.historyLimit + slackInBytes);
    const size = Math.min(Math.max(needed, 2 * this.output.length), largest);
    const pending = this.to - this.emitted;
    if (pending > 0) throw new Error('LZMA output was not taken');
    const next = size > this.output.length ? Buffer.allocUnsafe(size) : this.output;
    this.output.copy(next, 0, this.to - kept, this.to);
    this.output = next;
    this.to = this.emitted = kept;
  }

  private damaged(why: string): FormatError {
    return new FormatError(`${this.origin}: damaged LZMA data: ${why}`);
  }
}
