import type { Blob } from '../blob/blob.ts';
import { FormatError } from '../errors.ts';
import { checkAncestors, pathOf } from './ancestry.ts';
import { Recent } from '../blob/recent.ts';
import type { FileSystem } from './filesystem.ts';
import { fileSystemOf } from './walk.ts';
import { type DirectoryEntry, foldName, readDirectory } from './xfs-directory.ts';
import { forkReader } from './xfs-extents.ts';
import { type Inode, inodeReader } from './xfs-inodes.ts';
import { readSuperblock } from './xfs-layout.ts';
import { isLogClean } from './xfs-log.ts';
import { readTarget } from './xfs-symlink.ts';

export interface XfsFileSystem extends FileSystem {
  readonly type: 'xfs';
  /** The log does not end with an unmount: what is read may be older than what a kernel would see. */
  readonly needsRecovery: boolean;
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
 * metadata is what and where it says. The log is not replayed. A file on the realtime device is an UnsupportedError.
 * @throws FormatError when the superblock or the root directory is damaged, UnsupportedError for unknown features
 */
export async function openXfs(blob: Blob): Promise<XfsFileSystem> {
  const superblock = await readSuperblock(blob);
  const readInode = inodeReader(blob, superblock);
  const forkOf = forkReader(blob, superblock);
  const needsRecovery = !(await isLogClean(blob, superblock));
  const recent = new Recent<number, Directory>(directoriesKept);

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
      target: async (link) => readTarget(blob, link.inode, superblock, forkOf, originOf(link)),
    },
  );
  return {
    ...base,
    type: 'xfs',
    needsRecovery,
    blockSizeInBytes,
    sizeInBytes: superblock.blocks * blockSizeInBytes,
  };
}
