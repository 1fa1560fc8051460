/**
 * Partition types by GUID, with the names that people use. Sources: UEFI specification 5.3.3 (ESP); UAPI
 * Discoverable Partitions Specification (root per architecture, xbootldr); gptfdisk's parttypes.cc (the rest).
 */
const gptTypes: Readonly<Record<string, string>> = {
  'C12A7328-F81F-11D2-BA4B-00A0C93EC93B': 'EFI system partition',
  '21686148-6449-6E6F-744E-656564454649': 'BIOS boot partition',
  '0FC63DAF-8483-4772-8E79-3D69D8477DE4': 'Linux filesystem',
  'BC13C2FF-59E6-4262-A352-B275FD6F7172': 'Linux extended boot (xbootldr)',
  '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709': 'Linux root (x86_64)',
  'B921B045-1DF0-41C3-AF44-4C6F280D3FAE': 'Linux root (aarch64)',
  '72EC70A6-CF74-40E6-BD49-4BDA08E8F224': 'Linux root (riscv64)',
  '77055800-792C-4F94-B39A-98C91B762BB6': 'Linux root (loongarch64)',
  '44479540-F297-41B2-9AF7-D131D5F0458A': 'Linux root (i686)',
  '69DAD710-2CE4-4E3C-B16C-21A1D49ABED3': 'Linux root (armv7l)',
  'C31C45E6-3F39-412E-80FB-4809C4980599': 'Linux root (ppc64le)',
  '5EEAD9A9-FE09-4A1E-A1D7-520D00531306': 'Linux root (s390x)',
  'E6D6D379-F507-44C2-A23C-238F2A3DF928': 'Linux LVM',
  'A19D880F-05FC-4D3B-A006-743F0F84911E': 'Linux RAID',
  '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F': 'Linux swap',
  'CA7D7CCB-63ED-4C53-861C-1742536059CC': 'Linux LUKS',
  '933AC7E1-2EB4-4F13-B844-0E14E2AEF915': 'Linux home',
  '8DA63339-0007-60C0-C436-083AC8230908': 'Linux reserved',
  'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7': 'Microsoft basic data',
  'E3C9E316-0B5C-4DB8-817D-F92DF00215AE': 'Microsoft reserved',
  '9E1A2D38-C612-4316-AA26-8B49521E5A8B': 'PowerPC PReP boot',
};

const mbrTypes: Readonly<Record<number, string>> = {
  0x01: 'FAT12',
  0x04: 'FAT16 (below 32 MiB)',
  0x06: 'FAT16',
  0x07: 'NTFS or exFAT',
  0x0b: 'FAT32',
  0x0c: 'FAT32 (LBA)',
  0x0e: 'FAT16 (LBA)',
  0x41: 'PowerPC PReP boot',
  0x82: 'Linux swap',
  0x83: 'Linux filesystem',
  0x8e: 'Linux LVM',
  0xee: 'GPT protective',
  0xef: 'EFI system partition',
  0xfd: 'Linux RAID',
};

/** The name of a GPT partition type, or undefined. The GUID may have either case. */
export function gptTypeName(guid: string): string | undefined {
  return gptTypes[guid.toUpperCase()];
}

/** The name of an MBR partition type, or undefined. */
export function mbrTypeName(type: number): string | undefined {
  return mbrTypes[type];
}

/** Whether an MBR entry of this type is where the logical partitions are: of CHS, of LBA, of Linux. */
export function isExtended(type: number): boolean {
  return type === 0x05 || type === 0x0f || type === 0x85;
}
