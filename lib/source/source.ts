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
  /** The bytes of an image, read lazily where the store can do it. */
  open(image: ImageRecord): Promise<Blob>;
}
