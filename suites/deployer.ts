import { type Evidence, check, finding, suite, unless } from '../lib/check.ts';
import { overriddenOptions, writtenAsPython } from '../lib/deployer/overrides.ts';
import { definitionsOf, effective, isTrue } from '../lib/deployer/user-variables.ts';
import { editDistance } from '../lib/suggest.ts';
import { openstackAnsible, userVariables } from '../lib/subjects/deployer.ts';
import { tftpChecks } from './deployer-tftp.ts';
import { extraContent, guide, overrides } from './deployer-words.ts';

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

  ...tftpChecks,
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
