import { check, finding } from '../lib/check.ts';
import { inWrongSection, misspellings, swallowed } from '../lib/ironic/mistakes.ts';
import { conductors, writtenConfig } from '../lib/subjects/conductors.ts';

/** The mapping of the guide, and its twin for nodes that boot with GRUB or PXELINUX. */
export const mappings = ['ipxe_bootfile_name_by_arch', 'pxe_bootfile_name_by_arch'] as const;
export const mapping = mappings[0];

export const rightMapping = `in ironic.conf, section [pxe]: ${mapping} = aarch64:ipxe_aa64.efi  # then restart ironic-conductor`;

/** The checks of where the mapping stands in the file. */
export const placeChecks = [
  check({
    id: 'mapping-section',
    title: 'the mapping stands in section [pxe]',
    why: 'elsewhere oslo.config ignores it without a word, and every ARM node gets the x86-64 file',
    level: 'must',
    ref: 'oslo_config/cfg.py _normalize_group_name',
    per: conductors,
    facts: { config: writtenConfig },
    check: ({ config }) =>
      mappings.flatMap((name) =>
        inWrongSection(config, 'pxe', name).map(({ origin, assignment }) =>
          finding(`[${assignment.section}]`, '[pxe]', [
            { where: `${origin}:${assignment.line}`, what: `${name} = ${assignment.value}` },
          ]),
        ),
      ),
    fix: rightMapping,
    faults: [
      {
        name: 'the mapping under [deploy]',
        subject: 'conductor-',
        also: ['conf/mapping-covers', 'firmware/machine'],
        plant: (sim) =>
          sim.everyConductor((c) => {
            c.edit('ipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi\n', '');
            c.edit('[deploy]\n', '[deploy]\nipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi\n');
          }),
      },
    ],
  }),

  check({
    id: 'mapping-spelling',
    title: 'the option is not misspelt',
    why: 'oslo.config ignores names that it does not know, and every ARM node gets the x86-64 file',
    level: 'must',
    ref: 'ironic/conf/pxe.py',
    per: conductors,
    facts: { config: writtenConfig },
    check: ({ config }) =>
      mappings
        .flatMap((name) => misspellings(config, name).map((found) => ({ name, ...found })))
        .map(({ name, origin, assignment }) =>
          finding(assignment.key, name, [
            { where: `${origin}:${assignment.line}`, what: `${assignment.key} = ${assignment.value}` },
          ]),
        ),
    fix: rightMapping,
    faults: [
      {
        name: 'a letter too few',
        subject: 'conductor-',
        also: ['conf/mapping-covers', 'firmware/machine'],
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('ipxe_bootfile_name_by_arch', 'ipxe_bootfile_name_by_arc')),
      },
      {
        name: 'dashes for underscores',
        subject: 'conductor-',
        also: ['conf/mapping-covers', 'firmware/machine'],
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('ipxe_bootfile_name_by_arch', 'ipxe-bootfile-name-by-arch')),
      },
    ],
  }),

  check({
    id: 'mapping-continuation',
    title: 'the mapping is not indented under another option',
    why: 'an indented line continues the value above it: the mapping is gone, and the option above is spoilt',
    level: 'must',
    ref: 'oslo_config/iniparser.py',
    per: conductors,
    facts: { config: writtenConfig },
    check: ({ config }) =>
      mappings.flatMap((name) =>
        swallowed(config, name).map(({ origin, line, text, assignment }) =>
          finding(`part of the value of ${assignment.key}`, `${name} at the start of its line`, [
            { where: `${origin}:${line}`, what: text },
          ]),
        ),
      ),
    fix: 'remove the blanks before ipxe_bootfile_name_by_arch',
    faults: [
      {
        name: 'the mapping indented',
        subject: 'conductor-',
        also: ['conf/mapping-covers', 'firmware/machine'],
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('ipxe_bootfile_name_by_arch', '  ipxe_bootfile_name_by_arch')),
      },
    ],
  }),
];
