import { normalisedSection, type IronicConfig } from './config.ts';
import type { IniAssignment } from './ini.ts';
import { editDistance } from '../suggest.ts';
import { isRegistered } from './registered.ts';

/** An assignment, and the file that it stands in. */
export interface Located {
  readonly origin: string;
  readonly assignment: IniAssignment;
}

export interface Misspelling extends Located {
  /** Another case, dashes for underscores, or up to two letters. */
  readonly how: 'case' | 'dashes' | 'letters';
}

export interface Swallowed extends Located {
  /** The line that was meant to set the option, from 1. */
  readonly line: number;
  readonly text: string;
}

/** Every assignment to exactly this name, in any section of any file, in the order of loading. */
export function occurrences(config: IronicConfig, name: string): readonly Located[] {
  return everyAssignment(config).filter(({ assignment }) => assignment.key === name);
}

/** Assignments that oslo.config ignores since the section is another: `[DEFAULT]`, `[deploy]`, `[default]`, `[ pxe ]`. */
export function inWrongSection(config: IronicConfig, group: string, name: string): readonly Located[] {
  return occurrences(config, name).filter(({ assignment }) => {
    const section = normalisedSection(assignment.section);
    return section !== group && isRegistered(section, name) !== true;
  });
}

/** Assignments in any section whose name is none of Ironic's and close to this one: oslo.config ignores them. */
export function misspellings(config: IronicConfig, name: string): readonly Misspelling[] {
  return everyAssignment(config).flatMap((located): Misspelling[] => {
    const { key, section } = located.assignment;
    const how = key === name ? undefined : likeness(key, name);
    if (how === undefined || isRegistered(normalisedSection(section), key) === true) return [];
    // `pxe_bootfile_name_by_arch` is one letter from `ipxe_…`, and another option wherever it stands.
    if (['DEFAULT', 'pxe', 'deploy', 'conductor'].some((group) => isRegistered(group, key) === true))
      return [];
    return [{ ...located, how }];
  });
}

/** Lines that set the option to a reader's eye, and to oslo.config go on with the value above, being indented. */
export function swallowed(config: IronicConfig, name: string): readonly Swallowed[] {
  return everyAssignment(config).flatMap((located) =>
    located.assignment.lines.slice(1).flatMap((text, index): Swallowed[] => {
      const rest = text.startsWith(name) ? text.slice(name.length).trimStart() : '';
      if (!rest.startsWith('=') && !rest.startsWith(':')) return [];
      return [{ ...located, line: located.assignment.line + 1 + index, text }];
    }),
  );
}

function everyAssignment(config: IronicConfig): readonly Located[] {
  return config.files.flatMap(({ origin, assignments }) =>
    assignments.map((assignment) => ({ origin, assignment })),
  );
}

function likeness(key: string, name: string): Misspelling['how'] | undefined {
  if (key.toLowerCase() === name) return 'case';
  if (key.replaceAll('-', '_').toLowerCase() === name) return 'dashes';
  return editDistance(key, name) <= 2 ? 'letters' : undefined;
}
