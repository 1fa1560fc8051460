import { architectureNamed, architectures } from '../lib/arch.ts';
import { check, finding, suite, unless } from '../lib/check.ts';
import { capabilitiesOf, invalidCapabilities } from '../lib/ironic/capabilities.ts';
import { enabledBootInterfaces } from '../lib/ironic/interfaces.ts';
import { atLeast } from '../lib/ironic/release.ts';
import { allConfigs, releaseFor } from '../lib/subjects/conductors.ts';
import { bootPlans, nodes as kind, ports } from '../lib/subjects/nodes.ts';
import { refText } from '../lib/subjects/deploy-images.ts';

const setNode = (node: string, what: string) => `openstack baremetal node set ${node} ${what}`;

/** How a value reads in a report. */
const shown = (value: unknown) => (value === undefined ? 'not set' : JSON.stringify(value));

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
    fix: ({ label }) => setNode(label, "--property capabilities='boot_mode:uefi'"),
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
    fix: ({ label }) => setNode(label, "--property capabilities='boot_mode:uefi'"),
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
    fix: ({ label }) => setNode(label, "--property capabilities='boot_mode:uefi,disk_label:gpt'"),
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

  check({
    id: 'boot-mode',
    title: 'Ironic can decide the boot mode',
    why: 'preparing the node fails with InvalidParameterValue, and the deployment ends before the node is powered on',
    level: 'must',
    ref: 'ironic/drivers/modules/boot_mode_utils.py get_boot_mode',
    per: kind,
    facts: { plans: bootPlans },
    check: ({ plans }, { where }) =>
      plans.flatMap(({ mode, conductor }) =>
        mode.ok
          ? []
          : [
              finding(mode.problem, 'one boot mode that all fields agree on', [
                { where, what: `by ${conductor.name}` },
              ]),
            ],
      ),
    fix: ({ label }) =>
      `openstack baremetal node show ${label} -f json -c properties -c instance_info  # make both say the same`,
    faults: [
      {
        name: 'an instance that wants another boot mode than the node has',
        subject: 'arm-01',
        plant: (sim) => void (sim.node('arm-01').instance_info.capabilities = { boot_mode: 'bios' }),
      },
      {
        name: 'instance capabilities in the form of property capabilities',
        subject: 'x86-01',
        plant: (sim) => void (sim.node('x86-01').instance_info.capabilities = 'boot_mode:uefi'),
      },
    ],
  }),

  check({
    id: 'boot-mode-possible',
    title: 'the boot mode is one that the architecture has',
    why: 'an ARM machine has no BIOS: the node is offered undionly.kpxe, x86 real-mode code, and its firmware ignores it',
    level: 'must',
    ref: 'guide, "Enrolling an aarch64 node": boot_mode must be uefi',
    per: kind,
    facts: { plans: bootPlans },
    check({ plans }, { architecture, where }) {
      const known = architectureNamed(architecture ?? '');
      if (known === undefined) return { notVerified: 'its architecture is not known' };
      const possible = known.bootModes as readonly string[];
      if (possible.length === 0) return { notApplicable: `${known.name} has neither UEFI nor BIOS` };
      return plans.flatMap(({ mode, conductor }) =>
        !mode.ok || possible.includes(mode.mode)
          ? []
          : [
              finding(mode.mode, `${possible.join(' or ')}, the boot modes of ${known.name}`, [
                { where, what: `${mode.because} says ${mode.mode}, by ${conductor.name}` },
              ]),
            ],
      );
    },
    fix: ({ label }) => setNode(label, "--property capabilities='boot_mode:uefi'"),
    faults: [
      {
        name: 'an ARM node in BIOS mode',
        subject: 'arm-01',
        plant: (sim) => void (sim.node('arm-01').properties.capabilities = 'boot_mode:bios'),
        // The mapping by architecture still names the right file, which is EFI; BIOS would not start it.
        also: ['firmware/bios-program'],
      },
    ],
  }),

  check({
    id: 'boot-mode-explicit',
    title: 'a node that needs UEFI says so itself',
    why: 'its boot mode hangs on [deploy]default_boot_mode: the day that is set to bios for older x86 nodes, this node stops booting',
    level: 'should',
    ref: 'guide, "Enrolling an aarch64 node": the boot_mode must be uefi even if existing nodes use legacy BIOS boot',
    per: kind,
    facts: {},
    check(_, { record, architecture, where }) {
      const possible = architectureNamed(architecture ?? '')?.bootModes ?? [];
      if (possible.length !== 1) return { notApplicable: 'its architecture has more than one boot mode' };
      const { values, wrongType } = capabilitiesOf(record);
      if (wrongType !== undefined) return { notVerified: 'properties.capabilities is not text' };
      return unless(values.has('boot_mode'), () =>
        finding('no boot_mode capability', `boot_mode:${possible[0]}`, [
          { where, what: `properties.capabilities is ${shown(record.properties.capabilities)}` },
        ]),
      );
    },
    fix: ({ label }) => setNode(label, "--property capabilities='boot_mode:uefi,disk_label:gpt'"),
    faults: [
      {
        name: 'an ARM node without boot_mode',
        subject: 'arm-01',
        plant: (sim) => void (sim.node('arm-01').properties.capabilities = 'disk_label:gpt'),
      },
    ],
  }),

  check({
    id: 'boot-mode-observed',
    title: 'the BMC reports the boot mode that Ironic wants',
    why: 'the machine is in the other mode, and a BMC that cannot switch (IPMI mostly) leaves it there: the node loads nothing',
    level: 'should',
    ref: 'ironic/drivers/modules/boot_mode_utils.py sync_boot_mode; node.boot_mode since API 1.75',
    per: kind,
    facts: { plans: bootPlans },
    check({ plans }, { record, where }) {
      const observed = record.boot_mode;
      if (typeof observed !== 'string') return { notApplicable: 'the BMC has not reported a boot mode' };
      return plans.flatMap(({ mode, conductor }) =>
        !mode.ok || mode.mode === observed
          ? []
          : [
              finding(`the BMC reports ${observed}`, mode.mode, [
                { where, what: `${mode.because} says ${mode.mode}, by ${conductor.name}` },
              ]),
            ],
      );
    },
    fix: ({ label }) =>
      `openstack baremetal node boot mode set ${label} uefi  # or in the machine's firmware setup`,
    faults: [
      {
        name: 'a machine set to BIOS',
        subject: 'x86-01',
        plant: (sim) => void (sim.node('x86-01').boot_mode = 'bios'),
      },
    ],
  }),

  check({
    id: 'boot-interface',
    title: 'every conductor enables the boot interface',
    why: 'the conductor that lacks it cannot manage the node: "No conductor service registered which supports driver"',
    level: 'must',
    ref: 'ironic/common/driver_factory.py default_interface; [DEFAULT]enabled_boot_interfaces',
    per: kind,
    facts: { plans: bootPlans, configs: allConfigs },
    check: ({ plans, configs }, { where }) =>
      plans.flatMap(({ bootInterface, conductor }) => {
        if (!bootInterface.ok) {
          return [
            finding(bootInterface.problem, 'a boot interface', [{ where, what: `by ${conductor.name}` }]),
          ];
        }
        const config = configs.find(({ source }) => source === conductor)?.config;
        const enabled = config === undefined ? [] : enabledBootInterfaces(config);
        return unless(enabled.includes(bootInterface.name), () =>
          finding(
            `${conductor.name} enables ${enabled.join(', ') || 'none'}`,
            `${bootInterface.name} among them`,
            [{ where, what: `boot interface ${bootInterface.name}, from ${bootInterface.because}` }],
          ),
        );
      }),
    fix: 'in ironic.conf: [DEFAULT] enabled_boot_interfaces = ipxe,pxe,redfish-virtual-media  # with the one that is missing',
    faults: [
      {
        name: 'an interface that no conductor enables',
        subject: 'arm-03',
        plant: (sim) => void (sim.node('arm-03').boot_interface = 'redfish-virtual-media'),
      },
      {
        name: 'ipxe not enabled on one conductor',
        subject: ['arm-01', 'arm-02', 'arm-03', 'x86-01', 'x86-02'],
        plant: (sim) =>
          sim
            .conductor('conductor-2')
            .edit('enabled_boot_interfaces = ipxe,pxe', 'enabled_boot_interfaces = pxe'),
        also: ['conf/agree'],
      },
    ],
  }),

  check({
    id: 'boot-file',
    title: 'Ironic can name a boot file',
    why: 'preparing the node fails (InvalidParameterValue, ConfigFileValueError), or DHCP hands out an empty name',
    level: 'must',
    ref: 'ironic/drivers/modules/deploy_utils.py get_ipxe_boot_file; ironic/common/pxe_utils.py _dhcp_option_file_or_url',
    per: kind,
    facts: { plans: bootPlans },
    check({ plans }, { where }) {
      const decided = plans.filter(({ mode }) => mode.ok);
      if (decided.length === 0) return { notVerified: 'its boot mode cannot be decided' };
      return decided.flatMap(({ file, conductor }) => {
        const at = [{ where, what: `by ${conductor.name}` }];
        if (!file.ok) return [finding(file.problem, 'a boot file', at)];
        if (file.name === undefined) return [];
        if (file.name === '') return [finding(`an empty name, from ${file.because}`, 'a file name', at)];
        const { tooLong } = file;
        if (tooLong === undefined) return [];
        return [finding(`${tooLong} (${tooLong.length} characters)`, 'at most 64 characters', at)];
      });
    },
    fix: 'in ironic.conf: [pxe] ipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi  # then restart ironic-conductor',
    faults: [
      {
        name: 'a mapping that oslo.config refuses',
        subject: ['arm-01', 'arm-02', 'arm-03', 'x86-01', 'x86-02'],
        also: ['conf/mapping-form'],
        plant: (sim) => sim.everyConductor((c) => c.edit('aarch64:ipxe_aa64.efi', 'aarch64:ipxe_aa64.efi,')),
      },
      {
        name: 'an empty default for x86-64',
        subject: 'x86-01',
        plant: (sim) =>
          sim.everyConductor((c) =>
            c.edit('uefi_ipxe_bootfile_name = ipxe.efi', 'uefi_ipxe_bootfile_name ='),
          ),
      },
    ],
  }),

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
      `openstack baremetal port create <mac> --node ${label}  # or: openstack baremetal port set <uuid> --pxe-enabled`,
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
    facts: { configs: allConfigs, release: releaseFor },
    check({ configs, release }, { record, where }) {
      if (!atLeast(release, '21.4'))
        return { notApplicable: `Ironic ${release.version} uses such templates` };
      const template = record.driver_info.pxe_template;
      if (template === undefined) return [];
      return configs.flatMap(({ config, source }) => {
        const allowed = config.boolean('pxe', 'enable_insecure_template_override');
        if (allowed.ok && allowed.value === true) return [];
        return [
          finding(`pxe_template is ${shown(template)}`, 'none, unless the conductor allows it', [
            { where, what: `${source.name} has enable_insecure_template_override off` },
          ]),
        ];
      });
    },
    fix: ({ label }) => `openstack baremetal node unset ${label} --driver-info pxe_template`,
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
    fix: ({ label }) => `openstack baremetal node maintenance unset ${label}`,
    faults: [
      {
        name: 'a node in maintenance',
        subject: 'x86-02',
        plant: (sim) => void (sim.node('x86-02').maintenance = true),
      },
    ],
  }),
]);
