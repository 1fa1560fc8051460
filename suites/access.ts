import { check, finding, suite, unless } from '../lib/check.ts';
import { isRegisteredAs } from '../lib/ironic/conductor-name.ts';
import {
  conductorRecords,
  controlPlane,
  registeredConductors,
  withoutHeartbeats,
} from '../lib/subjects/control-plane.ts';
import { deploymentConductors } from '../lib/subjects/conductors.ts';

export const access = suite('access', 'What the credential lets the assay see', [
  check({
    id: 'whole',
    title: 'the assay sees the whole deployment: every conductor that is alive is in deployment.yaml',
    why: 'any conductor may come to manage any node; one that is not looked at boots nodes in its own way',
    level: 'must',
    ref: 'ironic/common/hash_ring.py; ironic/common/policy.py: conductors and all nodes are shown to the system alone',
    per: controlPlane,
    facts: { records: conductorRecords, named: deploymentConductors },
    check: ({ records, named }) =>
      records
        .filter(({ alive, hostname }) => alive && !named.some((name) => isRegisteredAs(hostname, name)))
        .map(({ hostname, conductor_group: group }) =>
          finding(`conductor ${hostname} is alive, and is not judged`, 'an entry of it under conductors', [
            {
              where: 'GET /v1/conductors',
              what: group === '' ? 'in no conductor group' : `in group ${group}`,
            },
          ]),
        ),
    fix: 'add it to conductors in deployment.yaml, by the name that is its host in ironic.conf',
    faults: [
      {
        name: 'a third conductor that deployment.yaml does not name',
        subject: 'keystone',
        plant: (sim) => sim.addConductor('conductor-3'),
      },
    ],
  }),

  check({
    id: 'conductor-alive',
    title: 'the conductor is alive in Ironic, under the name that deployment.yaml gives it',
    why: 'its nodes cannot be deployed: "No conductor service registered which supports driver …"',
    level: 'must',
    ref: 'ironic/conductor/base_manager.py heartbeat; [conductor]heartbeat_timeout',
    per: registeredConductors,
    facts: { records: conductorRecords, silent: withoutHeartbeats },
    check({ records, silent }, { source }) {
      const own = records.find(({ hostname }) => isRegisteredAs(hostname, source.name));
      const names = records.map(({ hostname }) => hostname).join(', ');
      if (own === undefined) {
        return [
          finding(
            'Ironic has no conductor of this name',
            `one of ${names || 'those of Ironic: it has none'}`,
            [{ where: 'GET /v1/conductors', what: names || 'none' }],
            'give it the name that Ironic has: under conductors of deployment.yaml or, for one that from leads to, in its hostnames',
          ),
        ];
      }
      if (silent && !own.alive) {
        return { notApplicable: '[database]connection is SQLite, with which Ironic writes no heartbeats' };
      }
      return unless(own.alive, () =>
        finding('no heartbeat', 'alive', [
          { where: 'GET /v1/conductors', what: `${source.name}: alive false` },
        ]),
      );
    },
    fix: ({ source }) => `on the host of ${source.name}: systemctl restart ironic-conductor`,
    faults: [
      {
        name: 'a conductor that has stopped',
        subject: 'conductor-2',
        plant: (sim) => void (sim.conductor('conductor-2').alive = false),
      },
    ],
  }),

  check({
    id: 'tls',
    title: 'the certificates of the services are verified',
    why: 'whoever answers is believed, and gets the credential',
    level: 'should',
    ref: 'openstacksdk, openstack/config/loader.py: verify, insecure',
    per: controlPlane,
    facts: {},
    check: (_, { cloud }) =>
      unless(!cloud.insecure, () =>
        finding('verification is off', 'verified by the system or cacert', [
          { where: 'clouds.yaml', what: 'verify: false, or insecure: true' },
        ]),
      ),
    fix: 'in clouds.yaml: cacert: <the PEM file of the authority>, in place of verify: false',
    faults: [
      {
        name: 'verification switched off',
        subject: 'keystone',
        plant: (sim) => void (sim.deployment.cloud['verify'] = false),
      },
    ],
  }),
]);
