import { fact } from '../facts.ts';
import { writesNoHeartbeats } from '../ironic/heartbeats.ts';
import type { ConductorRecord } from '../ironic/records.ts';
import type { Cloud } from '../source/keystone.ts';
import type { Subject, SubjectKind } from '../subject.ts';
import { type Conductor, conductors } from './conductors.ts';
import { knownRelease, usableConfigs } from './config.ts';

/** The services of a deployment, as one credential sees them. */
export interface ControlPlane extends Subject {
  readonly cloud: Cloud;
}

export const controlPlane: SubjectKind<ControlPlane> = {
  name: 'control planes',
  perArchitecture: false,
  none: 'its answers were recorded: there is no control plane to ask',
  all: fact('control planes', async (_: 'all', { world: { cloud } }) =>
    cloud === undefined ? [] : [{ label: cloud.origin, affects: [], cloud }],
  ),
};

/** The conductors of a control plane that can be asked which of them are alive. */
export const registeredConductors: SubjectKind<Conductor> = {
  name: 'conductors that Ironic knows',
  perArchitecture: false,
  none: controlPlane.none,
  all: fact('conductors that Ironic knows', async (_, use) =>
    use.world.cloud === undefined ? [] : use(conductors.all, 'all'),
  ),
};

/** Asked for once, however many nodes and conductors are judged by it. */
const allRecords = fact('all conductors in Ironic', async (_: 'all', { world }) =>
  world.inventory.conductors(),
);

/**
 * What Ironic says of its conductors. Only a credential that sees the whole deployment is told.
 * @throws AccessError naming the scope of one that is not
 */
export const conductorRecords = fact(
  'conductors in Ironic',
  async (_: Subject, use): Promise<readonly ConductorRecord[]> => use(allRecords, 'all'),
);

/** Whether what Ironic says of heartbeats tells nothing, as its configuration has it. */
export const withoutHeartbeats = fact('Ironic without heartbeats', async (_: Subject, use) => {
  const configs = await use(usableConfigs, 'all').catch(() => []);
  if (configs.length === 0) return false;
  const { release } = await use(knownRelease, 'all');
  return configs.some(({ config }) => writesNoHeartbeats(config, release));
});
