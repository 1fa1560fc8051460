import { readText } from '../blob/blob.ts';
import type { Entry, FileSystem } from '../fs/filesystem.ts';
import type { Initramfs } from './initramfs.ts';

// Where ironic-python-agent-builder and distributions install it: its venv, pip's and Debian's folders.
const libraryFolders = [
  '/opt/ironic-python-agent/lib',
  '/opt/ironic-python-agent/lib64',
  '/usr/local/lib',
  '/usr/local/lib64',
  '/usr/lib',
  '/usr/lib64',
];
const packageFolders = ['site-packages', 'dist-packages'];
const distribution = /^ironic_python_agent-([^-]+)(?:-[^-]*)?\.(dist-info|egg-info)$/;

/** Its unit: ironic-python-agent-builder's element (source install; package install), TinyIPA. */
const units = ['ironic-python-agent.service', 'openstack-ironic-python-agent.service'];
const unitFolders = [
  '/etc/systemd/system',
  '/run/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
];

export interface Agent {
  /** As its package metadata say, `10.3.0.dev12` too. */
  readonly version?: string;
  /** The metadata of the Python package. */
  readonly path: string;
  /** Whether a target of systemd wants its unit, and the unit is there. */
  readonly unitEnabled: boolean;
}

/** Looks for the Ironic Python Agent in an initramfs. */
export async function findAgent(initramfs: Initramfs): Promise<Agent | undefined> {
  const { fs } = initramfs;
  for (const library of libraryFolders) {
    for (const python of await list(fs, library)) {
      if (!/^python3(\.\d+)?$/.test(python.name)) continue;
      for (const folder of packageFolders) {
        const packages = `${library}/${python.name}/${folder}`;
        for (const { name, type } of await list(fs, packages)) {
          const match = distribution.exec(name);
          if (match === null) continue;
          const file = type === 'file' ? '' : match[2] === 'dist-info' ? '/METADATA' : '/PKG-INFO';
          const version = (await versionIn(fs, `${packages}/${name}${file}`)) ?? match[1];
          return {
            ...(version !== undefined && { version }),
            path: `${packages}/${name}`,
            unitEnabled: await isUnitEnabled(fs),
          };
        }
      }
    }
  }
  return undefined;
}

async function versionIn(fs: FileSystem, path: string): Promise<string | undefined> {
  if ((await fs.lookup(path))?.type !== 'file') return undefined;
  return /^Version: *(\S+)/m.exec(await readText(await fs.open(path)))?.[1];
}

async function isUnitEnabled(fs: FileSystem): Promise<boolean> {
  for (const folder of unitFolders) {
    for (const { name } of await list(fs, folder)) {
      if (!/\.(wants|requires)$/.test(name)) continue;
      for (const unit of units) {
        if ((await fs.lookup(`${folder}/${name}/${unit}`))?.type === 'file') return true;
      }
    }
  }
  return false;
}

/** The entries of a directory; none where there is no such. */
async function list(fs: FileSystem, path: string): Promise<Entry[]> {
  return (await fs.lookup(path))?.type === 'directory' ? fs.list(path) : [];
}
