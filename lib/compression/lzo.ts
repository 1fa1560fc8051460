import { FormatError } from '../errors.ts';

// LZO1X, as Linux reads it: https://docs.kernel.org/staging/lzo.html

/** Matches of instruction 0001HLLL are at least so far back; exactly so far means the end of the data. */
const endDistance = 16384;
/** The literals copied last: none, one to three that an instruction brought along, or a run of their own. */
const afterRun = 4;

/**
 * Unpacks one block of LZO1X (version 0, without runs of zeroes) into `target`, and gives how much that was.
 * @throws FormatError when the data is damaged or unpacks to more than `target` holds; `what` names it
 */
export function unpackLzo(source: Buffer, target: Buffer, what: string): number {
  let at = 0;
  let to = 0;
  const damaged = (why: string) =>
    new FormatError(`${what}: damaged lzo data: ${why}, at ${at} of ${source.length}`);

  function byte(): number {
    const value = source[at];
    if (value === undefined) throw damaged('it ends too early');
    at += 1;
    return value;
  }

  /** A length of a few bits; zero means that it goes on in bytes, of which those of zero count 255. */
  function lengthOf(bits: number, mask: number): number {
    if ((bits & mask) !== 0) return bits & mask;
    let length = mask;
    let more = byte();
    for (; more === 0; more = byte()) length += 255;
    return length + more;
  }

  function copyLiterals(count: number): void {
    if (at + count > source.length) throw damaged(`${count} literals`);
    if (to + count > target.length) throw damaged(`more than the ${target.length} bytes it should hold`);
    source.copy(target, to, at, at + count);
    at += count;
    to += count;
  }

  function copyMatch(distance: number, length: number): void {
    if (distance > to) throw damaged(`a match ${distance} bytes back, of ${to}`);
    if (to + length > target.length) throw damaged(`more than the ${target.length} bytes it should hold`);
    // A match that reaches into itself repeats what it copies.
    for (const end = to + length; to < end; to++) target[to] = target[to - distance] ?? 0;
  }

  let state = 0;
  const first = source[0] ?? 0;
  if (first > 17) {
    at += 1;
    copyLiterals(first - 17);
    state = Math.min(first - 17, afterRun);
  } else if (first === 17 && source.length > 4) {
    throw damaged(`version ${source[1] ?? 0} of its format`);
  }
  for (;;) {
    const code = byte();
    if (code < 16 && state === 0) {
      copyLiterals(3 + lengthOf(code, 15));
      state = afterRun;
      continue;
    }
    let trailing = code;
    if (code >= 64) {
      const distance = byte() * 8 + ((code >> 2) & 7) + 1;
      copyMatch(distance, code >= 128 ? 5 + ((code >> 5) & 3) : 3 + ((code >> 5) & 1));
    } else if (code >= 16) {
      const isNear = code >= 32;
      const length = 2 + lengthOf(code, isNear ? 31 : 7);
      trailing = byte();
      const low = (byte() << 6) | (trailing >> 2);
      const distance = isNear ? low + 1 : endDistance + ((code & 8) << 11) + low;
      if (!isNear && distance === endDistance) {
        if (at < source.length) throw damaged('bytes behind its end');
        return to;
      }
      copyMatch(distance, length);
    } else {
      const distance = byte() * 4 + ((code >> 2) & 3) + 1;
      if (state === afterRun) copyMatch(distance + 2048, 3);
      else copyMatch(distance, 2);
    }
    state = trailing & 3;
    copyLiterals(state);
  }
}
