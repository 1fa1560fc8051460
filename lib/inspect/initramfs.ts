import { type Agent, findAgent } from '../boot/agent.ts';
import type { Blob } from '../blob/blob.ts';
import { initramfsArchitectures } from '../boot/initramfs-architectures.ts';
import { type InitramfsSegment, readInitramfs } from '../boot/initramfs.ts';
import { moduleReleases } from '../boot/modules.ts';
import { readOsRelease } from '../guest/os-release.ts';
import { isDirectory } from '../guest/files.ts';
import { type ModuleCounts, modulesBelow } from './modules.ts';
import { type ProgramFacts, architecturesOf } from './programs.ts';
import { type Read, attempt } from './read.ts';

export interface InitramfsInspection {
  readonly kind: 'initramfs';
  readonly initramfs: Read<InitramfsFacts>;
}

export interface InitramfsFacts {
  /** Archives, or compressed streams of them, in the order of the file. */
  readonly segments: readonly InitramfsSegment[];
  readonly entries: number;
  readonly unpackedSizeInBytes: number;
  /** Entries that the kernel drops because their directory is not there (the first hundred). */
  readonly lost: readonly string[];
  /** `PRETTY_NAME` of its os-release. */
  readonly system: Read<string>;
  readonly programs: Read<ProgramFacts>;
  /** The kernel releases that it has modules for. */
  readonly moduleReleases: Read<readonly string[]>;
  /** How many of them, of all releases. */
  readonly modules: Read<ModuleCounts>;
  /** The Ironic Python Agent. */
  readonly agent: Read<Agent>;
}

/** Unpacks an initramfs in memory and says what is in it. Reads all of it. */
export async function inspectInitramfs(blob: Blob): Promise<InitramfsInspection> {
  return { kind: 'initramfs', initramfs: await attempt(() => initramfsFacts(blob)) };
}

async function initramfsFacts(blob: Blob): Promise<InitramfsFacts> {
  const initramfs = await readInitramfs(blob);
  const { segments, entries, unpackedSizeInBytes, lost, fs } = initramfs;
  return {
    segments,
    entries,
    unpackedSizeInBytes,
    lost,
    system: await attempt(async () => {
      const osRelease = await readOsRelease(fs);
      return osRelease && (osRelease.fields.get('PRETTY_NAME') ?? osRelease.name);
    }, 'no /etc/os-release'),
    programs: await attempt(
      async () => architecturesOf(await initramfsArchitectures(initramfs)),
      'none of the usual programs is in it',
    ),
    moduleReleases: await attempt(async () => {
      const releases = await moduleReleases(initramfs);
      return releases.length === 0 ? undefined : releases;
    }, 'no kernel modules'),
    modules: await attempt(async () => {
      for (const folder of ['/usr/lib/modules', '/lib/modules'])
        if (await isDirectory(fs, folder)) return modulesBelow(fs, folder);
      return undefined;
    }, 'no kernel modules'),
    agent: await attempt(() => findAgent(initramfs), 'no ironic-python-agent'),
  };
}
