import type { OptionType } from './option-types.ts';
import { isRegistered } from './registered.ts';
import { atLeast, type Release } from './release.ts';

/**
 * The options of Ironic that decide whether a node boots: type, default and names, by release.
 * Source: ironic/conf/{pxe,deploy,conductor,default,agent,api,dhcp,dnsmasq}.py of 21.1 to 39.0. Options that came as a
 * security fix to every supported series (`[conductor]permitted_image_formats` and others) carry no `since`.
 */
export interface Option {
  readonly group: string;
  readonly name: string;
  readonly type: OptionType;
  /** As one would write it in the file; undefined is None. */
  readonly default?: string;
  /** The default is found out on the conductor's own machine: its address, its name, its packages. */
  readonly defaultFromMachine?: true;
  /** First Ironic version with this definition, and the first without it. */
  readonly since?: string;
  readonly until?: string;
  readonly deprecatedNames?: readonly { readonly group?: string; readonly name: string }[];
  /** Read again on SIGHUP; a change of any other needs a restart of the conductor. */
  readonly mutable?: true;
}

type Extra = Omit<Option, 'group' | 'name' | 'type' | 'default'>;

const text: OptionType = { kind: 'string' };
const kernelParameters: OptionType = { kind: 'kernel parameters' };
const flag: OptionType = { kind: 'boolean' };
const whole: OptionType = { kind: 'integer' };
const list: OptionType = { kind: 'list' };
const dict: OptionType = { kind: 'dict' };
const url: OptionType = { kind: 'uri', schemes: ['http', 'https'] };
const choice = (...choices: string[]): OptionType => ({ kind: 'string', choices });
const atLeastOne = (minimum: number): OptionType => ({ kind: 'integer', minimum });

const mutable: Extra = { mutable: true };
const templates = '$pybasedir/drivers/modules';
const imagePaths = '/var/lib/ironic,/shared/html,/templates,/opt/cache/files,/vagrant';

type Row = readonly [name: string, type: OptionType, fallback?: string | undefined, extra?: Extra];

const groups: Readonly<Record<string, readonly Row[]>> = {
  pxe: [
    [
      'kernel_append_params',
      text,
      'nofb nomodeset vga=normal',
      { until: '22.0', mutable: true, deprecatedNames: [{ name: 'pxe_append_params' }] },
    ],
    [
      'kernel_append_params',
      text,
      'nofb vga=normal',
      { since: '22.0', until: '39.0', mutable: true, deprecatedNames: [{ name: 'pxe_append_params' }] },
    ],
    [
      'kernel_append_params',
      kernelParameters,
      'nofb vga=normal',
      { since: '39.0', mutable: true, deprecatedNames: [{ name: 'pxe_append_params' }] },
    ],
    ['default_ephemeral_format', text, 'ext4', mutable],
    ['images_path', text, '/var/lib/ironic/images/'],
    ['instance_master_path', text, '/var/lib/ironic/master_images'],
    ['tftp_master_path', text, '/tftpboot/master_images'],
    ['image_cache_size', whole, '20480'],
    ['image_cache_ttl', whole, '10080'],
    ['pxe_config_template', text, `${templates}/pxe_config.template`, mutable],
    ['uefi_pxe_config_template', text, `${templates}/pxe_grub_config.template`, mutable],
    ['ipxe_config_template', text, `${templates}/ipxe_config.template`, mutable],
    ['pxe_config_template_by_arch', dict, '', mutable],
    ['tftp_server', text, '$my_ip'],
    ['tftp_root', text, '/tftpboot'],
    ['pxe_bootfile_name', text, 'pxelinux.0'],
    ['uefi_pxe_bootfile_name', text, 'bootx64.efi'],
    ['ipxe_bootfile_name', text, 'undionly.kpxe'],
    ['uefi_ipxe_bootfile_name', text, 'snponly.efi'],
    ['pxe_bootfile_name_by_arch', dict, ''],
    ['ipxe_bootfile_name_by_arch', dict, ''],
    ['pxe_config_subdir', text, 'pxelinux.cfg'],
    ['ipxe_boot_script', text, `${templates}/boot.ipxe`],
    ['ipxe_fallback_script', text],
    ['ipxe_timeout', whole, '0'],
    ['boot_retry_timeout', atLeastOne(60)],
    ['boot_retry_check_interval', atLeastOne(1), '90'],
    ['ip_version', choice('4', '6'), '4', mutable],
    ['ipxe_use_swift', flag, 'false', mutable],
    ['enable_netboot_fallback', flag, 'false', mutable],
    ['loader_file_paths', { kind: 'dict', quotes: true }, ''],
    ['initial_grub_template', text, `${templates}/initial_grub_cfg.template`],
    ['dir_permission', whole],
    ['file_permission', whole, '420'],
    ['enable_insecure_template_override', flag, 'false'],
  ],
  deploy: [
    ['http_url', text, undefined, { until: '25.0' }],
    ['http_url', url, undefined, { since: '25.0' }],
    ['external_http_url', text, undefined, { until: '25.0' }],
    ['external_http_url', url, undefined, { since: '25.0' }],
    ['external_callback_url', text, undefined, { until: '25.0' }],
    ['external_callback_url', url, undefined, { since: '25.0' }],
    ['http_root', text, '/httpboot'],
    ['default_boot_mode', choice('uefi', 'bios'), 'uefi', mutable],
    ['http_image_subdir', text, 'agent_images'],
    ['ramdisk_image_download_source', choice('http', 'local', 'swift'), 'local', mutable],
    ['fast_track', flag, 'false', mutable],
  ],
  conductor: [
    ['deploy_kernel', text, undefined, mutable],
    ['deploy_ramdisk', text, undefined, mutable],
    ['rescue_kernel', text, undefined, mutable],
    ['rescue_ramdisk', text, undefined, mutable],
    ['deploy_kernel_by_arch', dict, '', { since: '23.0', mutable: true }],
    ['deploy_ramdisk_by_arch', dict, '', { since: '23.0', mutable: true }],
    ['rescue_kernel_by_arch', dict, '', { since: '23.0', mutable: true }],
    ['rescue_ramdisk_by_arch', dict, '', { since: '23.0', mutable: true }],
    ['bootloader', text, undefined, mutable],
    ['bootloader_by_arch', dict, '', { since: '30.0' }],
    ['error_on_ramdisk_config_inconsistency', flag, 'false', { since: '31.0', mutable: true }],
    ['file_url_allowed_paths', list, imagePaths, { until: '38.0' }],
    ['file_url_allowed_paths', list, '/var/lib/ironic', { since: '38.0' }],
    ['permitted_image_formats', list, 'raw,qcow2,iso', { until: '28.0', mutable: true }],
    ['permitted_image_formats', list, 'raw,gpt,qcow2,iso', { since: '28.0', mutable: true }],
    ['disable_deep_image_inspection', flag, 'false'],
    ['disable_file_checksum', flag, 'false'],
    ['disable_kernel_parameter_parsing', flag, 'false'],
    ['conductor_group', text, ''],
    ['deploy_callback_timeout', atLeastOne(0), '1800'],
    ['automated_clean', flag, 'true', mutable],
  ],
  DEFAULT: [
    ['enabled_hardware_types', list, 'ipmi,redfish'],
    ['enabled_boot_interfaces', list, 'ipxe,pxe,redfish-virtual-media'],
    ['enabled_deploy_interfaces', list, 'direct,ramdisk', { until: '35.0' }],
    ['enabled_deploy_interfaces', list, 'autodetect,direct,ramdisk,bootc', { since: '35.0' }],
    ['enabled_inspect_interfaces', list, 'no-inspect,redfish'],
    ['enabled_network_interfaces', list, 'flat,noop'],
    ['enabled_raid_interfaces', list, 'agent,no-raid,redfish'],
    ['enabled_rescue_interfaces', list, 'no-rescue'],
    ['enabled_management_interfaces', list],
    ['enabled_power_interfaces', list],
    ['default_boot_interface', text],
    ['default_deploy_interface', text],
    ['default_inspect_interface', text],
    ['default_management_interface', text],
    ['default_network_interface', text],
    ['default_power_interface', text],
    ['my_ip', text, undefined, { defaultFromMachine: true }],
    ['my_ipv6', text],
    ['host', text, undefined, { defaultFromMachine: true }],
    ['pybasedir', text, undefined, { defaultFromMachine: true }],
    ['bindir', text, '$pybasedir/bin'],
    ['state_path', text, '$pybasedir'],
    ['tempdir', text, undefined, { defaultFromMachine: true }],
    ['force_raw_images', flag, 'true', mutable],
    ['esp_image', text],
    ['grub_config_path', text, '/boot/grub/grub.cfg', { until: '21.3' }],
    ['grub_config_path', text, 'EFI/BOOT/grub.cfg', { since: '21.3' }],
    ['isolinux_bin', text, '/usr/lib/syslinux/isolinux.bin'],
    ['auth_strategy', choice('noauth', 'keystone', 'http_basic'), 'keystone'],
  ],
  agent: [
    ['image_download_source', choice('swift', 'http', 'local'), 'http', mutable],
    ['stream_raw_images', flag, 'true', mutable],
    ['memory_consumed_by_agent', whole, '0', mutable],
  ],
  api: [
    ['max_limit', whole, '1000', mutable],
    ['public_endpoint', text, undefined, mutable],
    ['restrict_lookup', flag, 'true', mutable],
    ['disallowed_enrollment_boot_modes', list, '', { since: '26.0', mutable: true }],
  ],
  dhcp: [['dhcp_provider', text, 'neutron']],
  dnsmasq: [
    ['dhcp_optsdir', text, '/etc/dnsmasq.d/optsdir.d'],
    ['dhcp_hostsdir', text, '/etc/dnsmasq.d/hostsdir.d'],
  ],
};

/** The whole table; an option that changed has a row for each definition. */
export const options: readonly Option[] = Object.entries(groups).flatMap(([group, rows]) =>
  rows.map(([name, type, fallback, extra]) => ({
    group,
    name,
    type,
    ...(fallback === undefined ? {} : { default: fallback }),
    ...extra,
  })),
);

const byName: ReadonlyMap<string, readonly Option[]> = Map.groupBy(
  options,
  ({ group, name }) => `${group}.${name}`,
);

/** The option as the release has it; undefined when the release does not have it, or the table does not. */
export function optionOf(group: string, name: string, release: Release): Option | undefined {
  return byName
    .get(`${group}.${name}`)
    ?.find(
      ({ since, until }) =>
        (since === undefined || atLeast(release, since)) && (until === undefined || !atLeast(release, until)),
    );
}

/**
 * Whether the release knows such an option; undefined where only the name's existence in some release, or not even
 * the group's options, are known.
 */
export function isKnown(group: string, name: string, release: Release): boolean | undefined {
  if (byName.has(`${group}.${name}`)) return optionOf(group, name, release) !== undefined;
  return isRegistered(group, name) === false ? false : undefined;
}
