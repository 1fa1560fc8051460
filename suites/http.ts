import { type Judgement, check, finding, suite, unless } from '../lib/check.ts';
import { type Outcome, outcomeOf } from '../lib/facts.ts';
import { isIpxeScript } from '../lib/ironic/node-script.ts';
import {
  type Copy,
  type Original,
  bootingNodes,
  copiedInitramfs,
  copiedKernel,
  nodeScript,
  nodeScripts,
  originalInitramfs,
  originalKernel,
} from '../lib/subjects/booting-nodes.ts';
import { type Conductor, conductorConfig } from '../lib/subjects/conductors.ts';
import { bootScript, httpConductors } from '../lib/subjects/http-root.ts';

const restart = ({ source }: Conductor) =>
  `on ${source.name}: check that the web server's root is [deploy]http_root and its address is http_url, then restart ironic-conductor, which writes the script`;

/** Whether a copy in the HTTP root is the image that it was made from. */
function compared(copy: Outcome<Copy | undefined>, original: Original, what: string): Judgement {
  if (!copy.ok)
    return [finding(copy.problem, what, [{ where: original.where, what: 'what it is a copy of' }])];
  if (copy.value === undefined) return { notVerified: 'the script loads none; see http/node-script' };
  const { url, sizeInBytes, hash } = copy.value;
  const evidence = [
    { where: url, what: `${sizeInBytes} bytes` },
    { where: original.where, what: `${original.sizeInBytes} bytes` },
  ];
  if (sizeInBytes !== original.sizeInBytes) {
    return [finding(`${sizeInBytes} bytes`, `the ${original.sizeInBytes} bytes of the image`, evidence)];
  }
  if (hash === undefined || original.hash === undefined) {
    return { notVerified: 'as long as the image, of which no hash is recorded' };
  }
  return unless(hash === original.hash, () =>
    finding(`${original.algorithm} ${hash}`, `${original.hash}, as Glance recorded it`, evidence),
  );
}

const clean = (label: string) =>
  `openstack baremetal node abort ${label}  # then, on its conductor: remove the image from [pxe]tftp_master_path, and deploy again`;

export const http = suite('http', 'What iPXE loads over HTTP', [
  check({
    id: 'boot-script',
    title: 'the script that iPXE starts with is served',
    why: 'iPXE prints "http://…/boot.ipxe... No such file or directory" or "Connection timed out", and the node starts over',
    level: 'must',
    ref: 'ironic/common/pxe_utils.py create_ipxe_boot_script, dhcp_options_for_instance; [deploy]http_url',
    per: httpConductors,
    // A configuration that cannot be had says nothing of the script.
    facts: { script: outcomeOf(bootScript), config: conductorConfig },
    check({ script }) {
      if (!script.ok) return [finding(script.problem, 'an iPXE script')];
      const { text, origin } = script.value;
      return unless(isIpxeScript(text), () =>
        finding(JSON.stringify(text.slice(0, 60)), 'an iPXE script, which begins with #!ipxe', [
          { where: origin, what: 'what is served in its place' },
        ]),
      );
    },
    fix: restart,
    faults: [
      {
        name: 'no boot script',
        subject: 'conductor-2',
        plant: (sim) => sim.conductor('conductor-2').removeHttp(/^boot\.ipxe$/),
      },
      {
        name: 'the page of a login in its place',
        subject: 'conductor-1',
        plant: (sim) =>
          sim.conductor('conductor-1').replaceHttp(/^boot\.ipxe$/, Buffer.from('<html>Log in</html>\n')),
      },
    ],
  }),

  check({
    id: 'boot-script-chain',
    title: 'the script leads to the scripts of the nodes',
    why: 'iPXE prints "PXE boot failed! No configuration found for any of the present NICs."',
    level: 'must',
    ref: 'ironic/drivers/modules/boot.ipxe; [pxe]pxe_config_subdir',
    per: httpConductors,
    facts: { script: bootScript, config: conductorConfig },
    check({ script, config }) {
      if (!isIpxeScript(script.text)) return { notVerified: 'it is no script; see http/boot-script' };
      const reading = config.string('pxe', 'pxe_config_subdir');
      const folder = reading.ok ? reading.value : undefined;
      if (folder === undefined) return { notVerified: '[pxe]pxe_config_subdir cannot be read' };
      const chained = [...script.text.matchAll(/^[^#\n]*\bchain\s+(\S+)\/\$\{\S*mac:hexhyp\}/gm)].map(
        ([, name = '']) => name,
      );
      return unless(chained.includes(folder), () =>
        finding(
          chained.length === 0 ? 'it chains no script by MAC address' : `it chains ${chained.join(', ')}`,
          `${folder}, where Ironic puts them`,
          [{ where: script.origin, what: 'written when the conductor was last started' }],
        ),
      );
    },
    fix: restart,
    faults: [
      {
        name: 'another folder configured since the conductor was started',
        subject: 'conductor-1',
        plant: (sim) =>
          sim.conductor('conductor-1').edit('[pxe]\n', '[pxe]\npxe_config_subdir = scripts.d\n'),
        also: ['http/node-script'],
      },
    ],
  }),

  check({
    id: 'node-script',
    title: 'a node that is to boot its agent now has its script',
    why: 'iPXE prints "PXE boot failed! No configuration found for any of the present NICs.", and the deployment times out',
    level: 'must',
    ref: 'ironic/common/pxe_utils.py create_pxe_config, _link_mac_pxe_configs; ipxe_config.template',
    per: bootingNodes,
    facts: { scripts: nodeScripts },
    check({ scripts }, { node }) {
      if (scripts.length === 0) {
        return [
          finding('no port to boot from', 'a port with pxe_enabled', [
            { where: node.where, what: 'its ports' },
          ]),
        ];
      }
      return scripts.flatMap(({ port, name, script, problem }) =>
        unless(script?.kernel !== undefined && script.initrds.length > 0, () =>
          finding(
            problem ?? `it goes to ${script?.section}, which loads no kernel and initramfs`,
            'a script that loads the agent',
            [{ where: `${name}, for port ${port.uuid}`, what: node.record.provision_state ?? '' }],
          ),
        ),
      );
    },
    fix: ({ label }) =>
      `openstack baremetal node abort ${label}  # and deploy again: it writes the script anew`,
    faults: [
      {
        name: 'no script for a node that waits',
        subject: 'arm-03',
        plant: (sim) => sim.conductor('conductor-1').removeHttp(/^pxelinux\.cfg\//),
      },
      {
        name: 'a script for the disk, where the agent is waited for',
        subject: 'arm-03',
        plant: (sim) =>
          sim
            .conductor('conductor-1')
            .editHttp(/^pxelinux\.cfg\//, 'goto deploy\n', 'goto boot_whole_disk\n'),
      },
    ],
  }),

  check({
    id: 'initrd-name',
    title: 'the kernel is told the name under which iPXE loads the initramfs',
    why: 'the EFI stub of the kernel finds no initramfs: "Unable to mount root fs on unknown-block(0,0)"',
    level: 'must',
    ref: 'ironic/drivers/modules/ipxe_config.template: initrd= is the last part of the URL',
    per: bootingNodes,
    facts: { script: nodeScript },
    check({ script }) {
      const [initrd] = script?.initrds ?? [];
      if (script === undefined || initrd === undefined) {
        return { notVerified: 'the script loads no initramfs; see http/node-script' };
      }
      const name = initrd.slice(initrd.lastIndexOf('/') + 1);
      const told = script.arguments.filter((word) => word.startsWith('initrd='));
      return unless(told.includes(`initrd=${name}`), () =>
        finding(told.join(' ') || 'no initrd=', `initrd=${name}`, [{ where: 'its script', what: initrd }]),
      );
    },
    fix: 'mend the template that [pxe]ipxe_config_template names, or remove the option',
    faults: [
      {
        name: 'a template of the operator without it',
        subject: 'arm-03',
        plant: (sim) =>
          sim
            .conductor('conductor-1')
            .editHttp(/^pxelinux\.cfg\//, ' initrd=deploy_ramdisk ', ' initrd=initrd.img '),
      },
    ],
  }),

  check({
    id: 'node-kernel',
    title: 'the kernel that the script names is the deploy kernel of the node',
    why: 'a stale or broken copy boots, or does not, whatever is in Glance',
    level: 'must',
    ref: 'ironic/common/pxe_utils.py cache_ramdisk_kernel; [pxe]tftp_master_path',
    per: bootingNodes,
    facts: { scripts: nodeScripts, copy: outcomeOf(copiedKernel), original: originalKernel },
    check: ({ copy, original }) => compared(copy, original, 'the deploy kernel'),
    fix: ({ label }) => clean(label),
    faults: [
      {
        name: 'the kernel of another architecture, from a stale cache',
        subject: 'arm-03',
        plant: (sim) =>
          sim.conductor('conductor-1').replaceHttp(/\/deploy_kernel$/, sim.image('ipa-x86_64.kernel').bytes),
      },
      {
        name: 'a kernel that the web server may not read',
        subject: 'arm-03',
        plant: (sim) => sim.conductor('conductor-1').removeHttp(/\/deploy_kernel$/),
      },
    ],
  }),

  check({
    id: 'node-initramfs',
    title: 'the initramfs that the script names is the deploy ramdisk of the node',
    why: 'the kernel starts and finds no agent, or no initramfs at all',
    level: 'must',
    ref: 'ironic/common/pxe_utils.py cache_ramdisk_kernel; [pxe]tftp_master_path',
    per: bootingNodes,
    facts: { scripts: nodeScripts, copy: outcomeOf(copiedInitramfs), original: originalInitramfs },
    check: ({ copy, original }) => compared(copy, original, 'the deploy ramdisk'),
    fix: ({ label }) => clean(label),
    faults: [
      {
        name: 'an initramfs cut short: the disk of the conductor was full',
        subject: 'arm-03',
        plant(sim) {
          const { bytes } = sim.image('ipa-aarch64.initramfs');
          sim
            .conductor('conductor-1')
            .replaceHttp(/\/deploy_ramdisk$/, bytes.subarray(0, bytes.length - 512));
        },
      },
    ],
  }),
]);
