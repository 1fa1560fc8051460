import { check, finding, unless } from '../lib/check.ts';
import type { IronicConfig } from '../lib/ironic/config.ts';
import { settingEvidence as at } from '../lib/subjects/config.ts';
import {
  conductorConfig,
  conductors,
  conductorsForArchitectures,
  nodesBootBy,
  releaseFor,
} from '../lib/subjects/conductors.ts';

/** A setting must be there and satisfy a condition. */
export function settled(
  config: IronicConfig,
  group: string,
  name: string,
  holds: (value: string) => boolean,
  expected: string,
): ReturnType<typeof unless> {
  const reading = config.string(group, name);
  if (!reading.ok) return [finding(reading.problem, expected, reading.setting ? [at(reading.setting)] : [])];
  const { value, setting, unresolved } = reading;
  if (unresolved.length > 0) return [];
  return unless(value !== undefined && holds(value), () =>
    finding(
      value === undefined ? 'not set' : JSON.stringify(value),
      expected,
      setting === undefined ? [{ where: `[${group}]`, what: `${name} is not in the file` }] : [at(setting)],
    ),
  );
}

/** The checks of what section [pxe] says besides the mapping. */
export const pxeChecks = [
  check({
    id: 'tftp-server',
    title: 'tftp_server is an address that nodes can reach',
    why: 'DHCP hands it to the nodes as the next server: with a loopback address they ask themselves, "PXE-E18: Server response timeout"',
    level: 'must',
    ref: 'ironic/conf/pxe.py tftp_server; ironic/common/pxe_utils.py dhcp_options_for_instance',
    per: conductors,
    facts: { config: conductorConfig, by: nodesBootBy },
    check({ config, by }) {
      if (!by.tftp) return { notApplicable: 'no node boots by TFTP' };
      const reading = config.string('pxe', 'tftp_server');
      if (reading.ok && reading.unresolved.length > 0) {
        return {
          notVerified: `tftp_server follows ${reading.unresolved.join(', ')}, which only the conductor knows`,
        };
      }
      const local = /^(localhost|127\.|::1$|0\.0\.0\.0$|::$)/;
      return settled(
        config,
        'pxe',
        'tftp_server',
        (value) => value !== '' && !local.test(value),
        'an address in the provisioning network',
      );
    },
    fix: 'in ironic.conf: [pxe] tftp_server = <the address of this conductor in the provisioning network>',
    faults: [
      {
        name: 'the loopback address',
        subject: 'conductor-2',
        plant: (sim) =>
          sim.conductor('conductor-2').edit('tftp_server = 172.29.228.12', 'tftp_server = 127.0.0.1'),
      },
    ],
  }),

  check({
    id: 'permissions',
    title: 'file_permission lets TFTP and HTTP servers read',
    why: 'the option is read as a decimal number: 644 is 0o1204, and the servers answer "Permission denied" or 403',
    level: 'must',
    ref: 'ironic/conf/pxe.py file_permission; oslo_config/types.py Integer',
    per: conductors,
    facts: { config: conductorConfig },
    check({ config }) {
      const reading = config.integer('pxe', 'file_permission');
      const evidence = reading.setting === undefined ? [] : [at(reading.setting)];
      if (!reading.ok) return [finding(reading.problem, '420, which is 0o644', evidence)];
      const mode = reading.value ?? 0o644;
      return unless((mode & 0o444) === 0o444 && mode <= 0o777, () =>
        finding(`${mode}, which is 0o${mode.toString(8)}`, '420, which is 0o644', evidence),
      );
    },
    fix: 'in ironic.conf: [pxe] file_permission = 420  # decimal for 0o644',
    faults: [
      {
        name: 'octal digits, read as decimal',
        subject: 'conductor-',
        plant: (sim) => sim.everyConductor((c) => c.edit('[pxe]\n', '[pxe]\nfile_permission = 644\n')),
      },
    ],
  }),

  check({
    id: 'loader-paths',
    title: 'loader_file_paths names files without folders',
    why: 'ironic-conductor does not start: "File paths configured for [pxe]loader_file_paths must be a base path"',
    level: 'must',
    ref: 'ironic/common/pxe_utils.py place_loaders_for_boot',
    per: conductors,
    facts: { config: conductorConfig },
    check({ config }) {
      const reading = config.dict('pxe', 'loader_file_paths');
      const evidence = reading.setting === undefined ? [] : [at(reading.setting)];
      if (!reading.ok) return [finding(reading.problem, 'name:source, several parted by commas', evidence)];
      const wrong = [...(reading.value ?? [])].filter(([name]) => name.includes('/'));
      return wrong.map(([name]) => finding(JSON.stringify(name), 'a file name without a folder', evidence));
    },
    fix: 'in ironic.conf: [pxe] loader_file_paths = ipxe_aa64.efi:/usr/lib/ipxe/ipxe-arm64.efi',
    faults: [
      {
        name: 'a comma for a colon, as in the documentation',
        subject: 'conductor-',
        plant: (sim) =>
          sim.everyConductor((c) =>
            c.edit('[pxe]\n', '[pxe]\nloader_file_paths = bootx64.efi,/usr/lib/shim/shimx64.efi:x\n'),
          ),
      },
      {
        name: 'a folder in the name',
        subject: 'conductor-',
        plant: (sim) =>
          sim.everyConductor((c) =>
            c.edit('[pxe]\n', '[pxe]\nloader_file_paths = arm64/ipxe.efi:/usr/lib/ipxe/ipxe-arm64.efi\n'),
          ),
      },
    ],
  }),

  check({
    id: 'append-params',
    title: 'kernel_append_params can be read',
    why: 'a $ that is not doubled names an option, and from 39.0 on a quote or a value may be missing nowhere: every deployment fails as soon as Ironic reads the parameters',
    level: 'must',
    ref: 'oslo_config/cfg.py _substitute; ironic/drivers/utils.py get_kernel_append_params; ironic/conf/types.py KernelParameterString',
    per: conductors,
    facts: { config: conductorConfig, release: releaseFor },
    check({ config, release }) {
      const reading = config.string('pxe', 'kernel_append_params');
      if (reading.ok) return [];
      // Without a problem of its text, only a newer Ironic has something against it.
      if (!release.known && reading.setting?.problem === undefined)
        return { notVerified: 'the release is not known; set release in deployment.yaml' };
      return [
        finding(
          reading.problem,
          'KEY, KEY=VALUE or KEY="VALUE WITH SPACES", with $$ for a $',
          reading.setting ? [at(reading.setting)] : [],
        ),
      ];
    },
    fix: 'in ironic.conf, section [pxe]: correct kernel_append_params, with $$ for each $',
    faults: [
      {
        name: 'an iPXE variable that is not escaped',
        subject: 'conductor-2',
        plant: (sim) =>
          sim
            .conductor('conductor-2')
            .edit('kernel_append_params = ipa-debug=1', 'kernel_append_params = BOOTIF=${mac} ipa-debug=1'),
        also: ['conf/agree'],
      },
      {
        name: 'an empty value, which 39.0 refuses',
        subject: 'conductor-2',
        plant(sim) {
          sim.deployment.release = '2026.2';
          sim
            .conductor('conductor-2')
            .edit('kernel_append_params = ipa-debug=1', 'kernel_append_params = ipa-debug=1 sshkey=""');
        },
        also: ['conf/agree'],
      },
    ],
  }),

  check({
    id: 'console',
    title: 'the kernel parameters name no serial console of another architecture',
    why: 'ttyS0 does not exist on most ARM servers: the console stays blank from the kernel on, and hides every later error',
    level: 'should',
    ref: '[pxe]kernel_append_params; Documentation/admin-guide/serial-console.rst of the kernel',
    per: conductorsForArchitectures,
    facts: { config: conductorConfig },
    check({ config }, { architecture }) {
      if (architecture !== 'aarch64') return { notApplicable: 'ttyS0 is a console of its machines' };
      const reading = config.string('pxe', 'kernel_append_params');
      if (!reading.ok || reading.value === undefined)
        return { notVerified: 'kernel_append_params cannot be read' };
      const consoles = reading.value.split(/\s+/).filter((word) => word.startsWith('console='));
      if (consoles.some((word) => word.startsWith('console=ttyAMA'))) return [];
      return consoles
        .filter((word) => word.startsWith('console=ttyS'))
        .map((word) =>
          finding(
            word,
            'console=ttyAMA0,115200 as well, or none',
            reading.setting ? [at(reading.setting)] : [],
          ),
        );
    },
    fix: 'set driver_info.kernel_append_params of the ARM nodes to "%default% console=ttyAMA0,115200"',
    faults: [
      {
        name: 'ttyS0 for all nodes',
        subject: 'for aarch64',
        plant: (sim) =>
          sim.everyConductor((c) =>
            c.edit('kernel_append_params = ipa-debug=1', 'kernel_append_params = console=ttyS0 ipa-debug=1'),
          ),
      },
    ],
  }),
];
