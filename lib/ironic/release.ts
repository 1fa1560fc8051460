/**
 * Ironic's releases: name, version and the highest API microversion it speaks, which is what a live API tells of itself.
 * Source: ironic/common/release_mappings.py of 39.0.0 and the repository's tags.
 */
export interface Release {
  /** The OpenStack release (`2025.1`), where the version is one; intermediate versions have none. */
  readonly name?: string;
  /** `29.0`, or `29.0.6` where the point release is known. */
  readonly version: string;
  /** The N of the highest 1.N of the API. */
  readonly maximumMicroversion: number;
  /** Known to the point release; otherwise what was backported within the series is unknown. */
  readonly exact: boolean;
}

/** Yes, no, or undecided, since the point release is not known. */
export type Presence = boolean | 'unknown';

const rows: readonly (readonly [version: string, maximumMicroversion: number, name?: string])[] = [
  ['20.1', 78, 'yoga'],
  ['20.2', 78],
  ['21.0', 79],
  ['21.1', 80, 'zed'],
  ['21.2', 80],
  ['21.3', 81],
  ['21.4', 82, '2023.1'],
  ['22.0', 83],
  ['22.1', 86],
  ['23.0', 87, '2023.2'],
  ['23.1', 88],
  ['24.0', 89],
  ['24.1', 90, '2024.1'],
  ['25.0', 91],
  ['26.0', 91],
  ['26.1', 93, '2024.2'],
  ['27.0', 94],
  ['28.0', 95],
  ['29.0', 96, '2025.1'],
  ['30.0', 99],
  ['31.0', 99],
  ['32.0', 101, '2025.2'],
  ['33.0', 104],
  ['34.0', 109],
  ['35.0', 111, '2026.1'],
  ['36.0', 112],
  ['37.0', 112],
  ['38.0', 113],
  ['39.0', 115, '2026.2'],
];

const otherNames: Readonly<Record<string, string>> = {
  antelope: '2023.1',
  bobcat: '2023.2',
  caracal: '2024.1',
  dalmatian: '2024.2',
  epoxy: '2025.1',
  flamingo: '2025.2',
  gazpacho: '2026.1',
  hibiscus: '2026.2',
};

function release(row: (typeof rows)[number], point?: string): Release {
  const [version, maximumMicroversion, name] = row;
  return {
    ...(name === undefined ? {} : { name }),
    version: point ?? version,
    maximumMicroversion,
    exact: point !== undefined,
  };
}

/** Every version known, oldest first. */
export const releases: readonly Release[] = rows.map((row) => release(row));

/** What is assumed where nothing tells the release: the newest known. */
export const newestRelease: Release = release(rows.at(-1) ?? ['39.0', 115]);

/**
 * The release meant by a name (`2025.1`, `epoxy`, `master`), a version (`29.0.6`, also as a package manager writes it:
 * `1:21.4.4-0+deb12u2`) or an API's highest microversion (`1.96`). A microversion spoken by several versions means the
 * named one of them, or the oldest. Newer than all that is known counts as the newest. Undefined when it is none of
 * these, or older than yoga (20.1, microversion 1.78).
 */
export function releaseOf(text: string): Release | undefined {
  const folded = text.trim().toLowerCase();
  if (folded === 'master' || folded === 'latest') return newestRelease;
  const name = otherNames[folded] ?? folded;
  const named = rows.find((row) => row[2] === name);
  if (named !== undefined) return release(named);
  const microversion = /^1\.(\d{1,4})$/u.exec(folded)?.[1];
  if (microversion !== undefined) return ofMicroversion(Number(microversion));
  const version = /^(?:\d+:)?(\d{2,3})\.(\d{1,3})(?:\.(\d{1,4}))?(?!\d)/u.exec(folded);
  return version === null ? undefined : ofVersion(version[1] ?? '', version[2] ?? '', version[3]);
}

function ofMicroversion(microversion: number): Release | undefined {
  const reached = rows.filter((row) => row[1] <= microversion);
  const candidates = reached.filter((row) => row[1] === reached.at(-1)?.[1]);
  const row = candidates.find((candidate) => candidate[2] !== undefined) ?? candidates[0];
  return row === undefined ? undefined : release(row);
}

function ofVersion(major: string, minor: string, patch: string | undefined): Release | undefined {
  const series = `${Number(major)}.${Number(minor)}`;
  const row = rows.findLast((candidate) => compareVersions(candidate[0], series) <= 0);
  if (row === undefined) return undefined;
  const point = patch === undefined ? undefined : `${series}.${Number(patch)}`;
  if (row[0] === series) return release(row, point);
  // A version between two known ones is its own series, with the features of the one before.
  const { name: _name, ...unnamed } = release(row, point);
  return { ...unnamed, version: point ?? series };
}

/** Negative, zero or positive as `a` is older than, equal to or newer than `b`; missing parts count as 0. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let at = 0; at < 3; at++) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether the release is the version or newer. */
export function atLeast(release: Release, version: string): boolean {
  return compareVersions(release.version, version) >= 0;
}

/** `[conductor]deploy_kernel_by_arch` and its likes: Ironic 23.0 (2023.2). */
export function hasImagesByArch(release: Release): boolean {
  return atLeast(release, '23.0');
}

/** The boot interfaces `http` and `http-ipxe`, and with them the limit of 64 characters: 24.1 (2024.1). */
export function hasHttpBoot(release: Release): boolean {
  return atLeast(release, '24.1');
}

/** `[conductor]error_on_ramdisk_config_inconsistency`, and warnings about half a pair: 31.0 (2025.2). */
export function reportsHalfPairs(release: Release): boolean {
  return atLeast(release, '31.0');
}

/**
 * Keys such as `aarch64-uefi` in `[pxe]ipxe_bootfile_name_by_arch`: 38.0, and backported within some series; of those
 * only 29.0.6 had been tagged when this was read, so the next point release of the others is taken to hold it.
 * Source: launchpad bug 2157027, change ab6a22bdf and its cherry-picks.
 */
export function hasCompositeBootfileKeys(release: Release): Presence {
  if (atLeast(release, '38.0')) return true;
  const [major = 0, minor = 0, patch = 0] = release.version.split('.').map(Number);
  const firstPatch = compositeKeysSince.get(`${major}.${minor}`);
  if (firstPatch === undefined) return false;
  return release.exact ? patch >= firstPatch : 'unknown';
}

const compositeKeysSince: ReadonlyMap<string, number> = new Map([
  ['29.0', 6],
  ['32.0', 2],
  ['35.0', 2],
  ['37.0', 1],
]);
