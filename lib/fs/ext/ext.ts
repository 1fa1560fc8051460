import { type Blob, readText } from '../../blob/blob.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { checkAncestors, pathOf } from '../ancestry.ts';
import { Recent } from '../../blob/recent.ts';
import { contentReader } from './blocks.ts';
import { type DirectoryEntry, readDirectory } from './directory.ts';
import { FLAG, type Inode, inodeReader } from './inodes.ts';
import { recoverExt } from './journal.ts';
import { INCOMPAT, readSuperblock } from './layout.ts';
import type { FileSystem } from '../filesystem.ts';
import { fileSystemOf } from '../walk.ts';

export interface ExtFileSystem extends FileSystem {
  readonly type: 'ext2' | 'ext3' | 'ext4';
  /** It was not unmounted: what is read is what a kernel would see once it has replayed the journal. */
  readonly needsRecovery: boolean;
  /** How many complete transactions its journal held that are not in place, and are read from there. */
  readonly replayedTransactions: number;
  readonly blockSizeInBytes: number;
  /** How much of the partition it takes. */
  readonly sizeInBytes: number;
}

const EXT2_ROOT_INO = 2;
const directoriesKept = 16;
/** Linux's PATH_MAX bounds both the target of a link and, at two bytes a name, the depth. */
const maximumLinkInBytes = 4096;
const shortLinkInBytes = 60;

interface Node {
  readonly inode: Inode;
  readonly name: string;
  readonly parent?: Node;
}

/**
 * An ext2, ext3 or ext4 file system, read-only. Checksums of metadata are verified where it has them. A journal that
 * has to be replayed is, in memory. Inodes that are encrypted, and names of case-insensitive directories that do not
 * match exactly, are an UnsupportedError.
 * @throws FormatError when the superblock, the journal or the root directory is damaged, UnsupportedError for
 *   unknown features
 */
export async function openExt(blob: Blob): Promise<ExtFileSystem> {
  const stored = await readSuperblock(blob);
  const { disk, replayedTransactions } = await recoverExt(blob, stored);
  const superblock = disk === blob ? stored : await readSuperblock(disk);
  const readInode = inodeReader(disk, superblock);
  const contentOf = contentReader(disk, superblock);
  const recent = new Recent<number, DirectoryEntry[]>(directoriesKept);

  const root: Node = { inode: await readInode(EXT2_ROOT_INO), name: '' };
  if (root.inode.type !== 'directory') {
    throw new FormatError(`${blob.origin}: ext: the root, inode 2, is a ${root.inode.type}`);
  }
  const originOf = (node: Node) => `${blob.origin} › ${pathOf(node)}`;

  async function entriesOf(node: Node): Promise<DirectoryEntry[]> {
    const { number } = node.inode;
    checkAncestors(node, blob.origin, ({ inode }) => inode.number === number, `inode ${number}`);
    return recent.get(node.inode.number, async () =>
      readDirectory(node.inode, contentOf(node.inode, originOf(node)), superblock),
    );
  }

  async function nodeOf(parent: Node, { name, inode }: DirectoryEntry): Promise<Node> {
    return { inode: await readInode(inode), name, parent };
  }

  const { type, label, uuid, blockSizeInBytes } = superblock;
  const base = fileSystemOf<Node>(
    { type, origin: blob.origin, label, uuid },
    {
      root,
      entry: ({ inode, name }) => ({
        name,
        type: inode.type,
        sizeInBytes: inode.sizeInBytes,
        mode: inode.mode,
      }),
      async child(directory, name) {
        const found = (await entriesOf(directory)).find((entry) => entry.name === name);
        if (found !== undefined) return nodeOf(directory, found);
        if ((directory.inode.flags & FLAG.EXT4_CASEFOLD_FL) !== 0) {
          throw new UnsupportedError(
            `${originOf(directory)}: a case-insensitive directory, without exactly ${name}`,
          );
        }
        return undefined;
      },
      async children(directory) {
        const nodes: Node[] = [];
        for (const entry of await entriesOf(directory)) nodes.push(await nodeOf(directory, entry));
        return nodes;
      },
      content: async (file, origin) => contentOf(file.inode, origin),
      async target(link) {
        const { i_block, sizeInBytes, flags } = link.inode;
        const isElsewhere = flags & (FLAG.EXT4_EXTENTS_FL | FLAG.EXT4_INLINE_DATA_FL | FLAG.EXT4_ENCRYPT_FL);
        if (isElsewhere === 0 && sizeInBytes < shortLinkInBytes)
          return i_block.toString('utf8', 0, sizeInBytes);
        return readText(contentOf(link.inode, originOf(link)), maximumLinkInBytes);
      },
    },
  );
  return {
    ...base,
    type,
    needsRecovery: (stored.incompat & INCOMPAT.needs_recovery) !== 0,
    replayedTransactions,
    blockSizeInBytes,
    sizeInBytes: superblock.blocks * blockSizeInBytes,
  };
}
