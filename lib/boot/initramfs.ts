import { type Blob, stream } from '../blob/blob.ts';
import { FormatError, LimitError, MissingError } from '../errors.ts';
import { readCpio } from '../fs/cpio.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { memoryFileSystem } from '../fs/memory.ts';
import { decompressed } from './decompressed.ts';
import { type Content, contentNames, isCompression, recogniseContent } from './content.ts';
import { InitramfsTree } from './initramfs-tree.ts';
import { PieceReader } from '../compression/pieces.ts';
import { type XzCheck, xzCheckOf } from '../compression/xz-checks.ts';

const headInBytes = 4096;
const maximumSegments = 1000;

/** Small texts from which facts are told; of everything else only the first 64 bytes are kept. */
const maximumTextInBytes = 256 * 1024;
const textPaths =
  /^\/etc\/|\/os-release$|\/(METADATA|PKG-INFO)$|\.egg-info$|\.(service|path|target|socket|timer|conf)$/;

export interface InitramfsOptions {
  /** Whether the content of a file is kept. The path is absolute, as stored, links not followed. */
  readonly keep?: (path: string, sizeInBytes: number) => boolean;
  /** Default 4 GiB. */
  readonly unpackedLimitInBytes?: number;
  /** Default 500,000. */
  readonly maximumEntries?: number;
}

/** One archive, or a compressed stream of them. */
export interface InitramfsSegment {
  readonly compression: Content | 'none';
  /** Where it starts in the file. */
  readonly offset: number;
  readonly entries: number;
  /** Of an xz segment. The kernel's decoder reads `none` and `crc32`, `crc64` (xz's default) only of late. */
  readonly xzCheck?: XzCheck;
}

export interface Initramfs {
  readonly origin: string;
  readonly segments: readonly InitramfsSegment[];
  /** What it unpacks to. Files whose content was not kept cannot be opened: see `head`. */
  readonly fs: FileSystem;
  readonly unpackedSizeInBytes: number;
  readonly entries: number;
  /** Entries that the kernel drops because their directory is not there (the first hundred). */
  readonly lost: readonly string[];
  /** The first bytes, at most 64, of the regular file that the path leads to. @throws MissingError, FormatError */
  head(path: string): Promise<Buffer>;
}

export function keepsByDefault(path: string, sizeInBytes: number): boolean {
  return sizeInBytes <= maximumTextInBytes && textPaths.test(path);
}

/**
 * Unpacks an initramfs in one pass, as the kernel does: archives and compressed streams of archives one after
 * another, with zero bytes between.
 * @throws FormatError when it is no initramfs, saying what it is, or is damaged; LimitError; UnsupportedError
 */
export async function readInitramfs(blob: Blob, options: InitramfsOptions = {}): Promise<Initramfs> {
  const unpackedLimit = options.unpackedLimitInBytes ?? 4 * 1024 ** 3;
  const maximumEntries = options.maximumEntries ?? 500_000;
  const tree = new InitramfsTree(options.keep ?? keepsByDefault, blob.origin);
  const input = new PieceReader(stream(blob), blob.origin);
  const segments: InitramfsSegment[] = [];
  let unpacked = 0;
  let entries = 0;

  async function unpack(archive: PieceReader): Promise<number> {
    tree.startSegment();
    const before = entries;
    const limits = { maximumEntries: maximumEntries - entries, maximumNameInBytes: 4096 };
    for await (const entry of readCpio(archive, limits)) {
      entries += 1;
      await tree.add(entry);
    }
    return entries - before;
  }

  try {
    // What starts with zeros and is something else (a bzImage without EFI stub) is not taken for padding.
    const start = recogniseContent(await input.peek(headInBytes), blob.sizeInBytes);
    if (start !== 'zeros' && start !== 'empty' && start !== 'unknown') refuseOther(blob, start, 0);
    for (;;) {
      await input.skipZeros();
      const head = await input.peek(headInBytes);
      if (head.length === 0) break;
      const offset = input.positionInBytes;
      const content = recogniseContent(head, blob.sizeInBytes);
      if (segments.length >= maximumSegments) {
        throw new LimitError(`${blob.origin}: more than ${maximumSegments} segments`);
      }
      refuseOther(blob, content, offset);
      if (content === 'cpio') {
        const count = await unpack(input);
        unpacked += input.positionInBytes - offset;
        segments.push({ compression: 'none', offset, entries: count });
      } else {
        const origin = `${blob.origin} › ${content} data at ${offset}`;
        const limitInBytes = unpackedLimit - unpacked;
        const inner = new PieceReader(
          decompressed(content, input, { limitInBytes, origin, members: 'one' }),
          origin,
        );
        const count = await unpack(inner);
        await refuseRest(blob, inner, content, count);
        unpacked += inner.positionInBytes;
        const xzCheck = content === 'xz' ? { xzCheck: xzCheckOf(head) } : {};
        segments.push({ compression: content, offset, entries: count, ...xzCheck });
      }
      if (unpacked > unpackedLimit) {
        throw new LimitError(`${blob.origin}: unpacks to more than ${unpackedLimit} bytes`);
      }
    }
  } finally {
    await input.close();
  }
  if (entries === 0) {
    const what = blob.sizeInBytes === 0 ? contentNames.empty : 'an archive without entries';
    throw new FormatError(`${blob.origin}: not an initramfs but ${what}`);
  }
  return describe(blob, tree, { segments, unpackedSizeInBytes: unpacked, entries });
}

function describe(
  blob: Blob,
  tree: InitramfsTree,
  facts: Pick<Initramfs, 'segments' | 'unpackedSizeInBytes' | 'entries'>,
): Initramfs {
  const fs = memoryFileSystem(tree.root, blob.origin);
  return {
    origin: blob.origin,
    fs,
    ...facts,
    lost: tree.lost,
    async head(path) {
      const entry = await fs.lookup(path);
      if (entry === undefined) throw new MissingError(`${blob.origin} › ${path}: no such file or directory`);
      if (entry.type !== 'file')
        throw new FormatError(`${blob.origin} › ${path}: a ${entry.type}, not a regular file`);
      return tree.headOf(entry) ?? Buffer.alloc(0);
    },
  };
}

/** Whatever the kernel would call "invalid magic at start of compressed archive". */
function refuseOther(blob: Blob, content: Content, offset: number): void {
  const where =
    offset === 0
      ? `${blob.origin}: not an initramfs but`
      : `${blob.origin}: at ${offset}, behind other archives,`;
  if (content === 'cpio' && offset % 4 !== 0) {
    throw new FormatError(
      `${blob.origin}: a cpio archive at ${offset}, which is not a multiple of 4: the kernel refuses it`,
    );
  }
  if (content === 'lz4') {
    throw new FormatError(`${where} ${contentNames.lz4}: the kernel reads only the legacy format (lz4 -l)`);
  }
  if (content !== 'cpio' && !isCompression(content))
    throw new FormatError(`${where} ${contentNames[content]}`);
}

/** A compressed stream has to hold archives and nothing else; what else it holds is named. */
async function refuseRest(
  blob: Blob,
  inner: PieceReader,
  compression: Content,
  entries: number,
): Promise<void> {
  const rest = await inner.peek(headInBytes);
  if (rest.length === 0) return;
  const what = contentNames[recogniseContent(rest, rest.length)];
  throw new FormatError(
    entries === 0
      ? `${blob.origin}: not an initramfs but ${what}, in ${contentNames[compression]}`
      : `${inner.origin}: at ${inner.positionInBytes}, behind ${entries} entries: ${what}, not a cpio archive`,
  );
}
