import { FormatError, LimitError } from '../errors.ts';

// The newc format as the kernel reads it: https://docs.kernel.org/driver-api/early-userspace/buffer-format.html and
// Linux, init/initramfs.c. 110 bytes of header: a magic and 13 numbers of 8 hexadecimal digits.
const headerInBytes = 110;
const magicNewc = '070701';
const magicCrc = '070702';
const fields = {
  c_ino: 6,
  c_mode: 14,
  c_nlink: 38,
  c_filesize: 54,
  c_maj: 62,
  c_min: 70,
  c_namesize: 94,
  c_chksum: 102,
} as const;
const trailerName = 'TRAILER!!!';
const typeMask = 0o170000;
const types: Readonly<Record<number, CpioType>> = {
  0o100000: 'file',
  0o040000: 'directory',
  0o120000: 'symlink',
};

const zero = 0x30;

export type CpioType = 'file' | 'directory' | 'symlink' | 'other';

/** Where the bytes of an archive come from, front to back. */
export interface CpioInput {
  readonly origin: string;
  readonly positionInBytes: number;
  peek(length: number): Promise<Buffer>;
  skipPeeked(length: number): void;
  /** Takes all zero bytes that come next; whether anything follows. */
  skipZeros(): Promise<boolean>;
  take(length: number, what: string): Promise<Buffer>;
  piece(limit?: number): Promise<Buffer | undefined>;
}

export interface CpioEntry {
  /** As stored, up to its NUL: `usr/bin/bash`, `./etc`. */
  readonly name: string;
  readonly type: CpioType;
  /** Permission bits (0o7777). */
  readonly mode: number;
  readonly sizeInBytes: number;
  /** How many names share the content. */
  readonly links: number;
  /** The same for names of the same file within an archive; archives are counted by their trailers. */
  readonly fileKey: string;
  /** The content, once. What is not read of it is skipped. */
  content(): AsyncGenerator<Buffer>;
}

export interface CpioOptions {
  readonly maximumEntries: number;
  readonly maximumNameInBytes: number;
}

/**
 * Reads newc archives that follow one another, as the kernel does: zero bytes between entries and archives are
 * skipped, a missing trailer is accepted. Stops before the first byte that neither is zero nor starts an entry.
 * @throws FormatError for damage, a wrong checksum (070702), or an end inside an entry; LimitError
 */
export async function* readCpio(input: CpioInput, options: CpioOptions): AsyncGenerator<CpioEntry> {
  let archive = 0;
  let count = 0;
  while (await entryFollows(input)) {
    const start = input.positionInBytes;
    const header = await input.take(headerInBytes, 'a cpio header');
    const magic = header.toString('latin1', 0, 6);
    const where = `${input.origin}: cpio entry at ${start}`;
    if (magic !== magicNewc && magic !== magicCrc) {
      const hint = magic === '070707' ? ' (the old format; the kernel wants cpio -H newc)' : '';
      throw new FormatError(`${where}: magic ${JSON.stringify(magic)}${hint}`);
    }
    const number = (field: keyof typeof fields) => hexadecimal(header, fields[field], field, where);
    const nameInBytes = number('c_namesize');
    if (nameInBytes === 0) throw new FormatError(`${where}: no name`);
    if (nameInBytes > options.maximumNameInBytes) {
      throw new LimitError(
        `${where}: a name of ${nameInBytes} bytes, more than ${options.maximumNameInBytes}`,
      );
    }
    const nameBytes = await input.take(nameInBytes, 'a cpio name');
    const name = nameBytes.toString('utf8').replace(/\0.*$/s, '');
    await skipPadding(input, headerInBytes + nameInBytes);
    if (name === trailerName) {
      archive += 1;
      continue;
    }
    count += 1;
    if (count > options.maximumEntries) {
      throw new LimitError(`${input.origin}: more than ${options.maximumEntries} cpio entries`);
    }
    const fullMode = number('c_mode');
    const type = types[fullMode & typeMask] ?? 'other';
    const sizeInBytes = number('c_filesize');
    const body = bodyOf(input, sizeInBytes, magic === magicCrc, `${where} (${name})`);
    const entry: CpioEntry = {
      name,
      type,
      mode: fullMode & 0o7777,
      sizeInBytes,
      links: number('c_nlink'),
      fileKey: `${archive}:${number('c_maj')}:${number('c_min')}:${number('c_ino')}`,
      content: body.pieces,
    };
    yield entry;
    for await (const piece of body.pieces()) void piece;
    const checksum = number('c_chksum');
    if (magic === magicCrc && type === 'file' && sizeInBytes > 0 && body.checksum() !== checksum) {
      throw new FormatError(
        `${where} (${name}): checksum ${body.checksum().toString(16)}, but ${checksum.toString(16)} is stated`,
      );
    }
    await skipPadding(input, sizeInBytes);
  }
}

interface Body {
  /** What is left of it. */
  readonly pieces: () => AsyncGenerator<Buffer>;
  readonly checksum: () => number;
}

function bodyOf(input: CpioInput, sizeInBytes: number, isSummed: boolean, where: string): Body {
  let left = sizeInBytes;
  let sum = 0;
  async function* pieces(): AsyncGenerator<Buffer> {
    while (left > 0) {
      const piece = await input.piece(left);
      if (piece === undefined) {
        throw new FormatError(`${where}: ends ${left} bytes before its ${sizeInBytes} are complete`);
      }
      left -= piece.length;
      if (isSummed) sum = add(sum, piece);
      yield piece;
    }
  }
  return { pieces, checksum: () => sum };
}

function add(sum: number, bytes: Buffer): number {
  let total = sum;
  for (const byte of bytes) total += byte;
  return total % 2 ** 32;
}

/** Whether an entry follows behind the zero bytes. */
async function entryFollows(input: CpioInput): Promise<boolean> {
  if (!(await input.skipZeros())) return false;
  return (await input.peek(1))[0] === zero && input.positionInBytes % 4 === 0;
}

async function skipPadding(input: CpioInput, length: number): Promise<void> {
  const padding = (4 - (length % 4)) % 4;
  // At the very end of the input the padding may be missing, as the kernel does not ask for it.
  if (padding > 0) input.skipPeeked((await input.peek(padding)).length);
}

function hexadecimal(header: Buffer, offset: number, field: string, where: string): number {
  const text = header.toString('latin1', offset, offset + 8);
  if (!/^[0-9a-f]{8}$/i.test(text)) {
    throw new FormatError(`${where}: ${field} is ${JSON.stringify(text)}, not 8 hexadecimal digits`);
  }
  return Number.parseInt(text, 16);
}
