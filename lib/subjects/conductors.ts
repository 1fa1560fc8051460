import { fact } from '../facts.ts';
import { resolveBootMode } from '../ironic/boot-mode.ts';
import type { IronicConfig } from '../ironic/config.ts';
import { effectiveBootInterface } from '../ironic/interfaces.ts';
import type { Subject, SubjectKind } from '../subject.ts';
import type { ConductorSource } from '../world.ts';
import { configOf, knownRelease, usableConfig, usableConfigs } from './config.ts';
import { allNodes, architecturesInUse } from './nodes.ts';

/** A conductor: each has its own ironic.conf, TFTP root and HTTP root. */
export interface Conductor extends Subject {
  readonly source: ConductorSource;
}

/** The names of those that deployment.yaml has. */
export const deploymentConductors = fact('conductors of deployment.yaml', async (_: Subject, { world }) =>
  world.conductors.map(({ name }) => name),
);

/** A conductor, for the nodes of one architecture: any conductor may come to manage any of them. */
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
      affects: nodes.filter(({ record }) => record.conductor === source.name).map(({ label }) => label),
      source,
    }));
  }),
};

export const conductorsForArchitectures: SubjectKind<ConductorForArchitecture> = {
  name: 'conductors for an architecture',
  perArchitecture: true,
  none: 'no node of this architecture',
  all: fact('conductors for architectures', async (_, use) => {
    const inUse = await use(architecturesInUse, 'all');
    return use.world.conductors.flatMap((source) =>
      [...inUse].map(([architecture, nodes]) => ({
        label: `${source.name} for ${architecture}`,
        architecture,
        affects: nodes.map(({ label }) => label),
        source,
      })),
    );
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

/** The nodes of a conductor's architecture, which any conductor may come to manage. */
export const nodesOfConductor = fact(
  'nodes of an architecture',
  async ({ architecture }: ConductorForArchitecture, use) => {
    const inUse = await use(architecturesInUse, 'all');
    const all = inUse.get(architecture) ?? [];
    return {
      all,
      architectures: [...inUse.keys()],
      /** The boot modes that its nodes would have under a configuration. */
      bootModes: (config: IronicConfig) =>
        all
          .map(({ record }) => resolveBootMode(record, config))
          .map((mode) => (mode.ok ? mode.mode : undefined)),
    };
  },
);

/** What the nodes boot by, under a conductor's configuration; everything, where nodes cannot be listed. */
export const nodesBootBy = fact('what nodes boot by', async ({ source }: Conductor, use) => {
  const config = await use(usableConfig, source);
  const nodes = await use(allNodes, 'all').catch(() => undefined);
  const networks = (nodes ?? []).flatMap(({ record }) => {
    const found = effectiveBootInterface(record, config);
    return found.ok && found.network !== undefined ? [found.network] : [];
  });
  return {
    http: nodes === undefined || networks.some(({ ipxe, transport }) => ipxe || transport === 'http'),
    tftp: nodes === undefined || networks.some(({ transport }) => transport === 'tftp'),
  };
});
