import { capabilitiesOf, instanceCapabilitiesOf } from './capabilities.ts';
import type { NodeRecord } from './records.ts';

const isTrue = (value: unknown) => typeof value === 'string' && value.toLowerCase() === 'true';

/**
 * Whether what a node starts must be signed: its BMC reports Secure Boot, or the node or its instance asks for it.
 * Source: ironic/drivers/modules/boot_mode_utils.py is_secure_boot_requested; node.secure_boot since API 1.75.
 */
export function needsSecureBoot(record: NodeRecord): boolean {
  const instance = instanceCapabilitiesOf(record);
  return (
    record.secure_boot === true ||
    isTrue(capabilitiesOf(record).values.get('secure_boot')) ||
    (instance.ok && isTrue(instance.values['secure_boot']))
  );
}
