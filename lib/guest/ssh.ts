import type { FileSystem } from '../fs/filesystem.ts';
import { findProgram, firstFile } from './files.ts';
import { type UnitState, unitState } from './systemd.ts';

/** Whether one can log in to what the image becomes. */
export interface SshServer {
  /** The sshd binary, absent when no SSH server is installed. */
  readonly program?: string;
  readonly config?: string;
  /** Debian and Ubuntu say ssh, Fedora's family and SUSE say sshd; Ubuntu since 22.10 listens by ssh.socket. */
  readonly units: readonly UnitState[];
  /** The first unit that starts it at boot. */
  readonly startedBy?: string;
}

/** OpenSSH's server in the guest: its program and the systemd units that start it. */
export async function sshServer(fs: FileSystem): Promise<SshServer> {
  const program = (await findProgram(fs, 'sshd')) ?? (await firstFile(fs, ['/usr/lib/ssh/sshd']));
  const config = await firstFile(fs, ['/etc/ssh/sshd_config', '/usr/etc/ssh/sshd_config']);
  const units: UnitState[] = [];
  for (const name of ['ssh.service', 'sshd.service', 'ssh.socket', 'sshd.socket']) {
    const unit = await unitState(fs, name);
    if (unit.file !== undefined || unit.enabledBy.length > 0 || unit.maskedBy !== undefined) units.push(unit);
  }
  const startedBy = units.find((unit) => unit.enabled)?.name;
  return {
    ...(program !== undefined && { program }),
    ...(config !== undefined && { config }),
    units,
    ...(startedBy !== undefined && { startedBy }),
  };
}
