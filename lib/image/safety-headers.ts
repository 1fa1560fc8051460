import {
  type Candidate,
  type Inspected,
  type Violation,
  headerInBytes,
  incomplete,
  violation,
} from './safety-verdict.ts';

// Formats that are judged by a header in a fixed place. Source: the inspectors of oslo_utils 10.1.1,
// oslo_utils/imageutils/format_inspector.py, and of Ironic 21.4.4, ironic/common/image_format_inspector.py.

// QEMU, docs/interop/qcow2.rst
const qcow2 = { version: 4, backing_file_offset: 8, size: 24, incompatible_features: 72 } as const;
const dataFileBit = 4n;
/** Dirty, corrupt, data file and compression type. Extended L2 entries are the first that the inspectors do not know. */
const knownFeatures = 0xfn;

/** Size in the header is the virtual size; neither sizes, tables, encryption nor snapshots are looked at. */
export function inspectQcow2({ head, inspector }: Inspected): Candidate | undefined {
  if (head.length < headerInBytes || !startsWith(head, 'QFI\xfb')) return undefined;
  const violations: Violation[] = [];
  const version = head.readUInt32BE(qcow2.version);
  const backing = head.readBigUInt64BE(qcow2.backing_file_offset);
  const features = head.readBigUInt64BE(qcow2.incompatible_features);
  const featuresFound = `incompatible_features 0x${features.toString(16)}`;
  if (backing !== 0n) {
    violations.push(violation('backing_file', 'Image has a backing file', `backing_file_offset ${backing}`));
  }
  // In version 2 these bytes are the first of the extensions; the inspectors test them nevertheless.
  if (features & dataFileBit) {
    violations.push(violation('data_file', 'Image has data_file set', featuresFound));
  }
  if (inspector === 'oslo.utils' && version !== 2 && version !== 3) {
    violations.push(violation('unknown_features', 'Unsupported qcow2 version', `version ${version}`));
  } else if (features & ~knownFeatures && !(inspector === 'oslo.utils' && version === 2)) {
    violations.push(violation('unknown_features', 'Unknown QCOW2 features found', featuresFound));
  }
  const virtualSizeInBytes = head.readBigUInt64BE(qcow2.size);
  return { format: 'qcow2', complete: true, virtualSizeInBytes, violations };
}

/** Never allowed. Ironic's own inspector calls it raw, and refuses it all the same. */
export function inspectQed({ blob, head, inspector }: Inspected): Candidate | undefined {
  if (head.length < headerInBytes || !startsWith(head, 'QED\0')) return undefined;
  return {
    format: inspector === 'ironic' ? 'raw' : 'qed',
    complete: true,
    virtualSizeInBytes: BigInt(blob.sizeInBytes),
    violations: [violation('banned', 'This file format is not allowed', 'a QED image')],
  };
}

/** Only with its footer in front: one of fixed size has it at the end, and passes for what its disk holds. */
export function inspectVhd(image: Inspected): Candidate | undefined {
  const { head } = image;
  if (!startsWith(head, 'conectix')) return undefined;
  if (head.length < headerInBytes) return incomplete('vhd', image, 'a header of 512', 0n);
  return { format: 'vhd', complete: true, virtualSizeInBytes: head.readBigUInt64BE(40), violations: [] };
}

export function inspectVdi({ head }: Inspected): Candidate | undefined {
  if (head.length < headerInBytes || head.readUInt32LE(0x40) !== 0xbeda107f) return undefined;
  return { format: 'vdi', complete: true, virtualSizeInBytes: head.readBigUInt64LE(0x170), violations: [] };
}

// ECMA-119, "Primary Volume Descriptor"; ECMA-167 has the same place for its "NSR" identifiers.
const isoDescriptor = { offset: 32 * 1024, length: 2048, identifier: 1, volumeSpace: 80, blockSize: 128 };
const isoIdentifiers = new Set(['CD001', 'NSR02', 'NSR03']);

export async function inspectIso({ blob }: Inspected): Promise<Candidate | undefined> {
  const { offset, length, identifier, volumeSpace, blockSize } = isoDescriptor;
  if (blob.sizeInBytes < offset + length) return undefined;
  const descriptor = await blob.read(offset, length);
  if (!isoIdentifiers.has(descriptor.toString('latin1', identifier, identifier + 5))) return undefined;
  const isPrimary = descriptor.readUInt8(0) === 1;
  const size = descriptor.readUInt32LE(volumeSpace) * descriptor.readUInt16LE(blockSize);
  const virtualSizeInBytes = isPrimary ? BigInt(size) : 0n;
  return { format: 'iso', complete: true, virtualSizeInBytes, violations: [] };
}

// LUKS On-Disk Format Specification 1.2.3, "PHDR layout"
const luks = { version: 6, payloadOffset: 104, partialLength: 168, length: 592 } as const;

/** The header and version only, since nobody gives the inspector a passphrase to look further with. */
export function inspectLuks(image: Inspected): Candidate | undefined {
  const { head, blob, inspector } = image;
  if (inspector === 'ironic' || !startsWith(head, 'LUKS\xba\xbe')) return undefined;
  const size = () => BigInt(blob.sizeInBytes) - BigInt(head.readUInt32BE(luks.payloadOffset)) * 512n;
  if (head.length < luks.length) {
    return incomplete(
      'luks',
      image,
      'a header of 592',
      head.length < luks.partialLength ? undefined : size(),
    );
  }
  const version = head.readUInt16BE(luks.version);
  const reason = `LUKS version ${version} is not supported`;
  return {
    format: 'luks',
    complete: true,
    virtualSizeInBytes: size(),
    violations: version === 1 ? [] : [violation('version', reason, `version ${version}`)],
  };
}

/** The first bytes, as Latin-1 text. */
export function startsWith(bytes: Buffer, magic: string): boolean {
  return bytes.toString('latin1', 0, magic.length) === magic;
}
