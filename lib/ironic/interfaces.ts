import type { IronicConfig, Setting } from './config.ts';
import type { NodeRecord } from './records.ts';
import { atLeast, hasHttpBoot, type Release } from './release.ts';

/** How a boot interface brings a node to its first loader. */
export interface NetworkBoot {
  readonly name: string;
  /** Whether the loader is iPXE: decides between the `ipxe_…` and the `pxe_…` options. */
  readonly ipxe: boolean;
  /** What the node is given: a file name for TFTP, or a URL. */
  readonly transport: 'tftp' | 'http';
  /** The root under which loaders are looked for. */
  readonly loaderRoot: 'tftp_root' | 'http_root';
}

export type BootInterface =
  | {
      readonly ok: true;
      readonly name: string;
      /** `node.boot_interface`, `[DEFAULT]default_boot_interface`, or the order of the hardware type. */
      readonly because: string;
      readonly setting?: Setting;
      /** Undefined for interfaces that do not boot by PXE: virtual media, `fake`. */
      readonly network: NetworkBoot | undefined;
    }
  | { readonly ok: false; readonly problem: string };

/** Source: ironic/drivers/modules/{pxe,ipxe}.py, ilo/boot.py, irmc/boot.py (ipxe_enabled, http_boot_enabled). */
const networkBoots: readonly NetworkBoot[] = [
  { name: 'ipxe', ipxe: true, transport: 'tftp', loaderRoot: 'tftp_root' },
  { name: 'pxe', ipxe: false, transport: 'tftp', loaderRoot: 'tftp_root' },
  { name: 'http', ipxe: false, transport: 'http', loaderRoot: 'http_root' },
  { name: 'http-ipxe', ipxe: true, transport: 'http', loaderRoot: 'http_root' },
  { name: 'ilo-ipxe', ipxe: true, transport: 'tftp', loaderRoot: 'tftp_root' },
  { name: 'ilo-pxe', ipxe: false, transport: 'tftp', loaderRoot: 'tftp_root' },
  { name: 'irmc-pxe', ipxe: false, transport: 'tftp', loaderRoot: 'tftp_root' },
];

/** How the boot interface of that name uses the network; undefined when it does not. */
export function networkBootOf(bootInterface: string): NetworkBoot | undefined {
  return networkBoots.find(({ name }) => name === bootInterface);
}

/**
 * The boot interfaces that a hardware type supports, the preferred first; undefined for a type not known here.
 * Source: ironic/drivers/*.py (supported_boot_interfaces) of each release.
 */
export function supportedBootInterfaces(driver: string, release: Release): readonly string[] | undefined {
  const generic = hasHttpBoot(release) ? ['ipxe', 'pxe', 'http-ipxe', 'http'] : ['ipxe', 'pxe'];
  // Up to 26.0 the vendors' lists left the HTTP interfaces out.
  const inherits = atLeast(release, '26.1');
  const https = atLeast(release, '24.0') ? ['redfish-https'] : [];
  const ilo = ['ilo-virtual-media', 'ilo-ipxe', 'ilo-pxe'];
  switch (driver) {
    case 'ipmi':
    case 'intel-ipmi':
    case 'ibmc':
    case 'manual-management':
    case 'snmp':
    case 'xclarity':
      return generic;
    case 'fake-hardware':
      return ['fake', ...generic];
    case 'redfish':
      return [...(inherits ? generic : ['ipxe', 'pxe']), 'redfish-virtual-media', ...https];
    case 'idrac':
      if (!inherits) return ['ipxe', 'pxe', 'idrac-redfish-virtual-media'];
      return [...generic, 'idrac-redfish-virtual-media', ...https];
    case 'ilo':
      return ilo;
    case 'ilo5':
      return [...ilo, 'ilo-uefi-https'];
    case 'irmc':
      return ['irmc-virtual-media', 'ipxe', 'irmc-pxe', 'pxe'];
    default:
      return undefined;
  }
}

/** The boot interfaces that the conductor enables, in the order written. */
export function enabledBootInterfaces(config: IronicConfig): readonly string[] {
  const reading = config.list('DEFAULT', 'enabled_boot_interfaces');
  return reading.ok ? (reading.value ?? []) : [];
}

/**
 * The boot interface of a node: its own, or what Ironic would give it. The order of the hardware type decides, not the
 * order of `enabled_boot_interfaces`.
 * Source: ironic/common/driver_factory.py (default_interface).
 */
export function effectiveBootInterface(
  node: NodeRecord,
  config: IronicConfig,
  release: Release = config.release,
): BootInterface {
  if (typeof node.boot_interface === 'string' && node.boot_interface !== '') {
    return named(node.boot_interface, 'node.boot_interface');
  }
  const supported = supportedBootInterfaces(node.driver, release);
  const enabled = enabledBootInterfaces(config);
  const fallback = config.string('DEFAULT', 'default_boot_interface');
  if (!fallback.ok) return { ok: false, problem: `[DEFAULT]default_boot_interface: ${fallback.problem}` };
  if (fallback.value !== undefined) {
    if (enabled.includes(fallback.value) && (supported?.includes(fallback.value) ?? true)) {
      return named(fallback.value, '[DEFAULT]default_boot_interface', fallback.setting);
    }
    return {
      ok: false,
      problem:
        `[DEFAULT]default_boot_interface is ${fallback.value}, which hardware type ${node.driver} does not support ` +
        `or [DEFAULT]enabled_boot_interfaces (${enabled.join(', ')}) lacks`,
    };
  }
  if (supported === undefined) {
    return { ok: false, problem: `hardware type ${node.driver} is not known, nor what it boots with` };
  }
  const first = supported.find((name) => enabled.includes(name));
  if (first !== undefined) return named(first, `hardware type ${node.driver}`);
  return {
    ok: false,
    problem:
      `No valid default boot interface for hardware type ${node.driver}: it supports ${supported.join(', ')}, ` +
      `and [DEFAULT]enabled_boot_interfaces has ${enabled.join(', ')}`,
  };
}

function named(name: string, because: string, setting?: Setting): BootInterface {
  return {
    ok: true,
    name,
    because,
    ...(setting === undefined ? {} : { setting }),
    network: networkBootOf(name),
  };
}
