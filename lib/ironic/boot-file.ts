import { resolveBootMode, type BootMode } from './boot-mode.ts';
import { typeName } from './capabilities.ts';
import type { IronicConfig, Setting } from './config.ts';
import { effectiveBootInterface, type NetworkBoot } from './interfaces.ts';
import type { NodeRecord } from './records.ts';
import { hasCompositeBootfileKeys, hasHttpBoot, type Release } from './release.ts';

/** A boot file's name and the option that it comes from. */
export interface NamedBootFile {
  readonly ok: true;
  /** As DHCP hands it out; an empty name is a name too, and no fallback. */
  readonly name: string;
  /** `ipxe_bootfile_name_by_arch[aarch64]`, `uefi_ipxe_bootfile_name`, … */
  readonly because: string;
  /** Undefined when the name is the option's default. */
  readonly setting?: Setting;
  /** What decided between UEFI and BIOS; undefined where the architecture alone did. */
  readonly bootMode?: Extract<BootMode, { ok: true }>;
}

export interface Unnamed {
  readonly ok: false;
  readonly problem: string;
}

export type BootFile =
  | (NamedBootFile & {
      readonly ipxe: boolean;
      readonly network: NetworkBoot;
      /** The URL for the HTTP interfaces; undefined where `[deploy]http_url` is not set. */
      readonly url?: string;
      /** The name or URL of more than 64 characters that this release refuses to hand to DHCP. */
      readonly tooLong?: string;
      /**
       * What it is on a point release that has composite keys (`aarch64-uefi`), where we know neither the point
       * release nor, therefore, which of the two holds.
       */
      readonly otherwise?: NamedBootFile | Unnamed;
    })
  /** The node does not boot by PXE. */
  | { readonly ok: true; readonly name: undefined; readonly because: string; readonly ipxe: false }
  | Unnamed;

/** Neutron's limit; Ironic raises InvalidParameterValue beyond it, from 24.1. */
export const maximumBootfileLengthInCharacters = 64;

/**
 * The boot file that Ironic names to a node's firmware.
 * Source: ironic/drivers/modules/deploy_utils.py (get_ipxe_boot_file, get_pxe_boot_file) of each release,
 * ironic/common/pxe_utils.py (_dhcp_option_file_or_url).
 */
export function resolveBootFile(
  node: NodeRecord,
  config: IronicConfig,
  release: Release = config.release,
): BootFile {
  const effective = effectiveBootInterface(node, config, release);
  if (!effective.ok) return effective;
  const { network } = effective;
  if (network === undefined) {
    return {
      ok: true,
      name: undefined,
      because: `${effective.name} does not boot by PXE`,
      ipxe: false,
    };
  }
  const composite = hasCompositeBootfileKeys(release);
  const resolved = bootFileName(node, config, network.ipxe, composite === true);
  const other = composite === 'unknown' ? bootFileName(node, config, network.ipxe, true) : resolved;
  const differs = resolved.ok !== other.ok || (resolved.ok && other.ok && resolved.name !== other.name);
  if (!resolved.ok) return resolved;

  const { url, told } = handedOut(resolved.name, network, config);
  const tooLong = hasHttpBoot(release)
    ? told.find((text) => Array.from(text).length > maximumBootfileLengthInCharacters)
    : undefined;
  return {
    ...resolved,
    ipxe: network.ipxe,
    network,
    ...(url === undefined ? {} : { url }),
    ...(tooLong === undefined ? {} : { tooLong }),
    ...(differs ? { otherwise: other } : {}),
  };
}

/** The name alone, whatever interface the node has: by the options of iPXE, or of PXE. */
export function bootFileName(
  node: NodeRecord,
  config: IronicConfig,
  ipxe: boolean,
  compositeKeys: boolean,
): NamedBootFile | Unnamed {
  const byArch = ipxe ? 'ipxe_bootfile_name_by_arch' : 'pxe_bootfile_name_by_arch';
  const mode = compositeKeys ? resolveBootMode(node, config) : undefined;
  if (mode?.ok === false) return mode;

  const mapping = config.dict('pxe', byArch);
  if (!mapping.ok) return { ok: false, problem: `[pxe]${byArch}: ${mapping.problem}` };
  const arch = node.properties.cpu_arch;
  if (typeof arch === 'object' && arch !== null) {
    const problem = `properties.cpu_arch: TypeError: unhashable type: '${typeName(arch)}'`;
    return { ok: false, problem };
  }
  // Only text can be a key; in a composite key, whatever it is appears as Python prints it.
  const keys = [
    ...(mode === undefined ? [] : [`${printed(arch)}-${mode.mode}`]),
    ...(typeof arch === 'string' ? [arch] : []),
  ];
  for (const key of keys) {
    const name = mapping.value?.get(key);
    if (name !== undefined) {
      const decided = key === arch || mode === undefined ? {} : { bootMode: mode };
      return { ok: true, name, because: `${byArch}[${key}]`, ...withSetting(mapping.setting), ...decided };
    }
  }

  const bootMode = mode ?? resolveBootMode(node, config);
  if (!bootMode.ok) return bootMode;
  const option = `${bootMode.mode === 'uefi' ? 'uefi_' : ''}${ipxe ? 'ipxe' : 'pxe'}_bootfile_name`;
  const plain = config.string('pxe', option);
  if (!plain.ok) return { ok: false, problem: `[pxe]${option}: ${plain.problem}` };
  return { ok: true, name: plain.value ?? '', because: option, ...withSetting(plain.setting), bootMode };
}

/** What DHCP is given for IPv4 and for IPv6, as far as the configuration tells; both are always made. */
function handedOut(
  name: string,
  network: NetworkBoot,
  config: IronicConfig,
): { url: string | undefined; told: readonly string[] } {
  if (network.transport === 'http') {
    const base = config.string('deploy', 'http_url');
    const url = base.ok && base.value !== undefined ? `${base.value}/${name}` : undefined;
    return { url, told: url === undefined ? [] : [url] };
  }
  const my6 = config.string('DEFAULT', 'my_ipv6');
  const server =
    my6.ok && my6.value !== undefined && my6.value !== '' ? my6 : config.string('pxe', 'tftp_server');
  if (!server.ok || server.value === undefined || server.unresolved.length > 0) {
    return { url: undefined, told: [name] };
  }
  const host = server.value.includes(':') ? `[${server.value}]` : server.value;
  return { url: undefined, told: [name, `tftp://${host}/${name}`] };
}

function withSetting(setting: Setting | undefined): { setting?: Setting } {
  return setting === undefined ? {} : { setting };
}

function printed(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'number' ? String(value) : 'None';
}
