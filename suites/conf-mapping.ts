import { architectureMeant, architectureNamed } from '../lib/arch.ts';
import { type Finding, check, finding, unless } from '../lib/check.ts';
import type { IronicConfig, Setting } from '../lib/ironic/config.ts';
import { effectiveBootInterface } from '../lib/ironic/interfaces.ts';
import { hasCompositeBootfileKeys } from '../lib/ironic/release.ts';
import { settingEvidence as at } from '../lib/subjects/config.ts';
import {
  conductorConfig,
  conductors,
  conductorsForArchitectures,
  nodesOfConductor,
  releaseFor,
  writtenConfig,
} from '../lib/subjects/conductors.ts';

import { placeChecks, mappings, mapping, rightMapping } from './conf-mapping-place.ts';

const guide = 'guide, "Configuring Ironic for multiple architectures"';
const grammar = 'oslo_config/types.py Dict';
const asString =
  "in ironic_ironic_conf_overrides write the mapping as text, not as YAML: ipxe_bootfile_name_by_arch: 'aarch64:ipxe_aa64.efi'";

/** The settings of both mappings. */
function mappingSettings(config: IronicConfig): Setting[] {
  return mappings.flatMap((name) => config.find('pxe', name) ?? []);
}

/** The entries of a mapping as oslo.config reads them, with the setting they come from. */
function entries(config: IronicConfig): { key: string; value: string; setting: Setting }[] {
  return mappings.flatMap((name) => {
    const reading = config.dict('pxe', name);
    if (!reading.ok || reading.setting === undefined) return [];
    const { setting } = reading;
    return [...(reading.value ?? [])].map(([key, value]) => ({ key, value, setting }));
  });
}

const isPythonDict = (raw: string) => /^\s*\{/.test(raw);
const quoted = (text: string) => /^(["']).*\1$/s.test(text);

/** A finding for each entry of the mappings that something is wrong with. */
function ofEntries(
  config: IronicConfig,
  judge: (key: string, value: string) => { actual: string; expected: string } | undefined,
): Finding[] {
  return entries(config)
    .filter(({ setting }) => !isPythonDict(setting.raw))
    .flatMap(({ key, value, setting }) => {
      const wrong = judge(key, value);
      return wrong === undefined ? [] : [finding(wrong.actual, wrong.expected, [at(setting)])];
    });
}

/** The checks of the mapping from architectures to boot files: the part of ironic.conf that the guide adds. */
export const mappingChecks = [
  check({
    id: 'mapping-form',
    title: 'the mapping of boot files is one that oslo.config accepts',
    why: 'not the start of the service but the first deployment of any iPXE node fails, with ConfigFileValueError',
    level: 'must',
    ref: grammar,
    per: conductors,
    facts: { config: conductorConfig },
    check: ({ config }) =>
      mappings.flatMap((name) => {
        const reading = config.dict('pxe', name);
        if (reading.ok) return [];
        const evidence = reading.setting === undefined ? [] : [at(reading.setting)];
        return [finding(reading.problem, 'architecture:file, several parted by commas', evidence)];
      }),
    fix: rightMapping,
    faults: [
      {
        name: 'a trailing comma',
        subject: 'conductor-1',
        also: ['nodes/boot-file', 'conf/agree'],
        plant: (sim) => sim.conductor('conductor-1').edit('aarch64:ipxe_aa64.efi', 'aarch64:ipxe_aa64.efi,'),
      },
      {
        name: 'an architecture named twice',
        subject: 'conductor-',
        also: ['nodes/boot-file'],
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('aarch64:ipxe_aa64.efi', 'aarch64:ipxe_aa64.efi,aarch64:snp.efi')),
      },
      {
        name: 'an equals sign for the colon',
        subject: 'conductor-',
        also: ['nodes/boot-file'],
        plant: (sim) => sim.everyConductor((c) => c.edit('aarch64:ipxe_aa64.efi', 'aarch64=ipxe_aa64.efi')),
      },
    ],
  }),

  check({
    id: 'mapping-python',
    title: 'the mapping is not a Python or YAML mapping',
    why: "oslo.config reads {'aarch64': 'x.efi'} without complaint as an architecture called {'aarch64', which no node has: every ARM node gets the x86-64 file",
    level: 'must',
    ref: `${grammar}; config_template renders a YAML mapping with str()`,
    per: conductors,
    facts: { config: writtenConfig },
    check: ({ config }) =>
      mappingSettings(config)
        .filter(({ raw }) => isPythonDict(raw))
        .map((setting) => finding(setting.raw, 'aarch64:ipxe_aa64.efi', [at(setting)])),
    fix: asString,
    faults: [
      {
        name: 'a mapping rendered by Python',
        subject: 'conductor-',
        also: ['conf/mapping-covers', 'firmware/machine'],
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('aarch64:ipxe_aa64.efi', "{'aarch64': 'ipxe_aa64.efi'}")),
      },
    ],
  }),

  check({
    id: 'mapping-quotes',
    title: 'no file name in the mapping is quoted',
    why: 'the quotes stay in the name: the node asks TFTP for "ipxe_aa64.efi" with quotes, and is told File not found',
    level: 'must',
    ref: grammar,
    per: conductors,
    facts: { config: writtenConfig },
    check: ({ config }) =>
      ofEntries(config, (key, value) =>
        quoted(value) || quoted(key) ? { actual: `${key}:${value}`, expected: 'no quotes' } : undefined,
      ),
    fix: rightMapping,
    faults: [
      {
        name: 'a quoted file name',
        subject: 'conductor-',
        also: ['firmware/served'],
        plant: (sim) => sim.everyConductor((c) => c.edit('aarch64:ipxe_aa64.efi', 'aarch64:"ipxe_aa64.efi"')),
      },
    ],
  }),

  check({
    id: 'mapping-comment',
    title: 'no comment follows the mapping on its line',
    why: 'oslo.config has no comments at the end of a line: the text becomes part of the file name, and TFTP answers File not found',
    level: 'must',
    ref: 'oslo_config/iniparser.py',
    per: conductors,
    facts: { config: writtenConfig },
    check: ({ config }) =>
      ofEntries(config, (_, value) =>
        /(^|\s)[#;]/.test(value)
          ? { actual: JSON.stringify(value), expected: 'a file name and nothing else' }
          : undefined,
      ),
    fix: 'put the comment on a line of its own, above the option',
    faults: [
      {
        name: 'a comment at the end of the line',
        subject: 'conductor-',
        also: ['firmware/served'],
        plant: (sim) =>
          sim.everyConductor((c) =>
            c.edit('aarch64:ipxe_aa64.efi', 'aarch64:ipxe_aa64.efi # for the ARM racks'),
          ),
      },
    ],
  }),

  check({
    id: 'mapping-empty',
    title: 'no architecture is mapped to an empty name',
    why: 'an empty name is not "no name": Ironic hands it out, and DHCP offers no boot file',
    level: 'must',
    ref: 'ironic/drivers/modules/deploy_utils.py get_ipxe_boot_file',
    per: conductors,
    facts: { config: writtenConfig },
    check: ({ config }) =>
      ofEntries(config, (key, value) =>
        value === '' ? { actual: `${key}: with nothing after it`, expected: 'a file name' } : undefined,
      ),
    fix: rightMapping,
    faults: [
      {
        name: 'nothing after the colon',
        subject: 'conductor-',
        also: ['nodes/boot-file'],
        plant: (sim) => sim.everyConductor((c) => c.edit('aarch64:ipxe_aa64.efi', 'aarch64:')),
      },
    ],
  }),

  check({
    id: 'mapping-key',
    title: 'the mapping spells architectures as nodes do',
    why: 'the lookup is exact: a node with cpu_arch aarch64 does not find arm64, and gets the x86-64 file',
    level: 'must',
    ref: 'ironic/drivers/modules/deploy_utils.py get_ipxe_boot_file',
    per: conductors,
    facts: { config: writtenConfig },
    check: ({ config }) =>
      ofEntries(config, (key) => {
        const [, name = key, mode = ''] = /^(.*?)(-uefi|-bios)?$/.exec(key) ?? [];
        if (architectureNamed(name) !== undefined) return undefined;
        const meant = architectureMeant(name);
        if (meant === undefined && /^\w+$/.test(name)) return undefined;
        return {
          actual: JSON.stringify(key),
          expected: meant === undefined ? 'an architecture' : `${meant.name}${mode}`,
        };
      }),
    fix: rightMapping,
    faults: [
      {
        name: 'arm64 as the key',
        subject: 'conductor-',
        also: ['conf/mapping-covers', 'firmware/machine'],
        plant: (sim) => sim.everyConductor((c) => c.edit('aarch64:ipxe_aa64.efi', 'arm64:ipxe_aa64.efi')),
      },
    ],
  }),

  check({
    id: 'mapping-composite',
    title: 'keys with a boot mode are known to this release',
    why: 'a release without them never matches aarch64-uefi: every ARM node gets the x86-64 file',
    level: 'must',
    ref: 'launchpad bug 2157027; ironic/drivers/modules/deploy_utils.py',
    per: conductors,
    facts: { config: writtenConfig, release: releaseFor },
    check({ config, release }) {
      const composite = entries(config).filter(({ key }) => /-(uefi|bios)$/.test(key));
      if (composite.length === 0) return [];
      const known = release.known ? hasCompositeBootfileKeys(config.release) : 'unknown';
      if (known === true) return [];
      if (known === 'unknown') {
        return {
          notVerified:
            'whether this release knows such keys depends on its point release; set release in deployment.yaml',
        };
      }
      return composite.map(({ key, setting }) =>
        finding(key, `${key.replace(/-(uefi|bios)$/, '')}, as Ironic ${config.release.version} knows it`, [
          at(setting),
        ]),
      );
    },
    fix: rightMapping,
    faults: [
      {
        name: 'aarch64-uefi on 2023.1',
        subject: 'conductor-',
        also: ['conf/mapping-covers', 'firmware/machine'],
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('aarch64:ipxe_aa64.efi', 'aarch64-uefi:ipxe_aa64.efi')),
      },
    ],
  }),

  ...placeChecks,

  check({
    id: 'mapping-covers',
    title: 'the mapping names a boot file for the architecture',
    why: 'an architecture that is not mapped is no error to Ironic: its nodes get the default, an x86-64 file, and stop at a blank screen',
    level: 'must',
    ref: guide,
    per: conductorsForArchitectures,
    facts: { config: conductorConfig, nodes: nodesOfConductor },
    check({ config, nodes }, { architecture }) {
      if (nodes.architectures.length < 2)
        return { notApplicable: 'there is one architecture only, which the default serves' };
      if (architecture === 'x86_64') return { notApplicable: 'the defaults of Ironic are for x86_64' };
      const used = nodes.all.map((node) => effectiveBootInterface(node.record, config));
      const network = used.flatMap((found) =>
        found.ok && found.network !== undefined ? [found.network] : [],
      );
      if (nodes.all.length > 0 && network.length === 0)
        return { notApplicable: 'its nodes do not boot from the network' };
      const families = nodes.all.length === 0 ? [true] : [...new Set(network.map(({ ipxe }) => ipxe))];
      return families.flatMap((ipxe) => {
        const name = ipxe ? mappings[0] : mappings[1];
        const reading = config.dict('pxe', name);
        if (!reading.ok) return [];
        const keys = [...(reading.value?.keys() ?? [])];
        const wanted =
          hasCompositeBootfileKeys(config.release) === false
            ? [architecture]
            : [architecture, `${architecture}-uefi`];
        return unless(
          wanted.some((key) => keys.includes(key)),
          () =>
            finding(
              keys.length === 0 ? 'nothing mapped' : `mapped: ${keys.join(', ')}`,
              `a file for ${architecture}`,
              [
                reading.setting === undefined
                  ? { where: '[pxe]', what: `${name} is not set` }
                  : at(reading.setting),
              ],
            ),
        );
      });
    },
    fix: ({ architecture }) =>
      `in ironic.conf, section [pxe]: ${mapping} = ${architecture}:<its EFI iPXE file>  # then restart ironic-conductor`,
    faults: [
      {
        name: 'no mapping at all',
        subject: 'for aarch64',
        also: ['firmware/machine'],
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('ipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi\n', '')),
      },
      {
        name: 'the mapping for the other boot interface',
        subject: 'for aarch64',
        also: ['firmware/machine'],
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('ipxe_bootfile_name_by_arch', 'pxe_bootfile_name_by_arch')),
      },
    ],
  }),

  check({
    id: 'mapping-bios',
    title: 'no architecture with BIOS nodes is mapped whatever the boot mode',
    why: 'a key without a boot mode wins over the mode: BIOS nodes are given an EFI file, and print "PXE-E79: NBP is too big" or hang',
    level: 'must',
    ref: 'ironic/drivers/modules/deploy_utils.py get_ipxe_boot_file: an architecture key ignores the boot mode',
    per: conductorsForArchitectures,
    facts: { config: conductorConfig, nodes: nodesOfConductor },
    check({ config, nodes }, { architecture }) {
      if (!architectureNamed(architecture)?.bootModes.includes('bios')) {
        return { notApplicable: `${architecture} has no BIOS` };
      }
      if (nodes.bootModes(config).every((mode) => mode !== 'bios'))
        return { notApplicable: 'none of its nodes boots by BIOS' };
      return entries(config)
        .filter(({ key }) => key === architecture)
        .filter(({ value }) => /\.efi$/i.test(value))
        .map(({ key, value, setting }) =>
          finding(`${key}:${value}, also for its BIOS nodes`, 'the mapping left out, and the defaults set', [
            at(setting),
          ]),
        );
    },
    fix: 'remove x86_64 from the mapping; set uefi_ipxe_bootfile_name and ipxe_bootfile_name instead',
    faults: [
      {
        name: 'the example of the Ironic documentation, with BIOS nodes',
        subject: 'for x86_64',
        also: ['firmware/bios-program'],
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('aarch64:ipxe_aa64.efi', 'aarch64:ipxe_aa64.efi,x86_64:ipxe.efi')),
      },
    ],
  }),
];
