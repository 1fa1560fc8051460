import type { Architecture } from '../arch.ts';

/** For which architectures programs were compiled. */
export interface ProgramFacts {
  /** Each as `uname -m` says, or `machine 0x…` for one that is not known; that of most programs first. */
  readonly architectures: readonly string[];
  readonly programs: readonly { readonly path: string; readonly architecture: string }[];
}

interface Program {
  readonly path: string;
  readonly machine: number;
  readonly architecture?: Architecture;
}

/** What a list of programs says together; undefined when it is empty. */
export function architecturesOf(programs: readonly Program[]): ProgramFacts | undefined {
  if (programs.length === 0) return undefined;
  const named = programs.map(({ path, machine, architecture }) => ({
    path,
    architecture: architecture?.name ?? `machine 0x${machine.toString(16)}`,
  }));
  const groups = Map.groupBy(named, ({ architecture }) => architecture);
  const byCount = [...groups].toSorted(([, a], [, b]) => b.length - a.length);
  return { architectures: byCount.map(([architecture]) => architecture), programs: named };
}
