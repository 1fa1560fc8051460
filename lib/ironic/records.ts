/**
 * What Ironic's API says of nodes and ports, as far as booting depends on it. Field names are Ironic's own.
 * Values are kept as received: judging them is what checks are for.
 * Source: ironic/api/controllers/v1/node.py and port.py.
 */
export interface NodeRecord {
  readonly uuid: string;
  readonly name: string | null;
  readonly driver: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly driver_info: Readonly<Record<string, unknown>>;
  readonly instance_info: Readonly<Record<string, unknown>>;
  readonly driver_internal_info?: Readonly<Record<string, unknown>> | string;
  readonly provision_state: string | null;
  readonly maintenance: boolean;
  readonly boot_interface?: string | null;
  readonly deploy_interface?: string | null;
  readonly conductor?: string | null;
  readonly conductor_group?: string;
  /** The UUID of the node that this one is a part of, as a DPU is of a server. */
  readonly parent_node?: string | null;
  readonly boot_mode?: string | null;
  readonly secure_boot?: boolean | null;
  readonly traits?: readonly string[];
  readonly resource_class?: string | null;
}

export interface PortRecord {
  readonly uuid: string;
  readonly address: string;
  readonly node_uuid: string;
  readonly pxe_enabled: boolean;
}

/** A conductor, as `GET /v1/conductors` lists it. */
export interface ConductorRecord {
  readonly hostname: string;
  readonly conductor_group: string;
  readonly alive: boolean;
}

/** How a node is called in reports: its name, or else its UUID. */
export function nodeLabel(node: NodeRecord): string {
  return node.name ?? node.uuid;
}
