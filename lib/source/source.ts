import type { Blob } from '../blob/blob.ts';
import type { ConductorRecord, NodeRecord, PortRecord } from '../ironic/records.ts';

/**
 * A source reaches something outside and never judges it. Every method throws `AccessError` when the outside
 * cannot be reached or refuses, `MissingError` when the thing is not there, and `FormatError` when the answer
 * is not what the protocol allows.
 */

/** Files by name: a local folder, a host over SFTP, the root of a TFTP server. */
export interface Files {
  readonly origin: string;
  open(path: string): Promise<Blob>;
  /** The names in a directory, in no order; absent where nothing can be listed, as over TFTP. */
  readonly list?: (path: string) => Promise<readonly string[]>;
  /** What is known of a file or directory, symbolic links followed; absent where nothing tells. */
  readonly status?: (path: string) => Promise<FileStatus>;
}

/** Files that can be listed and looked at. */
export type ListedFiles = Files & Required<Pick<Files, 'list' | 'status'>>;

/** What a machine knows of a file of its own. */
export interface FileStatus {
  readonly kind: 'file' | 'directory' | 'other';
  /** The twelve bits of chmod, such as 0o644. */
  readonly mode: number;
  readonly owner: Identity;
  readonly group: Identity;
  readonly sizeInBytes: number;
  /** The SELinux context, such as `system_u:object_r:tftpdir_t:s0`; absent where there is none or nothing told. */
  readonly label?: string;
}

/** A user or group; the name is absent where only the number is known. */
export interface Identity {
  readonly id: number;
  readonly name?: string;
}

/** What is enrolled: Ironic's API, or a recording of its answers. */
export interface Inventory {
  readonly origin: string;
  nodes(): Promise<readonly NodeRecord[]>;
  ports(): Promise<readonly PortRecord[]>;
  conductors(): Promise<readonly ConductorRecord[]>;
}

/** What an image store says of an image. Field names are Glance's own (API v2). */
export interface ImageRecord {
  readonly id: string;
  readonly name: string | null;
  readonly status: string;
  readonly visibility?: string;
  readonly owner?: string | null;
  readonly disk_format: string | null;
  readonly container_format: string | null;
  readonly size: number | null;
  readonly virtual_size?: number | null;
  readonly checksum?: string | null;
  readonly os_hash_algo?: string | null;
  readonly os_hash_value?: string | null;
  readonly min_disk?: number;
  /** Custom properties: `hw_architecture`, `kernel_id`, … */
  readonly [property: string]: unknown;
}

/** Where images are: Glance's API, or a folder with a recording of its answers. */
export interface ImageStore {
  readonly origin: string;
  images(): Promise<readonly ImageRecord[]>;
  /** Why an image that is not listed may be there all the same; undefined, or absent, where all are shown. */
  hidden?(): Promise<string | undefined>;
  /** The bytes of an image, read lazily where the store can do it. */
  open(image: ImageRecord): Promise<Blob>;
}
