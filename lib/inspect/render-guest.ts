import type { FstabReference } from '../guest/fstab.ts';
import type { MachineId } from '../guest/machine-id.ts';
import type { BootEntryFacts, BootFacts, BootMenuFacts } from './boot.ts';
import { startedOf } from './started.ts';
import type { BootKernelFacts, InitrdFacts } from './boot-kernels.ts';
import type { CloudInitFacts } from './cloud-init.ts';
import type { DibFacts, GuestFacts, SshFacts } from './guest.ts';
import type { DatasourceOutcome } from '../guest/cloud-init/datasource.ts';
import { modulesText, programsText, readBranch } from './render-lines.ts';
import { sizeText } from '../size.ts';
import type { Branch } from './tree.ts';

/** The operating system in a root file system. */
export function guestBranches(guest: GuestFacts): Branch[] {
  return [
    readBranch(
      'system',
      guest.osRelease,
      ({ name, id, versionId }) => `${name} (${[id, versionId].filter(Boolean).join(' ')})`,
      ({ notes }) => notesOf(notes),
    ),
    readBranch('programs', guest.programs, ({ architectures, programs }) =>
      programsText(architectures, programs.length),
    ),
    readBranch(
      'packages',
      guest.packages,
      ({ manager, count, architectures }) => {
        const each = Object.entries(architectures).map(([name, number]) => `${number} ${name}`);
        return `${count} by ${manager} (${each.join(', ')})`;
      },
      ({ notes }) => notesOf(notes),
    ),
    ...bootBranches(guest.boot, 'root'),
    readBranch('cloud-init', guest.cloudInit, cloudInitText, cloudInitBranches),
    readBranch('SSH', guest.ssh, sshText),
    readBranch(
      'fstab',
      guest.fstab,
      ({ entries }) => (entries.length === 0 ? 'no entries' : ''),
      ({ entries, notes }) => [
        ...entries.map(({ reference, device, mountPoint, type, leadsTo }) =>
          deviceBranch(mountPoint, `${deviceText(reference, device)}, ${type}`, leadsTo),
        ),
        ...notesOf(notes),
      ],
    ),
    readBranch('machine-id', guest.machineId, machineIdText),
    ...(guest.dib === undefined
      ? []
      : [readBranch('built by', guest.dib, dibText, ({ notes }) => notesOf(notes))]),
  ];
}

/** How it boots; modules are in the root, not in a partition for /boot. */
export function bootBranches({ kernels, menu }: BootFacts, place: 'root' | 'boot'): Branch[] {
  return [
    ...kernelBranches(kernels, place),
    ...('value' in menu ? menuBranches(menu.value) : [readBranch('boot menu', menu, () => '')]),
  ];
}

function kernelBranches(kernels: BootFacts['kernels'], place: 'root' | 'boot'): Branch[] {
  if (!('value' in kernels)) return [readBranch('kernels', kernels, () => '')];
  return kernels.value.map((kernel) => ({
    label: 'kernel',
    value: kernelText(kernel),
    below: [
      { label: 'file', value: `${kernel.path}, ${sizeText(kernel.sizeInBytes)}` },
      ...(kernel.initrds.length === 0
        ? [{ label: 'initrd', value: 'none of this name', format: 'yellow' as const }]
        : kernel.initrds.map((initrd) => initrdBranch(initrd, kernel.release))),
      ...(place === 'boot' ? [] : [modulesBranch(kernel)]),
    ],
  }));
}

function initrdBranch({ path, sizeInBytes, content }: InitrdFacts, release: string): Branch {
  const file = `${path}, ${sizeText(sizeInBytes)}`;
  if (content === undefined) return { label: 'initrd', value: file };
  if (!('value' in content))
    return readBranch('initrd', 'notRead' in content ? content : { absent: file }, () => '');
  const { programs, moduleReleases, modules } = content.value;
  const other =
    'value' in moduleReleases && !moduleReleases.value.includes(release)
      ? `, of ${moduleReleases.value.join(', ')}`
      : '';
  const architectures = 'value' in programs ? programs.value.architectures.join(' and ') : '';
  const loaded = 'value' in modules ? `${modulesText(modules.value)}${other}` : 'no kernel modules';
  return {
    label: 'initrd',
    value: [file, architectures, loaded].filter(Boolean).join(', '),
    ...(other !== '' && { format: 'yellow' as const }),
  };
}

function modulesBranch({ modules, modulesListed }: BootKernelFacts): Branch {
  if (modules === undefined) return { label: 'modules', value: 'none of this release', format: 'yellow' };
  if (modulesListed === undefined) return { label: 'modules', value: modules };
  return readBranch('modules', modulesListed, (counts) => `${modules}, ${modulesText(counts)}`);
}

const entriesShown = 3;

function menuBranches({ entries, notes }: BootMenuFacts): Branch[] {
  const started = startedOf(entries);
  if (started === undefined) return [{ label: 'boot menu', value: 'no entry', format: 'yellow' }];
  const byDefault = entries.filter(({ isDefault }) => isDefault);
  const shown = (byDefault.length > 0 ? byDefault : entries).slice(0, entriesShown);
  const others = entries.length - shown.length;
  return [
    ...shown.map(entryBranch),
    ...(others > 0 ? [{ label: 'others', value: `${others} more in the menu` }] : []),
    ...notesOf(notes),
  ];
}

function entryBranch(entry: BootEntryFacts): Branch {
  const { title, source, isDefault, kernel, initrds, root, rootLeadsTo, consoles } = entry;
  const lost = [kernel, ...initrds].filter(({ exists }) => !exists).map(({ path }) => path);
  return {
    label: 'boot entry',
    value: `“${title}”${isDefault ? ', the default' : ''} (${source})`,
    below: [
      ...lost.map((path) => ({
        label: 'loads',
        value: `${path}, which is not there`,
        format: 'yellow' as const,
      })),
      root === undefined
        ? { label: 'root', value: 'no root= on its command line', format: 'yellow' as const }
        : deviceBranch('root', root, rootLeadsTo),
      { label: 'console', value: consoles.join(', ') || 'none named' },
    ],
  };
}

/** What names a device, and what on the disk it leads to. */
function deviceBranch(label: string, device: string, leadsTo: BootEntryFacts['rootLeadsTo']): Branch {
  if (leadsTo === undefined) return { label, value: device };
  if ('value' in leadsTo) return { label, value: `${device}: ${leadsTo.value}` };
  return readBranch(
    label,
    'absent' in leadsTo ? { absent: `${device}: ${leadsTo.absent}` } : leadsTo,
    () => '',
  );
}

function kernelText({ release, releaseFrom, form, architecture, rescue }: BootKernelFacts): string {
  const named = releaseFrom === 'name' ? ' (by its name)' : '';
  const use = rescue ? ', for rescue' : '';
  return `${release}${named}, ${form}, ${architecture ?? 'of unknown architecture'}${use}`;
}

function cloudInitText({ version, enabled }: CloudInitFacts): string {
  const release = 'value' in version ? version.value.version : 'of unknown release';
  if ('notRead' in enabled) return `${release}; whether it starts was not read: ${enabled.notRead}`;
  if ('absent' in enabled) return `${release}; ${enabled.absent}`;
  const { enabled: starts, because } = enabled.value;
  return `${release}, ${starts ? 'enabled' : `not enabled: ${because.join('; ')}`}`;
}

function cloudInitBranches(facts: CloudInitFacts): Branch[] {
  const { datasourceList, setBy, onBareMetal, growpart, notes } = facts;
  return [
    { label: 'datasources', value: datasourceList.join(', ') || 'none' },
    { label: 'set by', value: setBy },
    ...('value' in onBareMetal
      ? outcomeBranches(onBareMetal.value.withConfigDrive, onBareMetal.value.withoutConfigDrive)
      : [readBranch('bare metal', onBareMetal, () => '')]),
    readBranch(
      'growpart',
      growpart,
      ({ growsRoot }) => (growsRoot ? 'grows the root' : 'does not grow the root'),
      (read) => notesOf(read.notes),
    ),
    ...notesOf(notes),
  ];
}

/** What it does on bare metal: once, where a config drive makes no difference. */
function outcomeBranches(withDrive: DatasourceOutcome, without: DatasourceOutcome): Branch[] {
  const isSame =
    withDrive.outcome === without.outcome &&
    withDrive.datasource === without.datasource &&
    withDrive.because === without.because;
  if (isSame) return [outcomeBranch('bare metal', without, ', with or without a config drive')];
  return [outcomeBranch('config drive', withDrive), outcomeBranch('without one', without)];
}

function outcomeBranch(
  label: string,
  { outcome, datasource, because }: DatasourceOutcome,
  when = '',
): Branch {
  const what = {
    uses: datasource ?? 'a datasource',
    disabled: 'cloud-init does not run',
    none: 'finds no datasource',
    unknown: 'not known',
  }[outcome];
  const value = `${what}${when}: ${because}`;
  return outcome === 'uses' ? { label, value } : { label, value, format: 'yellow' };
}

function sshText({ program, startedBy }: SshFacts): string {
  const starts = startedBy === undefined ? 'no enabled unit starts it' : `started by ${startedBy}`;
  return `${program ?? 'no program sshd'}, ${starts}`;
}

function deviceText(reference: FstabReference, device: string): string {
  return reference === 'path' || reference === 'other' ? device : `${reference}=${device}`;
}

function dibText({ path, architecture, release, datasources }: DibFacts): string {
  const asked = [
    architecture === undefined ? '' : `-a ${architecture}`,
    release === undefined ? '' : `DIB_RELEASE=${release}`,
    datasources === undefined ? '' : `DIB_CLOUD_INIT_DATASOURCES=${JSON.stringify(datasources)}`,
  ].filter(Boolean);
  return `diskimage-builder, asked for ${asked.join(', ') || 'nothing that is known'} (${path})`;
}

function machineIdText({ state, value }: MachineId): string {
  switch (state) {
    case 'empty':
      return 'empty: each node makes its own';
    case 'uninitialized':
      return 'uninitialized: each node makes its own';
    case 'set':
      return `${value}: every node would have the same`;
    case 'malformed':
      return `malformed: ${JSON.stringify(value)}`;
  }
}

/** What of a configuration has no effect, or not the one that was meant. */
function notesOf(notes: readonly string[]): Branch[] {
  return notes.map((note) => ({ label: 'note', value: note, format: 'yellow' }));
}
