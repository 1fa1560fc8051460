import type { FileSystem } from '../fs/filesystem.ts';
import { entriesIfPresent, textIfPresent } from './files.ts';
import type { InstalledPackage } from './package.ts';

const statusFile = '/var/lib/dpkg/status';
/** Images built without dpkg (distroless) keep a file a package instead. */
const statusDirectory = '/var/lib/dpkg/status.d';
const statusLimitInBytes = 64 * 1024 * 1024;
const maximumFiles = 5000;

/**
 * dpkg's database of installed packages: deb822 paragraphs. Undefined when the guest has none.
 * https://www.debian.org/doc/debian-policy/ch-controlfields.html, dpkg(1) "Package states"
 */
export async function readDpkgStatus(
  fs: FileSystem,
): Promise<{ packages: InstalledPackage[]; problems: string[] } | undefined> {
  const packages: InstalledPackage[] = [];
  const problems: string[] = [];
  const text = await textIfPresent(fs, statusFile, statusLimitInBytes, 'lossy');
  if (text !== undefined) collect(text, statusFile, true, packages, problems);
  const parts = (await entriesIfPresent(fs, statusDirectory)).filter(
    ({ name, type }) => type === 'file' && !name.endsWith('.md5sums'),
  );
  for (const { name } of parts.slice(0, maximumFiles)) {
    const path = `${statusDirectory}/${name}`;
    const part = await textIfPresent(fs, path, statusLimitInBytes, 'lossy');
    if (part !== undefined) collect(part, path, false, packages, problems);
  }
  return text === undefined && parts.length === 0 ? undefined : { packages, problems };
}

function collect(
  text: string,
  from: string,
  hasStatus: boolean,
  packages: InstalledPackage[],
  problems: string[],
): void {
  let line = 1;
  for (const paragraph of text.split(/\n[ \t\r]*\n/)) {
    const first = line;
    line += paragraph.split('\n').length + 1;
    if (paragraph.trim() === '') continue;
    const name = field(paragraph, 'Package');
    const version = field(paragraph, 'Version');
    const status = field(paragraph, 'Status');
    if (name === undefined) {
      problems.push(`${from}:${first}: a paragraph without Package`);
    } else if (!hasStatus || isInstalled(status)) {
      if (version === undefined) problems.push(`${from}:${first}: ${name} without Version`);
      else packages.push({ name, version, architecture: field(paragraph, 'Architecture') ?? '', from });
    }
  }
}

/** `install ok installed`: wanted, error, state. Packages with triggers still to run are installed too. */
function isInstalled(status: string | undefined): boolean {
  const state = status?.split(/\s+/).at(-1) ?? '';
  return ['installed', 'triggers-pending', 'triggers-awaited'].includes(state);
}

function field(paragraph: string, name: string): string | undefined {
  return new RegExp(`^${name}:(.*)$`, 'im').exec(paragraph)?.[1]?.trim();
}
