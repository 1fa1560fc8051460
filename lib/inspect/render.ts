import { type Paint, painter } from '../report/style.ts';
import { wrap } from '../report/text.ts';
import type { Inspection } from './inspect.ts';
import { type Read, valueOf } from './read.ts';
import { diskBranches } from './render-disk.ts';
import { modulesText, programsText, readBranch, readBranches, trouble, wholeBranch } from './render-lines.ts';
import { sizeText } from '../size.ts';
import { type Branch, drawTree, harmless } from './tree.ts';

export interface RenderOptions {
  /** Of the terminal, in characters. */
  readonly width: number;
  readonly colour: boolean;
}

/** An inspection for people: what it is in one line, and a tree of what is in it. */
export function renderInspection(inspection: Inspection, options: RenderOptions): string {
  const paint = painter(options.colour);
  const { origin, sizeInBytes, bytesRead, understood } = inspection;
  const say = (text: string) => text.replaceAll(`${origin} › `, '').replaceAll(`${origin}: `, '');
  const { what, branches } = partsOf(inspection);
  const read = bytesRead >= sizeInBytes ? 'all of it read' : `${sizeText(bytesRead)} of it read`;
  const size = sizeInBytes === 0 ? 'empty' : `${sizeText(sizeInBytes)}, ${read}`;
  return [
    ...wrap(harmless(origin), options.width).map((line) => paint('bold', line)),
    ...wrap(`${harmless(what)} · ${size}`, options.width),
    ...drawTree(mapped(branches, say), options.width, paint),
    ...ending(understood, options.width, paint),
  ].join('\n');
}

function ending(understood: boolean, width: number, paint: Paint): string[] {
  if (understood) return [];
  const text = 'Not all of it is sound, or could be read: see the lines with !';
  return wrap(text, width).map((line) => paint('yellow', line));
}

function mapped(branches: readonly Branch[], say: (text: string) => string): Branch[] {
  return branches.map((branch) => ({
    ...branch,
    value: say(branch.value),
    ...(branch.below !== undefined && { below: mapped(branch.below, say) }),
  }));
}

function partsOf(inspection: Inspection): { what: string; branches: readonly Branch[] } {
  switch (inspection.kind) {
    case 'disk image':
      return diskBranches(inspection);
    case 'kernel':
      return {
        what: `a Linux kernel${forArchitecture(inspection.kernel)}`,
        branches: readBranches(inspection.kernel, kernelBranches),
      };
    case 'initramfs':
      return {
        what: `an initramfs${forPrograms(inspection.initramfs)}`,
        branches: readBranches(inspection.initramfs, initramfsBranches),
      };
    case 'EFI program':
      return {
        what: `an EFI program${forArchitecture(inspection.efi)}`,
        branches: readBranches(inspection.efi, efiBranches),
      };
    case 'BIOS boot file':
      return {
        what: 'a boot file for x86 BIOS',
        branches: [
          {
            label: 'program',
            value:
              inspection.bios === 'iPXE'
                ? 'iPXE; its version and features are compressed, and not read'
                : inspection.bios,
          },
        ],
      };
    case 'other':
      return {
        what: inspection.contentName,
        branches: inspection.problems.map((problem) => trouble('', problem)),
      };
  }
}

/** What it is for stands in the first line, where it is known. */
function forArchitecture(read: Read<{ readonly architecture: string }>): string {
  return 'value' in read ? ` for ${read.value.architecture}` : '';
}

function forPrograms(read: Read<Facts<'initramfs', 'initramfs'>>): string {
  const programs = valueOf(valueOf(read)?.programs);
  return programs === undefined ? '' : ` for ${programs.architectures.join(' and ')}`;
}

type Facts<Kind extends Inspection['kind'], Key extends string> =
  Extract<Inspection, { kind: Kind }> extends Readonly<Record<Key, Read<infer Value>>> ? Value : never;

function kernelBranches(kernel: Facts<'kernel', 'kernel'>): Branch[] {
  const { form, release, compression, pageSizeInBytes, efiStub, signed, damage } = kernel;
  const efi = efiStub ? 'EFI can start it as it is' : 'no EFI stub: EFI cannot start it by itself';
  const signature = signed === undefined ? '' : signed ? '; signed (not verified)' : '; not signed';
  return [
    { label: 'form', value: form },
    readBranch('release', release, (text) => text),
    ...(compression === undefined ? [] : [{ label: 'compression', value: compression }]),
    ...(pageSizeInBytes === undefined
      ? []
      : [
          { label: 'pages', value: `${sizeText(pageSizeInBytes)}: a CPU without this granule cannot run it` },
        ]),
    { label: 'firmware', value: efi + signature },
    wholeBranch(damage, kernel.neededSizeInBytes),
  ];
}

function initramfsBranches(initramfs: Facts<'initramfs', 'initramfs'>): Branch[] {
  const { segments, entries, unpackedSizeInBytes, lost } = initramfs;
  const one = segments.map(({ compression, offset, entries, xzCheck }) => {
    const how = compression === 'none' ? 'not compressed' : compression;
    const check = xzCheck === undefined ? '' : ` with check ${xzCheck}`;
    return { label: `at ${offset}`, value: `${how}${check}, ${counted(entries)}` };
  });
  return [
    readBranch('system', initramfs.system, (name) => name),
    readBranch('programs', initramfs.programs, ({ architectures, programs }) =>
      programsText(architectures, programs.length),
    ),
    readBranch('modules', initramfs.moduleReleases, (releases) => {
      const { modules } = initramfs;
      const counts = 'value' in modules ? `, ${modulesText(modules.value)}` : '';
      return `of kernel ${releases.join(', ')}${counts}`;
    }),
    readBranch(
      'agent',
      initramfs.agent,
      ({ version, unitEnabled }) => {
        const starts = unitEnabled ? 'its unit is enabled' : 'no target wants its unit';
        return `ironic-python-agent ${version ?? 'of unknown version'}, ${starts}`;
      },
      ({ path }) => [{ label: 'in', value: path }],
    ),
    {
      label: 'contents',
      value: `${counted(entries)}, ${sizeText(unpackedSizeInBytes)} unpacked`,
      below: one,
    },
    ...(lost.length === 0
      ? []
      : [
          {
            label: 'dropped',
            value: `${counted(lost.length)} whose directory is not there: ${lost.slice(0, 5).join(', ')}`,
            format: 'yellow' as const,
          },
        ]),
  ];
}

function efiBranches(efi: Facts<'EFI program', 'efi'>): Branch[] {
  return [
    { label: 'machine', value: `${efi.architecture} (${efi.magic})` },
    { label: 'subsystem', value: efi.subsystem },
    { label: 'sections', value: efi.sections.join(' ') || 'none' },
    { label: 'signature', value: efi.signed ? 'signed (not verified)' : 'not signed' },
    readBranch('iPXE', efi.ipxe, ({ version, buildName, features }) => {
      const built = buildName === undefined ? '' : `, built as ${buildName}`;
      return `${version ?? 'of unknown version'}${built}; ${features.join(' ') || 'no features found'}`;
    }),
    wholeBranch(efi.damage, efi.neededSizeInBytes),
  ];
}

function counted(entries: number): string {
  return entries === 1 ? '1 entry' : `${entries} entries`;
}
