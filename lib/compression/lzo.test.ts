import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { outcome } from '../../fixtures/disks/damage.ts';
import { FormatError } from '../errors.ts';
import { unpackLzo } from './lzo.ts';

// Streams written by hand from https://docs.kernel.org/staging/lzo.html, one instruction at a time.

const end = [0x11, 0, 0];

function unpack(bytes: readonly number[], room = 100_000): string {
  const target = Buffer.alloc(room);
  return target.toString('latin1', 0, unpackLzo(Buffer.from(bytes), target, 'data'));
}

/** A first byte and so many literals. */
const literals = (text: string) => [17 + text.length, ...Buffer.from(text, 'latin1')];

describe('instructions', () => {
  test('the end alone', () => {
    expect(unpack(end)).toBe('');
  });

  test('1 to 3 and 4 to 238 literals at the beginning', () => {
    for (const length of [1, 2, 3, 4, 238]) {
      const text = 'x'.repeat(length - 1) + 'y';
      expect(unpack([...literals(text), ...end])).toBe(text);
    }
  });

  test('0000LLLL after nothing: a run of literals, its length in the byte or beyond', () => {
    expect(unpack([1, ...Buffer.from('abcd'), ...end])).toBe('abcd');
    const long = 'z'.repeat(3 + 15 + 255 + 7);
    expect(unpack([0, 0, 7, ...Buffer.from(long), ...end])).toBe(long);
  });

  test('0000DDSS after 1 to 3 literals: two bytes from up to 1 kB back', () => {
    // H = 0, D = 1: distance 2; S = 1 literal.
    expect(unpack([...literals('ab'), 0b0000_0101, 0, 0x21, ...end])).toBe('abab!');
  });

  test('0000DDSS after a run of literals: three bytes from 2 to 3 kB back', () => {
    const long = Buffer.from(Array.from({ length: 2100 }, (_, index) => 65 + (index % 26)));
    const zeroes = Math.floor((2100 - 3 - 15 - 1) / 255);
    const run = [0, ...Array<number>(zeroes).fill(0), 2100 - 3 - 15 - 255 * zeroes, ...long];
    // H = 1, D = 2: distance 4 + 2 + 2049.
    expect(unpack([...run, 0b0000_1000, 1, ...end])).toBe(
      long.toString() + long.toString('latin1', 2100 - 2055, 2100 - 2052),
    );
  });

  test('0001HLLL: from 16 to 48 kB back', () => {
    const start = 'abcdefgh';
    // The length 2 + 31 + 255 * 78 + 77 of a match one byte back makes 20,000 bytes.
    const fill = [0x20, ...Array<number>(78).fill(0), 77, 0, 0];
    const whole = start + 'h'.repeat(20_000);
    // L = 3: 5 bytes; distance 16384 + 3624 = 20008, the beginning.
    const low = 3624;
    expect(unpack([...literals(start), ...fill, 0x13, (low << 2) & 0xff, low >> 6, ...end])).toBe(
      `${whole}abcde`,
    );
    // H = 1 and L = 0: 2 + 7 + 1 bytes, distance 32768 + 0.
    const more = [0x20, ...Array<number>(98).fill(0), 0xff, 0, 0];
    const longer = whole + 'h'.repeat(2 + 31 + 255 * 98 + 255);
    expect(unpack([...literals(start), ...fill, ...more, 0x18, 1, 0, 0, ...end])).toBe(
      longer + longer.slice(longer.length - 32_768).slice(0, 10),
    );
  });

  test('001LLLLL: up to 16 kB back, into what it copies', () => {
    // L = 4: 6 bytes; D = 1: distance 2; S = 3 literals.
    expect(unpack([...literals('ab'), 0x24, (1 << 2) | 3, 0, 0x31, 0x32, 0x33, ...end])).toBe('abababab123');
  });

  test('01LDDDSS and 1LLDDDSS: 3 to 8 bytes from up to 2 kB back', () => {
    // H = 0, D = 3: distance 4.
    expect(unpack([...literals('abcd'), 0b0100_1100, 0, ...end])).toBe('abcdabc');
    expect(unpack([...literals('abcd'), 0b0110_1100, 0, ...end])).toBe('abcdabcd');
    expect(unpack([...literals('abcd'), 0b1000_1100, 0, ...end])).toBe('abcdabcda');
    expect(unpack([...literals('abcd'), 0b1110_1110, 0, 0x2e, 0x2e, ...end])).toBe('abcdabcdabcd..');
    // H = 1: distance 9.
    expect(unpack([...literals('123456789'), 0b0100_0000, 1, ...end])).toBe('123456789123');
  });
});

describe('damage', () => {
  test.for<[string, readonly number[]]>([
    ['it ends too early, at 0 of 0', []],
    ['it ends too early', literals('abcd')],
    ['5 literals', [22, 1, 2]],
    ['a match 3 bytes back, of 2', [...literals('ab'), 0x24, 2 << 2, 0, ...end]],
    ['bytes behind its end', [...literals('ab'), ...end, 0]],
    ['version 1 of its format', [17, 1, ...end]],
    ['more than the 10 bytes it should hold', [...literals('ab'), 0x20, 0, 0, 1, 0, 0, ...end]],
    ['more than the 10 bytes it should hold', [...literals('abcdefghijk'), ...end]],
  ])('%s', ([message, bytes]) => {
    expect(() => unpack(bytes, 10)).toThrow(FormatError);
    expect(() => unpack(bytes, 10)).toThrow(`data: damaged lzo data: ${message}`);
  });

  test('any bytes unpack or are told', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .uint8Array({ maxLength: 200 })
        .map((rest) => Uint8Array.from([...literals('some literals to begin with'), ...rest])),
    );
    await fc.assert(
      fc.asyncProperty(bytes, fc.nat(5000), async (source, room) => {
        const unpacking = outcome('data', async () =>
          unpackLzo(Buffer.from(source), Buffer.alloc(room), 'data'),
        );
        expect(await unpacking).toMatch(/^(?:fine|told)$/);
      }),
      { numRuns: 2000 },
    );
  });
});
