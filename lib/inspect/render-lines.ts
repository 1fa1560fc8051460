import { plural } from '../verdict.ts';
import type { ModuleCounts } from './modules.ts';
import type { Read } from './read.ts';
import { sizeText } from '../size.ts';
import type { Branch } from './tree.ts';

/** Whether a file is as long as its headers say. */
export function wholeBranch(damage: string | undefined, neededSizeInBytes: number | undefined): Branch {
  if (damage !== undefined) return trouble('whole', damage);
  const value =
    neededSizeInBytes === undefined
      ? 'no sign of damage'
      : `as long as its headers say, ${sizeText(neededSizeInBytes)}`;
  return { label: 'whole', value };
}

/** The architectures of programs, and by how many of them. */
export function programsText(architectures: readonly string[], count: number): string {
  return `${architectures.join(' and ')}, by ${plural(count, 'ELF header')}`;
}

/** How many modules there are, and of what. */
export function modulesText({ modules, network, storage }: ModuleCounts): string {
  return `${plural(modules, 'module')} (${network} for networks, ${storage} for storage)`;
}

/** A line that says what is wrong, or why something was not read. */
export function trouble(label: string, value: string): Branch {
  return { label, value: `! ${value}`, format: 'red' };
}

/** One line for something that was looked for, whatever came of it. */
export function readBranch<Value>(
  label: string,
  read: Read<Value>,
  say: (value: Value) => string,
  below?: (value: Value) => readonly Branch[],
): Branch {
  if ('notRead' in read) return trouble(label, `not read: ${read.notRead}`);
  if ('absent' in read) return { label, value: read.absent, format: 'yellow' };
  const branches = below?.(read.value) ?? [];
  return { label, value: say(read.value), ...(branches.length > 0 && { below: branches }) };
}

/** What is below a part that was looked for, or the one line that says why it is not there. */
export function readBranches<Value>(read: Read<Value>, say: (value: Value) => Branch[]): Branch[] {
  if ('value' in read) return say(read.value);
  return [trouble('', 'notRead' in read ? `not read: ${read.notRead}` : read.absent)];
}
