import { type Blob } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { MissingError } from '../errors.ts';
import type { Entry, FileSystem } from './filesystem.ts';
import { fileSystemOf } from './walk.ts';

/** A file, link or directory held in memory. A file's content is absent where it was not kept. */
export interface MemoryNode {
  entry: Entry;
  content?: Buffer;
  target?: string;
  children?: Map<string, MemoryNode>;
}

export function memoryDirectory(name: string, mode?: number): MemoryNode {
  const entry: Entry = { name, type: 'directory', sizeInBytes: 0, ...(mode !== undefined && { mode }) };
  return { entry, children: new Map() };
}

/** A file system over nodes in memory: what an initramfs unpacks to, or a tree written down in a test. */
export function memoryFileSystem(root: MemoryNode, origin: string): FileSystem {
  return fileSystemOf<MemoryNode>(
    { type: 'memory', origin, label: '', uuid: '' },
    {
      root,
      entry: (node) => node.entry,
      child: async (directory, name) => directory.children?.get(name),
      children: async (directory) => [...(directory.children?.values() ?? [])],
      async content(file, fileOrigin): Promise<Blob> {
        if (file.content === undefined) {
          throw new MissingError(`${fileOrigin}: its content was not kept (${file.entry.sizeInBytes} bytes)`);
        }
        return memoryBlob(file.content, fileOrigin);
      },
      target: async (link) => link.target ?? '',
    },
  );
}

/**
 * A tree from a map of absolute paths: text or bytes make a file, `{ link: target }` a symbolic link, `null` an
 * empty directory. Parent directories come by themselves.
 */
export function treeOf(paths: Record<string, string | Uint8Array | { link: string } | null>): MemoryNode {
  const root = memoryDirectory('');
  for (const [path, what] of Object.entries(paths)) {
    const parts = path.split('/').filter((part) => part !== '');
    const name = parts.pop() ?? '';
    let directory = root;
    for (const part of parts) {
      const children = (directory.children ??= new Map());
      let next = children.get(part);
      if (next === undefined) children.set(part, (next = memoryDirectory(part)));
      directory = next;
    }
    directory.children?.set(name, nodeOf(name, what));
  }
  return root;
}

function nodeOf(name: string, what: string | Uint8Array | { link: string } | null): MemoryNode {
  if (what === null) return memoryDirectory(name, 0o755);
  if (typeof what === 'string' || what instanceof Uint8Array) {
    const content = Buffer.from(what as string);
    return { entry: { name, type: 'file', sizeInBytes: content.length, mode: 0o644 }, content };
  }
  const entry: Entry = { name, type: 'symlink', sizeInBytes: what.link.length, mode: 0o777 };
  return { entry, target: what.link };
}
