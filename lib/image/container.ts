import type { Blob } from '../blob/blob.ts';
import { FormatError, UnsupportedError } from '../errors.ts';
import { type Qcow2Header, qcow2Magic, readQcow2Header } from './qcow2-layout.ts';
import { openQcow2 } from './qcow2.ts';

/** What a file that should be a disk image is, by its first (and for VHD its last) bytes. */
export type ContainerFormat = (typeof signatures)[number]['format'] | 'empty' | 'vhd' | 'html' | 'raw';

export interface Container {
  readonly format: ContainerFormat;
  /** For qcow2, unless its header is damaged. */
  readonly qcow2?: Qcow2Header;
  /** Why the header of a recognised format could not be read. */
  readonly damage?: string;
}

const signatures = [
  { format: 'qcow2', offset: 0, magic: qcow2Magic.toString('latin1') },
  { format: 'qed', offset: 0, magic: 'QED\0' },
  { format: 'vmdk', offset: 0, magic: 'KDMV' },
  { format: 'vmdk', offset: 0, magic: 'COWD' },
  { format: 'vmdk', offset: 0, magic: '# Disk DescriptorFile' },
  { format: 'vhdx', offset: 0, magic: 'vhdxfile' },
  { format: 'vdi', offset: 0x40, magic: '\x7f\x10\xda\xbe' },
  { format: 'luks', offset: 0, magic: 'LUKS\xba\xbe' },
  { format: 'gzip', offset: 0, magic: '\x1f\x8b\x08' },
  { format: 'xz', offset: 0, magic: '\xfd7zXZ\0' },
  { format: 'zstd', offset: 0, magic: '\x28\xb5\x2f\xfd' },
  { format: 'bzip2', offset: 4, magic: '1AY&SY' },
  { format: 'bzip2', offset: 4, magic: '\x17rE8P\x90' },
  { format: 'git-lfs-pointer', offset: 0, magic: 'version https://git-lfs.github.com/spec/' },
  // A hybrid ISO has a partition table too; Ironic and Glance call it an ISO.
  { format: 'iso', offset: 0x8001, magic: 'CD001' },
] as const;

const headInBytes = 0x8001 + 5;
/** A VHD of fixed size is a raw disk with this footer in its last 512 bytes; others begin with a copy of it. */
const vhdCookie = 'conectix';
const vhdFooterInBytes = 512;

/**
 * Recognises what a file is, and refuses nothing that it recognises: a damaged header is told in `damage`. What is
 * nothing else is `raw`: whether it is a disk is for its partition table to say. Reads 32 KiB and the last 512 bytes.
 */
export async function readContainer(blob: Blob): Promise<Container> {
  if (blob.sizeInBytes === 0) return { format: 'empty' };
  const head = (await blob.read(0, Math.min(headInBytes, blob.sizeInBytes))).toString('latin1');
  const found = signatures.find(({ offset, magic }) => head.startsWith(magic, offset));
  if (found !== undefined) {
    if (found.format === 'bzip2' && !/^BZh[1-9]/.test(head)) return { format: 'raw' };
    if (found.format !== 'qcow2') return { format: found.format };
    return readQcow2Header(blob).then(
      (qcow2) => ({ format: 'qcow2', qcow2 }),
      (error: unknown) => {
        if (error instanceof FormatError) return { format: 'qcow2', damage: error.message };
        throw error;
      },
    );
  }
  if (/^(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html|head)[\s>]/i.test(head)) {
    return { format: 'html' };
  }
  if (head.startsWith(vhdCookie)) return { format: 'vhd' };
  if (blob.sizeInBytes >= vhdFooterInBytes) {
    const tail = await blob.read(blob.sizeInBytes - vhdFooterInBytes, vhdFooterInBytes);
    if (tail.toString('latin1').startsWith(vhdCookie)) return { format: 'vhd' };
  }
  return { format: 'raw' };
}

/**
 * The disk that a machine would see: the file itself when raw, the virtual disk of a qcow2.
 * @throws FormatError for what is no image, UnsupportedError for one that is not read, naming the reason
 */
export function openVirtualDisk(container: Container, blob: Blob): Blob {
  const { format, qcow2, damage } = container;
  if (format === 'raw') return blob;
  if (format === 'qcow2') {
    if (qcow2 === undefined)
      throw new FormatError(damage ?? `${blob.origin}: a qcow2 image without a header`);
    return openQcow2(blob, qcow2);
  }
  const notAnImage = notImages[format];
  if (notAnImage !== undefined)
    throw new FormatError(`${blob.origin}: ${notAnImage}, where a disk image is expected`);
  throw new UnsupportedError(
    `${blob.origin}: ${otherFormats[format] ?? format}; Ironic deploys raw and qcow2`,
  );
}

const notImages: Partial<Record<ContainerFormat, string>> = {
  empty: 'empty (0 bytes)',
  html: 'an HTML page',
  'git-lfs-pointer': 'a Git LFS pointer, not the file it stands for',
};

const otherFormats: Partial<Record<ContainerFormat, string>> = {
  vmdk: 'a VMDK image',
  vhd: 'a VHD image',
  vhdx: 'a VHDX image',
  vdi: 'a VDI image',
  qed: 'a QED image',
  iso: 'an ISO 9660 image',
  luks: 'a LUKS-encrypted image',
  gzip: 'a file compressed with gzip',
  xz: 'a file compressed with xz',
  zstd: 'a file compressed with zstd',
  bzip2: 'a file compressed with bzip2',
};
