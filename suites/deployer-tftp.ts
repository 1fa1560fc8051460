import { check, finding } from '../lib/check.ts';
import { overriddenOptions } from '../lib/deployer/overrides.ts';
import { type UserVariables, effective } from '../lib/deployer/user-variables.ts';
import { isMapping, isTemplate } from '../lib/deployer/yaml-file.ts';
import { strip } from '../lib/ironic/python.ts';
import {
  deployedRelease,
  enrolledArchitectures,
  openstackAnsible,
  userVariables,
} from '../lib/subjects/deployer.ts';
import { extraContent, guide, overrides } from './deployer-words.ts';

const conductorTasks = 'os_ironic, tasks/ironic_conductor_post_install.yml';

/** What the role itself puts in the TFTP root, on Debian and Ubuntu: os_ironic, vars/debian.yml. */
const roleFiles = 'pxelinux.0 chain.c32 ldlinux.c32 undionly.kpxe ipxe.efi bootx64.efi grubx64.efi'.split(
  ' ',
);

/** What the role will put in the TFTP root. */
export const tftpChecks = [
  check({
    id: 'tftp-items',
    title: `every item of ${extraContent} is put in the TFTP root`,
    why: 'the playbook ends with "Destination directory … does not exist", or goes past the item in silence; the firmware is "File not found"',
    level: 'must',
    ref: `${conductorTasks}: "Copy content into tftpboot"; the variable came with 2023.1`,
    per: openstackAnsible,
    facts: { variables: userVariables, release: deployedRelease },
    check({ variables, release }) {
      const items = itemsOf(variables);
      if (!('items' in items)) return items;
      if (release.known && release.release.name === 'zed')
        return [
          finding(`zed knows no ${extraContent}`, 'firmware put in the TFTP root by other means', [
            { where: items.where, what: `${extraContent} is given` },
          ]),
        ];
      return items.items.flatMap((item, index) => {
        const problem = problemOf(item);
        const what = `${extraContent}[${index}]`;
        return problem === undefined
          ? []
          : [finding(problem, 'a name without /, and a url or a path', [{ where: items.where, what }])];
      });
    },
    fix: `in ${extraContent}: - path: /path/on/the/conductor/ipxe-arm64.efi, and in the next line name: ipxe_aa64.efi`,
    faults: [
      {
        name: 'a name in a folder that nobody makes',
        subject: 'OpenStack-Ansible',
        plant: (sim) =>
          sim.openstackDeploy.append(
            'user_variables.yml',
            `${extraContent}:\n  - { path: /srv/ipxe.efi, name: ipxe_aa64.efi }\n  - { path: /srv/snp.efi, name: arm64/snp.efi }\n`,
          ),
      },
      {
        name: 'neither url nor path',
        subject: 'OpenStack-Ansible',
        plant: (sim) => sim.openstackDeploy.edit('user_variables.yml', '- path: ', '- file: '),
      },
    ],
  }),

  check({
    id: 'tftp-firmware',
    title: 'the firmware that the overrides name for an architecture is in the TFTP root of a new conductor',
    why: 'a conductor that is deployed anew has no such file: "TFTP Error: File not found", for the nodes that it comes to manage',
    level: 'should',
    ref: `${guide}: "the aarch64 EFI iPXE firmware must be present in the tftp server root directory"`,
    per: openstackAnsible,
    facts: { variables: userVariables, architectures: enrolledArchitectures },
    check({ variables, architectures }) {
      const items = itemsOf(variables);
      if ('notVerified' in items) return items;
      const given = effective(variables, overrides);
      if (given.is === 'unknown') return { notVerified: given.why };
      const named = given.is === 'known' ? bootFilesIn(given.value) : [];
      const needed = named.filter(({ architecture }) => architectures.includes(architecture));
      if (needed.length === 0 || given.is !== 'known')
        return { notApplicable: `${overrides} names no firmware for an architecture of enrolled nodes` };
      const placed = new Set([
        ...roleFiles,
        ...('items' in items ? items.items.map((item) => (isMapping(item) ? item['name'] : undefined)) : []),
      ]);
      return needed
        .filter(({ file }) => !placed.has(file))
        .map(({ architecture, file, option }) =>
          finding(
            `nothing puts ${file} there, the firmware of ${architecture}`,
            `an item of ${extraContent} with this name`,
            [
              { where: given.where, what: `[pxe] ${option} names ${file}` },
              { where: 'items' in items ? items.where : variables.folder, what: extraContent },
            ],
          ),
        );
    },
    fix: `in ${extraContent}: an item with the name, and the url or path of the firmware`,
    faults: [
      {
        name: 'firmware under another name',
        subject: 'OpenStack-Ansible',
        plant: (sim) =>
          sim.openstackDeploy.edit('user_variables.yml', 'name: ipxe_aa64.efi', 'name: ipxe-arm64.efi'),
      },
    ],
  }),

  check({
    id: 'tftp-source',
    title: 'firmware is not downloaded over plain HTTP, where nothing checks what comes',
    why: 'the error page of a proxy, or what anybody on the way sends, becomes the firmware of every node; it is not downloaded again',
    level: 'should',
    ref: `${conductorTasks}: get_url without a checksum`,
    per: openstackAnsible,
    facts: { variables: userVariables },
    check({ variables }) {
      const items = itemsOf(variables);
      if (!('items' in items)) return items;
      return items.items.flatMap((item, index) => {
        const url = isMapping(item) ? item['url'] : undefined;
        if (typeof url !== 'string' || !/^(http|ftp):/i.test(url)) return [];
        return [
          finding(`${plainUrl(url)}, without a checksum`, 'https, or a file whose checksum was compared', [
            { where: items.where, what: `${extraContent}[${index}]` },
          ]),
        ];
      });
    },
    fix: `download it once, compare its checksum, put it on the conductors, and give it as path in ${extraContent}`,
    faults: [
      {
        name: 'the URL of the guide, which is http',
        subject: 'OpenStack-Ansible',
        plant: (sim) =>
          sim.openstackDeploy.edit(
            'user_variables.yml',
            'path: /srv/firmware/ipxe-arm64.efi',
            'url: http://boot.ipxe.org/arm64-efi/ipxe.efi',
          ),
      },
    ],
  }),
];

type Items =
  | { readonly items: readonly unknown[]; readonly where: string }
  | { readonly notApplicable: string }
  | { readonly notVerified: string };

function itemsOf(variables: UserVariables): Items {
  const value = effective(variables, extraContent);
  if (value.is === 'unknown') return { notVerified: value.why };
  if (value.is === 'absent') return { notApplicable: `${extraContent} is not given` };
  // The role takes the value for a list.
  return { items: Array.isArray(value.value) ? value.value : [value.value], where: value.where };
}

function problemOf(item: unknown): string | undefined {
  if (isTemplate(item)) return undefined;
  if (!isMapping(item)) return 'an item that is no mapping';
  const { name, url, path } = item;
  if (typeof name !== 'string' || name === '') return 'an item without a name';
  if (!isTemplate(name) && name.includes('/')) return `${name}: in a folder, which the role does not make`;
  return url === undefined && path === undefined ? `${name}: neither url nor path` : undefined;
}

/** The files that the mappings of `[pxe]` name, as `aarch64:ipxe_aa64.efi,…`; a key may have a boot mode after it. */
function bootFilesIn(given: unknown): { option: string; architecture: string; file: string }[] {
  return overriddenOptions(given).flatMap(({ section, option, value }) => {
    const isMap = section === 'pxe' && /^(ipxe|pxe)_bootfile_name_by_arch$/.test(option);
    if (!isMap || typeof value !== 'string' || isTemplate(value)) return [];
    return value.split(',').flatMap((pair) => {
      const [key, file] = pair.split(':').map(strip);
      if (key === undefined || file === undefined || file === '') return [];
      return [{ option, architecture: key.replace(/-(uefi|bios)$/, ''), file }];
    });
  });
}

/** A URL without the password that it may hold. */
function plainUrl(url: string): string {
  return url.replace(/\/\/[^/@]*@/, '//');
}
