import { type Blob, stream } from '../blob/blob.ts';
import { searchText } from './search.ts';

/** No iPXE is larger; what is searched of anything else. */
const searchLimitInBytes = 32 * 1024 * 1024;
const overlapInBytes = 4096;

// Texts that iPXE carries: src/usr/autoboot.c (banner), src/image/script.c, src/core/errno.c, src/net/tcp/httpcore.c.
// Any one may occur in what only speaks of iPXE, so that two are asked for.
const marks = ['-- Open Source Network Boot Firmware --', '#!ipxe', 'ipxe.org/', 'iPXE/%s'];
const marksNeeded = 2;

// src/core/version.c: the SBAT line since 2023; before, build name, product name and version, one after the other.
const sbatLine = /\nipxe,\d+,[^,\n]*,([^,\n]*),([^,\n]{1,100}),/;
const versionStrings = /\0([\w.+-]{1,60}\.efi)\0+(?:iPXE\0+)?(\d+\.\d+\.\d+[ -~]{0,100})\0/;

// FEATURE(…) in src, and the names of image types (`gzip` in src/image/gzip.c: it boots an Image.gz).
const featureNames = [
  'AoE',
  'DNS',
  'EFI',
  'FCoE',
  'HTTP',
  'HTTPS',
  'iSCSI',
  'Menu',
  'NFS',
  'SLAM',
  'SRP',
  'TFTP',
  'VLAN',
  'gzip',
  'script',
  'zlib',
];

export interface Ipxe {
  readonly isIpxe: boolean;
  /** As iPXE prints it: `1.21.1+git20250501.dad20602+dfsg-1`. */
  readonly version?: string;
  /** As it was built: `ipxe.efi` has drivers of its own, `snponly.efi` uses the firmware's. */
  readonly buildName?: string;
  /** Protocols and image types that are built in: `HTTPS`, `VLAN`, `gzip` (it unpacks gzip kernels). */
  readonly features: readonly string[];
}

/**
 * Looks for iPXE in an EFI binary by the texts that it carries, in the first 32 MiB. BIOS builds are compressed
 * behind their first kilobytes: see `readNbp`.
 */
export async function readIpxe(blob: Blob): Promise<Ipxe> {
  const found = new Set<string>();
  const features = new Set<string>();
  let version: string | undefined;
  let buildName: string | undefined;
  let searchedInBytes = 0;
  await searchText(stream(blob), overlapInBytes, (window) => {
    for (const mark of marks) if (!found.has(mark) && window.includes(mark)) found.add(mark);
    for (const name of featureNames) {
      if (!features.has(name) && window.includes(`\0${name}\0`)) features.add(name);
    }
    const match = sbatLine.exec(window) ?? (version === undefined ? versionStrings.exec(window) : null);
    if (match !== null) [, buildName, version] = match;
    searchedInBytes += window.length;
    return searchedInBytes > searchLimitInBytes;
  });
  if (found.size < marksNeeded) return { isIpxe: false, features: [] };
  return {
    isIpxe: true,
    ...(version !== undefined && { version }),
    ...(buildName !== undefined && { buildName }),
    features: featureNames.filter((name) => features.has(name)),
  };
}
