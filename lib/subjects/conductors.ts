import { fact } from '../facts.ts';
import { resolveBootMode } from '../ironic/boot-mode.ts';
import { isRegisteredAs } from '../ironic/conductor-name.ts';
import type { IronicConfig } from '../ironic/config.ts';
import { effectiveBootInterface } from '../ironic/interfaces.ts';
import type { Subject, SubjectKind } from '../subject.ts';
import type { ConductorSource } from '../world.ts';
import { configOf, knownRelease, usableConfig, usableConfigs } from './config.ts';
import { type Node, allNodes, architecturesInUse, managers } from './nodes.ts';

/** A conductor: each has its own ironic.conf, TFTP root and HTTP root. */
export interface Conductor extends Subject {
  readonly source: ConductorSource;
}

/** The names of those that deployment.yaml has. */
export const deploymentConductors = fact('conductors of deployment.yaml', async (_: Subject, { world }) =>
  world.conductors.map(({ name }) => name),
);

/** A conductor, for the nodes of one architecture that it may come to manage. */
export interface ConductorForArchitecture extends Conductor {
  readonly architecture: string;
}

export const conductors: SubjectKind<Conductor> = {
  name: 'conductors',
  perArchitecture: false,
  none: 'deployment.yaml names no conductor',
  all: fact('conductors', async (_, use) => {
    const nodes = await use(allNodes, 'all').catch(() => []);
    return use.world.conductors.map((source) => ({
      label: source.name,
      affects: nodes
        .filter(({ record }) => isRegisteredAs(record.conductor ?? '', source.name))
        .map(({ label }) => label),
      source,
    }));
  }),
};

/**
 * The nodes that a conductor may come to manage, by architecture; an architecture that must be ready before a node of it
 * is enrolled is there without one. All nodes, where its configuration cannot be had.
 */
const managedNodes = fact('nodes of a conductor', async (source: ConductorSource, use) => {
  const inUse = await use(architecturesInUse, 'all');
  const configs = await use(usableConfigs, 'all').catch(() => []);
  if (!configs.some(({ conductor }) => conductor === source)) return inUse;
  const managed = new Map<string, readonly Node[]>();
  for (const [architecture, nodes] of inUse) {
    const able = await Promise.all(nodes.map(async (node) => use(managers, node)));
    const own = nodes.filter((_, index) => able[index]?.some(({ conductor }) => conductor === source));
    if (own.length > 0 || nodes.length === 0) managed.set(architecture, own);
  }
  return managed;
});

export const conductorsForArchitectures: SubjectKind<ConductorForArchitecture> = {
  name: 'conductors for an architecture',
  perArchitecture: true,
  none: 'no node of this architecture',
  all: fact('conductors for architectures', async (_, use) => {
    const found = use.world.conductors.map(async (source) =>
      [...(await use(managedNodes, source))].map(([architecture, nodes]) => ({
        label: `${source.name} for ${architecture}`,
        architecture,
        affects: nodes.map(({ label }) => label),
        source,
      })),
    );
    return (await Promise.all(found)).flat();
  }),
};

/** The configuration of a conductor subject. */
export const conductorConfig = fact('configuration of a conductor', async ({ source }: Conductor, use) =>
  use(usableConfig, source),
);

/** The same, also where oslo.config refuses it. */
export const writtenConfig = fact('ironic.conf as written', async ({ source }: Conductor, use) =>
  use(configOf, source),
);

/** The configurations of all conductors that can be had, in the order of deployment.yaml. */
export const allConfigs = fact('every configuration', async (_: Subject, use) => use(usableConfigs, 'all'));

export const releaseFor = fact('release for a subject', async (_: Subject, use) => use(knownRelease, 'all'));

/** The nodes of an architecture that a conductor may come to manage. */
export const nodesOfConductor = fact(
  'nodes of an architecture',
  async ({ architecture, source }: ConductorForArchitecture, use) => {
    const managed = await use(managedNodes, source);
    const all = managed.get(architecture) ?? [];
    return {
      all,
      architectures: [...managed.keys()],
      /** The boot modes that its nodes would have under a configuration. */
      bootModes: (config: IronicConfig) =>
        all
          .map(({ record }) => resolveBootMode(record, config))
          .map((mode) => (mode.ok ? mode.mode : undefined)),
    };
  },
);

/** What the nodes of a conductor boot by; everything, where nodes cannot be listed. */
export const nodesBootBy = fact('what nodes boot by', async ({ source }: Conductor, use) => {
  const config = await use(usableConfig, source);
  const all = await use(allNodes, 'all').catch(() => undefined);
  const able = await Promise.all((all ?? []).map(async (node) => use(managers, node)));
  const nodes = all?.filter((_, index) => able[index]?.some(({ conductor }) => conductor === source));
  const networks = (nodes ?? []).flatMap(({ record }) => {
    const found = effectiveBootInterface(record, config);
    return found.ok && found.network !== undefined ? [found.network] : [];
  });
  return {
    http: nodes === undefined || networks.some(({ ipxe, transport }) => ipxe || transport === 'http'),
    tftp: nodes === undefined || networks.some(({ transport }) => transport === 'tftp'),
  };
});
