import { type Architecture, architectures } from '../arch.ts';
import { readWhole } from '../blob/blob.ts';
import { withoutTrailingNuls } from '../blob/nuls.ts';
import { readPe } from '../boot/pe.ts';
import { FormatError, LimitError } from '../errors.ts';
import type { FileSystem } from '../fs/filesystem.ts';

const maximumDepth = 8;
const maximumNames = 5000;
const csvLimitInBytes = 64 * 1024;
/** Of all CSV files together: each is looked up. */
const maximumCsvLines = 1000;

/** ironic-python-agent, efi_utils.py BOOTLOADERS_EFI, in lower case; `.csv` files name a loader. */
const agentLoaders = new Set([
  'bootx64.csv',
  'bootaa64.csv',
  'boot.csv',
  'bootia32.efi',
  'bootx64.efi',
  'bootia64.efi',
  'bootarm.efi',
  'bootaa64.efi',
  'bootriscv32.efi',
  'bootriscv64.efi',
  'bootriscv128.efi',
  'grubaa64.efi',
  'winload.efi',
]);

/** An EFI program on the system partition. */
export interface EspLoader {
  /** `/EFI/BOOT/BOOTAA64.EFI`, as spelt there. */
  readonly path: string;
  readonly sizeInBytes: number;
  /** PE Machine; absent where the file is no PE, as `damage` says. */
  readonly machine?: number;
  readonly architecture?: Architecture;
  /** 10 is an EFI application. */
  readonly subsystem?: number;
  /** Whether it carries a signature, which is not verified. */
  readonly signed: boolean;
  readonly damage?: string;
}

/** A line of a CSV file, from which shim's fallback program and Ironic's agent make a boot entry. */
export interface EspCsvEntry {
  /** The file, relative to the CSV's directory: `shimx64.efi`. */
  readonly loader: string;
  readonly label: string;
  readonly line: number;
  /** Where it would have to be. */
  readonly path: string;
  readonly exists: boolean;
}

export interface EspCsv {
  readonly path: string;
  readonly entries: readonly EspCsvEntry[];
  /** Why it cannot be read as one. */
  readonly damage?: string;
}

export interface Esp {
  readonly loaders: readonly EspLoader[];
  /** Of the loaders, those that firmware starts without a boot entry: /EFI/BOOT/BOOT<suffix>.EFI. */
  readonly removable: readonly EspLoader[];
  /** Directories of /EFI other than BOOT. */
  readonly vendorDirectories: readonly string[];
  readonly csvFiles: readonly EspCsv[];
  /**
   * The files from which Ironic's agent makes boot entries after it has written the image, in its order, whatever
   * the architecture: the first CSV file that it meets, alone, or else every loader of a name that it knows.
   */
  readonly agentOrder: readonly string[];
}

interface Found {
  readonly path: string;
  readonly sizeInBytes: number;
}

/**
 * The EFI system partition. Of each program only the headers are read.
 * Sources: UEFI specification, "Removable Media Boot Behavior"; shim, README.fallback; ironic-python-agent,
 * efi_utils.py `_get_efi_bootloaders` and `_run_efibootmgr`.
 * @throws LimitError for more names or directories than a system partition has; FormatError when it is damaged
 */
export async function readEsp(fs: FileSystem): Promise<Esp> {
  const { files, vendorDirectories } = await filesOf(fs);
  const loaders: EspLoader[] = [];
  for (const file of files.filter(isUnderEfi)) {
    if (/\.efi$/i.test(file.path)) loaders.push(await readLoader(fs, file));
  }
  const csvFiles: EspCsv[] = [];
  for (const { path } of files.filter(isUnderEfi)) {
    if (!/\.csv$/i.test(path)) continue;
    const left = maximumCsvLines - csvFiles.reduce((sum, { entries }) => sum + entries.length, 0);
    csvFiles.push(await readCsv(fs, path, left));
  }
  const removable = loaders.filter(({ path }) =>
    architectures.some(
      ({ efiSuffix }) => efiSuffix !== undefined && path.toUpperCase() === `/EFI/BOOT/BOOT${efiSuffix}.EFI`,
    ),
  );
  return { loaders, removable, vendorDirectories, csvFiles, agentOrder: agentOrderOf(files) };
}

const isUnderEfi = ({ path }: Found) => /^\/efi\//i.test(path);

/** Every file, a directory's own before those of the directories in it, as Python's os.walk goes. */
async function filesOf(fs: FileSystem): Promise<{ files: Found[]; vendorDirectories: string[] }> {
  const files: Found[] = [];
  const vendorDirectories: string[] = [];
  let count = 0;
  async function visit(directory: string, depth: number): Promise<void> {
    if (depth > maximumDepth) {
      throw new LimitError(`${fs.origin} › ${directory}: directories deeper than ${maximumDepth}`);
    }
    const below: string[] = [];
    for (const { name, type, sizeInBytes } of await fs.list(directory === '' ? '/' : directory)) {
      count += 1;
      if (count > maximumNames) throw new LimitError(`${fs.origin}: more than ${maximumNames} files`);
      const path = `${directory}/${name}`;
      if (type === 'file') files.push({ path, sizeInBytes });
      else if (type === 'directory') below.push(path);
    }
    for (const path of below) {
      if (/^\/efi\/[^/]+$/i.test(path) && !/^\/efi\/boot$/i.test(path)) vendorDirectories.push(path);
      await visit(path, depth + 1);
    }
  }
  await visit('', 0);
  return { files, vendorDirectories };
}

async function readLoader(fs: FileSystem, { path, sizeInBytes }: Found): Promise<EspLoader> {
  try {
    const { machine, architecture, subsystem, signed, neededSizeInBytes } = await readPe(await fs.open(path));
    const isCut = neededSizeInBytes > sizeInBytes;
    return {
      path,
      sizeInBytes,
      machine,
      ...(architecture !== undefined && { architecture }),
      subsystem,
      signed,
      ...(isCut && {
        damage: `truncated: ${sizeInBytes} bytes, but its headers speak of ${neededSizeInBytes}`,
      }),
    };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { path, sizeInBytes, signed: false, damage: error.message };
  }
}

/** @throws LimitError for more lines than `maximumLines` */
async function readCsv(fs: FileSystem, path: string, maximumLines: number): Promise<EspCsv> {
  let text: string;
  try {
    text = decode(await readWhole(await fs.open(path), csvLimitInBytes), `${fs.origin} › ${path}`);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { path, entries: [], damage: error.message };
  }
  const directory = path.slice(0, path.lastIndexOf('/'));
  const entries: EspCsvEntry[] = [];
  for (const [index, row] of text.split(/\r?\n/).entries()) {
    if (row.trim() === '') continue;
    const [loader = '', label] = row.split(',');
    const line = index + 1;
    if (label === undefined || loader === '') {
      return { path, entries, damage: `line ${line}: not "loader,label,…": ${row.slice(0, 80)}` };
    }
    if (entries.length >= maximumLines) {
      throw new LimitError(`${fs.origin} › ${path}: more than ${maximumCsvLines} lines in CSV files`);
    }
    const target = `${directory}/${loader.replaceAll('\\', '/')}`;
    const exists = (await fs.lookup(target))?.type === 'file';
    entries.push({ loader, label, line, path: target, exists });
  }
  return entries.length === 0 ? { path, entries, damage: 'no line in it' } : { path, entries };
}

/** UTF-16LE with or without its mark. Both readers of these files take nothing else, and UTF-8 is an easy mistake. */
function decode(bytes: Buffer, origin: string): string {
  if (bytes.length % 2 !== 0) throw new FormatError(`${origin}: ${bytes.length} bytes, which is not UTF-16`);
  const text = withoutTrailingNuls(new TextDecoder('utf-16le').decode(bytes));
  // A comma is there in every line. In UTF-8 two characters make one of East Asia, and in UTF-16BE it is U+2C00.
  if (text !== '' && !text.includes(',')) throw new FormatError(`${origin}: not UTF-16LE text`);
  return text;
}

function agentOrderOf(files: readonly Found[]): string[] {
  const known = files
    .map(({ path }) => path)
    .filter((path) => agentLoaders.has(path.slice(path.lastIndexOf('/') + 1).toLowerCase()));
  const csv = known.find((path) => /\.csv$/i.test(path));
  return csv === undefined ? known : [csv];
}
