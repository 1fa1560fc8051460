import type { Blob } from '../../blob/blob.ts';
import { FormatError } from '../../errors.ts';
import { checkDescription, symlinkBlock } from './checksum.ts';
import type { ForkReader } from './extents.ts';
import type { Inode } from './inodes.ts';
import type { Superblock } from './layout.ts';

// Symbolic links: in the inode, or in blocks, of which version 5 begins each stretch with a header.
// Linux, fs/xfs/libxfs/xfs_format.h, `xfs_dsymlink_hdr`, and xfs_symlink_remote.c

const XFS_SYMLINK_MAXLEN = 1024;
const XFS_SYMLINK_MAGIC = 'XSLM';
const headerInBytes = 56;
/** The least block of version 5 holds the target and its header in two. */
const maximumBlocks = 3;

/** What a symbolic link leads to. @throws FormatError */
export async function readTarget(
  disk: Blob,
  inode: Inode,
  superblock: Superblock,
  forkOf: ForkReader,
  origin: string,
): Promise<string> {
  const { sizeInBytes, format, fork } = inode;
  if (sizeInBytes === 0 || sizeInBytes > XFS_SYMLINK_MAXLEN) {
    throw new FormatError(`${origin}: a link of ${sizeInBytes} bytes, of 1 to ${XFS_SYMLINK_MAXLEN}`);
  }
  if (format === 'local') {
    if (sizeInBytes > fork.length) {
      throw new FormatError(`${origin}: a link of ${sizeInBytes} bytes, in a fork of ${fork.length}`);
    }
    return fork.toString('utf8', 0, sizeInBytes);
  }
  const { content, runAt } = forkOf(inode, origin);
  if (superblock.version === 4) return (await content.read(0, sizeInBytes)).toString('utf8');

  const parts: Buffer[] = [];
  for (let block = 0, done = 0; done < sizeInBytes;) {
    const { blocks, fromInBytes } = await runAt(block);
    if (fromInBytes === undefined || blocks > maximumBlocks) {
      throw new FormatError(`${origin}: ${done} of ${sizeInBytes} bytes, then ${blocks} blocks of nothing`);
    }
    const bytes = await disk.read(fromInBytes, blocks * superblock.blockSizeInBytes);
    const part = partOf(bytes, fromInBytes, done, inode, superblock, `${origin}: block ${block} of the link`);
    parts.push(part);
    done += part.length;
    block += blocks;
  }
  return Buffer.concat(parts).toString('utf8');
}

function partOf(
  bytes: Buffer,
  positionInBytes: number,
  done: number,
  inode: Inode,
  { metaUuid }: Superblock,
  what: string,
): Buffer {
  const magic = bytes.toString('latin1', 0, 4);
  if (magic !== XFS_SYMLINK_MAGIC) {
    throw new FormatError(`${what}: magic ${JSON.stringify(magic)}, not "${XFS_SYMLINK_MAGIC}"`);
  }
  checkDescription(bytes, symlinkBlock, { positionInBytes, metaUuid, owner: inode.number }, what);
  const sl_offset = bytes.readUInt32BE(4);
  const sl_bytes = bytes.readUInt32BE(8);
  const due = Math.min(inode.sizeInBytes - done, bytes.length - headerInBytes);
  if (sl_offset !== done || sl_bytes !== due) {
    throw new FormatError(
      `${what}: ${sl_bytes} bytes from ${sl_offset} on, where ${due} from ${done} on are due`,
    );
  }
  return bytes.subarray(headerInBytes, headerInBytes + sl_bytes);
}
