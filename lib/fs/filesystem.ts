import type { Blob } from '../blob/blob.ts';

export type EntryType = 'file' | 'directory' | 'symlink' | 'other';

/** One name in a directory, with what the file system says of it. */
export interface Entry {
  /** The last component, as stored. */
  readonly name: string;
  readonly type: EntryType;
  readonly sizeInBytes: number;
  /** Permission bits (0o7777); absent where the file system has none (FAT). */
  readonly mode?: number;
}

/**
 * A file system as a guest would see it: read-only, lazy. Paths are absolute, with `/`; symbolic links are
 * followed inside the file system (at most 40), as the kernel would. FAT names compare without case.
 */
export interface FileSystem {
  readonly type: string;
  readonly origin: string;
  readonly label: string;
  /** As blkid prints it: `xxxxxxxx-…` or, for FAT, `ABCD-1234`. */
  readonly uuid: string;
  /** What the path leads to after following links, or undefined when there is no such path. */
  lookup(path: string): Promise<Entry | undefined>;
  /** The entries of a directory without `.` and `..`. @throws MissingError, FormatError */
  list(path: string): Promise<Entry[]>;
  /** The content of the regular file that the path leads to. @throws MissingError, FormatError */
  open(path: string): Promise<Blob>;
  /** The target of the symbolic link at the path itself. @throws MissingError, FormatError */
  readlink(path: string): Promise<string>;
}
