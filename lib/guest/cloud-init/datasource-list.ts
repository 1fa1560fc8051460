import type { FileSystem } from '../../fs/filesystem.ts';
import { entriesIfPresent, isFile, textIfPresent } from '../files.ts';
import { type CloudConfig, readCloudConfig } from './config.ts';
import type { DsIdentifyRules } from './ds-identify.ts';
import { type ShellFile, datasourceListSeen } from './shell-config.ts';

export interface DatasourceList {
  /** The list that cloud-init itself (Python) works with unless ds-identify narrows it. */
  readonly list: readonly string[];
  /** The file that set it, with the line, or `built-in`. */
  readonly setBy: string;
  /** The list that ds-identify sees, and the file; undefined when it sees none and checks for every datasource. */
  readonly seen?: { readonly list: readonly string[]; readonly file: string };
  readonly problems: readonly string[];
}

/**
 * The effective `datasource_list` of the guest, as each of its two readers has it.
 * @param rules how the guest's ds-identify reads; `flow` (24.2 and later) where there is none
 */
export async function datasourceList(
  fs: FileSystem,
  rules?: Pick<DsIdentifyRules, 'reader'>,
  config?: CloudConfig,
): Promise<DatasourceList> {
  const merged = config ?? (await readCloudConfig(fs));
  const value = merged.get(['datasource_list']);
  const where = merged.where(['datasource_list']);
  const setBy = where === undefined || where.line === 0 ? 'built-in' : `${where.file}:${where.line}`;
  const seen = datasourceListSeen(await shellFiles(fs), rules?.reader ?? 'flow');
  const problems: string[] = [];
  const list = Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  if (value !== null && (!Array.isArray(value) || list.length < value.length)) {
    problems.push(`${setBy}: datasource_list is not a list of names: ${JSON.stringify(value)}`);
  }
  return { list, setBy, ...(seen !== undefined && { seen }), problems };
}

/** The files that ds-identify looks through, in its order: `cloud.cfg cloud.cfg.d/*.cfg`. */
export async function shellFiles(fs: FileSystem): Promise<ShellFile[]> {
  const paths = ['/etc/cloud/cloud.cfg'];
  for (const { name } of await entriesIfPresent(fs, '/etc/cloud/cloud.cfg.d')) {
    // The shell's * matches no leading dot.
    if (name.endsWith('.cfg') && !name.startsWith('.')) paths.push(`/etc/cloud/cloud.cfg.d/${name}`);
  }
  const files: ShellFile[] = [];
  for (const path of paths.slice(0, 200)) {
    if (!(await isFile(fs, path))) continue;
    files.push({ path, text: (await textIfPresent(fs, path, 1024 * 1024, 'lossy')) ?? '' });
  }
  return files;
}
