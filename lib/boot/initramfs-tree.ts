import type { CpioEntry } from '../fs/cpio.ts';
import type { Entry } from '../fs/filesystem.ts';
import { type MemoryNode, memoryDirectory } from '../fs/memory.ts';
import { LimitError } from '../errors.ts';

/** As Linux's MAXSYMLINKS and PATH_MAX. */
const maximumLinks = 40;
const maximumPathInBytes = 4096;

/** What the kernel's root has before anything is unpacked (usr/default_cpio_list). */
const builtIn = new Set(['dev', 'root']);

const headInBytes = 64;
const maximumKeptInBytes = 64 * 1024 * 1024;
const maximumLostNames = 100;

/** Names of one file. The content may come with any of them, by custom the last. */
interface SharedFile {
  readonly nodes: MemoryNode[];
  readonly paths: string[];
}

/**
 * The tree that an initramfs unpacks to, with the kernel's habits (init/initramfs.c): later entries replace
 * earlier ones, links in parent directories are followed, and an entry without its parent directory is lost.
 */
export class InitramfsTree {
  readonly root: MemoryNode = memoryDirectory('');
  /** Names that were lost for want of their parent directory, the first hundred. */
  readonly lost: string[] = [];
  readonly #heads = new WeakMap<Entry, Buffer>();
  readonly #origin: string;
  readonly #wants: (path: string, sizeInBytes: number) => boolean;
  readonly #shared = new Map<string, SharedFile>();
  #keptInBytes = 0;

  constructor(wants: (path: string, sizeInBytes: number) => boolean, origin: string) {
    this.#wants = wants;
    this.#origin = origin;
  }

  /** Names of the same file are told within one segment only. */
  startSegment(): void {
    this.#shared.clear();
  }

  /** The first bytes of a file of this tree. */
  headOf(entry: Entry): Buffer | undefined {
    return this.#heads.get(entry);
  }

  async add(entry: CpioEntry): Promise<void> {
    const parts = componentsOf(entry.name);
    const name = parts.pop();
    if (name === undefined) return;
    const directory = this.#directory(parts);
    const existing = directory?.children?.get(name);
    const isOccupied = entry.type !== 'directory' && (existing?.children?.size ?? 0) > 0;
    if (directory?.children === undefined || isOccupied || name === '..') {
      if (this.lost.length < maximumLostNames) this.lost.push(entry.name);
      return;
    }
    const about = { name, type: entry.type, mode: entry.mode };
    if (entry.type === 'directory') {
      const children = existing?.children ?? new Map<string, MemoryNode>();
      directory.children.set(name, { entry: { ...about, sizeInBytes: 0 }, children });
      return;
    }
    const node: MemoryNode = { entry: { ...about, sizeInBytes: 0 } };
    directory.children.set(name, node);
    if (entry.type === 'symlink') await this.#fillLink(node, entry);
    else if (entry.type === 'file') await this.#fillFile(node, entry, `/${[...parts, name].join('/')}`);
  }

  async #fillLink(node: MemoryNode, entry: CpioEntry): Promise<void> {
    if (entry.sizeInBytes > maximumPathInBytes) {
      throw new LimitError(
        `${this.#origin}: ${entry.name}: a symbolic link of ${entry.sizeInBytes} bytes, more than ${maximumPathInBytes}`,
      );
    }
    const pieces: Buffer[] = [];
    for await (const piece of entry.content()) pieces.push(piece);
    node.target = Buffer.concat(pieces).toString('utf8').replace(/\0.*$/s, '');
    node.entry = { ...node.entry, sizeInBytes: entry.sizeInBytes };
  }

  async #fillFile(node: MemoryNode, entry: CpioEntry, path: string): Promise<void> {
    const { nodes, paths } =
      entry.links > 1 ? this.#namesOf(entry.fileKey, node, path) : { nodes: [node], paths: [path] };
    if (entry.sizeInBytes === 0) {
      const other = nodes.find((name) => name !== node);
      if (other !== undefined)
        this.#share(node, other.entry.sizeInBytes, other.content, this.headOf(other.entry));
      else this.#share(node, 0, Buffer.alloc(0), Buffer.alloc(0));
      return;
    }
    const isKept =
      paths.some((name) => this.#wants(name, entry.sizeInBytes)) &&
      this.#keptInBytes + entry.sizeInBytes <= maximumKeptInBytes;
    const wantedInBytes = isKept ? entry.sizeInBytes : Math.min(headInBytes, entry.sizeInBytes);
    const bytes = await readStart(entry, wantedInBytes);
    if (isKept) this.#keptInBytes += bytes.length;
    for (const name of nodes) {
      this.#share(name, entry.sizeInBytes, isKept ? bytes : undefined, bytes.subarray(0, headInBytes));
    }
  }

  #share(node: MemoryNode, sizeInBytes: number, content: Buffer | undefined, head: Buffer | undefined): void {
    node.entry = { ...node.entry, sizeInBytes };
    if (content === undefined) delete node.content;
    else node.content = content;
    if (head !== undefined) this.#heads.set(node.entry, head);
  }

  #namesOf(key: string, node: MemoryNode, path: string): SharedFile {
    const shared = this.#shared.get(key) ?? { nodes: [], paths: [] };
    this.#shared.set(key, shared);
    shared.nodes.push(node);
    shared.paths.push(path);
    return shared;
  }

  /** The directory of these components, links followed, or undefined where there is none. */
  #directory(parts: readonly string[]): MemoryNode | undefined {
    const pending = parts.toReversed();
    let trail: MemoryNode[] = [this.root];
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '..') {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const here = trail.at(-1);
      let next = here?.children?.get(name);
      if (next === undefined && here === this.root && builtIn.has(name)) {
        next = memoryDirectory(name, 0o755);
        this.root.children?.set(name, next);
      }
      if (next === undefined) return undefined;
      if (next.target !== undefined) {
        links += 1;
        if (links > maximumLinks) return undefined;
        if (next.target.startsWith('/')) trail = [this.root];
        pending.push(...componentsOf(next.target).toReversed());
      } else {
        trail.push(next);
      }
    }
    return trail.at(-1);
  }
}

function componentsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

/** The first bytes, copied, so that the piece they came in can be freed. */
async function readStart(entry: CpioEntry, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  for await (const piece of entry.content()) {
    filled += piece.copy(bytes, filled);
    if (filled >= length) break;
  }
  return bytes;
}
