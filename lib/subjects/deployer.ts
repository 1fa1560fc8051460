import { openstackAnsibleFolder } from '../deployer/expand.ts';
import { readUserVariables } from '../deployer/user-variables.ts';
import { fact } from '../facts.ts';
import type { Subject, SubjectKind } from '../subject.ts';
import { knownRelease } from './config.ts';
import { architecturesInUse } from './nodes.ts';

/** The configuration by which a deployment was deployed, on the deploy host. */
export interface OpenstackAnsible extends Subject {
  /** /etc/openstack_deploy. */
  readonly folder: string;
}

export const openstackAnsible: SubjectKind<OpenstackAnsible> = {
  name: 'configurations of OpenStack-Ansible',
  perArchitecture: false,
  none: 'deployment.yaml names no configuration of OpenStack-Ansible (from)',
  all: fact('configurations of OpenStack-Ansible', async (_: 'all', { world: { deployment } }) => {
    const folder = openstackAnsibleFolder(deployment);
    return folder === undefined ? [] : [{ label: 'OpenStack-Ansible', affects: [], folder }];
  }),
};

/** The variables that its operator gives. */
export const userVariables = fact('user variables', async ({ folder }: OpenstackAnsible) =>
  readUserVariables(folder),
);

/** The architectures of enrolled nodes. */
export const enrolledArchitectures = fact('architectures of nodes', async (_: Subject, use) => [
  ...(await use(architecturesInUse, 'all')).keys(),
]);

export const deployedRelease = fact('release that is deployed', async (_: Subject, use) =>
  use(knownRelease, 'all'),
);
