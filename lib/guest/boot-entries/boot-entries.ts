import type { FileSystem } from '../../fs/filesystem.ts';
import { LimitError } from '../../errors.ts';
import { type BootLoaderEntry, inMenuOrder, parseBootLoaderEntry } from './bls.ts';
import { GrubEnvironment, parseGrubenv } from './environment.ts';
import { type GrubCommand, type GrubItem, parseGrubScript } from './grub.ts';
import { type DeviceName, readDeviceName, readKernelOptions } from './options.ts';
import { Expander, grubTokens } from './words.ts';
import { entriesIfPresent, isFile, textIfPresent } from '../files.ts';

const grubDirectories = ['/boot/grub', '/boot/grub2'];
const loaderEntries = '/boot/loader/entries';
const maximumEntries = 1000;
const insideCondition = 'inside a condition';

/** A kernel that the boot loader can start, and what with. */
export interface BootEntry {
  /** `/boot/grub/grub.cfg:7`: the line of the command that names the kernel. */
  readonly source: string;
  readonly title: string;
  /** As GRUB looks for it, in the file system that `search` names; a device before it is left out. */
  readonly kernel: string;
  readonly initrds: readonly string[];
  /** What `root=` says; absent without it. */
  readonly root?: DeviceName;
  readonly consoles: readonly string[];
  /** The kernel's command line, without the kernel. */
  readonly options: string;
  /** The file system where the kernel is looked for, where the entry or its script says. */
  readonly search?: DeviceName;
  /** Whether it may be the one that is started when nobody chooses. */
  readonly isDefault: boolean;
  /** Whether a condition decides that it is in the menu, or starts this kernel. */
  readonly conditional: boolean;
  /** What only a running GRUB can tell of it; such variables stand as `$name`. */
  readonly unevaluated: readonly string[];
}

/** What is in the boot loader's menu. */
export interface BootMenu {
  readonly entries: readonly BootEntry[];
  /** The scripts of GRUB that were read. */
  readonly scripts: readonly string[];
  /** What was not followed: other scripts. */
  readonly unevaluated: readonly string[];
}

interface LoaderEntry extends BootLoaderEntry {
  readonly origin: string;
}

interface Script {
  readonly path: string;
  readonly environment: GrubEnvironment;
  readonly items: readonly GrubItem[];
  readonly search?: DeviceName;
}

/** The entries of the boot loader's menu, in its order: see `readBootMenu`. */
export async function readBootEntries(fs: FileSystem): Promise<BootEntry[]> {
  return [...(await readBootMenu(fs)).entries];
}

/**
 * The menu of GRUB in a guest whose /boot is in its root file system: /boot/grub/grub.cfg, /boot/grub2/grub.cfg and
 * /boot/loader/entries. Variables are followed; conditions are not evaluated, and what depends on them says so.
 * @throws FormatError for a script that GRUB refuses, LimitError
 */
export async function readBootMenu(fs: FileSystem): Promise<BootMenu> {
  const loader = await readLoaderEntries(fs);
  const entries: BootEntry[] = [];
  const unevaluated: string[] = [];
  const scripts: Script[] = [];
  for (const directory of grubDirectories) {
    const script = await readScript(fs, directory, unevaluated);
    if (script !== undefined) scripts.push(script);
  }
  for (const script of scripts) entries.push(...entriesOf(script, loader));
  const isUsed = scripts.some(({ items }) => hasLoaderEntries(items));
  if (!isUsed && loader.length > 0) {
    // Without a script it is for another loader to read them; with one, they are out of use.
    const unused = scripts.length === 0 ? [] : ['no grub.cfg calls blscfg'];
    const environment = new GrubEnvironment(loaderEntries, new Map(), new Expander(fs.origin));
    for (const [index, entry] of loader.entries()) {
      const found = loaderEntry(entry, environment, unused);
      if (found !== undefined) entries.push({ ...found, isDefault: index === 0 && unused.length === 0 });
    }
  }
  if (entries.length > maximumEntries)
    throw new LimitError(`${fs.origin}: more than ${maximumEntries} boot entries`);
  return { entries, scripts: scripts.map(({ path }) => path), unevaluated };
}

async function readLoaderEntries(fs: FileSystem): Promise<LoaderEntry[]> {
  const found: LoaderEntry[] = [];
  for (const { name } of await entriesIfPresent(fs, loaderEntries)) {
    if (!/^[^.].*\.conf$/.test(name) || !(await isFile(fs, `${loaderEntries}/${name}`))) continue;
    if (found.length >= maximumEntries)
      throw new LimitError(`${fs.origin} › ${loaderEntries}: more than ${maximumEntries} entries`);
    const text = (await textIfPresent(fs, `${loaderEntries}/${name}`, 64 * 1024, 'lossy')) ?? '';
    const origin = `${fs.origin} › ${loaderEntries}/${name}`;
    found.push({ ...parseBootLoaderEntry(text, name.slice(0, -'.conf'.length)), origin });
  }
  return inMenuOrder(found);
}

async function readScript(
  fs: FileSystem,
  directory: string,
  unevaluated: string[],
): Promise<Script | undefined> {
  const path = `${directory}/grub.cfg`;
  const text = await textIfPresent(fs, path, undefined, 'lossy');
  if (text === undefined) return undefined;
  const origin = `${fs.origin} › ${path}`;
  const { commands, items } = parseGrubScript(text, origin);
  const grubenv = (await isFile(fs, `${directory}/grubenv`))
    ? await textIfPresent(fs, `${directory}/grubenv`, 64 * 1024, 'lossy')
    : undefined;
  const environment = new GrubEnvironment(
    directory,
    parseGrubenv(grubenv ?? '') ?? new Map<string, string>(),
    new Expander(origin),
  );
  for (const command of commands) {
    environment.run(command);
    const other = sourced(command, environment);
    if (other === undefined) continue;
    // grub-mkconfig always asks for custom.cfg, and Fedora's for user.cfg; mostly there is none.
    const isThere = await isFile(fs, `${directory}/${other.replace(/^.*\//s, '')}`);
    if (command.conditional && !isThere) continue;
    environment.readsOthers = true;
    unevaluated.push(`${path}:${command.line}: reads another script: ${other}`);
  }
  const search = searchOf(commands, environment);
  return { path, environment, items, ...(search !== undefined && { search }) };
}

function sourced({ words }: GrubCommand, environment: GrubEnvironment): string | undefined {
  const [name, path] = environment.expand(words).fields;
  return name === 'source' || name === '.' || name === 'configfile' ? (path ?? '') : undefined;
}

function hasLoaderEntries(items: readonly GrubItem[]): boolean {
  return items.some(({ kind, items: below }) => kind === 'blscfg' || hasLoaderEntries(below));
}

/** A line of the menu with what it starts: several kernels where a condition decides. */
interface MenuLine {
  readonly title: string;
  readonly id: string;
  readonly below: readonly MenuLine[];
  readonly entries: Omit<BootEntry, 'isDefault'>[];
}

function entriesOf(script: Script, loader: readonly LoaderEntry[]): BootEntry[] {
  const menu = linesOf(script, script.items, [...loader], []);
  // Of several values that `default` may get, any may count; without one the first line does.
  const chosen = new Set([...script.environment.defaults].flatMap((choice) => lineNamed(menu, choice) ?? []));
  if (chosen.size === 0 && menu[0] !== undefined) chosen.add(firstLine(menu[0]));
  const flat: BootEntry[] = [];
  const collect = (lines: readonly MenuLine[]) => {
    for (const line of lines) {
      flat.push(...line.entries.map((entry) => ({ ...entry, isDefault: chosen.has(line) })));
      collect(line.below);
    }
  };
  collect(menu);
  return flat;
}

function linesOf(
  script: Script,
  items: readonly GrubItem[],
  loader: LoaderEntry[],
  outer: readonly string[],
): MenuLine[] {
  const { path, environment } = script;
  return items.flatMap((item): MenuLine[] => {
    const where = `${path}:${item.line}`;
    const doubt = item.conditional ? [...outer, `${where}: ${insideCondition}`] : outer;
    if (item.kind === 'blscfg') {
      // What is in the menu already is not added again.
      return loader.splice(0).flatMap((entry) => {
        const found = loaderEntry(entry, environment, doubt);
        if (found === undefined) return [];
        const { search } = script;
        const entries = [{ ...found, ...(search !== undefined && { search }) }];
        return [{ title: found.title, id: entry.id, below: [], entries }];
      });
    }
    const { fields } = environment.expand(item.words);
    const title = fields[0] ?? '';
    const id = fields.includes('--id') ? (fields[fields.indexOf('--id') + 1] ?? title) : title;
    const below = linesOf(script, item.items, loader, doubt);
    const entries = item.kind === 'menuentry' ? kernelsOf(script, item, title, doubt) : [];
    return [{ title, id, below, entries }];
  });
}

/** GRUB's `default`: number, title or id; `1>2` leads into a submenu. */
function lineNamed(menu: readonly MenuLine[], choice: string): MenuLine | undefined {
  if (choice === '') return undefined;
  const exact = menu.find(({ title, id }) => title === choice || id === choice);
  if (exact !== undefined) return firstLine(exact);
  const [head = '', ...rest] = choice.split('>');
  const line =
    (/^\d{1,6}$/.test(head) ? menu[Number(head)] : undefined) ??
    menu.find(({ title, id }) => title === head || id === head);
  if (line === undefined) return undefined;
  return rest.length === 0 ? firstLine(line) : lineNamed(line.below, rest.join('>'));
}

function firstLine(line: MenuLine): MenuLine {
  return line.below[0] === undefined ? line : firstLine(line.below[0]);
}

function kernelsOf(
  script: Script,
  item: GrubItem,
  title: string,
  outer: readonly string[],
): Omit<BootEntry, 'isDefault'>[] {
  const { path } = script;
  const environment = script.environment.inside();
  const search = searchOf(item.commands, environment) ?? script.search;
  const entries: (Omit<BootEntry, 'isDefault'> & { initrds: string[]; unevaluated: string[] })[] = [];
  for (const command of item.commands) {
    environment.run(command);
    const { fields, unknown } = environment.expand(command.words);
    const name = fields[0]?.replace(/\$.*$/s, '') ?? '';
    const source = `${path}:${command.line}`;
    const doubt = unknown.map((variable) => `${source}: $${variable}`);
    if (command.conditional) doubt.push(`${source}: ${insideCondition}`);
    if (/^linux(16|efi)?$/.test(name) && fields[1] !== undefined) {
      if (entries.length >= maximumEntries)
        throw new LimitError(`${source}: more than ${maximumEntries} kernels in one entry`);
      const options = fields.slice(2);
      const found = describe(source, title, fields[1], options, [...outer, ...doubt]);
      const conditional = outer.length > 0 || command.conditional;
      entries.push({ ...found, conditional, initrds: [], ...(search !== undefined && { search }) });
    } else if (/^initrd(16|efi)?$/.test(name)) {
      const paths = fields.slice(1).filter((field) => !field.startsWith('--'));
      entries.at(-1)?.initrds.push(...paths.map(withoutDevice));
      entries.at(-1)?.unevaluated.push(...doubt);
    }
  }
  return entries;
}

/** What Fedora's blscfg would make of an entry: a script of `linux` and `initrd`. Undefined without a kernel. */
function loaderEntry(
  entry: LoaderEntry,
  environment: GrubEnvironment,
  outer: readonly string[],
): (Omit<BootEntry, 'isDefault'> & { unevaluated: string[] }) | undefined {
  if (entry.linux === undefined) return undefined;
  const source = `${loaderEntries}/${entry.id}.conf:${entry.line}`;
  const { origin } = entry;
  const options = words(entry.options ?? '$default_kernelopts', origin);
  const first = environment.expand(options);
  const second = environment.expand(words(entry.linux, origin));
  const initrds = environment.expand(entry.initrds.flatMap((line) => words(line, origin)));
  const unknown = [...first.unknown, ...second.unknown, ...initrds.unknown].map(
    (name) => `${source}: $${name}`,
  );
  const kernel = second.fields[0] ?? entry.linux;
  const title = entry.title ?? entry.id;
  return {
    ...describe(source, title, kernel, [...second.fields.slice(1), ...first.fields], [...outer, ...unknown]),
    initrds: initrds.fields.map(withoutDevice),
    conditional: outer.length > 0,
  };
}

function words(text: string, origin: string) {
  return grubTokens(text, origin).flatMap((token) => ('word' in token ? [token.word] : []));
}

function describe(
  source: string,
  title: string,
  kernel: string,
  options: readonly string[],
  unevaluated: string[],
) {
  const { root, consoles } = readKernelOptions(options);
  return {
    source,
    title,
    kernel: withoutDevice(kernel),
    initrds: [],
    ...(root !== undefined && { root }),
    consoles,
    options: options.join(' '),
    unevaluated,
  };
}

/** `(hd0,gpt3)/boot/vmlinuz` is /boot/vmlinuz of a device. */
function withoutDevice(path: string): string {
  return path.replace(/^\([^)]*\)/, '');
}

/** The file system that the last `search` for `root` names. */
function searchOf(commands: readonly GrubCommand[], environment: GrubEnvironment): DeviceName | undefined {
  let found: DeviceName | undefined;
  for (const { words: own } of commands) {
    const [name, ...args] = environment.expand(own).fields;
    const kind = name === 'search' ? searchKind(args) : searchCommands.get(name ?? '');
    if (kind === undefined) continue;
    const value = args.find((arg, at) => !arg.startsWith('-') && !takesValue.test(args[at - 1] ?? ''));
    const variable = args.find((arg) => arg.startsWith('--set='))?.slice('--set='.length) ?? 'root';
    if (value !== undefined && variable === 'root') found = readDeviceName(`${kind}=${value}`);
  }
  return found;
}

/** GRUB manual, "search": what is looked for, by long or short option. */
const searchOptions: ReadonlyMap<string, 'LABEL' | 'UUID'> = new Map([
  ['--label', 'LABEL'],
  ['-l', 'LABEL'],
  ['--fs-uuid', 'UUID'],
  ['-u', 'UUID'],
]);
const searchCommands: ReadonlyMap<string, 'LABEL' | 'UUID'> = new Map([
  ['search.fs_label', 'LABEL'],
  ['search.fs_uuid', 'UUID'],
]);
const takesValue = /^--hint(-\w+)?$/;

function searchKind(args: readonly string[]): 'LABEL' | 'UUID' | undefined {
  return args.map((arg) => searchOptions.get(arg)).find((kind) => kind !== undefined);
}
