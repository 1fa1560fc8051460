import { shellWord } from '../lib/shell.ts';
import { architectures } from '../lib/arch.ts';
import { check, finding, suite, unless } from '../lib/check.ts';
import { capabilitiesOf, invalidCapabilities } from '../lib/ironic/capabilities.ts';
import { redactedText } from '../lib/ironic/redaction.ts';
import { atLeast } from '../lib/ironic/release.ts';
import { releaseFor } from '../lib/subjects/conductors.ts';
import { bootPlans, managers, nodes as kind, ports } from '../lib/subjects/nodes.ts';
import { refText } from '../lib/subjects/deploy-images.ts';

import { bootChecks, setCapability, setNode, shown } from './nodes-boot.ts';
import { conductorChecks } from './nodes-conductors.ts';

export const nodes = suite('nodes', 'Nodes as they are enrolled in Ironic', [
  check({
    id: 'cpu-arch',
    title: 'cpu_arch is set, and is an architecture',
    why: 'Ironic looks the boot file up by this text; without it every node gets the default, an x86-64 file',
    level: 'must',
    ref: 'ironic/drivers/modules/deploy_utils.py get_ipxe_boot_file; guide, "Enrolling an aarch64 node"',
    per: kind,
    facts: {},
    check: (_, { record, where, architecture }) =>
      unless(architecture !== undefined, () => {
        const expected = `one of ${architectures.map(({ name }) => name).join(', ')}`;
        return finding(shown(record.properties.cpu_arch), expected, [
          { where, what: `properties.cpu_arch is ${shown(record.properties.cpu_arch)}` },
        ]);
      }),
    fix: ({ label }) => setNode(label, '--property cpu_arch=<what uname -m prints on the node>'),
    faults: [
      {
        name: 'no cpu_arch',
        subject: 'arm-01',
        plant: (sim) => void delete sim.node('arm-01').properties.cpu_arch,
      },
      {
        name: 'a cpu_arch that is no architecture',
        subject: 'arm-02',
        plant: (sim) => void (sim.node('arm-02').properties.cpu_arch = 'graviton'),
      },
    ],
  }),

  ...conductorChecks,

  check({
    id: 'cpu-arch-spelling',
    title: 'cpu_arch is spelt as uname -m spells it',
    why: 'the lookup is exact: "arm64" finds no boot file for aarch64, the node downloads an x86-64 one and stops at a blank screen; Nova rejects the node for images of aarch64',
    level: 'must',
    ref: 'ironic/drivers/modules/deploy_utils.py get_ipxe_boot_file; nova/objects/fields.py Architecture.canonicalize',
    per: kind,
    facts: {},
    check(_, { record, where, architecture }) {
      const spelt = record.properties.cpu_arch;
      if (architecture === undefined) return { notVerified: 'its architecture is not known' };
      return unless(spelt === architecture, () =>
        finding(shown(spelt), JSON.stringify(architecture), [
          { where, what: `properties.cpu_arch is ${shown(spelt)}` },
        ]),
      );
    },
    fix: ({ label, architecture }) => setNode(label, `--property cpu_arch=${architecture ?? ''}`),
    faults: [
      {
        name: 'arm64 for aarch64',
        subject: 'arm-01',
        // The boot file that follows from it is an x86-64 one.
        also: ['firmware/machine'],
        plant: (sim) => void (sim.node('arm-01').properties.cpu_arch = 'arm64'),
      },
      {
        name: 'AMD64 for x86_64',
        subject: 'x86-01',
        plant: (sim) => void (sim.node('x86-01').properties.cpu_arch = 'AMD64'),
      },
    ],
  }),

  check({
    id: 'capabilities-type',
    title: 'properties.capabilities is text',
    why: 'the conductor fails with an AttributeError as soon as the node is validated or deployed',
    level: 'must',
    ref: 'ironic/drivers/utils.py get_node_capability',
    per: kind,
    facts: {},
    check: (_, { record, where }) => {
      const { wrongType } = capabilitiesOf(record);
      return unless(wrongType === undefined, () =>
        finding(`${shown(record.properties.capabilities)}, a ${wrongType}`, 'text such as "boot_mode:uefi"', [
          { where, what: `properties.capabilities is ${shown(record.properties.capabilities)}` },
        ]),
      );
    },
    fix: (node) => setCapability(node, 'boot_mode', 'uefi'),
    faults: [
      {
        name: 'capabilities as a JSON object',
        subject: 'arm-01',
        also: ['nodes/boot-mode'],
        plant: (sim) => void (sim.node('arm-01').properties.capabilities = { boot_mode: 'uefi' }),
      },
    ],
  }),

  check({
    id: 'capabilities-form',
    title: 'every part of properties.capabilities is name:value',
    why: 'Ironic skips what is not, with no more than a warning in the conductor log, so the node boots in the default mode',
    level: 'must',
    ref: 'ironic/drivers/utils.py get_node_capability',
    per: kind,
    facts: {},
    check: (_, { record, where }) => {
      const { malformed, wrongType } = capabilitiesOf(record);
      if (wrongType !== undefined) return { notVerified: 'properties.capabilities is not text' };
      return unless(malformed.length === 0, () =>
        finding(malformed.map((part) => JSON.stringify(part)).join(', '), 'name:value, parted by commas', [
          { where, what: `properties.capabilities is ${shown(record.properties.capabilities)}` },
        ]),
      );
    },
    fix: (node) => setCapability(node, 'boot_mode', 'uefi'),
    faults: [
      {
        name: 'an equals sign for the colon',
        subject: 'arm-01',
        also: ['nodes/boot-mode-explicit'],
        plant: (sim) => void (sim.node('arm-01').properties.capabilities = 'disk_label:gpt,boot_mode=uefi'),
      },
      {
        name: 'a trailing comma',
        subject: 'x86-01',
        plant: (sim) => void (sim.node('x86-01').properties.capabilities = 'boot_mode:uefi,'),
      },
    ],
  }),

  check({
    id: 'capabilities-values',
    title: 'boot_mode, secure_boot and disk_label have values that Ironic accepts',
    why: 'validation compares exactly: with "UEFI" the node is refused with "Invalid value for capability boot_mode"',
    level: 'must',
    ref: 'ironic/drivers/modules/deploy_utils.py SUPPORTED_CAPABILITIES, validate_capabilities',
    per: kind,
    facts: {},
    check: (_, { record, where }) =>
      invalidCapabilities(record).map(({ name, field, value, acceptable }) =>
        finding(`${name}:${value}`, `${name} is ${acceptable.join(' or ')}, in lower case`, [
          { where: `${where} ${field}`, what: `${name}:${value}` },
        ]),
      ),
    fix: (node) => setCapability(node, 'boot_mode', 'uefi'),
    faults: [
      {
        name: 'boot_mode in upper case',
        subject: 'arm-02',
        plant: (sim) => void (sim.node('arm-02').properties.capabilities = 'boot_mode:UEFI'),
      },
      {
        name: 'secure_boot yes',
        subject: 'x86-01',
        plant: (sim) => void (sim.node('x86-01').properties.capabilities = 'boot_mode:uefi,secure_boot:yes'),
      },
    ],
  }),

  ...bootChecks,

  check({
    id: 'deploy-pair',
    title: 'deploy_kernel and deploy_ramdisk resolve, and as a pair',
    why: 'half a pair is ignored without a word: the node boots the images meant for all nodes, of another architecture',
    level: 'must',
    ref: 'ironic/drivers/utils.py get_agent_kernel_ramdisk',
    per: kind,
    facts: { plans: bootPlans },
    check({ plans }, { where }) {
      const hidden = plans.find(({ images }) => !images.ok && images.redacted);
      if (hidden !== undefined && !hidden.images.ok) return { notVerified: hidden.images.problem };
      return plans.flatMap(({ images, conductor }) => {
        const at = (what: string) => [{ where, what: `${what}, by ${conductor.name}` }];
        const half = images.ok || !images.redacted ? images.halfPairs : [];
        const halves = half.map(({ set, lacks, value }) =>
          finding(`${set} is set and ${lacks} is not`, 'both, or neither', at(`${set} is ${value}`)),
        );
        if (!images.ok)
          return [...halves, finding(images.problem, 'a kernel and an initramfs', at('unresolved'))];
        if (images.missing.length === 0) return halves;
        return [
          ...halves,
          finding(`${images.missing.join(' and ')} not set`, 'both set', at('nothing sets them')),
        ];
      });
    },
    fix: ({ label }) =>
      setNode(
        label,
        '--driver-info deploy_kernel=<uuid> --driver-info deploy_ramdisk=<uuid>  # of its architecture',
      ),
    faults: [
      {
        name: 'deploy_ramdisk forgotten',
        subject: 'arm-01',
        plant: (sim) => void delete sim.node('arm-01').driver_info.deploy_ramdisk,
      },
      {
        name: 'neither set',
        subject: 'x86-02',
        plant(sim) {
          delete sim.node('x86-02').driver_info.deploy_kernel;
          delete sim.node('x86-02').driver_info.deploy_ramdisk;
        },
      },
    ],
  }),

  check({
    id: 'deploy-reference',
    title: 'the deploy images are referred to in a form that Ironic reads',
    why: 'a name is no reference: the deployment fails with ImageRefValidationFailed, which validate does not see',
    level: 'must',
    ref: 'ironic/common/image_service.py get_image_service',
    per: kind,
    facts: { plans: bootPlans },
    check({ plans }, { where }) {
      const [plan] = plans;
      if (plan === undefined || !plan.images.ok) return { notVerified: 'the deploy images do not resolve' };
      const { kernel, ramdisk, because } = plan.images;
      return [kernel, ramdisk].flatMap((ref) =>
        ref?.kind === 'invalid'
          ? [
              finding(JSON.stringify(refText(ref)), 'a UUID, or a glance://, http(s):// or file:// URL', [
                { where, what: `${because}: ${ref.why}` },
              ]),
            ]
          : [],
      );
    },
    fix: ({ label }) =>
      setNode(label, '--driver-info deploy_kernel=$(openstack image show -f value -c id <name>)'),
    faults: [
      {
        name: 'a Glance name in place of a UUID',
        subject: 'arm-02',
        plant: (sim) => void (sim.node('arm-02').driver_info.deploy_kernel = 'ipa-aarch64.kernel'),
      },
    ],
  }),

  check({
    id: 'ports',
    title: 'a port has PXE enabled',
    why: 'no DHCP answer carries a boot file, and no script is linked to the MAC: "No configuration found for any of the present NICs"',
    level: 'must',
    ref: 'ironic/drivers/modules/pxe_base.py _validate_common; ironic/common/pxe_utils.py',
    per: kind,
    facts: { ports, plans: bootPlans },
    check({ ports: list, plans }, { where }) {
      const network = plans.some(({ file }) => file.ok && file.name !== undefined);
      if (!network) return { notApplicable: 'it does not boot from the network' };
      return unless(
        list.some(({ pxe_enabled }) => pxe_enabled),
        () =>
          finding(
            list.length === 0 ? 'no ports' : `${list.length} port(s), none with PXE`,
            'at least one port with pxe_enabled',
            list.length === 0
              ? [{ where, what: 'GET /v1/ports lists none of its ports' }]
              : list.map(({ uuid, address }) => ({
                  where: `port ${uuid}`,
                  what: `${address}: pxe_enabled is false`,
                })),
          ),
      );
    },
    fix: ({ label }) =>
      `openstack baremetal port create <mac> --node ${shellWord(label)}  # or: openstack baremetal port set <uuid> --pxe-enabled`,
    faults: [
      {
        name: 'no port',
        subject: 'arm-01',
        plant: (sim) => sim.removePortsOf('arm-01'),
      },
      {
        name: 'PXE disabled on the only port',
        subject: 'x86-01',
        plant: (sim) => {
          for (const port of sim.portsOf('x86-01')) port.pxe_enabled = false;
        },
      },
    ],
  }),

  check({
    id: 'template',
    title: 'no node brings its own boot template',
    why: 'since the fix of CVE-2026-44917 a node with driver_info.pxe_template is refused with InvalidParameterValue',
    level: 'must',
    ref: 'ironic/conf/pxe.py enable_insecure_template_override',
    per: kind,
    facts: { configs: managers, release: releaseFor },
    check({ configs, release }, { record, where }) {
      const hidden = redactedText(record.driver_info);
      if (hidden !== undefined) return { notVerified: `driver_info: ${hidden}` };
      const template = record.driver_info.pxe_template;
      if (template === undefined) return [];
      if (!release.known) return { notVerified: 'the release is not known; set release in deployment.yaml' };
      if (!atLeast(release.release, '21.4'))
        return { notApplicable: `Ironic ${release.release.version} uses such templates` };
      return configs.flatMap(({ config, conductor }) => {
        const allowed = config.boolean('pxe', 'enable_insecure_template_override');
        if (allowed.ok && allowed.value === true) return [];
        return [
          finding(`pxe_template is ${shown(template)}`, 'none, unless the conductor allows it', [
            { where, what: `${conductor.name} has enable_insecure_template_override off` },
          ]),
        ];
      });
    },
    fix: ({ label }) => `openstack baremetal node unset ${shellWord(label)} --driver-info pxe_template`,
    faults: [
      {
        name: 'a template of its own',
        subject: 'arm-01',
        plant: (sim) => void (sim.node('arm-01').driver_info.pxe_template = '/etc/ironic/arm.template'),
      },
    ],
  }),

  check({
    id: 'maintenance',
    title: 'the node is not in maintenance',
    why: 'Ironic leaves it alone: it is neither deployed nor cleaned, and Nova never chooses it',
    level: 'should',
    ref: 'ironic/conductor/manager.py',
    per: kind,
    facts: {},
    check: (_, { record, where }) =>
      unless(!record.maintenance, () =>
        finding('in maintenance', 'in service', [{ where, what: 'maintenance is true' }]),
      ),
    fix: ({ label }) => `openstack baremetal node maintenance unset ${shellWord(label)}`,
    faults: [
      {
        name: 'a node in maintenance',
        subject: 'x86-02',
        plant: (sim) => void (sim.node('x86-02').maintenance = true),
      },
    ],
  }),
]);
