import type { Blob } from '../blob/blob.ts';
import { type Content, recogniseContent } from './content.ts';
import { type Ipxe, readIpxe } from './ipxe.ts';
import { type Pe, readPe } from './pe.ts';

// iPXE's BIOS builds (src/arch/x86/prefix/pxeprefix.S): a far jump to 0x07c0:…, a word LRET pushed on the stack,
// and the greeting. Since 2026 also the magic 0x18ae at 6. What follows is compressed, the version with it.
const farJump = 0xea;
const ipxeSegment = 0x07c0;
const ipxeNbpMagic = 0x18ae;
const ipxeGreeting = Buffer.from('PXE->EB:');
const ipxeStackMagic = Buffer.from('LRET');

// PXELINUX (syslinux core/pxelinux.asm): a far jump to 0x0000:7c…, and a magic for patching at 8.
const pxelinuxMagic = 0x2983c8ac;

/** What a firmware would be given as its boot file (a network bootstrap program). */
export type Nbp =
  | { readonly kind: 'efi'; readonly pe: Pe; readonly ipxe: Ipxe }
  /** iPXE for BIOS (undionly.kpxe and its like); gPXE, from which it comes, looks the same. */
  | { readonly kind: 'bios-ipxe' }
  | { readonly kind: 'bios-pxelinux' }
  /** None that is known, but content of this kind. */
  | { readonly kind: 'other'; readonly content: Content };

/** Judges a boot file by its bytes. @throws FormatError for a PE binary whose headers are damaged */
export async function readNbp(blob: Blob): Promise<Nbp> {
  const head = await blob.read(0, Math.min(8192, blob.sizeInBytes));
  const content = recogniseContent(head, blob.sizeInBytes);
  if (content === 'pe') return { kind: 'efi', pe: await readPe(blob), ipxe: await readIpxe(blob) };
  if (content === 'unknown' && head.length >= 64 && head.readUInt8(0) === farJump) {
    if (head.readUInt16LE(3) === ipxeSegment && hasIpxePrefix(head)) return { kind: 'bios-ipxe' };
    if (head.readUInt16LE(3) === 0 && head.readUInt32LE(8) === pxelinuxMagic)
      return { kind: 'bios-pxelinux' };
  }
  return { kind: 'other', content };
}

function hasIpxePrefix(head: Buffer): boolean {
  if (head.readUInt16LE(6) === ipxeNbpMagic) return true;
  return head.subarray(0, 64).includes(ipxeStackMagic) && head.includes(ipxeGreeting);
}
