import { architectureMeant } from '../arch.ts';
import { AccessError } from '../errors.ts';
import { fact } from '../facts.ts';
import { type BootFile, resolveBootFile } from '../ironic/boot-file.ts';
import { type BootMode, resolveBootMode } from '../ironic/boot-mode.ts';
import { type DeployImages, resolveDeployImages } from '../ironic/deploy-images.ts';
import { mayManage } from '../ironic/hash-ring.ts';
import { type BootInterface, effectiveBootInterface } from '../ironic/interfaces.ts';
import { type NodeRecord, type PortRecord, nodeLabel } from '../ironic/records.ts';
import type { Awaited, Subject, SubjectKind } from '../subject.ts';
import type { ConductorSource } from '../world.ts';
import { usableConfigs } from './config.ts';

/** An enrolled node. */
export interface Node extends Subject {
  readonly record: NodeRecord;
  /** Where its record is, for evidence. */
  readonly where: string;
}

/**
 * Every node that is enrolled and in use.
 * @throws AccessError when none is visible, which is no proof that there is none
 */
export const allNodes = fact('nodes', async (_: 'all', { world }): Promise<readonly Node[]> => {
  const records = await world.inventory.nodes();
  if (records.length === 0) {
    throw new AccessError(
      `${world.inventory.origin}: no node is visible; a project-scoped credential sees only its own (system scope sees all)`,
    );
  }
  return records.map((record): Node => {
    const label = nodeLabel(record);
    const spelt = record.properties.cpu_arch;
    const architecture = typeof spelt === 'string' ? architectureMeant(spelt)?.name : undefined;
    return {
      label,
      affects: [label],
      record,
      where: `node ${label} (${record.uuid})`,
      ...(architecture !== undefined && { architecture }),
    };
  });
});

const recordsByUuid = fact('nodes by UUID', async (_: 'all', use) => {
  const all = await use(allNodes, 'all');
  return new Map(all.map(({ record }) => [record.uuid, record]));
});

/** The UUIDs of what a node is a part of, the nearest first. Where parents go round, the last is one of those before, or the node. */
export const parents = fact(
  'parents of a node',
  async ({ record }: Node, use): Promise<readonly string[]> => {
    const records = await use(recordsByUuid, 'all');
    const chain: string[] = [];
    for (let next = record.parent_node; typeof next === 'string'; next = records.get(next)?.parent_node) {
      const isRound = next === record.uuid || chain.includes(next);
      chain.push(next);
      if (isRound) break;
    }
    return chain;
  },
);

/** The architectures that must be ready, with their nodes: those of the nodes, and those deployment.yaml names. */
export const architecturesInUse = fact('architectures', async (_: 'all', use) => {
  const named = use.world.deployment.architectures;
  const inUse = new Map<string, Node[]>(named.map((name) => [name, []]));
  for (const node of await use(allNodes, 'all')) {
    if (node.architecture === undefined) continue;
    const list = inUse.get(node.architecture);
    if (list === undefined) inUse.set(node.architecture, [node]);
    else list.push(node);
  }
  return inUse;
});

/** Those that deployment.yaml names and no node has yet. Only what does not follow from nodes can be judged of them. */
export const awaitedArchitectures = fact(
  'architectures without nodes',
  async (_: 'all', use): Promise<readonly Awaited[]> =>
    [...(await use(architecturesInUse, 'all'))]
      .filter(([, { length }]) => length === 0)
      .map(([architecture]) => ({ architecture, reason: `no node of ${architecture} is enrolled yet` })),
);

export const nodes: SubjectKind<Node> = {
  name: 'nodes',
  perArchitecture: true,
  none: 'no node of this architecture',
  all: allNodes,
  awaited: awaitedArchitectures,
};

/** The nodes of a control plane that can be asked about its conductors. */
export const registeredNodes: SubjectKind<Node> = {
  name: 'nodes in Ironic',
  perArchitecture: true,
  none: 'its answers were recorded: there is no control plane to ask',
  all: fact('nodes in Ironic', async (_, use) => (use.world.cloud === undefined ? [] : use(allNodes, 'all'))),
  awaited: fact('architectures without nodes in Ironic', async (_, use) =>
    use.world.cloud === undefined ? [] : use(awaitedArchitectures, 'all'),
  ),
};

/** The nodes of a subject's architecture. */
export const nodesOfArchitecture = fact('nodes of an architecture', async ({ architecture }: Subject, use) =>
  (await use(allNodes, 'all')).filter((node) => node.architecture === architecture),
);

/** Listed once, however many nodes there are. */
const allPorts = fact('all ports', async (_: 'all', { world }) => world.inventory.ports());

/** The ports of a node. */
export const ports = fact('ports', async ({ record }: Node, use): Promise<readonly PortRecord[]> => {
  const all = await use(allPorts, 'all');
  return all.filter(({ node_uuid }) => node_uuid === record.uuid);
});

/** How one conductor would boot a node, by Ironic's own rules. */
export interface BootPlan {
  readonly conductor: ConductorSource;
  readonly bootInterface: BootInterface;
  readonly mode: BootMode;
  readonly file: BootFile;
  readonly images: DeployImages;
}

/**
 * The conductors that may come to manage a node, with their configurations: whichever owns it today, another may
 * tomorrow. A conductor whose configuration cannot be had is left out here and reported as such (conf/readable), so that
 * the others are still judged. Where none may, the node is judged by all (nodes/hardware-type tells that).
 * @throws what keeps the configuration away, when that is so for every conductor
 */
export const managers = fact('conductors of a node', async ({ record }: Node, use) => {
  const configs = await use(usableConfigs, 'all');
  const able = configs.filter(({ config }) => mayManage(config, record));
  return able.length > 0 ? able : configs;
});

/** How each conductor that may manage a node would boot it. */
export const bootPlans = fact('boot plans', async (node: Node, use): Promise<readonly BootPlan[]> => {
  const { record } = node;
  return (await use(managers, node)).map(({ conductor, config }) => ({
    conductor,
    bootInterface: effectiveBootInterface(record, config),
    mode: resolveBootMode(record, config),
    file: resolveBootFile(record, config),
    images: resolveDeployImages(record, config),
  }));
});
