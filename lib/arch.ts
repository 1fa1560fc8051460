/**
 * The one table of CPU architectures. An architecture is spelt as `uname -m` does, which is also how
 * Ironic, Nova and Glance compare it.
 *
 * Sources: ELF e_machine: System V gABI; PE Machine: Microsoft PE/COFF specification, "Machine Types";
 * removable-media names: UEFI specification, "Removable Media Boot Behavior"; DHCP option 93: RFC 4578 and
 * IANA "Processor Architecture Types"; Debian names: `dpkg-architecture -L`.
 */
export interface Architecture {
  /** As `uname -m` prints it. */
  readonly name: string;
  /** Other spellings that people and packages use; Ironic does not know them. */
  readonly aliases: readonly string[];
  /** ELF e_machine. */
  readonly elfMachine: number;
  /** ELF class: 32 or 64 bits. */
  readonly bits: 32 | 64;
  /** PE/COFF Machine of an EFI binary, where UEFI is defined for it. */
  readonly peMachine?: number;
  /** The suffix of `EFI/BOOT/BOOT<suffix>.EFI`, upper case. */
  readonly efiSuffix?: string;
  /** DHCP option 93 values of this architecture's UEFI PXE clients. */
  readonly dhcpClientArch: readonly number[];
  /** Boot modes that machines of this architecture have. */
  readonly bootModes: readonly ('uefi' | 'bios')[];
}

export const architectures: readonly Architecture[] = [
  {
    name: 'x86_64',
    aliases: ['amd64', 'x64', 'x86-64', 'em64t'],
    elfMachine: 0x3e,
    bits: 64,
    peMachine: 0x8664,
    efiSuffix: 'X64',
    dhcpClientArch: [0x0007, 0x0009],
    bootModes: ['uefi', 'bios'],
  },
  {
    name: 'aarch64',
    aliases: ['arm64', 'armv8', 'armv8l', 'aa64', 'aarch64_be'],
    elfMachine: 0xb7,
    bits: 64,
    peMachine: 0xaa64,
    efiSuffix: 'AA64',
    dhcpClientArch: [0x000b],
    bootModes: ['uefi'],
  },
  {
    name: 'riscv64',
    aliases: ['riscv', 'rv64'],
    elfMachine: 0xf3,
    bits: 64,
    peMachine: 0x5064,
    efiSuffix: 'RISCV64',
    dhcpClientArch: [0x001b],
    bootModes: ['uefi'],
  },
  {
    name: 'loongarch64',
    aliases: ['loong64'],
    elfMachine: 0x102,
    bits: 64,
    peMachine: 0x6264,
    efiSuffix: 'LOONGARCH64',
    dhcpClientArch: [0x0027],
    bootModes: ['uefi'],
  },
  {
    name: 'i686',
    aliases: ['i386', 'i486', 'i586', 'x86', 'ia32'],
    elfMachine: 0x03,
    bits: 32,
    peMachine: 0x014c,
    efiSuffix: 'IA32',
    dhcpClientArch: [0x0006],
    bootModes: ['uefi', 'bios'],
  },
  {
    name: 'armv7l',
    aliases: ['arm', 'armhf', 'armv7'],
    elfMachine: 0x28,
    bits: 32,
    peMachine: 0x01c2,
    efiSuffix: 'ARM',
    dhcpClientArch: [0x000a],
    bootModes: ['uefi'],
  },
  {
    name: 'ppc64le',
    aliases: ['ppc64el', 'powerpc64le'],
    elfMachine: 0x15,
    bits: 64,
    dhcpClientArch: [0x000e],
    bootModes: [],
  },
  { name: 's390x', aliases: ['zarch'], elfMachine: 0x16, bits: 64, dhcpClientArch: [], bootModes: [] },
];

/** The architecture spelt exactly so, or undefined. */
export function architectureNamed(name: string): Architecture | undefined {
  return architectures.find((arch) => arch.name === name);
}

/** The architecture that a person means by a spelling: any alias, any case. */
export function architectureMeant(spelling: string): Architecture | undefined {
  const folded = spelling.trim().toLowerCase();
  return architectures.find((arch) => arch.name === folded || arch.aliases.includes(folded));
}

/** The architecture of an ELF e_machine, or undefined. */
export function architectureOfElf(machine: number, bits: 32 | 64): Architecture | undefined {
  return architectures.find((arch) => arch.elfMachine === machine && arch.bits === bits);
}

/** The architecture of a PE/COFF Machine, or undefined. */
export function architectureOfPe(machine: number): Architecture | undefined {
  return architectures.find((arch) => arch.peMachine === machine);
}
