import type { Blob } from '../blob/blob.ts';

/**
 * The two inspectors that OpenStack deploys. `oslo.utils` is oslo_utils/imageutils/format_inspector.py from 8.0 on
 * (to 10.1.1 it judges alike): Ironic from 28.0 (2025.1), Glance and Nova. `ironic` is the copy that Ironic had of
 * an earlier form of it, ironic/common/image_format_inspector.py, the same from zed to 2024.2.
 */
export type Inspector = 'oslo.utils' | 'ironic';

/** The formats by the inspectors' names; `vhd` is what QEMU calls vpc, and `gpt` is any MBR. */
export type ImageFormat = 'raw' | 'qcow2' | 'vhd' | 'vhdx' | 'vmdk' | 'vdi' | 'qed' | 'iso' | 'gpt' | 'luks';

/** Why an image does not pass a safety check. */
export interface Violation {
  /** The name of the check, as in Ironic's and Glance's logs: `backing_file`, `mbr`; `complete` when it could not begin. */
  readonly check: string;
  /** What the inspector says. */
  readonly reason: string;
  /** The decisive value in the bytes. */
  readonly found: string;
}

/** One format that the bytes match. */
export interface DetectedFormat {
  readonly format: ImageFormat;
  /**
   * As the inspector computes it from a stream read to its end, which may be absurd where the header is. Undefined
   * where it fails to.
   */
  readonly virtualSizeInBytes: bigint | undefined;
  /** Empty when the image is safe. */
  readonly violations: readonly Violation[];
}

/** What one format's inspector makes of an image, before the others are heard. */
export interface Candidate extends DetectedFormat {
  /** The inspector got all that it wanted. Ironic's own takes an incomplete match for none. */
  readonly complete: boolean;
}

/** An image, with the bytes that every inspector looks at. */
export interface Inspected {
  readonly blob: Blob;
  readonly inspector: Inspector;
  /** What the inspector is fed at a time. Regions that it learns of late begin at such a piece: see `capture`. */
  readonly pieceInBytes: number;
  /** The first 4096 bytes, or as many as there are. */
  readonly head: Buffer;
}

/** How much of the header of most formats has to be there. */
export const headerInBytes = 512;

export function violation(check: string, reason: string, found: string): Violation {
  return { check, reason, found };
}

/** A match whose header or other parts the file does not hold: it can not be found safe. */
export function incomplete(
  format: ImageFormat,
  { blob }: Inspected,
  lacking: string,
  virtualSizeInBytes: bigint | undefined,
): Candidate {
  const reason = 'Incomplete file cannot be safety checked';
  return {
    format,
    complete: false,
    virtualSizeInBytes,
    violations: [violation('complete', reason, `${blob.sizeInBytes} bytes without ${lacking}`)],
  };
}
