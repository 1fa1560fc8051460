import type { FileSystem } from '../fs/filesystem.ts';
import { type EspCsv, type EspLoader, readEsp } from '../guest/esp.ts';
import { subsystemName } from './efi.ts';

/** An EFI system partition: what firmware starts, and what Ironic's agent makes boot entries of. */
export interface EspFacts {
  readonly loaders: readonly LoaderFacts[];
  readonly csvFiles: readonly EspCsv[];
  /** Files from which Ironic's agent makes boot entries once it has written the image. */
  readonly agentMakesEntriesOf: readonly string[];
}

export interface LoaderFacts {
  readonly path: string;
  readonly sizeInBytes: number;
  /** As `uname -m` says, or `machine 0x…`; absent where it is no PE, as `damage` says. */
  readonly architecture?: string;
  readonly subsystem?: string;
  /** Whether a signature for Secure Boot is there (it is not verified). */
  readonly signed: boolean;
  /** Whether firmware starts it without a boot entry. */
  readonly removable: boolean;
  readonly damage?: string;
}

/** Undefined where there is neither a program nor a CSV file. */
export async function espFacts(fs: FileSystem): Promise<EspFacts | undefined> {
  const { loaders, removable, csvFiles, agentOrder } = await readEsp(fs);
  if (loaders.length === 0 && csvFiles.length === 0) return undefined;
  const facts = loaders.map((loader) => loaderFacts(loader, removable.includes(loader)));
  return {
    loaders: facts.toSorted((a, b) => Number(b.removable) - Number(a.removable)),
    csvFiles,
    agentMakesEntriesOf: agentOrder,
  };
}

function loaderFacts(loader: EspLoader, removable: boolean): LoaderFacts {
  const { path, sizeInBytes, machine, architecture, subsystem, signed, damage } = loader;
  return {
    path,
    sizeInBytes,
    ...(machine !== undefined && { architecture: architecture?.name ?? `machine 0x${machine.toString(16)}` }),
    ...(subsystem !== undefined && { subsystem: subsystemName(subsystem) }),
    signed,
    removable,
    ...(damage !== undefined && { damage }),
  };
}
