import type { IronicConfig } from './config.ts';
import { enabledBootInterfaces, networkBootOf } from './interfaces.ts';
import type { NodeRecord } from './records.ts';

/**
 * A UEFI node of an architecture as it would be enrolled, with iPXE where the conductor enables that. Undefined where
 * the conductor enables no interface that boots from the network.
 */
export function nodeToCome(architecture: string, config: IronicConfig): NodeRecord | undefined {
  const networks = enabledBootInterfaces(config).flatMap((name) => networkBootOf(name) ?? []);
  // Ironic's hardware types prefer TFTP, in whatever order the interfaces are enabled.
  const preferred = [
    ...networks.filter(({ ipxe, transport }) => ipxe && transport === 'tftp'),
    ...networks.filter(({ ipxe }) => ipxe),
    ...networks,
  ];
  const [network] = preferred;
  if (network === undefined) return undefined;
  return {
    uuid: '',
    name: null,
    driver: 'redfish',
    properties: { cpu_arch: architecture, capabilities: 'boot_mode:uefi' },
    driver_info: {},
    instance_info: {},
    provision_state: null,
    maintenance: false,
    boot_interface: network.name,
  };
}
