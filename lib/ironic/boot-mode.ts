import { capabilitiesOf, instanceCapabilitiesOf, isTruthy, typeName } from './capabilities.ts';
import type { IronicConfig, Setting } from './config.ts';
import type { NodeRecord } from './records.ts';
import { redactedText } from './redaction.ts';

export type BootMode =
  | {
      readonly ok: true;
      /** `uefi` or `bios`, or whatever else the node says: validation refuses that, this rule does not. */
      readonly mode: string;
      /** What decided: a field of the node, or `[deploy]default_boot_mode`. */
      readonly because: string;
      readonly setting?: Setting;
      /** Set when a field that could decide otherwise was not shown to us: its name. */
      readonly hidden?: string;
    }
  | { readonly ok: false; readonly problem: string };

/**
 * The boot mode in which Ironic will deploy a node. What the BMC reports (`node.boot_mode`) plays no part in it.
 * Source: ironic/drivers/modules/boot_mode_utils.py (get_boot_mode), the same from zed to 38.0.
 */
export function resolveBootMode(node: NodeRecord, config: IronicConfig): BootMode {
  const instance = instanceCapabilitiesOf(node);
  if (!instance.ok) return instance;
  const secureBoot = Object.hasOwn(instance.values, 'secure_boot') ? instance.values.secure_boot : 'false';
  if (typeof secureBoot !== 'string') return noSuchAttribute(secureBoot, 'lower', 'secure_boot');
  if (secureBoot.toLowerCase() === 'true') {
    return { ok: true, mode: 'uefi', because: 'instance_info.capabilities secure_boot' };
  }

  const properties = capabilitiesOf(node);
  if (properties.wrongType !== undefined) {
    return noSuchAttribute(node.properties.capabilities, 'split', 'properties.capabilities');
  }
  const capability = properties.values.get('boot_mode');
  const internal = node.driver_internal_info;
  const hidden = internal === undefined || redactedText(internal) !== undefined;

  const candidates: readonly (readonly [because: string, value: unknown])[] = [
    ['instance_info.capabilities boot_mode', instance.values.boot_mode],
    ['instance_info.deploy_boot_mode', node.instance_info.deploy_boot_mode],
    ['properties.capabilities boot_mode', capability],
    [
      'driver_internal_info.deploy_boot_mode',
      typeof internal === 'object' ? internal.deploy_boot_mode : undefined,
    ],
  ];
  const chosen = candidates.find(([, value]) => isTruthy(value));
  if (chosen === undefined) return defaultBootMode(config, hidden);

  const [because, value] = chosen;
  if (typeof value !== 'string') return noSuchAttribute(value, 'lower', because);
  const mode = value.toLowerCase();
  if (isTruthy(capability) && capability?.toLowerCase() !== mode) {
    const problem = `Node ${node.uuid} boot mode ${mode} violates node properties/capabilities ${capability?.toLowerCase()}`;
    return { ok: false, problem };
  }
  return { ok: true, mode, because };
}

function defaultBootMode(config: IronicConfig, hidden: boolean): BootMode {
  const reading = config.string('deploy', 'default_boot_mode');
  if (!reading.ok) return { ok: false, problem: `[deploy]default_boot_mode: ${reading.problem}` };
  return {
    ok: true,
    mode: reading.value ?? 'uefi',
    because: '[deploy]default_boot_mode',
    ...(reading.setting === undefined ? {} : { setting: reading.setting }),
    ...(hidden ? { hidden: 'driver_internal_info' } : {}),
  };
}

/** What Python says where a value has not the type that Ironic takes for granted. */
function noSuchAttribute(value: unknown, attribute: string, field: string): BootMode {
  return {
    ok: false,
    problem: `${field}: AttributeError: '${typeName(value)}' object has no attribute '${attribute}'`,
  };
}
