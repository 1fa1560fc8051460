/**
 * A boot loader entry: a small file that GRUB of Fedora's family makes a menu entry of.
 * https://uapi-group.org/specifications/specs/boot_loader_specification/ (Type #1); as GRUB reads it: blscfg.c in
 * Fedora's patches, where the first `options` counts, and `default_kernelopts` when there is none.
 */
export interface BootLoaderEntry {
  /** The file's name without `.conf`, which is also the entry's id. */
  readonly id: string;
  readonly title?: string;
  /** As written: variables are GRUB's. */
  readonly linux?: string;
  readonly initrds: readonly string[];
  readonly options?: string;
  /** The line of `linux`, or 1. */
  readonly line: number;
}

export function parseBootLoaderEntry(text: string, id: string): BootLoaderEntry {
  const values = new Map<string, { value: string; line: number }[]>();
  for (const [index, line] of text.split('\n').entries()) {
    const [, key, rest] = /^[ \t]*([^#\s]\S*)[ \t](.*)$/s.exec(line) ?? [];
    const value = rest === undefined ? '' : trimmed(rest);
    if (key === undefined || value === '') continue;
    const known = values.get(key);
    if (known === undefined) values.set(key, [{ value, line: index + 1 }]);
    else known.push({ value, line: index + 1 });
  }
  const first = (key: string) => values.get(key)?.[0];
  const title = first('title')?.value;
  const linux = first('linux');
  const options = first('options')?.value;
  return {
    id,
    ...(title !== undefined && { title }),
    ...(linux !== undefined && { linux: linux.value }),
    initrds: (values.get('initrd') ?? []).map(({ value }) => value),
    ...(options !== undefined && { options }),
    line: linux?.line ?? 1,
  };
}

/** Without blanks at both ends. */
function trimmed(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t' || char === '\r';
}

/** Puts entries in the order of the menu: the newest first, by name, version and release as rpm compares them. */
export function inMenuOrder<Entry extends BootLoaderEntry>(entries: readonly Entry[]): Entry[] {
  return entries.toSorted((a, b) => {
    const [nameA, versionA, releaseA] = nameVersionRelease(a.id);
    const [nameB, versionB, releaseB] = nameVersionRelease(b.id);
    return (
      compareVersions(nameB, nameA) ||
      compareVersions(versionB, versionA) ||
      compareVersions(releaseB, releaseA)
    );
  });
}

function nameVersionRelease(id: string): [name: string, version: string, release: string] {
  const parts = id.split('-');
  const release = parts.length > 1 ? (parts.pop() ?? '') : '';
  const version = parts.length > 1 ? (parts.pop() ?? '') : '';
  return [parts.join('-'), version, release];
}

/** rpm's order of versions: runs of digits as numbers, above runs of letters; `~` below everything, even the end. */
export function compareVersions(a: string, b: string): number {
  const runsA = a.match(/\d+|[A-Za-z]+|~/g) ?? [];
  const runsB = b.match(/\d+|[A-Za-z]+|~/g) ?? [];
  for (let at = 0; at < Math.max(runsA.length, runsB.length); at += 1) {
    const [one, two] = [runsA[at], runsB[at]];
    const order = rank(one) - rank(two);
    if (order !== 0) return order;
    if (one === undefined || two === undefined) continue;
    const [plainOne, plainTwo] = [one.replace(/^0+(?=\d)/, ''), two.replace(/^0+(?=\d)/, '')];
    if (/^\d/.test(one) && plainOne.length !== plainTwo.length) return plainOne.length - plainTwo.length;
    if (plainOne !== plainTwo) return plainOne < plainTwo ? -1 : 1;
  }
  return 0;
}

function rank(run: string | undefined): number {
  if (run === undefined) return 1;
  if (run === '~') return 0;
  return /^\d/.test(run) ? 3 : 2;
}
