import { strip } from './python.ts';
import type { NodeRecord } from './records.ts';

/** `properties.capabilities`, as Ironic reads it. */
export interface Capabilities {
  /** The first of several with one name counts. */
  readonly values: ReadonlyMap<string, string>;
  /** Parts that are not exactly `name:value`: Ironic skips them with a warning in its log. */
  readonly malformed: readonly string[];
  /** Python's name of the type, where it is no string: Ironic then fails with an AttributeError. */
  readonly wrongType?: string;
}

/** `instance_info.capabilities`, which is the opposite: an object, or JSON text of one. */
export type InstanceCapabilities =
  | { readonly ok: true; readonly values: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly problem: string };

/** A value that Ironic's boot validation refuses, compared exactly: `UEFI` is not `uefi`. */
export interface InvalidCapability {
  readonly name: string;
  readonly field: 'properties/capabilities' | "instance_info['capabilities']";
  readonly value: string;
  readonly acceptable: readonly string[];
}

/** Source: ironic/drivers/modules/deploy_utils.py (SUPPORTED_CAPABILITIES). */
export const supportedCapabilities: ReadonlyMap<string, readonly string[]> = new Map([
  ['boot_mode', ['bios', 'uefi']],
  ['secure_boot', ['true', 'false']],
  ['disk_label', ['msdos', 'gpt']],
]);

/** Source: ironic/drivers/utils.py (get_node_capability). */
export function capabilitiesOf(node: Pick<NodeRecord, 'properties'>): Capabilities {
  const capabilities = node.properties.capabilities;
  const values = new Map<string, string>();
  if (!isTruthy(capabilities)) return { values, malformed: [] };
  if (typeof capabilities !== 'string') return { values, malformed: [], wrongType: typeName(capabilities) };
  const malformed: string[] = [];
  for (const part of capabilities.split(',')) {
    const [name = '', value = '', ...more] = part.split(':');
    if (name === '' || value === '' || more.length > 0) malformed.push(part);
    else if (!values.has(strip(name))) values.set(strip(name), strip(value));
  }
  return { values, malformed };
}

/** Source: ironic/common/utils.py (parse_instance_info_capabilities). */
export function instanceCapabilitiesOf(
  node: Pick<NodeRecord, 'uuid' | 'instance_info'>,
): InstanceCapabilities {
  let capabilities = node.instance_info.capabilities;
  if (capabilities === undefined) return { ok: true, values: {} };
  if (typeof capabilities === 'string') {
    try {
      capabilities = JSON.parse(capabilities);
    } catch {
      capabilities = undefined;
    }
  }
  if (typeof capabilities === 'object' && capabilities !== null && !Array.isArray(capabilities)) {
    return { ok: true, values: capabilities as Record<string, unknown> };
  }
  return {
    ok: false,
    problem:
      `Error parsing capabilities from Node ${node.uuid} instance_info field. ` +
      'A dictionary or a "jsonified" dictionary is expected.',
  };
}

/**
 * The values that boot validation refuses, in both fields; a field that cannot be read has none here, and is
 * reported by whoever reads it.
 * Source: ironic/drivers/modules/deploy_utils.py (validate_capabilities).
 */
export function invalidCapabilities(
  node: Pick<NodeRecord, 'uuid' | 'properties' | 'instance_info'>,
): readonly InvalidCapability[] {
  const properties = capabilitiesOf(node).values;
  const instance = instanceCapabilitiesOf(node);
  const invalid: InvalidCapability[] = [];
  for (const [name, acceptable] of supportedCapabilities) {
    const ofNode = properties.get(name);
    if (isTruthy(ofNode) && !acceptable.includes(String(ofNode))) {
      invalid.push({ name, field: 'properties/capabilities', value: String(ofNode), acceptable });
    }
    const ofInstance = instance.ok ? instance.values[name] : undefined;
    if (isTruthy(ofInstance) && !(typeof ofInstance === 'string' && acceptable.includes(ofInstance))) {
      const value = typeof ofInstance === 'string' ? ofInstance : JSON.stringify(ofInstance);
      invalid.push({ name, field: "instance_info['capabilities']", value, acceptable });
    }
  }
  return invalid;
}

/** Python's truth of a JSON value: empty text, lists and objects are false, and so is zero. */
export function isTruthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/** Python's name for the type of a JSON value. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'NoneType';
  if (typeof value === 'string') return 'str';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float';
  return Array.isArray(value) ? 'list' : 'dict';
}
