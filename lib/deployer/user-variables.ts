import { basename, join } from 'node:path';
import { AccessError, AssayError } from '../errors.ts';
import { VaultValue } from './inventory.ts';
import { namesIn, variableFiles } from './read-inventory.ts';
import { isMapping, isTemplate, isVaultText, parseYamlFile, readDeployerFile } from './yaml-file.ts';

/** One place that gives a variable its value. */
export interface Definition {
  readonly name: string;
  /** `file:line` of the variable. */
  readonly where: string;
  readonly file: string;
  readonly value: unknown;
}

/** A file of variables, with why nothing is known of what it holds, where that is so. */
export interface VariableFile {
  readonly path: string;
  /** Ansible refuses it: it is damaged, or no mapping. */
  readonly refused?: string;
  /** It is held by Vault, or may not be read here. */
  readonly closed?: string;
}

/** The variables that an operator of OpenStack-Ansible gives, in the order in which the last one counts. */
export interface UserVariables {
  readonly folder: string;
  readonly files: readonly VariableFile[];
  readonly definitions: readonly Definition[];
}

/** The value that Ansible uses; or that there is none, and the role's default counts; or why it is not known. */
export type Effective =
  | { readonly is: 'known'; readonly value: unknown; readonly where: string }
  | { readonly is: 'absent' }
  | { readonly is: 'unknown'; readonly why: string };

/** The groups of conductors, whose group_vars give way to user_*.yml: those are extra variables. */
const conductorGroups = ['all', 'ironic_all', 'ironic_conductor'];

/**
 * Reads the variables of /etc/openstack_deploy: group_vars of conductors, then user_*.yml in the order of their names.
 * Source: openstack-ansible, scripts/openstack-ansible.sh; doc/source/reference/configuration/using-overrides.rst
 * @throws AccessError for a folder that cannot be listed, LimitError
 */
export async function readUserVariables(folder: string): Promise<UserVariables> {
  const groupFolder = join(folder, 'group_vars');
  const listed = await namesIn(groupFolder);
  const ofGroups = await Promise.all(
    conductorGroups.map(async (group) => variableFiles(groupFolder, group, listed)),
  );
  const user = (await namesIn(folder)).filter((name) => /^user_.*\.yml$/s.test(name));
  const paths = [
    ...ofGroups.flat(),
    ...user
      .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map((name) => join(folder, name)),
  ];
  const files: VariableFile[] = [];
  const definitions: Definition[] = [];
  for (const path of paths) {
    const { found, ...file } = await definitionsIn(path);
    files.push(file);
    definitions.push(...found);
  }
  return { folder, files, definitions };
}

async function definitionsIn(path: string): Promise<VariableFile & { found: readonly Definition[] }> {
  try {
    const text = await readDeployerFile(path);
    if (isVaultText(text)) return { path, closed: 'it is encrypted by Ansible Vault', found: [] };
    const { value, pairs } = parseYamlFile(text, path);
    if (value !== null && value !== undefined && !isMapping(value))
      return { path, refused: `${path}: no mapping of variables`, found: [] };
    return { path, found: pairs.map(({ key: name, ...pair }) => ({ name, file: path, ...pair })) };
  } catch (error) {
    if (error instanceof AccessError) return { path, closed: 'it may not be read', found: [] };
    if (error instanceof AssayError) return { path, refused: error.message, found: [] };
    throw error;
  }
}

/** Every place that gives a variable, the last of which counts. */
export function definitionsOf({ definitions }: UserVariables, name: string): readonly Definition[] {
  return definitions.filter((definition) => definition.name === name);
}

/** The value of a variable, where that is known before Ansible runs. */
export function effective(variables: UserVariables, name: string): Effective {
  const last = definitionsOf(variables, name).at(-1);
  const from = last === undefined ? -1 : variables.files.findIndex(({ path }) => path === last.file);
  const hidden = variables.files.find(
    ({ closed, refused }, index) => index > from && (closed ?? refused) !== undefined,
  );
  if (hidden !== undefined) {
    const why = hidden.closed ?? 'it is no YAML that Ansible reads';
    return { is: 'unknown', why: `${name} may stand in ${basename(hidden.path)}, and ${why}` };
  }
  if (last === undefined) return { is: 'absent' };
  if (last.value instanceof VaultValue)
    return { is: 'unknown', why: `${name} (${last.where}) is held by Ansible Vault` };
  if (isTemplate(last.value))
    return { is: 'unknown', why: `${name} (${last.where}) is a template, which is not evaluated` };
  return { is: 'known', value: last.value, where: last.where };
}

/** Whether Ansible's `bool` filter takes a value for true. ansible/plugins/filter/core.py, to_bool */
export function isTrue(value: unknown): boolean {
  if (typeof value === 'string') return ['yes', 'on', '1', 'true'].includes(value.toLowerCase());
  return value === true || value === 1;
}
