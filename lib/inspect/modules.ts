import type { FileSystem } from '../fs/filesystem.ts';
import { textIfPresent } from '../guest/files.ts';

/** Kernel modules by where they are in the kernel's tree. */
export interface ModuleCounts {
  readonly modules: number;
  /** Under drivers/net. */
  readonly network: number;
  /** Under drivers for disks and their controllers. */
  readonly storage: number;
}

const maximumDepth = 16;
const indexLimitInBytes = 16 * 1024 * 1024;
const module = /\.ko(\.(gz|xz|zst))?$/;
const network = /(^|\/)drivers\/net\//;
const storage = /(^|\/)drivers\/(ata|block|md|message|mmc|nvme|scsi|ufs|usb\/storage)\//;

/** The modules that are in a folder, at any depth. */
export async function modulesBelow(fs: FileSystem, folder: string): Promise<ModuleCounts> {
  const found: string[] = [];
  async function visit(path: string, depth: number): Promise<void> {
    for (const { name, type } of await fs.list(path)) {
      if (type === 'directory' && depth < maximumDepth) await visit(`${path}/${name}`, depth + 1);
      else if (module.test(name)) found.push(`${path}/${name}`);
    }
  }
  await visit(folder, 0);
  return counted(found);
}

/** The modules that depmod has listed in a folder, which are those that modprobe finds; undefined without a list. */
export async function modulesListed(fs: FileSystem, folder: string): Promise<ModuleCounts | undefined> {
  const text = await textIfPresent(fs, `${folder}/modules.dep`, indexLimitInBytes, 'lossy');
  return text === undefined ? undefined : counted([...text.matchAll(/^[^:\n]+/gm)].map(([path]) => path));
}

function counted(paths: readonly string[]): ModuleCounts {
  return {
    modules: paths.length,
    network: paths.filter((path) => network.test(path)).length,
    storage: paths.filter((path) => storage.test(path)).length,
  };
}
