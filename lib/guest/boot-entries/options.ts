/** How a kernel parameter or GRUB's `search` names a file system or partition. */
export interface DeviceName {
  readonly kind: 'LABEL' | 'UUID' | 'PARTLABEL' | 'PARTUUID' | 'device';
  /** The label or UUID; of a device its path, or whatever else stands there. */
  readonly value: string;
}

/** What a kernel command line says of where to boot from and where to print. */
export interface KernelOptions {
  /** Absent without `root=`. */
  readonly root?: DeviceName;
  /** Devices without their parameters, in order: `tty0`, `ttyAMA0`. The last becomes /dev/console. */
  readonly consoles: readonly string[];
}

/** udev's links to the same: /usr/lib/udev/rules.d/60-persistent-storage.rules. */
const links = {
  'by-label': 'LABEL',
  'by-uuid': 'UUID',
  'by-partlabel': 'PARTLABEL',
  'by-partuuid': 'PARTUUID',
} as const;

/** Reads `root=` (the last counts) and every `console=` of a kernel command line. Source: Documentation/admin-guide/kernel-parameters.rst. */
export function readKernelOptions(options: readonly string[]): KernelOptions {
  // What follows -- is for init.
  const end = options.indexOf('--');
  const own = (end < 0 ? options : options.slice(0, end)).map((option) => option.replace(/^"(.*)"$/s, '$1'));
  const valuesOf = (name: string) =>
    own
      .filter((option) => option.startsWith(`${name}=`))
      .map((option) => option.slice(name.length + 1).replace(/^"(.*)"$/s, '$1'));
  const root = valuesOf('root').at(-1);
  return {
    ...(root !== undefined && { root: readDeviceName(root) }),
    consoles: valuesOf('console').map((console) => console.replace(/,.*$/s, '')),
  };
}

/** Reads `LABEL=…` and its kind, or a path of /dev. */
export function readDeviceName(text: string): DeviceName {
  const tag = /^(LABEL|UUID|PARTLABEL|PARTUUID)=(.*)$/s.exec(text);
  if (tag?.[1] !== undefined) {
    return { kind: tag[1] as DeviceName['kind'], value: unquoted(tag[2] ?? '') };
  }
  const link = /^\/dev\/disk\/(by-(?:label|uuid|partlabel|partuuid))\/(.+)$/s.exec(text);
  if (link?.[1] === undefined) return { kind: 'device', value: text };
  // udev writes what is not safe in a name as \x20.
  const value = (link[2] ?? '').replaceAll(/\\x([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return { kind: links[link[1] as keyof typeof links], value };
}

function unquoted(text: string): string {
  return text.replace(/^(["'])(.*)\1$/s, '$2');
}
