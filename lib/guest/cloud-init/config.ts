import { FormatError, MissingError, describeError } from '../../errors.ts';
import type { FileSystem } from '../../fs/filesystem.ts';
import { entriesIfPresent, isDirectory, isFile, textIfPresent } from '../files.ts';
import { builtinConfig } from './builtin.ts';
import { mergeMany } from './merge.ts';
import { readPyYaml } from './pyyaml.ts';
import { type ConfigValue, type DictNode, type Origin, nodeAt, plainValue } from './value.ts';

/** cloud-init's configuration as its Python side has it when it starts, before any datasource. */
export interface CloudConfig {
  readonly values: { readonly [key: string]: ConfigValue };
  /** The value at a path of keys, `['growpart', 'mode']`; undefined when nobody set it. */
  get(path: readonly string[]): ConfigValue | undefined;
  /** The file that set the value at a path (`built-in` for cloud-init's own default). */
  setBy(path: readonly string[]): string | undefined;
  /** The same with the line. */
  where(path: readonly string[]): Origin | undefined;
  /** The files read, the one that wins last. */
  readonly files: readonly string[];
  /** Those of them that say `## template: jinja`; they are read unrendered, as on a first boot. */
  readonly templates: readonly string[];
  /** What makes a file, or cloud-init itself, fail: file, line, reason. */
  readonly problems: readonly string[];
}

const mainFile = '/etc/cloud/cloud.cfg';
const fileLimitInBytes = 256 * 1024;
const maximumFiles = 200;

/**
 * Merges /etc/cloud as cloud-init does: built-in defaults, then `cloud.cfg`, then `cloud.cfg.d/*.cfg` in the order
 * of their names, the later ones winning. Dictionaries merge, lists are replaced. A file that is not YAML, or no
 * mapping, is left out with a problem, as cloud-init leaves it out with a warning.
 * What only exists at run time is not in it: /run/cloud-init/cloud.cfg and `cc:` on the kernel command line.
 * Source: cloudinit/stages.py fetch_base_config, cloudinit/util.py read_conf_with_confd.
 */
export async function readCloudConfig(fs: FileSystem): Promise<CloudConfig> {
  const problems: string[] = [];
  const templates: string[] = [];
  const files: string[] = [];

  async function read(path: string): Promise<DictNode | undefined> {
    try {
      const text = await textIfPresent(fs, path, fileLimitInBytes);
      if (text === undefined) return undefined;
      files.push(path);
      if (/^## *template: *jinja/i.test(text)) templates.push(path);
      const root = readPyYaml(text, path);
      if (root === undefined || root.kind === 'dict') return root;
      problems.push(`${path}:${root.origin.line}: a ${root.kind}, not a mapping: the file has no effect`);
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof MissingError)) throw error;
      problems.push(`${describeError(error)}: the file has no effect`);
    }
    return undefined;
  }

  function merged(configs: readonly (DictNode | undefined)[]): DictNode | undefined {
    const there = configs.filter((config) => config !== undefined);
    try {
      return mergeMany(there);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      problems.push(`${describeError(error)}: cloud-init stops with an error`);
      return mergeMany(there.map(withoutMergers));
    }
  }

  const main = await read(mainFile);
  const parts: (DictNode | undefined)[] = [];
  for (const path of await partFiles(fs, main, problems)) parts.push(await read(path));
  const system = merged([merged(parts.toReversed()), main]);
  const root = merged([system, builtinConfig]) ?? builtinConfig;
  return {
    values: plainValue(root) as CloudConfig['values'],
    get(path) {
      const node = nodeAt(root, path);
      return node === undefined ? undefined : plainValue(node);
    },
    setBy: (path) => nodeAt(root, path)?.origin.file,
    where: (path) => nodeAt(root, path)?.origin,
    files,
    templates,
    problems,
  };
}

/** `cloud.cfg.d/*.cfg`, or the directory that the key `conf_d` of cloud.cfg names, in merging order. */
async function partFiles(fs: FileSystem, main: DictNode | undefined, problems: string[]): Promise<string[]> {
  const named = main?.entries.get('conf_d');
  let directory = `${mainFile}.d`;
  if (named !== undefined) {
    const value = plainValue(named);
    if (value === null || value === '' || value === 0 || value === false) return [];
    if (typeof value !== 'string') {
      problems.push(`${mainFile}:${named.origin.line}: conf_d is not text: cloud-init stops with an error`);
      return [];
    }
    directory = value.trim();
  }
  if (!(await isDirectory(fs, directory))) return [];
  const paths: string[] = [];
  for (const { name } of await entriesIfPresent(fs, directory)) {
    if (!name.endsWith('.cfg') || !(await isFile(fs, `${directory}/${name}`))) continue;
    if (paths.length >= maximumFiles) {
      problems.push(`${directory}: more than ${maximumFiles} files, the rest was not read`);
      break;
    }
    paths.push(`${directory}/${name}`);
  }
  return paths;
}

function withoutMergers(config: DictNode): DictNode {
  const entries = [...config.entries].filter(([key]) => key !== 'merge_how' && key !== 'merge_type');
  return { ...config, entries: new Map(entries) };
}
