import type { FileSystem } from '../../fs/filesystem.ts';
import { entriesIfPresent, isFile, textIfPresent } from '../files.ts';
import { type InstalledPackages, installedPackages } from '../packages.ts';

/** The release of cloud-init in the guest. */
export interface CloudInitVersion {
  /** As packaged: `24.4-0ubuntu1~22.04.1`, or as upstream where nothing else is known. */
  readonly version: string;
  /** The upstream release in it: `24.4`. */
  readonly upstream: string;
  /** The file or package database that says so. */
  readonly from: string;
}

/**
 * The version of the code that would run (`cloudinit/version.py`, since 26.1 `meson_versions.py`), or else what
 * the package database or Python's own metadata say. Undefined when cloud-init is not installed.
 * @param packages what `installedPackages` found, when the caller has it already
 */
export async function cloudInitVersion(
  fs: FileSystem,
  packages?: InstalledPackages,
): Promise<CloudInitVersion | undefined> {
  const directories = await pythonDirectories(fs);
  for (const directory of directories) {
    for (const name of ['meson_versions.py', 'version.py']) {
      const path = `${directory}/cloudinit/${name}`;
      const text = (await isFile(fs, path)) ? await textIfPresent(fs, path) : undefined;
      const version = text === undefined ? undefined : versionOfCode(text);
      if (version !== undefined) return known(version, path);
    }
  }
  const installed = (packages ?? (await installedPackages(fs))).find('cloud-init');
  if (installed !== undefined) return known(installed.version, installed.from);
  for (const directory of directories) {
    for (const { name } of await entriesIfPresent(fs, directory)) {
      const version = /^cloud_init-(\d[^-]*)(?:-py[\d.]+)?\.(?:egg|dist)-info$/.exec(name)?.[1];
      if (version !== undefined) return known(version, `${directory}/${name}`);
    }
  }
  return undefined;
}

/** Python's places for packages in Debian and in Fedora. */
async function pythonDirectories(fs: FileSystem): Promise<string[]> {
  const directories: string[] = [];
  for (const library of ['/usr/lib', '/usr/lib64', '/usr/local/lib']) {
    for (const { name } of await entriesIfPresent(fs, library)) {
      if (!/^python3(\.\d+)?$/.test(name)) continue;
      directories.push(`${library}/${name}/dist-packages`, `${library}/${name}/site-packages`);
    }
  }
  return directories;
}

function versionOfCode(text: string): string | undefined {
  const value = (name: string) =>
    new RegExp(`^[ \\t]*${name}[ \\t]*=[ \\t]*["']([^"'@]+)["']`, 'm').exec(text)?.[1];
  return (
    value('_PACKAGED_VERSION') ??
    value('DOWNSTREAM_VERSION') ??
    value('__VERSION__') ??
    value('UPSTREAM_VERSION')
  );
}

function known(version: string, from: string): CloudInitVersion | undefined {
  const upstream = /^(?:\d+:)?(\d+(?:\.\d+)*)/.exec(version)?.[1];
  return upstream === undefined ? undefined : { version, upstream, from };
}

/** Whether the upstream release is that one or a later one, number by number. */
export function atLeast({ upstream }: Pick<CloudInitVersion, 'upstream'>, release: string): boolean {
  const have = upstream.split('.').map(Number);
  for (const [index, wanted] of release.split('.').map(Number).entries()) {
    const part = have[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
