import type { FileSystem } from '../../fs/filesystem.ts';
import { findProgram, isFile } from '../files.ts';
import { type CloudConfig, readCloudConfig } from './config.ts';
import { type ConfigValue, pythonString } from './value.ts';

/** Whether and how the guest grows its root partition on first boot. */
export interface Growpart {
  readonly mode: string;
  /** What cloud-init will try to grow, after its own conversions. */
  readonly devices: readonly string[];
  readonly ignoreGrowrootDisabled: boolean;
  /** The file and line that set `growpart`, or `built-in`. */
  readonly setBy: string;
  /** The partition under `/` will be grown, as far as configuration and tools decide it. */
  readonly growsRoot: boolean;
  /** What keeps the root from growing. */
  readonly problems: readonly string[];
  /** What works and is not what was meant. */
  readonly notices: readonly string[];
  /** Paths of the programs needed. */
  readonly tools: { readonly growpart?: string; readonly resize2fs?: string; readonly xfsGrowfs?: string };
}

/**
 * cloud-init's module growpart, as it will act in the guest.
 * Source: cloudinit/config/cc_growpart.py handle and resizer_factory, cloudinit/util.py get_cfg_option_list, is_false.
 */
export async function growpart(fs: FileSystem, config?: CloudConfig): Promise<Growpart> {
  const merged = config ?? (await readCloudConfig(fs));
  const where = merged.where(['growpart']);
  const setBy = where === undefined ? 'built-in' : `${where.file}:${where.line}`;
  const problems: string[] = [];
  const notices: string[] = [];
  const given = merged.get(['growpart']);
  const settings = given === undefined ? {} : isDict(given) ? given : undefined;
  if (settings === undefined)
    problems.push(`${setBy}: growpart is ${show(given)}, not a mapping: it is disabled`);

  const mode = settings?.['mode'] === undefined ? 'auto' : settings['mode'];
  if (isFalse(mode)) problems.push(`${setBy}: growpart mode is ${show(mode)}: it is disabled`);
  else if (mode !== 'auto' && mode !== 'growpart') {
    problems.push(`${setBy}: growpart mode ${show(mode)} is none that Linux has`);
  }
  const ignoreGrowrootDisabled = !isFalse(settings?.['ignore_growroot_disabled'] ?? false);
  if (!ignoreGrowrootDisabled && (await isFile(fs, '/etc/growroot-disabled'))) {
    problems.push('/etc/growroot-disabled exists: growpart is disabled');
  }
  const devices = devicesOf(settings?.['devices'], setBy, notices);
  if (!devices.some((device) => device === '/' || device.startsWith('/dev/'))) {
    problems.push(
      `${setBy}: growpart devices ${show(settings?.['devices'])} name no root: ${devices.join(' ')}`,
    );
  }
  const tools = await toolsOf(fs);
  if (tools.growpart === undefined) problems.push('the program growpart is not installed');
  if (tools.resize2fs === undefined && tools.xfsGrowfs === undefined) {
    problems.push('neither resize2fs nor xfs_growfs is installed');
  }
  if (!modulesOf(merged).includes('growpart')) {
    problems.push('growpart is in none of cloud_init_modules, cloud_config_modules, cloud_final_modules');
  }
  return {
    mode: show(mode),
    devices,
    ignoreGrowrootDisabled,
    setBy,
    growsRoot: problems.length === 0,
    problems,
    notices,
    tools,
  };
}

/** A text stands for a list of one; null for an empty one. */
function devicesOf(value: ConfigValue | undefined, setBy: string, notices: string[]): string[] {
  if (value === undefined) return ['/'];
  if (value === null) return [];
  if (Array.isArray(value)) return value.map(show);
  notices.push(`${setBy}: growpart devices is the text ${show(value)}, not a list: read as a list of one`);
  return [show(value)];
}

async function toolsOf(fs: FileSystem): Promise<Growpart['tools']> {
  const [growpart, resize2fs, xfsGrowfs] = await Promise.all(
    ['growpart', 'resize2fs', 'xfs_growfs'].map((name) => findProgram(fs, name)),
  );
  return {
    ...(growpart !== undefined && { growpart }),
    ...(resize2fs !== undefined && { resize2fs }),
    ...(xfsGrowfs !== undefined && { xfsGrowfs }),
  };
}

/** The modules that run: names, or lists of a name and how often. */
function modulesOf(config: CloudConfig): string[] {
  return ['cloud_init_modules', 'cloud_config_modules', 'cloud_final_modules'].flatMap((stage) => {
    const value = config.get([stage]);
    if (!Array.isArray(value)) return [];
    return value.map((entry) => {
      const name = Array.isArray(entry) ? entry[0] : isDict(entry) ? entry['name'] : entry;
      return typeof name === 'string' ? name.replaceAll('-', '_') : '';
    });
  });
}

function isDict(value: ConfigValue | undefined): value is { [key: string]: ConfigValue } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** cloud-init's is_false. */
function isFalse(value: ConfigValue): boolean {
  return value === false || /^\s*(off|0|no|false)\s*$/i.test(show(value));
}

function show(value: ConfigValue | undefined): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : pythonString(value ?? null);
}
