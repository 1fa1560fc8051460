import type { Blob } from '../blob/blob.ts';
import { inspectGpt } from './safety-gpt.ts';
import {
  inspectIso,
  inspectLuks,
  inspectQcow2,
  inspectQed,
  inspectVdi,
  inspectVhd,
} from './safety-headers.ts';
import type { Candidate, DetectedFormat, Inspected, Inspector } from './safety-verdict.ts';
import { inspectVhdx } from './safety-vhdx.ts';
import { inspectVmdk } from './safety-vmdk.ts';

export type { DetectedFormat, ImageFormat, Inspector, Violation } from './safety-verdict.ts';

/** What an inspector makes of an image: see `ironicAccepts` for what follows from it. */
export interface SafetyVerdict {
  readonly inspector: Inspector;
  /** Every format that the bytes match; only `raw` where they match none. More than one is refused, but for iso and gpt. */
  readonly formats: readonly DetectedFormat[];
  /** On what the inspector itself fails, so that there is no verdict. */
  readonly broken?: string;
}

/** How much of the image each inspector is fed at a time; what it learns of late depends on it. */
const pieceInBytes: Readonly<Record<Inspector, number>> = { 'oslo.utils': 4096, ironic: 512 };
const headInBytes = 4096;

/**
 * Judges an image as the inspector of OpenStack does: formats, virtual size and safety are those that it finds in the
 * same bytes, its oddities included. It reads the first 4 KiB, 2 KiB at 32 KiB, and what a VMDK or VHDX leads to: at
 * most 1 MiB. Damaged input has a verdict like any other.
 *
 * The two inspectors differ in this:
 * - Only oslo.utils knows GPT (any MBR) and LUKS; to Ironic's own they are raw.
 * - To Ironic's own, a file that ends within the header or tables of a format is raw; to oslo.utils it matches, and is
 *   refused as incomplete. So with a VMDK of unknown version or with a footer, and a VHDX with damaged tables.
 * - Ironic's own calls QED raw, and refuses it.
 * - qcow2: Ironic's own allows any version, and tests version 2 for unknown features, which it has none of.
 * - VMDK: only oslo.utils requires createType monolithicSparse or streamOptimized, reads the descriptor up to the first
 *   NUL, checks the footer, and knows descriptors that stand alone.
 *
 * Source: oslo_utils/imageutils/format_inspector.py 8.0 to 10.1.1; ironic/common/image_format_inspector.py 21.4.4.
 */
export async function inspectImage(blob: Blob, inspector: Inspector = 'oslo.utils'): Promise<SafetyVerdict> {
  const head = await blob.read(0, Math.min(headInBytes, blob.sizeInBytes));
  const image: Inspected = { blob, inspector, pieceInBytes: pieceInBytes[inspector], head };
  const vmdk = await inspectVmdk(image);
  if (vmdk !== undefined && 'broken' in vmdk) return { inspector, formats: [], broken: vmdk.broken };
  const candidates = [
    inspectQcow2(image),
    inspectVhd(image),
    await inspectVhdx(image),
    vmdk,
    inspectVdi(image),
    inspectQed(image),
    await inspectIso(image),
    inspectGpt(image),
    inspectLuks(image),
  ];
  const formats = candidates
    .filter((candidate) => candidate !== undefined)
    .filter(({ complete }) => complete || inspector === 'oslo.utils')
    .map(detected);
  if (formats.length > 0) return { inspector, formats };
  const raw = { format: 'raw', virtualSizeInBytes: BigInt(blob.sizeInBytes), violations: [] } as const;
  return { inspector, formats: [raw] };
}

function detected({ format, virtualSizeInBytes, violations }: Candidate): DetectedFormat {
  return { format, virtualSizeInBytes, violations };
}
