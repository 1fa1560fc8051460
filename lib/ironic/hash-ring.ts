import type { IronicConfig } from './config.ts';
import type { NodeRecord } from './records.ts';

/*
 * Which conductors may come to manage a node: one of them does, and another takes over when conductors come and go.
 * Source: ironic/common/hash_ring.py, get_ring; ironic/conductor/base_manager.py
 */

/** The group that a conductor joins, in lower case; '' is that of no name. Undefined where the option cannot be read. */
export function conductorGroupOf(config: IronicConfig): string | undefined {
  const reading = config.string('conductor', 'conductor_group');
  return reading.ok ? (reading.value ?? '').toLowerCase() : undefined;
}

/** The hardware types that a conductor enables, as written. Undefined where the option cannot be read. */
export function enabledHardwareTypes(config: IronicConfig): readonly string[] | undefined {
  const reading = config.list('DEFAULT', 'enabled_hardware_types');
  return reading.ok ? (reading.value ?? []) : undefined;
}

/** Whether a conductor is of the node's group and enables its hardware type; what cannot be read is no hindrance. */
export function mayManage(config: IronicConfig, node: NodeRecord): boolean {
  const group = conductorGroupOf(config);
  const types = enabledHardwareTypes(config);
  const isOfGroup = group === undefined || group === (node.conductor_group ?? '').toLowerCase();
  return isOfGroup && (types === undefined || types.includes(node.driver));
}
