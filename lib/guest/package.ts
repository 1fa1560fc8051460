/** A package that is installed, not merely known. */
export interface InstalledPackage {
  readonly name: string;
  /** As the package manager prints it: `24.4-0ubuntu1`, `0:23.4-19.el9` without the `0:`. */
  readonly version: string;
  /** In the package manager's own words: `arm64`, `all`; `aarch64`, `noarch`. */
  readonly architecture: string;
  /** The database file it is recorded in. */
  readonly from: string;
}
