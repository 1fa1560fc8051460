import { architectureNamed } from '../arch.ts';
import { type Pe, readPe } from '../boot/pe.ts';
import { MissingError, UnsupportedError } from '../errors.ts';
import { fact } from '../facts.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { userlandArchitectures } from '../guest/architecture.ts';
import { cloudInitEnabled } from '../guest/cloud-init/enabled.ts';
import { growpart as readGrowpart } from '../guest/cloud-init/growpart.ts';
import { guestDatasource } from '../guest/cloud-init/guest.ts';
import { readDibManifest } from '../guest/dib.ts';
import { readFstab } from '../guest/fstab.ts';
import { readMachineId } from '../guest/machine-id.ts';
import { readOsRelease } from '../guest/os-release.ts';
import { installedPackages } from '../guest/packages.ts';
import { sshServer } from '../guest/ssh.ts';
import { type UserImage, espFileSystem, root } from './user-images.ts';

/** A fact about what lives in the root file system of a user image. */
function inRoot<Value>(name: string, read: (fs: FileSystem) => Promise<Value>) {
  return fact(name, async (image: UserImage, use) => read((await use(root, image)).fs));
}

export const osRelease = inRoot('os-release', readOsRelease);
export const userland = inRoot('architecture of programs', userlandArchitectures);
export const packages = inRoot('installed packages', installedPackages);
export const ssh = inRoot('SSH server', sshServer);
export const fstab = inRoot('fstab', readFstab);
export const machineId = inRoot('machine-id', readMachineId);
export const dibManifest = inRoot('manifest of diskimage-builder', readDibManifest);
export const cloudInit = inRoot('cloud-init', cloudInitEnabled);
export const growpart = inRoot('growpart', (fs) => readGrowpart(fs));

/** What cloud-init will do on bare metal of the image's architecture. */
export const datasource = fact('datasource', async (image: UserImage, use) => {
  const { fs } = await use(root, image);
  return guestDatasource(fs, image.architecture, { packages: await use(packages, image) });
});

export interface Loader {
  readonly path: string;
  readonly origin: string;
  readonly pe: Pe;
}

/**
 * The loader that firmware starts without an NVRAM entry.
 * Source: UEFI specification, "Removable Media Boot Behavior".
 */
export const loader = fact('removable-media loader', async (image: UserImage, use): Promise<Loader> => {
  const suffix = architectureNamed(image.architecture)?.efiSuffix;
  if (suffix === undefined) throw new UnsupportedError(`${image.architecture}: UEFI is not defined for it`);
  const fs = await use(espFileSystem, image);
  const path = `/EFI/BOOT/BOOT${suffix}.EFI`;
  if ((await fs.lookup(path)) === undefined) {
    const there = (await fs.lookup('/EFI/BOOT')) === undefined ? [] : await fs.list('/EFI/BOOT');
    const names = there.map(({ name }) => name).join(', ');
    throw new MissingError(`${path} is not there; /EFI/BOOT holds ${names || 'nothing'}`);
  }
  const blob = await fs.open(path);
  return { path, origin: blob.origin, pe: await readPe(blob) };
});
