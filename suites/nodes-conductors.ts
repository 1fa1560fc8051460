import { check, finding, unless } from '../lib/check.ts';
import { conductorGroupOf, enabledHardwareTypes, mayManage } from '../lib/ironic/hash-ring.ts';
import { allConfigs, deploymentConductors } from '../lib/subjects/conductors.ts';
import { conductorRecords, withoutHeartbeats } from '../lib/subjects/control-plane.ts';
import { nodes as kind, parents, registeredNodes } from '../lib/subjects/nodes.ts';
import { shellWord } from '../lib/shell.ts';
import { setNode, shown } from './nodes-boot.ts';

/** The checks of who manages a node, and whether it can be managed. */
export const conductorChecks = [
  check({
    id: 'conductor-group',
    title: 'a conductor that is alive serves the conductor group of the node',
    why: 'nobody manages the node: "No conductor service registered", and its power state is never updated',
    level: 'must',
    ref: 'ironic/common/hash_ring.py; [conductor]conductor_group',
    per: registeredNodes,
    facts: { records: conductorRecords, silent: withoutHeartbeats },
    check({ records, silent }, { record, where }) {
      const wanted = (record.conductor_group ?? '').toLowerCase();
      const alive = records.filter((one) => one.alive || silent);
      const groups = [...new Set(alive.map((one) => one.conductor_group.toLowerCase()))];
      return unless(groups.includes(wanted), () =>
        finding(
          `conductor_group ${shown(wanted)}`,
          `one of ${groups.map((name) => shown(name)).join(', ') || 'those of conductors, of which none is alive'}`,
          [{ where, what: `conductor_group is ${shown(wanted)}` }],
        ),
      );
    },
    fix: ({ label }) =>
      setNode(label, '--conductor-group <that of a conductor>  # or start a conductor of that group'),
    faults: [
      {
        name: 'a group that no conductor has',
        subject: 'arm-01',
        plant: (sim) => void (sim.node('arm-01').conductor_group = 'rack-9'),
        also: ['nodes/hardware-type'],
      },
    ],
  }),

  check({
    id: 'hardware-type',
    title: 'a conductor of the group of the node enables its hardware type',
    why: 'nobody manages the node: "The driver … is unknown", or "No conductor service registered which supports driver …"',
    level: 'must',
    ref: 'ironic/common/hash_ring.py; [DEFAULT]enabled_hardware_types, [conductor]conductor_group',
    per: kind,
    facts: { configs: allConfigs, named: deploymentConductors },
    check({ configs, named }, { record, where }) {
      if (configs.some(({ config }) => mayManage(config, record))) return [];
      if (configs.length < named.length) return { notVerified: 'not every configuration can be had' };
      const group = (record.conductor_group ?? '').toLowerCase();
      const offered = configs.map(({ conductor, config }) => {
        const types = enabledHardwareTypes(config)?.join(', ') ?? 'what cannot be read';
        return `${conductor.name} of group ${shown(conductorGroupOf(config))} enables ${types}`;
      });
      return [
        finding(`hardware type ${record.driver}, in group ${shown(group)}`, offered.join('; '), [
          { where, what: `driver is ${record.driver}, conductor_group ${shown(group)}` },
        ]),
      ];
    },
    fix: ({ record }) =>
      `in ironic.conf of a conductor of its group: [DEFAULT] enabled_hardware_types with ${record.driver} among them`,
    faults: [
      {
        name: 'a hardware type that no conductor enables',
        subject: 'arm-03',
        plant: (sim) => void (sim.node('arm-03').driver = 'idrac'),
      },
      {
        name: 'conductors that joined a group, and nodes that did not',
        subject: ['arm-01', 'arm-02', 'arm-03', 'x86-01', 'x86-02'],
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('[conductor]\n', '[conductor]\nconductor_group = rack-1\n')),
      },
    ],
  }),

  check({
    id: 'parent',
    title: 'a node is no child of itself',
    why: 'Ironic waits for a lock that it holds: power off, cleaning and deployment fail with "child_node … is presently locked"; and the node is in no list that Nova asks for',
    level: 'must',
    ref: 'ironic/conductor/utils.py _handle_child_power_off; ironic/api/controllers/v1/node.py patch, where the fix of CVE-2026-44918 makes a node its own parent by any change of it, up to Ironic 38',
    per: kind,
    facts: { chain: parents },
    check({ chain }, { record, where }) {
      const parent = record.parent_node;
      if (parent === undefined) {
        return { notApplicable: 'nothing is told of child nodes, which come with API version 1.83' };
      }
      return unless(!chain.includes(record.uuid), () =>
        finding(
          `parent_node ${parent}${parent === record.uuid ? ', which is the node' : ', which is below the node'}`,
          'no parent, or a node of which it is a part',
          [{ where, what: `parent_node is ${parent}` }],
        ),
      );
    },
    fix: ({ label }) =>
      `openstack baremetal node unset --parent-node ${shellWord(label)}  # where it comes back at once, Ironic itself sets it: update Ironic first`,
    faults: [
      {
        name: 'a node that a change made its own parent',
        subject: 'arm-02',
        plant(sim) {
          sim.ironic.maximumMicroversion = 95;
          const node = sim.node('arm-02');
          node.parent_node = node.uuid;
        },
      },
      {
        name: 'two nodes, each the parent of the other',
        subject: ['arm-01', 'arm-02'],
        plant(sim) {
          sim.ironic.maximumMicroversion = 95;
          const [one, other] = [sim.node('arm-01'), sim.node('arm-02')];
          one.parent_node = other.uuid;
          other.parent_node = one.uuid;
        },
      },
    ],
  }),
];
