import type { Architecture } from '../arch.ts';
import { readElf } from './elf.ts';
import type { Initramfs } from './initramfs.ts';

/** Programs that every initramfs has some of. */
const programs = ['bash', 'sh', 'dash', 'busybox', 'python3', 'mount', 'ls'];
const programFolders = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin'];
const others = ['/init', '/sbin/init', '/usr/lib/systemd/systemd', '/lib/systemd/systemd'];
const libraryFolders = ['/lib', '/lib64', '/usr/lib', '/usr/lib64'];
const loader = /^ld-(linux|musl)[\w.-]*\.so(\.\d+)*$/;

export interface ProgramArchitecture {
  readonly path: string;
  /** e_machine of its ELF header. */
  readonly machine: number;
  /** Absent for a machine that the table of architectures does not have. */
  readonly architecture?: Architecture;
}

/**
 * For which architectures the programs of an initramfs are: each of a list of usual ones that is there, once,
 * by its ELF header. Empty where none is found.
 */
export async function initramfsArchitectures(initramfs: Initramfs): Promise<ProgramArchitecture[]> {
  const { fs } = initramfs;
  const found: ProgramArchitecture[] = [];
  const consider = async (path: string): Promise<boolean> => {
    if ((await fs.lookup(path).catch(() => undefined))?.type !== 'file') return false;
    const elf = readElf(await initramfs.head(path));
    if (elf === undefined) return false;
    const { machine, architecture } = elf;
    found.push({ path, machine, ...(architecture !== undefined && { architecture }) });
    return true;
  };
  for (const program of programs) {
    for (const folder of programFolders) if (await consider(`${folder}/${program}`)) break;
  }
  for (const path of others) await consider(path);
  for (const folder of libraryFolders) {
    if ((await fs.lookup(folder).catch(() => undefined))?.type !== 'directory') continue;
    for (const { name } of await fs.list(folder)) if (loader.test(name)) await consider(`${folder}/${name}`);
  }
  return found;
}
