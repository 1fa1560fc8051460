import type { FileSystem } from '../../fs/filesystem.ts';
import { firstFile, isFile } from '../files.ts';
import { type UnitState, unitState } from '../systemd.ts';

export interface CloudInitEnabled {
  /** Nothing in the image keeps it from running; ds-identify may still, see `datasourceOnBareMetal`. */
  readonly enabled: boolean;
  /** What keeps it from running, with the path. */
  readonly because: readonly string[];
  readonly units: readonly UnitState[];
  /** The generator that decides at boot, by ds-identify's answer. */
  readonly generator?: string;
}

/** One of each line must be enabled: cloud-init-network replaced cloud-init.service in 24.3. */
const stages: readonly (readonly string[])[] = [
  ['cloud-init-local.service'],
  ['cloud-init.service', 'cloud-init-network.service'],
  ['cloud-config.service'],
  ['cloud-final.service'],
];
/** Since 24.3 a unit that all stages run in. */
const mainUnit = 'cloud-init-main.service';

/**
 * Whether the guest starts cloud-init: the units are enabled by links, and nothing disables it.
 * Source: systemd/cloud-init-generator.tmpl; cloud-init's documentation, "How to disable cloud-init".
 */
export async function cloudInitEnabled(fs: FileSystem): Promise<CloudInitEnabled> {
  const because: string[] = [];
  const disabledBy = '/etc/cloud/cloud-init.disabled';
  if ((await isFile(fs, disabledBy)) && !(await isFile(fs, '/etc/cloud/cloud-init.enabled'))) {
    because.push(`${disabledBy} exists`);
  }
  const units: UnitState[] = [];
  for (const names of stages) {
    const states = await Promise.all(names.map((name) => unitState(fs, name)));
    const there = states.filter(({ file }) => file !== undefined);
    units.push(...there);
    if (there.some(({ enabled }) => enabled)) continue;
    const masked = there.find(({ maskedBy }) => maskedBy !== undefined);
    if (masked?.maskedBy !== undefined) because.push(`${masked.name} is masked by ${masked.maskedBy}`);
    else if (there.length > 0) because.push(`${there.map(({ name }) => name).join(', ')}: no unit wants it`);
    else because.push(`there is no ${names.join(' or ')}`);
  }
  const main = await unitState(fs, mainUnit);
  if (main.file !== undefined) {
    units.push(main);
    if (!main.enabled)
      because.push(`${mainUnit} is ${main.maskedBy === undefined ? 'not enabled' : 'masked'}`);
  }
  const generator = await firstFile(fs, [
    '/usr/lib/systemd/system-generators/cloud-init-generator',
    '/lib/systemd/system-generators/cloud-init-generator',
  ]);
  return { enabled: because.length === 0, because, units, ...(generator !== undefined && { generator }) };
}
