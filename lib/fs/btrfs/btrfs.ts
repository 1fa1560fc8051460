import { type Blob, readText } from '../../blob/blob.ts';
import { FormatError, LimitError, MissingError } from '../../errors.ts';
import { checkAncestors, pathOf } from '../ancestry.ts';
import type { Checksum } from './checksum.ts';
import { CHUNK_ITEM_KEY, type Chunk, locator, parseChunk, systemChunks } from './chunks.ts';
import { contentReader } from './content.ts';
import type { DirectoryEntry } from './entries.ts';
import { type Inode, findEntry, readDirectory, readInode } from './inodes.ts';
import { readSuperblock } from './layout.ts';
import { type SubvolumePath, subvolumePaths } from './subvolume-paths.ts';
import { FS_TREE_OBJECTID, type Subvolume, subvolumeReader } from './subvolumes.ts';
import { treeReader } from './tree.ts';
import type { FileSystem } from '../filesystem.ts';
import { fileSystemOf } from '../walk.ts';

export interface BtrfsFileSystem extends FileSystem {
  readonly type: 'btrfs';
  /** It was not unmounted, and has a log: what is read is what a kernel would see once it has replayed that. */
  readonly needsRecovery: boolean;
  readonly blockSizeInBytes: number;
  /** How much of the partition it takes. */
  readonly sizeInBytes: number;
  /** How metadata is summed up, and whether that was verified: not where Node has no such function. */
  readonly checksums: { readonly type: Checksum['name']; readonly areVerified: boolean };
  /** The subvolume that its paths begin in: the one that is mounted without an option that names another. */
  readonly defaultSubvolume: bigint;
  /**
   * What the mount option `subvol=` with that path would show, which counts from the top level.
   * @throws MissingError when there is no such path, FormatError when no subvolume begins there
   */
  subvolume(path: string): Promise<BtrfsFileSystem>;
  /** Its subvolumes and snapshots, without the top level. @throws LimitError for more than 10,000 */
  subvolumes(): Promise<SubvolumePath[]>;
}

const FIRST_CHUNK_TREE_OBJECTID = 256n;
const largestOffset = 2n ** 64n - 1n;
/** A chunk holds at least a megabyte, and commonly a gigabyte. */
const maximumChunks = 100_000;
/** Linux's PATH_MAX bounds both the target of a link and, at two bytes a name, the depth. */
const maximumLinkInBytes = 4096;

interface Node {
  /** Absent for the empty directory that a snapshot has in the place of a subvolume. */
  readonly subvolume?: Subvolume;
  readonly inode: Inode;
  readonly name: string;
  readonly parent?: Node;
}

/** As the kernel shows a subvolume that is not there. */
const emptyDirectory: Inode = { number: 2n, type: 'directory', mode: 0o755, sizeInBytes: 0 };

/**
 * A btrfs file system on one device, read-only, from its default subvolume. Paths go on into other subvolumes.
 * A log that has to be replayed is read before what it would change.
 * Checksums of metadata are verified (see `checksums`), those of data are not.
 * @throws FormatError when what leads to the root directory is damaged, UnsupportedError for unknown features,
 *   several devices and RAID profiles
 */
export async function openBtrfs(blob: Blob): Promise<BtrfsFileSystem> {
  const { origin } = blob;
  const superblock = await readSuperblock(blob);
  const locate = locator(await readChunks(), origin);
  const tree = treeReader(blob, superblock, locate);
  const subvolumes = subvolumeReader(tree, superblock, origin);
  const contentOf = contentReader(blob, superblock, tree, locate);

  async function readChunks(): Promise<Chunk[]> {
    const bootstrap = treeReader(blob, superblock, locator(systemChunks(superblock, origin), origin));
    const key = { objectid: FIRST_CHUNK_TREE_OBJECTID, type: CHUNK_ITEM_KEY };
    const range = [
      { ...key, offset: 0n },
      { ...key, offset: largestOffset },
    ] as const;
    const chunks: Chunk[] = [];
    for await (const item of bootstrap.range(superblock.chunkRoot, ...range)) {
      chunks.push(parseChunk(item.data, item.key.offset, superblock, origin));
      if (chunks.length > maximumChunks) {
        throw new LimitError(`${origin}: btrfs: more than ${maximumChunks} chunks`);
      }
    }
    return chunks;
  }

  const originOf = (node: Node) => `${origin} › ${pathOf(node)}`;

  async function nodeOf(parent: Node, here: Subvolume, entry: DirectoryEntry): Promise<Node> {
    const { name, objectid, leadsTo } = entry;
    let subvolume: Subvolume | undefined = here;
    let number = objectid;
    if (leadsTo === 'subvolume') {
      // As btrfs_lookup_dentry in Linux, fs/btrfs/inode.c.
      const isThere = await subvolumes.isAttached(here.tree, parent.inode.number, entry);
      if (!isThere) return { inode: emptyDirectory, name, parent };
      subvolume = await subvolumes.get(objectid);
      if (subvolume === undefined) {
        throw new FormatError(`${originOf(parent)}: ${name}: the subvolume ${objectid} does not exist`);
      }
      number = subvolume.directory;
    }
    return { subvolume, inode: await readInode(tree, subvolume, number, origin), name, parent };
  }

  async function rootOf(id: bigint): Promise<Node> {
    const subvolume = await subvolumes.get(id);
    if (subvolume === undefined)
      throw new FormatError(`${origin}: btrfs: the subvolume ${id} does not exist`);
    const inode = await readInode(tree, subvolume, subvolume.directory, origin);
    if (inode.type === 'directory') return { subvolume, inode, name: '' };
    throw new FormatError(`${origin}: btrfs: the top of subvolume ${id} is a ${inode.type}`);
  }

  async function child(directory: Node, name: string): Promise<Node | undefined> {
    checkLoops(directory, origin);
    const { subvolume, inode } = directory;
    if (subvolume === undefined) return undefined;
    const found = await findEntry(tree, subvolume, inode.number, name, originOf(directory));
    return found && nodeOf(directory, subvolume, found);
  }

  const { label, uuid } = superblock;
  const from = (root: Node, rootOrigin = origin) =>
    fileSystemOf<Node>(
      { type: 'btrfs', origin: rootOrigin, label, uuid },
      {
        root,
        entry: ({ inode: { type, sizeInBytes, mode }, name }) => ({ name, type, sizeInBytes, mode }),
        child,
        async children(directory) {
          checkLoops(directory, origin);
          const { subvolume, inode } = directory;
          const nodes: Node[] = [];
          if (subvolume === undefined) return nodes;
          for (const entry of await readDirectory(tree, subvolume, inode.number, originOf(directory))) {
            nodes.push(await nodeOf(directory, subvolume, entry));
          }
          return nodes;
        },
        content: async ({ subvolume, inode }, fileOrigin) => contentIn(subvolume, inode, fileOrigin),
        target: async (link) =>
          readText(contentIn(link.subvolume, link.inode, originOf(link)), maximumLinkInBytes),
      },
    );

  function contentIn(subvolume: Subvolume | undefined, inode: Inode, what: string): Blob {
    if (subvolume === undefined) throw new FormatError(`${what}: in no subvolume`);
    return contentOf(subvolume, inode, what);
  }

  const defaultSubvolume = await subvolumes.defaultId();
  const fileSystem: BtrfsFileSystem = {
    ...from(await rootOf(defaultSubvolume)),
    type: 'btrfs',
    needsRecovery: superblock.logRoot !== undefined,
    blockSizeInBytes: superblock.sectorSizeInBytes,
    sizeInBytes: superblock.totalInBytes,
    checksums: {
      type: superblock.checksum.name,
      areVerified: superblock.checksum.digest !== undefined,
    },
    defaultSubvolume,
    async subvolume(path) {
      let node = await rootOf(FS_TREE_OBJECTID);
      for (const name of path.split('/').filter((part) => part !== '' && part !== '.')) {
        const next = node.inode.type === 'directory' ? await child(node, name) : undefined;
        if (next === undefined) throw new MissingError(`${origin} › ${path}: no such subvolume`);
        node = next;
      }
      const { subvolume, inode } = node;
      if (subvolume?.directory !== inode.number) {
        throw new FormatError(`${origin} › ${path}: a ${inode.type}, not where a subvolume begins`);
      }
      const named = path.split('/').filter(Boolean).join('/') || '/';
      return {
        ...fileSystem,
        ...from({ subvolume, inode, name: '' }, `${origin} › subvol=${named}`),
        type: 'btrfs',
      };
    },
    subvolumes: async () => subvolumePaths(tree, superblock, subvolumes, origin),
  };
  return fileSystem;
}

/** Inode numbers mean something within their subvolume only. */
function checkLoops(node: Node, origin: string): void {
  const { subvolume, inode } = node;
  if (subvolume === undefined) return;
  const isSame = (above: Node) =>
    above.subvolume?.tree === subvolume.tree && above.inode.number === inode.number;
  checkAncestors(node, origin, isSame, `inode ${inode.number}`);
}
