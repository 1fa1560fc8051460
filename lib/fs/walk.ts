import type { Blob } from '../blob/blob.ts';
import { FormatError, MissingError } from '../errors.ts';
import type { Entry, FileSystem } from './filesystem.ts';

/** As Linux's MAXSYMLINKS. */
const maximumLinks = 40;

/**
 * The little that a file system format has to know: nodes (inodes, directory records) and their relations.
 * `fileSystemOf` turns it into a `FileSystem`, so that paths and links mean the same everywhere.
 */
export interface Tree<Node> {
  readonly root: Node;
  entry(node: Node): Entry;
  /** The node of that name in a directory, or undefined. */
  child(directory: Node, name: string): Promise<Node | undefined>;
  children(directory: Node): Promise<Node[]>;
  content(file: Node, origin: string): Promise<Blob>;
  target(link: Node): Promise<string>;
}

export function fileSystemOf<Node>(
  about: Pick<FileSystem, 'type' | 'origin' | 'label' | 'uuid'>,
  tree: Tree<Node>,
): FileSystem {
  const originOf = (path: string) => `${about.origin} › ${path}`;

  /** Follows a path from the root; the last component's link only when asked to. */
  async function walk(path: string, followLast: boolean): Promise<Node | undefined> {
    const pending = components(path).toReversed();
    let trail: Node[] = [tree.root];
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '..') {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const here = trail.at(-1) as Node;
      if (tree.entry(here).type !== 'directory') return undefined;
      const next = await tree.child(here, name);
      if (next === undefined) return undefined;
      if (tree.entry(next).type === 'symlink' && (pending.length > 0 || followLast)) {
        links += 1;
        if (links > maximumLinks) {
          throw new FormatError(`${originOf(path)}: more than ${maximumLinks} symbolic links`);
        }
        const target = await tree.target(next);
        if (target.startsWith('/')) trail = [tree.root];
        pending.push(...components(target).toReversed());
      } else {
        trail.push(next);
      }
    }
    return trail.at(-1);
  }

  async function need(path: string, followLast: boolean): Promise<Node> {
    const node = await walk(path, followLast);
    if (node === undefined) throw new MissingError(`${originOf(path)}: no such file or directory`);
    return node;
  }

  return {
    ...about,
    async lookup(path) {
      const node = await walk(path, true);
      return node === undefined ? undefined : tree.entry(node);
    },
    async list(path) {
      const node = await need(path, true);
      const { type } = tree.entry(node);
      if (type !== 'directory') throw new FormatError(`${originOf(path)}: a ${type}, not a directory`);
      return (await tree.children(node)).map((child) => tree.entry(child));
    },
    async open(path) {
      const node = await need(path, true);
      const { type } = tree.entry(node);
      if (type !== 'file') throw new FormatError(`${originOf(path)}: a ${type}, not a regular file`);
      return tree.content(node, originOf(path));
    },
    async readlink(path) {
      const node = await need(path, false);
      const { type } = tree.entry(node);
      if (type !== 'symlink') throw new FormatError(`${originOf(path)}: a ${type}, not a symbolic link`);
      return tree.target(node);
    },
  };
}

function components(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
