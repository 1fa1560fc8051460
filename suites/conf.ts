import { check, finding, suite, unless } from '../lib/check.ts';
import type { Setting } from '../lib/ironic/config.ts';
import { isRemoved, removedBefore } from '../lib/ironic/hardware-types.ts';
import { conductorGroupOf } from '../lib/ironic/hash-ring.ts';
import { atLeast } from '../lib/ironic/release.ts';
import { settingEvidence as at } from '../lib/subjects/config.ts';
import {
  allConfigs,
  conductorConfig,
  conductors,
  nodesBootBy,
  releaseFor,
  writtenConfig,
} from '../lib/subjects/conductors.ts';
import { mappingChecks } from './conf-mapping.ts';

import { pxeChecks, settled } from './conf-pxe.ts';
const text = (setting: Setting | undefined) => setting?.value ?? 'not set';

const noHttp = { notApplicable: 'no node boots by iPXE or HTTP' };

export const conf = suite('conf', 'ironic.conf as each conductor reads it', [
  check({
    id: 'readable',
    title: 'oslo.config reads every file',
    why: 'ironic-conductor does not start: "Failed to parse ironic.conf"',
    level: 'must',
    ref: 'oslo_config/iniparser.py',
    per: conductors,
    facts: { config: writtenConfig },
    check: ({ config }) =>
      config.refused.map(({ origin, error }) =>
        finding(error.message, 'lines that oslo.config can read', [
          { where: `${origin}:${error.line}`, what: error.message },
        ]),
      ),
    fix: 'an indented line continues the value above it; comments, blank lines and sections end a value',
    faults: [
      {
        name: 'an indented line after a comment',
        subject: 'conductor-1',
        plant: (sim) => sim.conductor('conductor-1').edit('# drivers\n', '# drivers\n  enabled = x\n'),
      },
      {
        name: 'a line that is no assignment',
        subject: 'conductor-2',
        plant: (sim) => sim.conductor('conductor-2').edit('[pxe]\n', '[pxe]\ntftp_root\n'),
      },
    ],
  }),

  ...mappingChecks,

  check({
    id: 'http-url',
    title: 'http_url is set, and is a URL',
    why: 'iPXE fetches its script and the images by it: validation fails with "iPXE boot is enabled but no HTTP URL or HTTP root was specified"',
    level: 'must',
    ref: 'ironic/drivers/modules/pxe_base.py _validate_common; ironic/conf/deploy.py http_url',
    per: conductors,
    facts: { config: conductorConfig, by: nodesBootBy },
    check({ config, by }) {
      if (!by.http) return noHttp;
      return settled(
        config,
        'deploy',
        'http_url',
        (value) => /^https?:$/.test(URL.parse(value)?.protocol ?? '') && !/\s/.test(value),
        'the URL of the HTTP boot server, such as http://172.29.228.10:8051',
      );
    },
    fix: 'OpenStack-Ansible: ironic_enable_web_server_for_images: true; elsewhere: [deploy] http_url = http://<address>:<port>',
    faults: [
      {
        name: 'no http_url',
        subject: 'conductor-',
        plant: (sim) => sim.everyConductor((c) => c.edit('http_url = http://172.29.228.10:8051\n', '')),
      },
      {
        name: 'an address without a scheme',
        subject: 'conductor-',
        plant: (sim) =>
          sim.everyConductor((c) =>
            c.edit('http_url = http://172.29.228.10:8051', 'http_url = 172.29.228.10:8051'),
          ),
      },
    ],
  }),

  check({
    id: 'http-root',
    title: 'http_root is set',
    why: 'Ironic has nowhere to write the iPXE scripts: validation fails, or the node reads "No configuration found"',
    level: 'must',
    ref: 'ironic/drivers/modules/pxe_base.py _validate_common; ironic/conf/deploy.py http_root',
    per: conductors,
    facts: { config: conductorConfig, by: nodesBootBy },
    check: ({ config, by }) =>
      by.http
        ? settled(
            config,
            'deploy',
            'http_root',
            (value) => value.startsWith('/'),
            'an absolute path, such as /httpboot',
          )
        : noHttp,
    fix: 'in ironic.conf: [deploy] http_root = /httpboot',
    faults: [
      {
        name: 'an empty http_root',
        subject: 'conductor-',
        plant: (sim) => sim.everyConductor((c) => c.edit('http_root =/httpboot', 'http_root =')),
      },
    ],
  }),

  check({
    id: 'default-boot-mode',
    title: 'default_boot_mode is uefi or bios',
    why: 'oslo.config refuses another value when a node without a boot mode is deployed',
    level: 'must',
    ref: 'ironic/conf/deploy.py default_boot_mode',
    per: conductors,
    facts: { config: conductorConfig },
    check({ config }) {
      const reading = config.string('deploy', 'default_boot_mode');
      if (reading.ok) return [];
      return [
        finding(reading.problem, 'uefi or bios, in lower case', reading.setting ? [at(reading.setting)] : []),
      ];
    },
    fix: 'in ironic.conf: [deploy] default_boot_mode = uefi',
    faults: [
      {
        name: 'UEFI in upper case',
        subject: 'conductor-',
        plant: (sim) =>
          sim.everyConductor((c) => c.edit('[deploy]\n', '[deploy]\ndefault_boot_mode = UEFI\n')),
      },
    ],
  }),

  check({
    id: 'images-by-arch',
    title: 'the deploy images by architecture come in pairs, and the release knows them',
    why: 'a kernel without its initramfs is ignored, and the nodes boot the images meant for all; before 2023.2 both options are ignored',
    level: 'must',
    ref: 'ironic/drivers/utils.py get_agent_kernel_ramdisk; ironic/conf/conductor.py deploy_kernel_by_arch',
    per: conductors,
    facts: { config: conductorConfig, release: releaseFor },
    check({ config, release }) {
      const names = ['deploy_kernel_by_arch', 'deploy_ramdisk_by_arch'] as const;
      const settings = names.flatMap((name) => config.find('conductor', name) ?? []);
      if (settings.length === 0) return { notApplicable: 'no deploy images by architecture are configured' };
      if (!release.known) return { notVerified: 'the release is not known; set release in deployment.yaml' };
      if (!atLeast(config.release, '23.0')) {
        return settings.map((setting) =>
          finding(
            `${setting.name} on Ironic ${config.release.version}`,
            'deploy_kernel and deploy_ramdisk of each node',
            [at(setting)],
          ),
        );
      }
      const [kernels, ramdisks] = names.map((name) => config.dict('conductor', name));
      const keys = (reading: typeof kernels) =>
        reading?.ok === true ? [...(reading.value?.keys() ?? [])].toSorted() : [];
      return unless(keys(kernels).join() === keys(ramdisks).join(), () =>
        finding(
          `kernels for ${keys(kernels).join(', ') || 'none'}, initramfs for ${keys(ramdisks).join(', ') || 'none'}`,
          'the same architectures in both',
          settings.map(at),
        ),
      );
    },
    fix: 'in ironic.conf, section [conductor]: set deploy_kernel_by_arch and deploy_ramdisk_by_arch for the same architectures',
    faults: [
      {
        name: 'a kernel by architecture without an initramfs',
        subject: 'conductor-',
        plant(sim) {
          sim.deployment.release = '2024.1';
          sim.everyConductor((c) =>
            c.edit(
              '[conductor]\n',
              '[conductor]\ndeploy_kernel_by_arch = aarch64:6f8f8b2e-6d6e-4a55-8d51-0e5a1f0b8e11\n',
            ),
          );
        },
      },
      {
        name: 'images by architecture on 2023.1, which has no such option',
        subject: 'conductor-',
        plant: (sim) =>
          sim.everyConductor((c) =>
            c.edit(
              '[conductor]\n',
              '[conductor]\ndeploy_ramdisk_by_arch = aarch64:6f8f8b2e-6d6e-4a55-8d51-0e5a1f0b8e11\n',
            ),
          ),
      },
    ],
  }),

  check({
    id: 'hardware-types',
    title: 'the release has every hardware type that is enabled',
    why: 'ironic-conductor does not start: "Could not find the following items in the \'ironic.hardware.types\' entrypoint"',
    level: 'must',
    ref: 'ironic/common/driver_factory.py DriverNotFoundInEntrypoint; release notes of 26.0 and 36.0',
    per: conductors,
    facts: { config: conductorConfig, release: releaseFor },
    check({ config, release: { release, known } }) {
      const reading = config.list('DEFAULT', 'enabled_hardware_types');
      if (!reading.ok) return [finding(reading.problem, 'names parted by commas')];
      const old = (reading.value ?? []).filter(isRemoved);
      if (old.length > 0 && !known)
        return { notVerified: 'the release is not known; set release in deployment.yaml' };
      return old.flatMap((type) => {
        const version = removedBefore(release, type);
        if (version === undefined) return [];
        return [
          finding(
            `${type}, on Ironic ${release.version}`,
            `none of those that ${version} removed`,
            reading.setting ? [at(reading.setting)] : [],
          ),
        ];
      });
    },
    fix: 'move its nodes to redfish (openstack baremetal node set NODE --driver redfish …), then take it out of [DEFAULT] enabled_hardware_types',
    faults: [
      {
        name: 'iLO after the upgrade to 2026.2',
        subject: 'conductor-2',
        plant(sim) {
          sim.deployment.release = '2026.2';
          sim
            .conductor('conductor-2')
            .edit('enabled_hardware_types = ipmi,redfish', 'enabled_hardware_types = ipmi,ilo,redfish');
        },
      },
    ],
  }),

  check({
    id: 'agree',
    title: 'all conductors of a group agree on what nodes boot from',
    why: 'it depends on which conductor owns the node whether it boots, and that changes when a conductor joins or leaves',
    level: 'must',
    ref: 'ironic/common/hash_ring.py',
    per: conductors,
    facts: { config: conductorConfig, configs: allConfigs },
    check({ configs }, { source }) {
      const own = configs.find(({ conductor }) => conductor === source);
      if (own === undefined) return [];
      const group = conductorGroupOf(own.config);
      const peers = configs.filter(({ config }) => conductorGroupOf(config) === group);
      const [first] = peers;
      if (peers.length < 2)
        return { notApplicable: 'there is no other conductor of its group to compare with' };
      if (first === undefined || first === own) return [];
      const compared: [string, string][] = [
        ['pxe', 'ipxe_bootfile_name_by_arch'],
        ['pxe', 'pxe_bootfile_name_by_arch'],
        ['pxe', 'uefi_ipxe_bootfile_name'],
        ['pxe', 'ipxe_bootfile_name'],
        ['pxe', 'uefi_pxe_bootfile_name'],
        ['pxe', 'pxe_bootfile_name'],
        ['pxe', 'kernel_append_params'],
        ['deploy', 'default_boot_mode'],
        ['DEFAULT', 'enabled_boot_interfaces'],
        ['DEFAULT', 'default_boot_interface'],
        ['conductor', 'deploy_kernel'],
        ['conductor', 'deploy_ramdisk'],
        ['conductor', 'deploy_kernel_by_arch'],
        ['conductor', 'deploy_ramdisk_by_arch'],
      ];
      return compared.flatMap(([group, name]) => {
        const [theirs, ours] = [first, own].map(({ config }) => config.find(group, name));
        return unless(text(ours) === text(theirs), () =>
          finding(
            `[${group}]${name}: ${text(ours)}`,
            `${text(theirs)}, as on ${first.conductor.name}`,
            [ours, theirs].flatMap((s) => (s === undefined ? [] : [at(s)])),
          ),
        );
      });
    },
    fix: 'render ironic.conf on all conductors from one source, and restart ironic-conductor on each',
    faults: [
      {
        name: 'another mapping on the second conductor',
        subject: 'conductor-2',
        plant(sim) {
          const second = sim.conductor('conductor-2');
          second.edit('aarch64:ipxe_aa64.efi', 'aarch64:snp_aa64.efi');
          second.tftp.set('snp_aa64.efi', second.file('ipxe_aa64.efi'));
        },
      },
    ],
  }),

  ...pxeChecks,
]);
