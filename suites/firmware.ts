import { contentNames } from '../lib/boot/content.ts';
import { readNbp } from '../lib/boot/nbp.ts';
import { check, finding, suite, unless } from '../lib/check.ts';
import { fact, outcomeOf } from '../lib/facts.ts';
import { digestOf } from '../lib/boot/digest.ts';
import { fileChecks } from './firmware-files.ts';
import { putInRoot } from './firmware-remedy.ts';
import {
  type BootFileName,
  type BootFileSubject,
  biosBootFiles,
  bootFileNames,
  bootFiles,
  content,
  efiBootFiles,
  ipxe,
  pe,
  secureBootNodes,
  served,
  servedWithSlash,
} from '../lib/subjects/boot-files.ts';

/** Content that is no boot file of any kind; one check names it, and the others wait for it to be mended. */
const foreign = new Set(['empty', 'html', 'xml', 'json', 'git-lfs-pointer', 'text', 'zeros']);
const seeContent = { notVerified: 'what is served is no program; see firmware/content' };

const hex = (value: number) => `0x${value.toString(16)}`;
const at = (file: BootFileSubject, what: string) => [
  { where: `${file.conductor.name}: ${file.transport} ${file.name}`, what },
];

const nbp = fact('program in a boot file', async (file: BootFileSubject, use) =>
  readNbp(await use(served, file)),
);

const serving = fact('a name on every conductor', async ({ files }: BootFileName, use) =>
  Promise.all(
    files.map(async (file) => {
      const outcome = await use(outcomeOf(served), file);
      return {
        file,
        sha256: outcome.ok ? (await digestOf(outcome.value, ['sha256'])).hashes['sha256'] : undefined,
      };
    }),
  ),
);

const sizeServed = fact(
  'size of a boot file',
  async (file: BootFileSubject, use) => (await use(served, file)).sizeInBytes,
);

export const firmware = suite('firmware', 'Boot firmware as TFTP and HTTP serve it', [
  check({
    id: 'served',
    title: 'the boot file that Ironic hands out is served',
    why: 'the node prints "PXE-E23: Client received TFTP error from server" or "File not found", and starts over',
    level: 'must',
    ref: 'guide, "Configuring Ironic for multiple architectures": firmware in the tftp server root directory',
    per: bootFiles,
    facts: { got: outcomeOf(served) },
    check: ({ got }, file) =>
      unless(got.ok, () =>
        finding(got.ok ? '' : got.problem, `${file.name}, from ${file.because}`, at(file, 'not served')),
      ),
    fix: putInRoot,
    faults: [
      {
        name: 'the ARM firmware missing',
        subject: 'ipxe_aa64.efi',
        plant: (sim) => sim.everyConductor((c) => c.removeFile('ipxe_aa64.efi')),
      },
      {
        name: 'the x86-64 firmware missing on one conductor',
        subject: 'ipxe.efi on conductor-2',
        plant: (sim) => sim.conductor('conductor-2').removeFile('ipxe.efi'),
      },
    ],
  }),

  check({
    id: 'slash',
    title: 'the boot file is served with a slash before its name, too',
    why: 'some firmware asks for /name: it is refused where the map file has no rule for it, and the node starts over',
    level: 'should',
    ref: 'openstack-ansible-os_ironic, templates of the tftpd map file; tftpd-hpa(8), --map-file',
    per: bootFiles,
    facts: { plain: outcomeOf(served), slash: outcomeOf(servedWithSlash) },
    check({ plain, slash }, file) {
      if (file.transport === 'http') return { notApplicable: 'it is served over HTTP, by its URL' };
      if (!plain.ok)
        return { notVerified: 'the name is not served without a slash either; see firmware/served' };
      return unless(slash.ok, () =>
        finding(slash.ok ? '' : slash.problem, 'the same file', at(file, `/${file.name} is not served`)),
      );
    },
    fix: () => 'add to the map file of tftpd-hpa: r ^/([^/].*)$ /tftpboot/\\1  # then restart tftpd-hpa',
    faults: [
      {
        name: 'names with a slash refused',
        subject: 'on conductor-1',
        plant: (sim) => void (sim.conductor('conductor-1').tftpPrefixes = ['']),
      },
    ],
  }),

  check({
    id: 'content',
    title: 'what is served is a program',
    why: 'the node downloads it, and prints "Exec format error", "Unsupported", or nothing',
    level: 'must',
    ref: 'ironic_tftp_extra_content downloads without a checksum, and never again',
    per: bootFiles,
    facts: { content },
    check: ({ content }, file) =>
      unless(!foreign.has(content), () =>
        finding(contentNames[content], 'a boot program', at(file, contentNames[content])),
      ),
    fix: putInRoot,
    faults: [
      {
        name: 'the error page of a proxy',
        subject: 'ipxe_aa64.efi',
        plant: (sim) =>
          sim.everyConductor((c) =>
            c.replaceFile(
              'ipxe_aa64.efi',
              Buffer.from('<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head></html>\n'),
            ),
          ),
      },
      {
        name: 'an empty file',
        subject: 'ipxe.efi',
        plant: (sim) => sim.everyConductor((c) => c.replaceFile('ipxe.efi', Buffer.alloc(0))),
      },
      {
        name: 'a Git LFS pointer',
        subject: 'undionly.kpxe',
        plant: (sim) =>
          sim.everyConductor((c) =>
            c.replaceFile(
              'undionly.kpxe',
              Buffer.from(
                `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 1048576\n`,
              ),
            ),
          ),
      },
    ],
  }),

  check({
    id: 'efi-application',
    title: 'a UEFI node is given an EFI application',
    why: 'the firmware refuses what is no EFI application: "Unsupported", and the next boot device',
    level: 'must',
    ref: 'UEFI specification, "UEFI Images"; PE subsystem 10',
    per: efiBootFiles,
    facts: { content, pe: outcomeOf(pe) },
    check({ content, pe }, file) {
      if (foreign.has(content)) return seeContent;
      if (!pe.ok) return [finding(pe.problem, 'a PE32+ EFI application', at(file, contentNames[content]))];
      const { isEfiApplication, subsystem } = pe.value;
      return unless(isEfiApplication, () =>
        finding(`PE subsystem ${subsystem}`, '10, an EFI application', at(file, `subsystem ${subsystem}`)),
      );
    },
    fix: putInRoot,
    faults: [
      {
        name: 'BIOS firmware for UEFI nodes',
        subject: 'x86_64 uefi ipxe.efi',
        plant: (sim) => sim.everyConductor((c) => c.replaceFile('ipxe.efi', c.file('undionly.kpxe'))),
        also: ['firmware/ipxe'],
      },
      {
        name: 'an EFI driver in place of an application',
        subject: 'ipxe_aa64.efi',
        plant: (sim) =>
          sim.everyConductor((c) => {
            const driver = Buffer.from(c.file('ipxe_aa64.efi'));
            driver.writeUInt16LE(11, driver.readUInt32LE(0x3c) + 24 + 68);
            c.replaceFile('ipxe_aa64.efi', driver);
          }),
      },
    ],
  }),

  check({
    id: 'machine',
    title: 'the boot file is built for the machine that runs it',
    why: 'the firmware prints "Image type X64 can\'t be loaded on AARCH64 UEFI system", or "Unsupported", or nothing but a blank screen',
    level: 'must',
    ref: 'PE/COFF specification, machine types; UEFI specification, "UEFI Images"',
    per: efiBootFiles,
    facts: { pe },
    check: ({ pe }, file) =>
      unless(pe.architecture?.name === file.architecture, () =>
        finding(
          `built for ${pe.architecture?.name ?? 'an unknown machine'} (PE machine ${hex(pe.machine)})`,
          `built for ${file.architecture}`,
          at(file, `handed out by ${file.because}`),
        ),
      ),
    fix: putInRoot,
    faults: [
      {
        name: 'x86-64 firmware under the ARM name',
        subject: 'ipxe_aa64.efi',
        plant: (sim) => sim.everyConductor((c) => c.replaceFile('ipxe_aa64.efi', c.file('ipxe.efi'))),
      },
      {
        name: 'ARM firmware under the x86-64 name',
        subject: 'ipxe.efi',
        plant: (sim) => sim.everyConductor((c) => c.replaceFile('ipxe.efi', c.file('ipxe_aa64.efi'))),
      },
    ],
  }),

  check({
    id: 'whole',
    title: 'the EFI file is whole',
    why: 'the firmware loads it and finds a section missing: "Load Error", or the machine hangs',
    level: 'must',
    ref: 'PE/COFF specification, section table: PointerToRawData and SizeOfRawData',
    per: efiBootFiles,
    facts: { pe, size: sizeServed },
    check: ({ pe: { neededSizeInBytes }, size }, file) =>
      unless(neededSizeInBytes <= size, () =>
        finding(
          `${size} bytes`,
          `at least the ${neededSizeInBytes} bytes that its sections fill`,
          at(file, 'cut short'),
        ),
      ),
    fix: putInRoot,
    faults: [
      {
        name: 'half of the file',
        subject: 'ipxe_aa64.efi',
        plant: (sim) =>
          sim.everyConductor((c) => {
            const file = c.file('ipxe_aa64.efi');
            c.replaceFile('ipxe_aa64.efi', file.subarray(0, file.length - 256));
          }),
      },
    ],
  }),

  check({
    id: 'ipxe',
    title: 'a node whose boot interface is ipxe is given iPXE',
    why: 'GRUB or PXELINUX starts and looks for its own configuration, which Ironic has not written: "grub>" or "No DEFAULT or UI"',
    level: 'must',
    ref: 'guide: this configuration assumes the use of iPXE; ironic/drivers/modules/ipxe.py',
    per: bootFiles,
    facts: { content, pe: outcomeOf(pe), ipxe, nbp: outcomeOf(nbp) },
    check({ content, ipxe, nbp, pe }, file) {
      if (!file.ipxe) return { notApplicable: 'its nodes boot with GRUB or PXELINUX' };
      if (foreign.has(content)) return seeContent;
      const bios = nbp.ok && nbp.value.kind === 'bios-ipxe';
      const holds = file.mode === 'uefi' ? ipxe.isIpxe : bios || ipxe.isIpxe;
      return unless(holds, () =>
        finding(
          pe.ok ? 'an EFI application that is not iPXE' : contentNames[content],
          'iPXE',
          at(file, 'no text of iPXE in it'),
        ),
      );
    },
    fix: putInRoot,
    faults: [
      {
        name: 'GRUB in place of iPXE',
        subject: 'ipxe.efi',
        plant: (sim) => sim.everyConductor((c) => c.replaceFile('ipxe.efi', c.file('bootx64.efi'))),
      },
    ],
  }),

  check({
    id: 'bios-program',
    title: 'a BIOS node is given a BIOS program',
    why: 'the PXE ROM runs the header of an EFI file as code: the machine hangs, or prints "PXE-E79: NBP is too big"',
    level: 'must',
    ref: 'Preboot Execution Environment (PXE) 2.1, "Network bootstrap program"',
    per: biosBootFiles,
    facts: { content, nbp },
    check({ content, nbp }, file) {
      if (foreign.has(content)) return seeContent;
      return unless(nbp.kind === 'bios-ipxe' || nbp.kind === 'bios-pxelinux', () =>
        finding(
          nbp.kind === 'efi' ? 'an EFI application' : contentNames[content],
          'a BIOS network boot program',
          at(file, `from ${file.because}`),
        ),
      );
    },
    fix: ({ name, conductor }) => `put undionly.kpxe in the TFTP root of ${conductor.name} as ${name}`,
    faults: [
      {
        name: 'EFI firmware for BIOS nodes',
        subject: 'x86_64 bios undionly.kpxe',
        plant: (sim) => sim.everyConductor((c) => c.replaceFile('undionly.kpxe', c.file('ipxe.efi'))),
      },
    ],
  }),

  check({
    id: 'secure-boot',
    title: 'what a node with Secure Boot is given is signed',
    why: 'the firmware stops with "Security Violation" or "Access Denied"',
    level: 'must',
    ref: 'UEFI specification, "Secure Boot and Driver Signing"; PE certificate table',
    per: efiBootFiles,
    facts: { pe },
    check({ pe }, file) {
      const nodes = secureBootNodes(file);
      if (nodes.length === 0) return { notApplicable: 'none of its nodes has Secure Boot' };
      return unless(pe.signed, () =>
        finding('not signed', `signed, for ${nodes.join(', ')}`, at(file, 'its certificate table is empty')),
      );
    },
    fix: 'use a signed shim and GRUB (boot interface pxe) for these nodes, sign iPXE with a key that they trust, or turn Secure Boot off',
    faults: [
      {
        name: 'Secure Boot asked of a node',
        subject: 'ipxe_aa64.efi',
        plant: (sim) => void (sim.node('arm-01').properties.capabilities = 'boot_mode:uefi,secure_boot:true'),
      },
    ],
  }),

  check({
    id: 'same',
    title: 'all conductors serve the same file',
    why: 'it depends on the conductor which build a node boots, and whether it does',
    level: 'should',
    ref: 'ironic/common/hash_ring.py: any conductor may come to manage any node',
    per: bootFileNames,
    facts: { serving },
    check({ serving }) {
      const present = serving.filter(({ sha256 }) => sha256 !== undefined);
      const builds = Map.groupBy(present, ({ sha256 }) => sha256);
      return unless(builds.size <= 1, () =>
        finding(
          `${builds.size} different files`,
          'one file',
          present.map(({ file, sha256 }) => ({
            where: `${file.conductor.name}: ${file.transport} ${file.name}`,
            what: `sha256 ${sha256}`,
          })),
        ),
      );
    },
    fix: 'copy the file from one conductor to the others',
    faults: [
      {
        name: 'another build on one conductor',
        subject: 'aarch64 uefi ipxe_aa64.efi',
        plant(sim) {
          const conductor = sim.conductor('conductor-2');
          conductor.replaceFile(
            'ipxe_aa64.efi',
            Buffer.concat([conductor.file('ipxe_aa64.efi'), Buffer.alloc(16)]),
          );
        },
      },
    ],
  }),

  ...fileChecks,
]);
