import { shellWord } from '../lib/shell.ts';
import { architectureNamed } from '../lib/arch.ts';
import { check, finding, unless } from '../lib/check.ts';
import { capabilitiesOf } from '../lib/ironic/capabilities.ts';
import { enabledBootInterfaces } from '../lib/ironic/interfaces.ts';
import { malformedParameter } from '../lib/ironic/kernel-parameters.ts';
import { redactedText } from '../lib/ironic/redaction.ts';
import { type Node, bootPlans, managers, nodes as kind } from '../lib/subjects/nodes.ts';

export const setNode = (node: string, what: string) =>
  `openstack baremetal node set ${shellWord(node)} ${what}`;

/** The command that gives a node a capability and keeps the others. */
export function setCapability({ label, record }: Node, name: string, value: string): string {
  const values = new Map(capabilitiesOf(record).values).set(name, value);
  const text = [...values].map(([key, each]) => `${key}:${each}`).join(',');
  return setNode(label, `--property capabilities=${shellWord(text)}`);
}

/** How a value reads in a report. */
export const shown = (value: unknown) => (value === undefined ? 'not set' : JSON.stringify(value));

/** The checks of how a node boots: mode, interface and boot file. */
export const bootChecks = [
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
      `openstack baremetal node show ${shellWord(label)} -f json -c properties -c instance_info  # make both say the same`,
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
    fix: (node) => setCapability(node, 'boot_mode', 'uefi'),
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
    fix: (node) => setCapability(node, 'boot_mode', 'uefi'),
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
      `openstack baremetal node boot mode set ${shellWord(label)} uefi  # or in the machine's firmware setup`,
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
    title: 'every conductor that may manage the node enables its boot interface',
    why: 'the conductor that lacks it cannot manage the node: "No conductor service registered which supports driver"',
    level: 'must',
    ref: 'ironic/common/driver_factory.py default_interface; [DEFAULT]enabled_boot_interfaces',
    per: kind,
    facts: { plans: bootPlans, configs: managers },
    check: ({ plans, configs }, { where }) =>
      plans.flatMap(({ bootInterface, conductor }) => {
        if (!bootInterface.ok) {
          return [
            finding(bootInterface.problem, 'a boot interface', [{ where, what: `by ${conductor.name}` }]),
          ];
        }
        const config = configs.find((one) => one.conductor === conductor)?.config;
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
    id: 'append-params',
    title: 'the kernel parameters of the node are such',
    why: "since the fix of CVE-2026-46447 the deployment ends with InvalidParameterValue: node's driver_info['kernel_append_params'] contains malformed kernel command line",
    level: 'must',
    ref: 'ironic/drivers/utils.py get_kernel_append_params; ironic/common/kernel_parameters.py',
    per: kind,
    facts: { configs: managers },
    check({ configs }, { record, where }) {
      const field = (['instance_info', 'driver_info'] as const).find(
        (name) => record[name]['kernel_append_params'] != null,
      );
      const hidden = redactedText(record.instance_info) ?? redactedText(record.driver_info);
      if (hidden !== undefined) return { notVerified: hidden };
      if (field === undefined) return [];
      const given = record[field]['kernel_append_params'];
      const expected = 'KEY, KEY=VALUE or KEY="VALUE WITH SPACES", of printable ASCII';
      const evidence = [{ where, what: `${field}.kernel_append_params is ${shown(given)}` }];
      if (typeof given !== 'string') return [finding(shown(given), 'one text', evidence)];
      const words = configs.flatMap(({ config }) => {
        const unparsed = config.boolean('conductor', 'disable_kernel_parameter_parsing');
        if (unparsed.ok && unparsed.value === true) return [];
        const usual = config.string('pxe', 'kernel_append_params');
        const own = given.replaceAll('%default%', (usual.ok ? usual.value : undefined) ?? '');
        return malformedParameter(own) ?? [];
      });
      return [...new Set(words)].map((word) => finding(JSON.stringify(word), expected, evidence));
    },
    fix: ({ label }) => setNode(label, `--driver-info kernel_append_params='%default% KEY="VALUE"'`),
    faults: [
      {
        name: 'a quote that is not closed',
        subject: 'arm-01',
        plant: (sim) =>
          void (sim.node('arm-01').driver_info['kernel_append_params'] =
            '%default% sshkey="ssh-ed25519 AAAA operator'),
      },
      {
        name: 'a value that is empty, for one instance',
        subject: 'x86-02',
        plant: (sim) => void (sim.node('x86-02').instance_info['kernel_append_params'] = 'ipa-api-url='),
      },
      {
        name: 'a list',
        subject: 'arm-02',
        plant: (sim) => void (sim.node('arm-02').driver_info['kernel_append_params'] = ['console=ttyAMA0']),
      },
    ],
  }),
];
