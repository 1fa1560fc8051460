import { type Release, atLeast } from './release.ts';

/**
 * The hardware types that Ironic no longer has, and the first version without them.
 * Source: entry points ironic.hardware.types, in setup.cfg and pyproject.toml of each version's tag.
 */
const removed: ReadonlyMap<string, string> = new Map([
  ['ibmc', '26.0'],
  ['xclarity', '26.0'],
  ['ilo', '36.0'],
  ['ilo5', '36.0'],
  ['irmc', '36.0'],
  ['snmp', '36.0'],
]);

/** Whether some release does not have the hardware type any more. */
export function isRemoved(hardwareType: string): boolean {
  return removed.has(hardwareType);
}

/** The version that removed the hardware type, where the release is that or newer. */
export function removedBefore(release: Release, hardwareType: string): string | undefined {
  const version = removed.get(hardwareType);
  return version !== undefined && atLeast(release, version) ? version : undefined;
}
