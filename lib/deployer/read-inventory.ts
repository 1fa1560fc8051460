import { readdir, stat } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { LimitError, MissingError, UsageError } from '../errors.ts';
import { AnsibleInventory, type Variables } from './inventory.ts';
import { readIniInventory } from './inventory-ini.ts';
import { instead, readListedInventory, readYamlInventory } from './inventory-yaml.ts';
import { isMapping, isVaultText, parseYamlFile, readDeployerFile } from './yaml-file.ts';

const yamlExtensions = ['.yml', '.yaml', '.json'];

/**
 * Reads inventories as `ansible -i A -i B` does, each with the group_vars and host_vars that stand beside it.
 * Nothing is run: a dynamic inventory is refused by its name.
 * @throws UsageError with file and line, MissingError for a file that is not there
 */
export async function readInventory(paths: readonly string[]): Promise<AnsibleInventory> {
  const inventory = new AnsibleInventory();
  for (const path of paths) {
    if ((await stat(path).catch(() => undefined))?.isDirectory())
      throw new UsageError(`${path}: a directory; name the inventory's files, as a list`);
    addInventory(await readDeployerFile(path), path, inventory);
  }
  for (const folder of new Set(paths.map((path) => dirname(path)))) await addVariableFiles(folder, inventory);
  return inventory;
}

function addInventory(text: string, path: string, inventory: AnsibleInventory): void {
  if (text.startsWith('#!'))
    throw new UsageError(
      `${path}: a dynamic inventory (${text.slice(0, 60).split('\n')[0]}), which is not run; ${instead}`,
    );
  if (isVaultText(text)) throw new UsageError(`${path}: encrypted by Ansible Vault, which is not read`);
  const extension = extname(path);
  if (yamlExtensions.includes(extension)) return addYaml(jsonOrYaml(text, path), path, inventory);
  if (extension === '') {
    // As Ansible tries them: YAML, then INI.
    const value = yamlOf(text, path);
    if (isMapping(value)) return addYaml(value, path, inventory);
  }
  readIniInventory(text, path, inventory);
}

/** JSON is YAML too, and read much faster for what it is. */
function jsonOrYaml(text: string, path: string): unknown {
  if (path.endsWith('.json')) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // Where the mistake stands is told below.
    }
  }
  return parseYamlFile(text, path).value;
}

function yamlOf(text: string, path: string): unknown {
  // A section is no YAML, and most inventories begin with one.
  if (/^\s*(?:[#;][^\n]*\n\s*)*\[/.test(text)) return undefined;
  try {
    return parseYamlFile(text, path).value;
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

function addYaml(value: unknown, path: string, inventory: AnsibleInventory): void {
  // What --list prints always has it.
  if (isMapping(value) && '_meta' in value) readListedInventory(value, path, inventory);
  else readYamlInventory(value, path, inventory);
}

/** group_vars and host_vars of a folder, for the groups and hosts that the inventory has. */
async function addVariableFiles(folder: string, inventory: AnsibleInventory): Promise<void> {
  const add = async (kind: string, names: readonly string[], into: Map<string, Variables>) => {
    const listed = await namesIn(join(folder, kind));
    if (listed.length === 0) return;
    for (const name of names) {
      const files = await variableFiles(join(folder, kind), name, listed);
      for (const file of files) into.set(name, { ...into.get(name), ...(await variablesIn(file)) });
    }
  };
  await add('group_vars', inventory.groupNames(), inventory.groupFiles);
  await add('host_vars', inventory.hostNames(), inventory.hostFiles);
}

/**
 * The files that hold the variables of a group or host: one of its name, or all in a folder of its name.
 * Source: ansible/parsing/dataloader.py, find_vars_files
 */
export async function variableFiles(
  folder: string,
  name: string,
  listed: readonly string[],
): Promise<readonly string[]> {
  const found = ['', ...yamlExtensions].map((end) => `${name}${end}`).find((file) => listed.includes(file));
  if (found === undefined) return [];
  const path = join(folder, found);
  return (await isFolder(path)) ? filesBelow(path, 0) : [path];
}

async function filesBelow(folder: string, depth: number): Promise<readonly string[]> {
  if (depth > 8) throw new LimitError(`${folder}: folders of variables more than 8 deep`);
  const names = (await namesIn(folder)).filter((name) => !name.startsWith('.') && !name.endsWith('~'));
  const files: string[] = [];
  for (const name of names.toSorted((a, b) => (a < b ? -1 : 1))) {
    const path = join(folder, name);
    const extension = extname(name);
    if (await isFolder(path)) {
      if (extension === '') files.push(...(await filesBelow(path, depth + 1)));
    } else if (extension === '' || yamlExtensions.includes(extension)) files.push(path);
  }
  return files;
}

const maximumNames = 10_000;

/** The names in a folder; none where there is no folder. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw new UsageError(`${folder}: cannot be listed`, { cause: error });
  });
  if (names.length > maximumNames)
    throw new LimitError(`${folder}: ${names.length} names, more than ${maximumNames}`);
  return names;
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** @throws UsageError for a file that is no mapping; one that Vault encrypted holds nothing that can be told */
async function variablesIn(path: string): Promise<Variables> {
  const text = await readDeployerFile(path).catch((error: unknown) => {
    if (error instanceof MissingError) return '';
    throw error;
  });
  if (isVaultText(text)) return {};
  const { value } = parseYamlFile(text, path);
  if (value === null || value === undefined) return {};
  if (!isMapping(value)) throw new UsageError(`${path}: a mapping of variables is expected`);
  return value;
}
