import type { Blob } from '../../blob/blob.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { checkAncestors, pathOf } from '../ancestry.ts';
import { Recent } from '../../blob/recent.ts';
import type { FileSystem } from '../filesystem.ts';
import { fileSystemOf } from '../walk.ts';
import { type DirectoryEntry, foldName, readDirectory } from './directory.ts';
import { forkReader } from './extents.ts';
import { type Inode, inodeReader } from './inodes.ts';
import { readSuperblock } from './layout.ts';
import { isLogClean } from './log.ts';
import { recoverXfs } from './recovery.ts';
import { readTarget } from './symlink.ts';

export interface XfsFileSystem extends FileSystem {
  readonly type: 'xfs';
  /** It was not unmounted: what is read is what a kernel would see once it has replayed the log. */
  readonly needsRecovery: boolean;
  /** How many complete transactions its log held that may not be in place, and are read from there. */
  readonly replayedTransactions: number;
  readonly blockSizeInBytes: number;
  /** How much of the partition it takes. */
  readonly sizeInBytes: number;
}

const directoriesKept = 16;

interface Node {
  readonly inode: Inode;
  readonly name: string;
  readonly parent?: Node;
}

interface Directory {
  readonly entries: readonly DirectoryEntry[];
  readonly byName: ReadonlyMap<string, DirectoryEntry>;
}

/**
 * An XFS file system of version 4 or 5, read-only. Checksums of metadata are verified where it has them, and that
 * metadata is what and where it says. A log that has to be replayed is, in memory. A file on the realtime device is
 * an UnsupportedError, and so is one whose change the log holds the beginning of.
 * @throws FormatError when the superblock, the log or the root directory is damaged, UnsupportedError for unknown
 *   features
 */
export async function openXfs(blob: Blob): Promise<XfsFileSystem> {
  const stored = await readSuperblock(blob);
  const needsRecovery = !(await isLogClean(blob, stored));
  const recovered = needsRecovery ? await recoverXfs(blob, stored) : undefined;
  const disk = recovered?.disk ?? blob;
  const superblock = disk === blob ? stored : await readSuperblock(disk);
  const readSettled = inodeReader(disk, superblock);
  const forkOf = forkReader(disk, superblock);
  const recent = new Recent<number, Directory>(directoriesKept);

  async function readInode(number: number): Promise<Inode> {
    const why = recovered?.unsettled.get(BigInt(number));
    if (why === undefined) return readSettled(number);
    throw new UnsupportedError(
      `${blob.origin}: xfs: inode ${number}: ${why} in the log, and is not replayed`,
    );
  }

  const root: Node = { inode: await readInode(superblock.rootInode), name: '' };
  if (root.inode.type !== 'directory') {
    throw new FormatError(
      `${blob.origin}: xfs: the root, inode ${root.inode.number}, is a ${root.inode.type}`,
    );
  }
  const originOf = (node: Node) => `${blob.origin} › ${pathOf(node)}`;

  async function directoryOf(node: Node): Promise<Directory> {
    const { number } = node.inode;
    checkAncestors(node, blob.origin, ({ inode }) => inode.number === number, `inode ${number}`);
    const origin = originOf(node);
    return recent.get(node.inode.number, async () => {
      const entries = await readDirectory(node.inode, () => forkOf(node.inode, origin), superblock, origin);
      return { entries, byName: new Map(entries.map((entry) => [entry.name, entry])) };
    });
  }

  async function nodeOf(parent: Node, { name, inode }: DirectoryEntry): Promise<Node> {
    return { inode: await readInode(inode), name, parent };
  }

  const { label, uuid, blockSizeInBytes, isCaseInsensitive } = superblock;
  const base = fileSystemOf<Node>(
    { type: 'xfs', origin: blob.origin, label, uuid },
    {
      root,
      entry: ({ inode, name }) => ({
        name,
        type: inode.type,
        sizeInBytes: inode.sizeInBytes,
        mode: inode.mode,
      }),
      async child(directory, name) {
        const { entries, byName } = await directoryOf(directory);
        const fold = isCaseInsensitive ? foldName(name) : undefined;
        const found =
          byName.get(name) ??
          (fold === undefined ? undefined : entries.find((entry) => foldName(entry.name) === fold));
        return found === undefined ? undefined : nodeOf(directory, found);
      },
      async children(directory) {
        const nodes: Node[] = [];
        for (const entry of (await directoryOf(directory)).entries)
          nodes.push(await nodeOf(directory, entry));
        return nodes;
      },
      content: async (file, origin) => forkOf(file.inode, origin).content,
      target: async (link) => readTarget(disk, link.inode, superblock, forkOf, originOf(link)),
    },
  );
  return {
    ...base,
    type: 'xfs',
    needsRecovery,
    replayedTransactions: recovered?.replayedTransactions ?? 0,
    blockSizeInBytes,
    sizeInBytes: superblock.blocks * blockSizeInBytes,
  };
}
