import type { FstabReference } from '../guest/fstab.ts';
import type { MachineId } from '../guest/machine-id.ts';
import type { BootKernelFacts } from './boot-kernels.ts';
import type { CloudInitFacts } from './cloud-init.ts';
import type { GuestFacts, SshFacts } from './guest.ts';
import type { DatasourceOutcome } from '../guest/cloud-init/datasource.ts';
import { programsText, readBranch } from './render-lines.ts';
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
    ...kernelBranches(guest.kernels, 'root'),
    readBranch('cloud-init', guest.cloudInit, cloudInitText, cloudInitBranches),
    readBranch('SSH', guest.ssh, sshText),
    readBranch(
      'fstab',
      guest.fstab,
      ({ entries }) => (entries.length === 0 ? 'no entries' : ''),
      ({ entries, notes }) => [
        ...entries.map(({ reference, device, mountPoint, type }) => ({
          label: mountPoint,
          value: `${deviceText(reference, device)}, ${type}`,
        })),
        ...notesOf(notes),
      ],
    ),
    readBranch('machine-id', guest.machineId, machineIdText),
  ];
}

/** Kernels, with what belongs to each; modules are in the root, not in a partition for /boot. */
export function kernelBranches(kernels: GuestFacts['kernels'], place: 'root' | 'boot'): Branch[] {
  if (!('value' in kernels)) return [readBranch('kernels', kernels, () => '')];
  return kernels.value.map((kernel) => ({
    label: 'kernel',
    value: kernelText(kernel),
    below: [
      { label: 'file', value: `${kernel.path}, ${sizeText(kernel.sizeInBytes)}` },
      ...(kernel.initrds.length === 0
        ? [{ label: 'initrd', value: 'none of this name', format: 'yellow' as const }]
        : kernel.initrds.map(({ path, sizeInBytes }) => ({
            label: 'initrd',
            value: `${path}, ${sizeText(sizeInBytes)}`,
          }))),
      ...(place === 'boot' ? [] : [modulesBranch(kernel)]),
    ],
  }));
}

function modulesBranch({ modules }: BootKernelFacts): Branch {
  if (modules !== undefined) return { label: 'modules', value: modules };
  return { label: 'modules', value: 'none of this release', format: 'yellow' };
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
