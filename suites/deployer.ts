import { type Evidence, check, finding, suite, unless } from '../lib/check.ts';
import { overriddenOptions, writtenAsPython } from '../lib/deployer/overrides.ts';
import { type UserVariables, definitionsOf, effective, isTrue } from '../lib/deployer/user-variables.ts';
import { isMapping, isTemplate } from '../lib/deployer/yaml-file.ts';
import { strip } from '../lib/ironic/python.ts';
import { editDistance } from '../lib/suggest.ts';
import {
  deployedRelease,
  enrolledArchitectures,
  openstackAnsible,
  userVariables,
} from '../lib/subjects/deployer.ts';

const overrides = 'ironic_ironic_conf_overrides';
const extraContent = 'ironic_tftp_extra_content';
const guide = 'OpenStack-Ansible, os_ironic: doc/source/configure-ironic-multiarch.rst';
const conductorTasks = 'os_ironic, tasks/ironic_conductor_post_install.yml';

/** What the role itself puts in the TFTP root, on Debian and Ubuntu: os_ironic, vars/debian.yml. */
const roleFiles = 'pxelinux.0 chain.c32 ldlinux.c32 undionly.kpxe ipxe.efi bootx64.efi grubx64.efi'.split(
  ' ',
);

/** The variables of the role that decide how nodes boot. */
const bootVariables = [
  overrides,
  extraContent,
  'ironic_ipxe_enabled',
  'ironic_enable_web_server_for_images',
  'ironic_drivers_enabled',
  'ironic_tftp_server_address',
  'ironic_kernel_append_params',
];

export const deployer = suite('deployer', 'What the deployer’s variables will make of the deployment', [
  check({
    id: 'readable',
    title: 'Ansible can read every file of variables',
    why: 'the next run of a playbook ends before it has changed anything: "We were unable to read either as JSON nor YAML"',
    level: 'must',
    ref: 'openstack-ansible, scripts/openstack-ansible.sh: each user_*.yml is given as extra variables',
    per: openstackAnsible,
    facts: { variables: userVariables },
    check: ({ variables }) =>
      variables.files
        .filter(({ refused }) => refused !== undefined)
        .map(({ path, refused }) =>
          finding('no YAML that Ansible reads', 'a mapping of variables', [
            { where: path, what: refused ?? '' },
          ]),
        ),
    fix: ({ folder }) =>
      `correct the file; then: ansible-inventory --list -e @FILE > /dev/null, in ${folder}`,
    faults: [
      {
        name: 'a bracket that is not closed',
        subject: 'OpenStack-Ansible',
        plant: (sim) => sim.openstackDeploy.set('user_aaa.yml', 'debug: [true\n'),
      },
    ],
  }),

  check({
    id: 'names',
    title: 'no variable that decides how nodes boot is misspelt',
    why: 'Ansible says nothing of a variable that no role knows, and ironic.conf stays as it was: the node boots in the old way',
    level: 'must',
    ref: 'os_ironic, defaults/main.yml, of zed to 2026.1',
    per: openstackAnsible,
    facts: { variables: userVariables },
    check: ({ variables }) =>
      variables.definitions.flatMap(({ name, where }) => {
        const meant = meantBy(name);
        return meant === undefined
          ? []
          : [finding(`${name}, which os_ironic does not know`, meant, [{ where, what: name }])];
      }),
    fix: 'give the variable the name that the role knows',
    faults: [
      {
        name: 'the name with one "ironic" too few',
        subject: 'OpenStack-Ansible',
        plant: (sim) => sim.openstackDeploy.edit('user_variables.yml', overrides, 'ironic_conf_overrides'),
      },
      {
        name: 'a plural',
        subject: 'OpenStack-Ansible',
        plant: (sim) => sim.openstackDeploy.set('user_tftp.yml', 'ironic_tftp_extra_contents: []\n'),
      },
    ],
  }),

  check({
    id: 'overrides-kept',
    title: `no option of ${overrides} is lost to a later definition of it`,
    why: 'Ansible keeps the last definition whole, and the mapping of boot files, or whatever else the other one said, is not in ironic.conf after the next run',
    level: 'must',
    ref: `${guide}: "You must combine this override with any existing definition"; Ansible, variable precedence`,
    per: openstackAnsible,
    facts: { variables: userVariables },
    check({ variables }) {
      const all = definitionsOf(variables, overrides);
      const last = all.at(-1);
      if (last === undefined) return { notApplicable: `${overrides} is not given` };
      const counts = effective(variables, overrides);
      if (counts.is === 'unknown') return { notVerified: counts.why };
      const kept = new Set(overriddenOptions(last.value).map(nameOf));
      return all.slice(0, -1).flatMap(({ value, where }) =>
        overriddenOptions(value)
          .filter((option) => !kept.has(nameOf(option)))
          .map((option) =>
            finding(`${nameOf(option)} is lost`, 'in the last definition, which replaces the others whole', [
              { where, what: `${overrides} with ${nameOf(option)}` },
              { where: last.where, what: `${overrides} without it` },
            ]),
          ),
      );
    },
    fix: `write one ${overrides}, with all sections and options in it`,
    faults: [
      {
        name: 'a second definition in a later file',
        subject: 'OpenStack-Ansible',
        plant: (sim) =>
          sim.openstackDeploy.set('user_zzz.yml', `${overrides}:\n  conductor:\n    automated_clean: true\n`),
      },
      {
        name: 'a second definition in the same file',
        subject: 'OpenStack-Ansible',
        plant: (sim) =>
          sim.openstackDeploy.append('user_variables.yml', `${overrides}:\n  DEFAULT:\n    debug: true\n`),
      },
      {
        name: 'a definition in group_vars, which gives way to the user variables',
        subject: 'OpenStack-Ansible',
        plant: (sim) =>
          sim.openstackDeploy.set(
            'group_vars/ironic_all.yml',
            `${overrides}:\n  agent:\n    image_download_source: http\n`,
          ),
      },
    ],
  }),

  check({
    id: 'overrides-text',
    title: `every option of ${overrides} is text, a number or a list, as config_template writes them`,
    why: 'a mapping is written as Python shows it, {\'aarch64\': …}: Ironic finds no "aarch64" in it, and the ARM node loads x86 firmware',
    level: 'must',
    ref: 'openstack/ansible-config_template, plugins/action/config_template.py: values of an INI file',
    per: openstackAnsible,
    facts: { variables: userVariables },
    check({ variables }) {
      const value = effective(variables, overrides);
      if (value.is === 'unknown') return { notVerified: value.why };
      if (value.is === 'absent') return { notApplicable: `${overrides} is not given` };
      return overriddenOptions(value.value).flatMap((option) => {
        const written = writtenAsPython(option.value);
        if (written === undefined) return [];
        return [
          finding(
            `${nameOf(option)} is a mapping, written as ${written}`,
            "one text, such as 'aarch64:ipxe_aa64.efi'",
            [{ where: value.where, what: `${overrides}: ${nameOf(option)}` }],
          ),
        ];
      });
    },
    fix: `in ${overrides}: pxe: ipxe_bootfile_name_by_arch: 'aarch64:ipxe_aa64.efi', in quotes and without braces`,
    faults: [
      {
        name: 'the mapping as a mapping of YAML',
        subject: 'OpenStack-Ansible',
        plant: (sim) =>
          sim.openstackDeploy.edit(
            'user_variables.yml',
            "'aarch64:ipxe_aa64.efi'",
            '{ aarch64: ipxe_aa64.efi }',
          ),
      },
    ],
  }),

  check({
    id: 'web-server',
    title: 'where iPXE is on, ironic.conf gets the URL that it loads from',
    why: 'the node cannot be deployed: "iPXE boot is enabled but no HTTP URL or HTTP root was specified"',
    level: 'must',
    ref: 'os_ironic, templates/ironic.conf.j2: [deploy] http_url follows ironic_enable_web_server_for_images alone',
    per: openstackAnsible,
    facts: { variables: userVariables },
    check({ variables }) {
      const values = ['ironic_ipxe_enabled', 'ironic_enable_web_server_for_images', overrides].map((name) =>
        effective(variables, name),
      );
      const [ipxe, web, given] = values;
      const unknown = values.find(({ is }) => is === 'unknown');
      if (ipxe?.is === 'absent') return { notApplicable: 'ironic_ipxe_enabled is not given, and off' };
      if (unknown?.is === 'unknown') return { notVerified: unknown.why };
      if (ipxe?.is !== 'known' || !isTrue(ipxe.value)) return { notApplicable: 'ironic_ipxe_enabled is off' };
      const own = given?.is === 'known' ? overriddenOptions(given.value).map(nameOf) : [];
      const isGiven = own.includes('[deploy] http_url') && own.includes('[deploy] http_root');
      const isOn = web?.is === 'known' && isTrue(web.value);
      return unless(isOn || isGiven, () =>
        finding(
          'ironic_ipxe_enabled without ironic_enable_web_server_for_images',
          'both on: the role writes [deploy] http_url and http_root for the second only',
          [{ where: ipxe.where, what: 'ironic_ipxe_enabled is on' }, ...placeOf(web)],
        ),
      );
    },
    fix: 'in user_variables.yml: ironic_enable_web_server_for_images: true',
    faults: [
      {
        name: 'iPXE without the web server',
        subject: 'OpenStack-Ansible',
        plant: (sim) =>
          sim.openstackDeploy.edit('user_variables.yml', 'ironic_enable_web_server_for_images: true\n', ''),
      },
    ],
  }),

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
]);

/** The variable of the role that a misspelt one is meant to be; no other that the role knows is as near. */
function meantBy(name: string): string | undefined {
  if (name === 'ironic_conf_overrides') return overrides;
  return bootVariables.find((known) => known !== name && editDistance(known, name) <= 3);
}

function nameOf({ section, option }: { section: string; option: string }): string {
  return `[${section}] ${option}`;
}

function placeOf(value: ReturnType<typeof effective> | undefined): readonly Evidence[] {
  return value?.is === 'known' ? [{ where: value.where, what: 'ironic_enable_web_server_for_images' }] : [];
}

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
