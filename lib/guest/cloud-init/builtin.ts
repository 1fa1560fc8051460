import { type DictNode, builtin, nodeOf } from './value.ts';

/**
 * The datasources that cloud-init looks for when nothing is configured, in its order. Releases add names; on bare
 * metal under Ironic only the ones that all releases have matter.
 * Source: cloudinit/settings.py CFG_BUILTIN (25.3).
 */
export const builtinDatasources: readonly string[] = `
  NoCloud ConfigDrive LXD OpenNebula DigitalOcean Azure AltCloud VMware OVF MAAS GCE OpenStack AliYun Vultr Ec2
  CloudSigma CloudStack SmartOS Bigstep Scaleway Hetzner IBMCloud Oracle Exoscale RbxCloud UpCloud NWCS Akamai WSL
  CloudCIX None`
  .trim()
  .split(/\s+/);

/** What applies where no file says otherwise. Source: cloudinit/settings.py CFG_BUILTIN. */
export const builtinConfig = nodeOf(
  {
    datasource_list: [...builtinDatasources],
    def_log_file: '/var/log/cloud-init.log',
    log_cfgs: [],
    syslog_fix_perms: ['syslog:adm', 'root:adm', 'root:wheel', 'root:root'],
    system_info: {
      paths: {
        cloud_dir: '/var/lib/cloud',
        docs_dir: '/usr/share/doc/cloud-init/',
        templates_dir: '/etc/cloud/templates/',
      },
      distro: 'ubuntu',
      network: { renderers: null },
    },
    vendor_data: { enabled: true, prefix: [] },
    vendor_data2: { enabled: true, prefix: [] },
  },
  builtin,
) as DictNode;
