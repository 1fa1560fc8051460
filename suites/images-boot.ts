import { check, finding, unless } from '../lib/check.ts';
import { outcomeOf } from '../lib/facts.ts';
import {
  bootMenu,
  entriesInUse,
  espContent,
  kernels,
  loadedInitrds,
  startedKernels,
} from '../lib/subjects/guest-boot.ts';
import { type Root, root, userImages } from '../lib/subjects/user-images.ts';
import type { BootEntry } from '../lib/guest/boot-entries/boot-entries.ts';
import type { DeviceName } from '../lib/guest/boot-entries/options.ts';
import { espChecks } from './images-boot-esp.ts';
import { rocky, ubuntu } from './images-guest.ts';

const elements = 'build it again: disk-image-create … vm block-device-efi …  # and upload it';

const ubuntuRelease = '6.8.0-60-generic';

/** A file in the root file system, as evidence. */
const at = ({ fs }: Root, path: string, what: string) => [{ where: `${fs.origin} › ${path}`, what }];

/** Whether paths of an entry are looked for in the root file system, as far as the script says. */
function isOfRoot({ search }: BootEntry, { fs }: Root): boolean {
  if (search === undefined) return true;
  return search.kind === 'LABEL'
    ? search.value === fs.label
    : search.value.toLowerCase() === fs.uuid.toLowerCase();
}

/** Whether the script alone says that the entry is there and what this part of it is. */
function isCertain({ conditional }: BootEntry, part: string): boolean {
  return !conditional && !part.includes('$');
}

function spelled({ kind, value }: DeviceName): string {
  return kind === 'device' ? value : `${kind}=${value}`;
}

/** systemd-gpt-auto-generator finds a root of these types by itself: Discoverable Partitions Specification. */
const rootTypes = new Set([
  'B921B045-1DF0-41C3-AF44-4C6F280D3FAE',
  '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
  '72EC70A6-CF74-40E6-BD49-4BDA08E8F224',
]);

/** Names that only the host of the build gives. */
const ofBuildHost = /^\/dev\/(mapper\/)?(loop|nbd)\d/;

/** Serial devices that machines of an architecture do not have, and the one that they do. */
const consoles: Readonly<Record<string, { readonly foreign: RegExp; readonly own: string }>> = {
  aarch64: { foreign: /^ttyS\d/, own: 'ttyAMA0' },
  x86_64: { foreign: /^ttyAMA\d/, own: 'ttyS0' },
};

/** The checks of what a user image boots: kernel, initramfs, root and the loaders before them. */
export const bootChecks = [
  check({
    id: 'kernel',
    title: 'the image holds a kernel of its architecture, and the boot entry starts it',
    why: 'GRUB prints "error: file ‘/boot/vmlinuz-…’ not found" or "invalid magic number" and waits for a key',
    level: 'must',
    ref: 'diskimage-builder, elements/bootloader; Linux, Documentation/arch/arm64/booting.rst, arch/x86/boot.rst',
    per: userImages,
    facts: { root, kernels, started: outcomeOf(startedKernels), esp: outcomeOf(espContent) },
    check({ root, kernels, started, esp }, { architecture }) {
      const entries = started.ok ? started.value : [];
      const absent = entries
        .filter(({ entry, path, exists }) => !exists && isCertain(entry, path) && isOfRoot(entry, root))
        .map(({ entry, path }) =>
          finding(`${path} is not there`, 'the kernel that the boot entry names', [
            ...at(root, entry.source, `linux ${path}`),
          ]),
        );
      if (absent.length > 0) return absent;
      if (kernels.length === 0) {
        const others = esp.ok ? esp.value.loaders.filter(({ path }) => /^\/EFI\/Linux\//i.test(path)) : [];
        if (others.length > 0)
          return { notVerified: `the kernel is in ${others.map(({ path }) => path).join(', ')} on the ESP` };
        if (entries.some(({ exists }) => exists)) return { notVerified: 'its kernels have unusual names' };
        return [finding('no kernel', `a kernel for ${architecture}`, at(root, '/boot', 'no vmlinuz-*'))];
      }
      return kernels.flatMap(({ path, rescue, kernel, problem }) => {
        if (rescue) return [];
        const expected = `a kernel for ${architecture}`;
        const damage = problem ?? kernel?.damage;
        if (damage !== undefined) return [finding(damage, expected, at(root, path, 'its bytes'))];
        return unless(kernel?.architecture.name === architecture, () =>
          finding(
            `${kernel?.form ?? 'a kernel'} for ${kernel?.architecture.name ?? 'an unknown machine'}`,
            expected,
            at(root, path, kernel?.release ?? 'no release'),
          ),
        );
      });
    },
    fix: elements,
    faults: [
      {
        name: 'no kernel',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk((disk) => disk.root().rename(`vmlinuz-${ubuntuRelease}`, `gone-uz-${ubuntuRelease}`)),
      },
      {
        name: 'an ARM kernel in an x86-64 image',
        subject: rocky,
        plant: (sim) =>
          sim.image(rocky).editDisk((disk) => {
            // The setup header of a bzImage is at 0x202, the magic of an arm64 Image at 0x38.
            const header = disk.bytes.indexOf('HdrS');
            disk.bytes.write('ARMd', header - 0x202 + 0x38, 'latin1');
            disk.replaceText('HdrS', '\0\0\0\0');
          }),
      },
    ],
  }),

  check({
    id: 'modules',
    title: 'the modules of the kernel are in the image',
    why: 'the node boots without network: "modprobe: FATAL: Module … not found in directory /lib/modules/…"',
    level: 'must',
    ref: 'depmod(8), modprobe(8)',
    per: userImages,
    facts: { root, kernels },
    check({ root, kernels }) {
      const known = kernels.flatMap(({ kernel, rescue, ...rest }) =>
        rescue || kernel?.release === undefined ? [] : [{ ...rest, release: kernel.release }],
      );
      if (known.length === 0)
        return { notVerified: 'the release of no kernel in /boot is known; see images/kernel' };
      return known.flatMap(({ path, release, modules, modulesListed }) =>
        unless(modulesListed, () =>
          finding(
            modules === undefined ? `no modules for ${release}` : `${modules} has no modules.dep`,
            `/usr/lib/modules/${release} with modules.dep`,
            at(root, path, `Linux ${release}`),
          ),
        ),
      );
    },
    fix: 'install the package of the modules that belongs to the kernel (linux-modules-…, kernel-modules-core), and build the image again',
    faults: [
      {
        name: 'modules of another release',
        subject: ubuntu,
        plant: (sim) =>
          sim.image(ubuntu).editDisk((disk) => disk.root().rename(ubuntuRelease, '6.8.0-59-generic')),
      },
      {
        name: 'modules never listed by depmod',
        subject: rocky,
        plant: (sim) => sim.image(rocky).editDisk((disk) => disk.root().rename('modules.dep', 'modules.xxx')),
      },
    ],
  }),

  check({
    id: 'initrd',
    title: 'the initramfs that the boot entry loads is there, whole and of that kernel',
    why: 'the kernel panics: "VFS: Unable to mount root fs on unknown-block(0,0)"',
    level: 'must',
    ref: 'Linux, Documentation/driver-api/early-userspace/buffer-format.rst',
    per: userImages,
    facts: { root, menu: bootMenu, kernels, initrds: loadedInitrds },
    check({ root, menu, kernels, initrds }) {
      const inUse = entriesInUse(menu);
      const entries = inUse.filter((entry) => isOfRoot(entry, root));
      if (entries.length === 0) {
        const [other] = inUse.flatMap(({ search }) => search ?? []);
        return {
          notVerified:
            other === undefined
              ? 'there is no boot entry; see images/boot-root'
              : `boot entries load from another file system, ${spelled(other)}, which is not read`,
        };
      }
      const certain = entries.filter((entry) => isCertain(entry, entry.initrds.join(' ')));
      // Only an initramfs can find a file system by its label or UUID: the kernel itself cannot.
      const without = certain.flatMap((entry) => {
        const { initrds, root: named, source, title } = entry;
        if (initrds.length > 0 || (named?.kind !== 'LABEL' && named?.kind !== 'UUID')) return [];
        return [finding('no initrd', `one, to find root=${spelled(named)}`, at(root, source, title))];
      });
      const wrong = initrds.flatMap(({ entry, path, exists, problem, releases }) => {
        if (!certain.includes(entry)) return [];
        const evidence = at(root, entry.source, `initrd ${path}`);
        if (!exists)
          return [finding(`${path} is not there`, 'the initrd that the boot entry names', evidence)];
        if (problem !== undefined) return [finding(problem, 'an initramfs that unpacks', evidence)];
        const release = kernels.find((kernel) => kernel.path === entry.kernel)?.kernel?.release;
        const fits = release === undefined || releases.length === 0 || releases.includes(release);
        return unless(fits, () =>
          finding(`modules for ${releases.join(', ')}`, `modules for ${release ?? ''}`, [
            ...at(root, path, `loaded with ${entry.kernel}`),
          ]),
        );
      });
      const [doubt] = entries.flatMap(({ unevaluated }) => unevaluated);
      if (certain.length === 0) {
        return { notVerified: `only a running GRUB can tell what is loaded: ${doubt ?? 'a condition'}` };
      }
      return [...without, ...wrong];
    },
    fix: 'update-initramfs -u -k all or dracut --regenerate-all --force in the image, then build it again',
    faults: [
      {
        name: 'the initrd missing',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk((disk) =>
              disk.root().rename(`initrd.img-${ubuntuRelease}`, `initrd.old-${ubuntuRelease}`),
            ),
      },
      {
        name: 'an initramfs that is not one',
        subject: rocky,
        plant: (sim) =>
          sim.image(rocky).editDisk((disk) => {
            // What gzip -9 -n begins with.
            disk.replaceText(Buffer.from('1f8b0800000000000203', 'hex'), Buffer.alloc(10, 0x5a));
          }),
      },
    ],
  }),

  check({
    id: 'boot-root',
    title: 'the boot entry names the root that is on the disk',
    why: 'the initramfs waits and drops to a shell: "Gave up waiting for root file system device", "Warning: /dev/disk/by-uuid/… does not exist"',
    level: 'must',
    ref: 'diskimage-builder, elements/bootloader/finalise.d/50-bootloader (GRUB_DEVICE); Linux, kernel-parameters.rst "root="',
    per: userImages,
    facts: { root, menu: outcomeOf(bootMenu), esp: outcomeOf(espContent) },
    check({ root, menu, esp }) {
      const { fs, partition } = root;
      if (!menu.ok)
        return [finding(menu.problem, 'a menu that GRUB can read', at(root, '/boot', 'its menu'))];
      const entries = entriesInUse(menu.value);
      if (entries.length === 0) {
        const [unread] = menu.value.unevaluated;
        if (unread !== undefined) return { notVerified: unread };
        const others = esp.ok
          ? esp.value.vendorDirectories.filter((path) => /\/(systemd|Linux)$/i.test(path))
          : [];
        if (others.length > 0) return { notVerified: `another boot loader than GRUB: ${others.join(', ')}` };
        return [
          finding('no boot entry', 'one that starts a kernel', [
            ...at(root, '/boot', menu.value.scripts.join(', ') || 'neither grub.cfg nor loader/entries'),
          ]),
        ];
      }
      const own: Record<DeviceName['kind'], string> = {
        LABEL: fs.label,
        UUID: fs.uuid.toLowerCase(),
        PARTLABEL: partition.name,
        PARTUUID: partition.uuid.toLowerCase(),
        device: '',
      };
      const names = (['LABEL', 'UUID', 'PARTUUID'] as const)
        .filter((kind) => own[kind] !== '')
        .map((kind) => `${kind}=${own[kind]}`);
      const expected = `root= one of ${names.join(', ')}`;
      const open: string[] = [];
      const found = entries.flatMap((entry) => {
        const { source, title, root: named, unevaluated } = entry;
        const evidence = at(root, source, title);
        if (!isCertain(entry, named?.value ?? entry.options)) {
          open.push(`only a running GRUB can tell: ${unevaluated[0] ?? 'a condition'}`);
          return [];
        }
        if (named === undefined) {
          return unless(rootTypes.has(partition.typeGuid ?? ''), () =>
            finding('no root=', expected, evidence),
          );
        }
        if (named.value.includes('/PARTNROFF=')) {
          open.push(`root=${spelled(named)} counts from another partition, which is not followed`);
          return [];
        }
        if (named.kind === 'device') {
          if (ofBuildHost.test(named.value)) return [finding(`root=${named.value}`, expected, evidence)];
          open.push(`root=${named.value} depends on the node: nothing on the disk has that name`);
          return [];
        }
        const value = named.kind.endsWith('UUID') ? named.value.toLowerCase() : named.value;
        return unless(value === own[named.kind], () => finding(`root=${spelled(named)}`, expected, evidence));
      });
      const [reason] = open;
      return found.length === 0 && reason !== undefined ? { notVerified: reason } : found;
    },
    fix: 'correct root= (GRUB_DEVICE in /etc/default/grub, options in /boot/loader/entries), run grub-mkconfig in the image, and build it again',
    faults: [
      {
        name: 'a label that no file system has',
        subject: ubuntu,
        plant: (sim) =>
          sim.image(ubuntu).editDisk((disk) => {
            disk.replaceText('root=LABEL=cloudimg-rootfs', 'root=LABEL=img-rootfs     ');
            // Ubuntu's own scripts always have a variable there that only a running GRUB knows.
            disk.replaceText('no_timer_check nofb', '$grub_platform nofb');
          }),
      },
      {
        name: 'the root of the build host',
        subject: rocky,
        plant: (sim) =>
          sim
            .image(rocky)
            .editDisk((disk) => disk.replaceText('root=LABEL=cloudimg-rootfs', 'root=/dev/mapper/loop0p3  ')),
      },
      {
        name: 'a grub.cfg that GRUB refuses',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk((disk) => disk.replaceText("menuentry 'Ubuntu' ", 'menuentry "Ubuntu\' ')),
      },
    ],
  }),

  check({
    id: 'console',
    title: 'the serial console is one that machines of the architecture have',
    why: 'the console over SOL stays black from GRUB on, and no login prompt comes',
    level: 'should',
    ref: 'diskimage-builder, elements/bootloader/finalise.d/50-bootloader: ttyAMA0 only for "arm64", not for "aarch64"',
    per: userImages,
    facts: { root, menu: bootMenu },
    check({ root, menu }, { architecture }) {
      const known = consoles[architecture];
      if (known === undefined)
        return { notApplicable: `nothing is known of the consoles of ${architecture}` };
      const entries = entriesInUse(menu);
      if (entries.length === 0) return { notVerified: 'there is no boot entry; see images/boot-root' };
      return entries.flatMap(({ source, consoles: named, conditional }) => {
        const serial = named.filter((console) => !/^tty\d*$/.test(console));
        const isForeign = serial.length > 0 && serial.every((console) => known.foreign.test(console));
        return unless(!isForeign || conditional, () =>
          finding(serial.map((console) => `console=${console}`).join(' '), `console=${known.own}`, [
            ...at(root, source, named.map((console) => `console=${console}`).join(' ')),
          ]),
        );
      });
    },
    fix: ({ architecture }) =>
      architecture === 'aarch64'
        ? 'build it with -a arm64 (not aarch64), or with DIB_BOOTLOADER_SERIAL_CONSOLE=ttyAMA0,115200'
        : 'build it with DIB_BOOTLOADER_SERIAL_CONSOLE=ttyS0,115200',
    faults: [
      {
        name: 'ttyS0 on ARM',
        subject: ubuntu,
        plant: (sim) =>
          sim
            .image(ubuntu)
            .editDisk((disk) => disk.replaceText('console=ttyAMA0,115200', 'console=ttyS0,115200  ')),
      },
    ],
  }),

  ...espChecks,
];
