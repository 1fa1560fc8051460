import { FormatError } from '../errors.ts';

/** A 64-bit big-endian integer as a number. @throws FormatError when it is beyond 2^53 - 1; `what` names it. */
export function uint64BigEndian(bytes: Buffer, offset: number, what: string): number {
  return checked(bytes.readBigUInt64BE(offset), what);
}

/** A 64-bit little-endian integer as a number. @throws FormatError when it is beyond 2^53 - 1; `what` names it. */
export function uint64LittleEndian(bytes: Buffer, offset: number, what: string): number {
  return checked(bytes.readBigUInt64LE(offset), what);
}

function checked(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new FormatError(`${what} is impossible: ${value}`);
  return Number(value);
}

/** The bits that are set in a 64-bit field, lowest first. */
export function bitsOf(value: bigint): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < 64; bit++) if ((value >> BigInt(bit)) & 1n) bits.push(bit);
  return bits;
}
