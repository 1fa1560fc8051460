import { check, finding } from '../lib/check.ts';
import { outcomeOf } from '../lib/facts.ts';
import type { EspLoader } from '../lib/guest/esp.ts';
import { espContent, secureBootNodes } from '../lib/subjects/guest-boot.ts';
import { userImages } from '../lib/subjects/user-images.ts';
import { rocky, ubuntu } from './images-guest.ts';

/** The checks of the EFI system partition of a user image, beyond the loader itself. */
export const espChecks = [
  check({
    id: 'esp-csv',
    title: 'the CSV files of the ESP name loaders that are there',
    why: 'the agent makes a boot entry from the first CSV file alone: the firmware skips it, "Boot Failed", and goes on to the network',
    level: 'should',
    ref: 'ironic-python-agent, efi_utils.py _run_efibootmgr; shim, README.fallback',
    per: userImages,
    facts: { esp: espContent },
    check({ esp }) {
      if (esp.csvFiles.length === 0) return { notApplicable: 'the ESP has no CSV file' };
      const [first] = esp.agentOrder;
      return esp.csvFiles.flatMap(({ path, entries, damage }) => {
        const where = `${path} on the ESP`;
        const use = path === first ? ', which is what the agent goes by' : '';
        if (damage !== undefined)
          return [
            finding(damage, 'lines of "loader,label,…" in UTF-16LE', [{ where, what: `damaged${use}` }]),
          ];
        return entries
          .filter(({ exists }) => !exists)
          .map(({ loader, line, path: target }) =>
            finding(`${target} is not there`, 'the loader that the CSV file names', [
              { where: `${where}, line ${line}`, what: `${loader}${use}` },
            ]),
          );
      });
    },
    fix: 'install shim and GRUB of the distribution anew (shim-aa64, shim-x64, shim-signed), or remove the CSV file, and build the image again',
    faults: [
      {
        name: 'shim missing',
        subject: rocky,
        plant: (sim) => sim.image(rocky).editDisk((disk) => disk.fatRemove('SHIMX64 EFI')),
      },
      {
        name: 'a CSV of one byte a character',
        subject: rocky,
        plant: (sim) =>
          sim.image(rocky).editDisk((disk) => {
            const text = 'shimx64.efi,Rocky Linux,,This is the boot entry for Rocky Linux\n';
            const wide = Buffer.from(`\ufeff${text}`, 'utf16le');
            disk.replaceText(wide, Buffer.from(text.padEnd(wide.length)));
          }),
      },
    ],
  }),

  check({
    id: 'signed',
    title: 'the loaders are signed where nodes of the image have Secure Boot',
    why: 'the firmware stops with "Security Violation" once the deployment is done and the node boots from its disk',
    level: 'must',
    ref: 'UEFI specification, "Secure Boot and Driver Signing"; diskimage-builder, elements/bootloader: grub-install --removable signs nothing',
    per: userImages,
    facts: { nodes: secureBootNodes, content: outcomeOf(espContent) },
    check({ nodes, content }, { architecture }) {
      if (nodes.length === 0) return { notApplicable: 'no node that it is deployed to has Secure Boot' };
      if (!content.ok) return { notVerified: content.problem };
      const esp = content.value;
      const named = new Set(
        esp.csvFiles.flatMap(({ entries }) => entries.map(({ path }) => path.toLowerCase())),
      );
      const isStarted = ({ path }: EspLoader) =>
        named.has(path.toLowerCase()) || /\/grub[^/]*$/i.test(path) || /^\/efi\/boot\/boot[^/]*$/i.test(path);
      const started = esp.loaders.filter((one) => one.architecture?.name === architecture && isStarted(one));
      if (started.length === 0) return { notVerified: `no loader for ${architecture}; see images/loader` };
      return started
        .filter(({ signed }) => !signed)
        .map(({ path }) =>
          finding('not signed', `signed, for ${nodes.join(', ')}`, [
            { where: `${path} on the ESP`, what: 'its certificate table is empty' },
          ]),
        );
    },
    fix: 'build an image with the signed shim and GRUB of its distribution, or turn Secure Boot off on the nodes',
    faults: [
      {
        name: 'deployed to a node with Secure Boot',
        subject: ubuntu,
        also: ['firmware/secure-boot'],
        plant: (sim) =>
          void (sim.node('arm-02').instance_info['capabilities'] = {
            boot_mode: 'uefi',
            secure_boot: 'true',
          }),
      },
    ],
  }),
];
