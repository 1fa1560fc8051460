import { architectureNamed } from '../lib/arch.ts';
import type { BootFileSubject } from '../lib/subjects/boot-files.ts';

type What = Pick<BootFileSubject, 'architecture' | 'mode' | 'name' | 'ipxe' | 'transport' | 'sharedWith'> & {
  readonly conductor: { readonly name: string };
};

/**
 * Where to put the right build of a boot file. Under a name that x86_64 nodes are given too it would take theirs away,
 * so that the architecture is mapped to a name of its own instead.
 */
export function putInRoot(file: What): string {
  const { architecture, name, sharedWith } = file;
  if (sharedWith.length === 0 || architecture === 'x86_64') return put(file, name);
  const option = file.ipxe ? 'ipxe_bootfile_name_by_arch' : 'pxe_bootfile_name_by_arch';
  const own = ownName(file);
  return [
    `in ironic.conf, section [pxe]: ${option} = ${architecture}:${own}  # beside what is mapped; then restart ironic-conductor`,
    put(file, own),
    `leave ${name} as it is: nodes of ${sharedWith.join(', ')} are given it`,
  ].join('\n');
}

function put(file: What, name: string): string {
  const { architecture, transport, conductor } = file;
  const deployer =
    architecture === 'aarch64' && transport === 'tftp'
      ? ' (OpenStack-Ansible: ironic_tftp_extra_content)'
      : '';
  const root = `${transport.toUpperCase()} root of ${conductor.name}`;
  return `put the ${architecture} ${program(file)} in the ${root} as ${name}${deployer}`;
}

function program({ mode, ipxe }: What): string {
  if (mode === 'bios') return ipxe ? 'BIOS build of iPXE' : 'BIOS build of PXELINUX';
  return ipxe ? 'EFI build of iPXE' : 'EFI build of shim or GRUB';
}

/** `ipxe_aa64.efi`, `bootaa64.efi`: a name that no other architecture has. */
function ownName({ architecture, ipxe }: What): string {
  const suffix = (architectureNamed(architecture)?.efiSuffix ?? architecture).toLowerCase();
  return `${ipxe ? 'ipxe_' : 'boot'}${suffix}.efi`;
}
