import {
  type Candidate,
  type Inspected,
  type Violation,
  headerInBytes,
  violation,
} from './safety-verdict.ts';

// UEFI specification, "Legacy Master Boot Record" and "Protective MBR". The inspector calls every MBR `gpt`, and
// looks at nothing but the MBR. Source: oslo_utils 10.1.1, format_inspector.py GPTInspector.

const signatureAt = 510;
const signature = 0xaa55;
const recordsAt = 446;
const recordInBytes = 16;
const record = { boot: 0, startChs: 1, osType: 4, startLba: 8 } as const;
const protectiveType = 0xee;
const protectiveStartChs = '000200';
/** The BIOS parameter block of a FAT file system, which has the same signature: number of FATs, and a fixed disk. */
const fat = { countAt: 0x10, count: 2, mediaAt: 0x15, media: 0xf8 } as const;

/**
 * What begins with a boot sector that is not a FAT file system's. An x86 kernel does too (bzImage), and some iPXE
 * disks. Ironic's own inspector knows nothing of it: to it, a disk is raw.
 */
export function inspectGpt({ blob, head, inspector }: Inspected): Candidate | undefined {
  if (inspector === 'ironic' || head.length < headerInBytes) return undefined;
  const isFat = head.readUInt8(fat.countAt) === fat.count && head.readUInt8(fat.mediaAt) === fat.media;
  if (head.readUInt16LE(signatureAt) !== signature || isFat) return undefined;
  const problem = judgeRecords(head);
  return {
    format: 'gpt',
    complete: true,
    virtualSizeInBytes: BigInt(blob.sizeInBytes),
    violations: problem === undefined ? [] : [problem],
  };
}

/** The first thing wrong with the four partition records: a protective one must stand first, and alone. */
function judgeRecords(sector: Buffer): Violation | undefined {
  const used: number[] = [];
  let isProtective = false;
  for (let index = 0; index < 4; index++) {
    const at = recordsAt + index * recordInBytes;
    const boot = sector.readUInt8(at + record.boot);
    const osType = sector.readUInt8(at + record.osType);
    const startChs = sector.toString('hex', at + record.startChs, at + record.startChs + 3);
    const startLba = sector.readUInt32LE(at + record.startLba);
    if (boot !== 0 && boot !== 0x80) {
      return mbr(`MBR PTE ${index} has invalid boot flag`, `0x${boot.toString(16)}`);
    }
    if (osType !== 0) used.push(index);
    if (osType !== protectiveType) continue;
    isProtective = true;
    if (startChs !== protectiveStartChs) {
      return mbr('GPT MBR has invalid start CHS', `0x${startChs}, not 0x${protectiveStartChs}`);
    }
    if (startLba !== 1) return mbr('GPT MBR has invalid start LBA', `${startLba}, not 1`);
  }
  if (isProtective && (used.length !== 1 || used[0] !== 0)) {
    const numbers = used.map((index) => index + 1).join(', ');
    return mbr('GPT MBR defines invalid extra partitions', `records ${numbers} of the MBR are in use`);
  }
  if (used.length === 0) return mbr('GPT MBR has no partitions defined', 'all four records are empty');
  return undefined;
}

function mbr(reason: string, found: string): Violation {
  return violation('mbr', reason, found);
}
