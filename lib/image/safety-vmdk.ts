import { withoutTrailingNuls } from '../blob/nuls.ts';
import { startsWith } from './safety-headers.ts';
import {
  type Candidate,
  type Inspected,
  type Violation,
  headerInBytes,
  incomplete,
  violation,
} from './safety-verdict.ts';

// VMware, "Virtual Disk Format 5.0", "Hosted Sparse Extent Header". Source of the rules: VMDKInspector in
// oslo_utils 10.1.1 and Ironic 21.4.4.

const magic = 'KDMV';
const header = { version: 4, capacity: 12, descriptorOffset: 28, descriptorSize: 36, gdOffset: 56, end: 64 };
const sectorInBytes = 512;
/** In a stream-optimised image, the grain directory is where a footer at the end says. */
const gdAtEnd = 0xffff_ffff_ffff_ffffn;
const descriptorOffset = 512n;
const maximumDescriptorInBytes = 2 ** 20 - 1;
/** Its marker, the footer itself, and the marker of the end of the stream. */
const footerInBytes = 3 * sectorInBytes;
const marker = { value: 0, size: 8, type: 12, padding: 16, endOfStream: 0, footer: 3 } as const;
const accessModes = new Set(['rw', 'rdonly', 'noaccess']);
const deployedTypes = new Set(['monolithicsparse', 'streamoptimized']);
const noType = 'formatnotfound';

/** A candidate, or that the inspector itself breaks on the bytes. */
export type VmdkFinding = Candidate | { readonly broken: string } | undefined;

/** Every line of its descriptor has to be understood, and no extent may name a path. */
export async function inspectVmdk(image: Inspected): Promise<VmdkFinding> {
  const { head, inspector } = image;
  if (!startsWith(head, magic)) return inspector === 'ironic' ? undefined : inspectText(head);
  if (head.length < (inspector === 'ironic' ? headerInBytes : header.end)) {
    return incomplete('vmdk', image, 'a header of 512', 0n);
  }
  const version = head.readUInt32LE(header.version);
  const offset = head.readBigUInt64LE(header.descriptorOffset) * BigInt(sectorInBytes);
  const hasFooter = head.readBigUInt64LE(header.gdOffset) === gdAtEnd;
  const isKnown = version >= 1 && version <= 3;
  if (inspector === 'ironic') {
    return isKnown && !hasFooter && offset === descriptorOffset ? inspectSparse(image, false) : undefined;
  }
  // The inspector has failed by now, yet the first bytes still count as a match.
  if (!isKnown) return undescribed(`version ${version}`);
  if (offset === descriptorOffset) return inspectSparse(image, hasFooter);
  return hasFooter
    ? incomplete('vmdk', image, `a descriptor at 512 (it is at ${offset})`, 0n)
    : undescribed(`a descriptor at ${offset}, not at 512`);
}

function undescribed(found: string): Candidate {
  const violations = badDescriptor('No descriptor found', found);
  return { format: 'vmdk', complete: true, virtualSizeInBytes: 0n, violations };
}

async function inspectSparse(image: Inspected, hasFooter: boolean): Promise<Candidate> {
  const { blob, head, inspector } = image;
  const sectors = head.readBigUInt64LE(header.descriptorSize);
  const limit = BigInt(maximumDescriptorInBytes);
  const size = sectors * BigInt(sectorInBytes) > limit ? maximumDescriptorInBytes : Number(sectors) * 512;
  const offset = Number(descriptorOffset);
  if (offset + size > blob.sizeInBytes) {
    return incomplete('vmdk', image, `the ${size} bytes of its descriptor`, 0n);
  }
  const descriptor = (await blob.read(offset, size)).toString('latin1');
  const capacity = head.readBigUInt64LE(header.capacity) * BigInt(sectorInBytes);
  if (inspector === 'ironic') {
    const type = createType(descriptor, 'createType="');
    const isDeployed = ['monolithicSparse', 'streamOptimized'].includes(type ?? noType);
    const virtualSizeInBytes = type === undefined ? undefined : isDeployed ? capacity : 0n;
    const violations = judgeLines(withoutTrailingNuls(descriptor));
    return { format: 'vmdk', complete: true, virtualSizeInBytes, violations };
  }
  const text = descriptorText(descriptor);
  const type = createType(text ?? '') ?? noType;
  const virtualSizeInBytes = deployedTypes.has(type) ? capacity : 0n;
  if (hasFooter && blob.sizeInBytes < footerInBytes) {
    return incomplete('vmdk', image, 'its footer', virtualSizeInBytes);
  }
  const violations = judgeDescriptor(text, type);
  if (hasFooter) {
    const footer = await blob.read(blob.sizeInBytes - footerInBytes, footerInBytes);
    violations.push(...judgeFooter(head, footer));
  }
  return { format: 'vmdk', complete: true, virtualSizeInBytes, violations };
}

/** QEMU opens a descriptor on its own too. Only the first piece of the file is taken for it. */
function inspectText(head: Buffer): VmdkFinding {
  if (head.length < header.end || !head.subarray(0, headerInBytes).every(isText)) return undefined;
  const text = descriptorText(head.toString('latin1'));
  if (text === undefined) {
    return { broken: 'text that is ASCII in its first 512 bytes and not in its first 4096' };
  }
  const type = createType(text) ?? noType;
  if (type === noType) return undefined;
  const violations = judgeDescriptor(text, type);
  // The size would be in a header, and there is none.
  const virtualSizeInBytes = deployedTypes.has(type) ? undefined : 0n;
  return { format: 'vmdk', complete: true, virtualSizeInBytes, violations };
}

/** Printable or white space, as Python's str says of ASCII. */
function isText(byte: number): boolean {
  return isSpace(byte) || (byte > 0x20 && byte < 0x7f);
}

function isSpace(byte: number): boolean {
  return (byte >= 9 && byte <= 13) || (byte >= 0x1c && byte <= 0x20);
}

/** Up to the first NUL, in lower case; undefined when it is not ASCII. */
function descriptorText(latin1: string): string | undefined {
  const nul = latin1.indexOf('\0');
  const text = nul === -1 ? latin1 : latin1.slice(0, nul);
  return isAscii(text) ? text.toLowerCase() : undefined;
}

function isAscii(text: string): boolean {
  return !/[\u0080-\u00ff]/.test(text);
}

/** The value of createType, up to 63 characters; undefined when there is none. A missing quote costs the last character. */
function createType(text: string, key = 'createtype="'): string | undefined {
  const at = text.indexOf(key);
  if (at === -1) return undefined;
  const start = at + key.length;
  const end = text.indexOf('"', start);
  return end - start < 64 ? text.slice(start, end) : noType;
}

function judgeDescriptor(text: string | undefined, type: string): Violation[] {
  if (text === undefined || text === '') {
    return [
      violation('descriptor', 'No descriptor found', text === '' ? 'an empty one' : 'one not in ASCII'),
    ];
  }
  if (!deployedTypes.has(type)) {
    return badDescriptor('Unsupported subformat', `createType ${JSON.stringify(type)}`);
  }
  return judgeLines(text);
}

function badDescriptor(reason: string, found: string): Violation[] {
  return [violation('descriptor', reason, found)];
}

function badFooter(reason: string, found: string): Violation[] {
  return [violation('footer', reason, found)];
}

function judgeLines(written: string): Violation[] {
  if (!isAscii(written)) return badDescriptor('Invalid VMDK descriptor data', 'a descriptor not in ASCII');
  const extents: string[] = [];
  for (const line of written.toLowerCase().split('\n').map(strip)) {
    if (line === '' || line.startsWith('#') || line.startsWith('ddb')) continue;
    const [field = '', value] = line.split('=');
    if (value !== undefined && !field.includes(' ')) continue;
    if (!accessModes.has(line.split(' ')[0] ?? '')) {
      return badDescriptor('Invalid VMDK descriptor data', `the line ${JSON.stringify(line.slice(0, 200))}`);
    }
    extents.push(line);
  }
  const path = extents.find((line) => line.includes('/'));
  if (path !== undefined) return badDescriptor('Invalid extent filenames found', path.slice(0, 200));
  return extents.length === 0 ? badDescriptor('No extents found', 'a descriptor without extents') : [];
}

/** Without the white space around it, as Python's str.strip for ASCII, which counts 0x1c to 0x1f in. */
function strip(line: string): string {
  let start = 0;
  let end = line.length;
  while (start < end && isSpace(line.charCodeAt(start))) start += 1;
  while (end > start && isSpace(line.charCodeAt(end - 1))) end -= 1;
  return line.slice(start, end);
}

/** The footer takes precedence over the header, so it must say the same. The first thing wrong counts. */
function judgeFooter(head: Buffer, tail: Buffer): Violation[] {
  const footer = tail.subarray(sectorInBytes, 2 * sectorInBytes);
  const differs = (from: number, to: number) => !head.subarray(from, to).equals(footer.subarray(from, to));
  if (differs(0, header.version)) {
    return badFooter(
      'Header and footer signature do not match',
      `0x${footer.toString('hex', 0, header.version)}`,
    );
  }
  if (differs(header.version, header.version + 4)) {
    const version = footer.readUInt32LE(header.version);
    return badFooter('Header and footer versions do not match', `version ${version} in the footer`);
  }
  if (differs(header.descriptorOffset, header.descriptorSize + 8)) {
    const sector = footer.readBigUInt64LE(header.descriptorOffset);
    return badFooter('Footer specifies a different descriptor than header', `sector ${sector} in the footer`);
  }
  if (footer.readBigUInt64LE(header.gdOffset) === gdAtEnd) {
    return badFooter('Footer indicates another footer', `gdOffset 0x${gdAtEnd.toString(16)} in the footer`);
  }
  const isMarker = (bytes: Buffer, type: number) =>
    bytes.readUInt32LE(marker.size) === 0 &&
    bytes.readUInt32LE(marker.type) === type &&
    bytes.subarray(marker.padding).every((byte) => byte === 0);
  if (!isMarker(tail.subarray(0, sectorInBytes), marker.footer)) {
    return badFooter('Footer marker is invalid', `0x${tail.toString('hex', 0, marker.padding)}`);
  }
  const end = tail.subarray(2 * sectorInBytes);
  if (end.readBigUInt64LE(marker.value) !== 0n || !isMarker(end, marker.endOfStream)) {
    return badFooter('End-of-stream marker is invalid', `0x${end.toString('hex', 0, marker.padding)}`);
  }
  return [];
}
