import { type Architecture, architectureOfElf } from '../arch.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { entriesIfPresent } from './files.ts';

/** What a program of the guest was compiled for. */
export interface ProgramArchitecture {
  readonly path: string;
  /** Absent for a machine that is not in the architecture table. */
  readonly architecture?: Architecture;
  /** ELF e_machine. */
  readonly machine: number;
  readonly bits: 32 | 64;
}

/** Programs that every bootable Linux has some of. */
const programs = ['/usr/bin/bash', '/bin/sh', '/usr/bin/env', '/usr/lib/systemd/systemd', '/sbin/init'];
/** Where dynamic loaders and interpreters are, and their names. */
const families: [directory: string, name: RegExp][] = [
  ['/lib', /^ld-linux.*\.so/],
  ['/lib64', /^ld-linux.*\.so/],
  ['/usr/bin', /^python3(\.\d+)?$/],
];

/**
 * The architecture of the guest's user space, by the ELF headers of several of its programs: a label such as
 * `arm64` in the image's name proves nothing. Each header is 64 bytes. Programs that are not there, and scripts,
 * are left out; the list is empty where nothing executable was found.
 */
export async function userlandArchitectures(fs: FileSystem): Promise<ProgramArchitecture[]> {
  const paths = new Set(programs);
  for (const [directory, name] of families) {
    for (const entry of await entriesIfPresent(fs, directory)) {
      if (name.test(entry.name)) paths.add(`${directory}/${entry.name}`);
    }
  }
  const found: ProgramArchitecture[] = [];
  for (const path of paths) {
    if ((await fs.lookup(path))?.type !== 'file') continue;
    const blob = await fs.open(path);
    const header = readElfMachine(await blob.read(0, Math.min(64, blob.sizeInBytes)));
    if (header !== undefined) found.push({ path, ...header });
  }
  return found;
}

/** System V gABI, "ELF Header": EI_CLASS, EI_DATA and e_machine. */
function readElfMachine(head: Buffer): Omit<ProgramArchitecture, 'path'> | undefined {
  if (head.length < 20 || head.readUInt32BE(0) !== 0x7f454c46) return undefined;
  const bits = head[4] === 2 ? 64 : 32;
  const isBigEndian = head[5] === 2;
  const machine = isBigEndian ? head.readUInt16BE(18) : head.readUInt16LE(18);
  const architecture = architectureOfElf(machine, bits);
  // One e_machine serves both byte orders; of the architectures known here only s390x is big-endian.
  const isKnown = architecture !== undefined && isBigEndian === (architecture.name === 's390x');
  return { machine, bits, ...(isKnown && { architecture }) };
}
