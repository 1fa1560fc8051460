/** What some bytes are, judged by their start. */
export type Content = keyof typeof contentNames;

/** Each kind of content as a person calls it. */
export const contentNames = {
  empty: 'an empty file',
  html: 'an HTML page',
  xml: 'an XML document',
  json: 'a JSON document',
  'git-lfs-pointer': 'a Git LFS pointer',
  text: 'a text file',
  gzip: 'gzip-compressed data',
  xz: 'xz-compressed data',
  lzma: 'LZMA-compressed data',
  zstd: 'zstd-compressed data',
  lz4: 'LZ4-compressed data (frame format)',
  'lz4-legacy': 'LZ4-compressed data (legacy format)',
  bzip2: 'bzip2-compressed data',
  lzo: 'LZO-compressed data',
  cpio: 'a cpio archive',
  elf: 'an ELF file',
  pe: 'a PE (EFI) binary',
  'arm64-image': 'an arm64 kernel Image',
  'riscv-image': 'a RISC-V kernel Image',
  zboot: 'an EFI zboot kernel',
  bzimage: 'an x86 bzImage kernel',
  qcow2: 'a qcow2 disk image',
  zip: 'a zip archive',
  iso: 'an ISO 9660 image',
  zeros: 'nothing but zero bytes at its start',
  unknown: 'data of no known format',
} as const;

// The magic numbers, in the order in which they decide: a kernel is also a PE binary.
const magics: readonly (readonly [Content, number, Buffer])[] = [
  ['bzimage', 0x202, Buffer.from('HdrS')],
  ['zboot', 4, Buffer.from('zimg')],
  ['arm64-image', 0x38, Buffer.from('ARMd')],
  ['riscv-image', 0x38, Buffer.from([0x52, 0x53, 0x43, 0x05])],
  ['gzip', 0, Buffer.from([0x1f, 0x8b])],
  ['xz', 0, Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])],
  ['zstd', 0, Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
  ['lz4', 0, Buffer.from([0x04, 0x22, 0x4d, 0x18])],
  ['lz4-legacy', 0, Buffer.from([0x02, 0x21, 0x4c, 0x18])],
  ['bzip2', 0, Buffer.from('BZh')],
  ['lzo', 0, Buffer.from([0x89, 0x4c, 0x5a, 0x4f, 0x00, 0x0d, 0x0a, 0x1a, 0x0a])],
  ['cpio', 0, Buffer.from('07070')],
  ['elf', 0, Buffer.from([0x7f, 0x45, 0x4c, 0x46])],
  ['qcow2', 0, Buffer.from([0x51, 0x46, 0x49, 0xfb])],
  ['zip', 0, Buffer.from([0x50, 0x4b, 0x03, 0x04])],
  ['iso', 0x8001, Buffer.from('CD001')],
  ['git-lfs-pointer', 0, Buffer.from('version https://git-lfs.github.com/spec/')],
];

/**
 * What content starts with these bytes. 4 kB are enough for all but ISO images, which need the first 36 kB.
 * @param sizeInBytes of the whole content, to tell an empty one
 */
export function recogniseContent(head: Buffer, sizeInBytes: number): Content {
  if (sizeInBytes === 0 || head.length === 0) return 'empty';
  for (const [content, offset, magic] of magics) {
    if (head.subarray(offset, offset + magic.length).equals(magic)) {
      if (content === 'zboot' && head.toString('latin1', 0, 2) !== 'MZ') continue;
      return content;
    }
  }
  if (isPe(head)) return 'pe';
  if (isLzma(head)) return 'lzma';
  if (head.subarray(0, 512).every((byte) => byte === 0)) return 'zeros';
  return textOf(head) ?? 'unknown';
}

function isPe(head: Buffer): boolean {
  if (head.length < 0x40 || head.toString('latin1', 0, 2) !== 'MZ') return false;
  const offset = head.readUInt32LE(0x3c);
  return offset + 4 > head.length || head.readUInt32LE(offset) === 0x00004550;
}

/** The .lzma header has no magic: usual properties, a dictionary of 2^n or 2^n+2^(n-1), a size in reason. */
function isLzma(head: Buffer): boolean {
  if (head.length < 14 || head[0] !== 0x5d || head[13] !== 0) return false;
  const dictionary = head.readUInt32LE(1);
  const size = head.readBigUInt64LE(5);
  const bits = dictionary.toString(2).replace(/0+$/, '');
  return (
    (bits === '1' || bits === '11' || dictionary === 0xffffffff) &&
    (size === 2n ** 64n - 1n || size < 2n ** 38n)
  );
}

function textOf(head: Buffer): Content | undefined {
  const text = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (!isText(head)) return undefined;
  if (/^(<!--[^]*?-->\s*)?(<!doctype\s+html|<html|<head|<body)/i.test(text)) return 'html';
  if (/^<(\?xml|[A-Za-z][\w:.-]*[\s>/])/.test(text)) return 'xml';
  if (/^[{[]/.test(text) && looksLikeJson(text)) return 'json';
  return 'text';
}

function isText(head: Buffer): boolean {
  // A character may be cut at the end of what was read.
  const whole = head.length < 64 ? head : head.subarray(0, head.length - 4);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    // oxlint-disable-next-line no-control-regex
    return !/[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]/.test(decoder.decode(whole, { stream: true }));
  } catch {
    return false;
  }
}

function looksLikeJson(text: string): boolean {
  return /^(\{\s*("|\}|$)|\[\s*([{["\]\d-]|true|false|null|$))/.test(text);
}

/** Of all that is recognised; bzip2 and LZO are not read. */
const compressions: ReadonlySet<Content> = new Set<Content>([
  'gzip',
  'xz',
  'lzma',
  'zstd',
  'lz4',
  'lz4-legacy',
  'bzip2',
  'lzo',
]);

export function isCompression(content: Content): boolean {
  return compressions.has(content);
}
