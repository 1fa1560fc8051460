import type { FileSystem } from '../fs/filesystem.ts';
import { textIfPresent } from './files.ts';

/**
 * machine-id(5). An image must not carry an id: every node deployed from it would have the same one, and with it
 * the same DHCP client identifier (systemd-networkd derives its DUID from it).
 */
export interface MachineId {
  /** `uninitialized` is the literal word that systemd uses for "first boot has still to come". */
  readonly state: 'empty' | 'uninitialized' | 'set' | 'malformed';
  readonly value: string;
  readonly path: string;
}

/** Undefined when there is no such file, which systemd treats as a first boot too. */
export async function readMachineId(fs: FileSystem): Promise<MachineId | undefined> {
  const path = '/etc/machine-id';
  const text = await textIfPresent(fs, path, 4096);
  if (text === undefined) return undefined;
  const value = text.trim();
  const state =
    value === ''
      ? 'empty'
      : value === 'uninitialized'
        ? 'uninitialized'
        : /^[0-9a-f]{32}$/.test(value) && !/^0+$/.test(value)
          ? 'set'
          : 'malformed';
  return { state, value, path };
}
