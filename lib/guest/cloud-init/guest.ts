import type { FileSystem } from '../../fs/filesystem.ts';
import { isFile, textIfPresent } from '../files.ts';
import type { InstalledPackages } from '../packages.ts';
import { type CloudConfig, readCloudConfig } from './config.ts';
import { type DatasourceList, datasourceList, shellFiles } from './datasource-list.ts';
import { type BareMetalInput, type DatasourceOutcome, datasourceOnBareMetal } from './datasource.ts';
import type { DsIdentifyInput } from './identify.ts';
import { type DsIdentifyRules, dsIdentifyPath, readDsIdentify, rulesOfRelease } from './ds-identify.ts';
import { findKey, readShellSettings } from './shell-config.ts';
import { type CloudInitVersion, cloudInitVersion } from './version.ts';

/** What the image's cloud-init will do on bare metal, with everything that it follows from. */
export interface GuestDatasource {
  readonly version?: CloudInitVersion;
  readonly config: CloudConfig;
  readonly datasources: DatasourceList;
  /** The image's ds-identify script, and the rules it was taken to follow. */
  readonly dsIdentify?: { readonly path: string; readonly rules?: DsIdentifyRules };
  readonly withoutConfigDrive: DatasourceOutcome;
  readonly withConfigDrive: DatasourceOutcome;
}

/**
 * Gathers what `datasourceOnBareMetal` needs from an image, and asks it.
 * @param architecture as `uname -m` says on the node
 * @param about what the caller knows already: packages, and the kernel command line of the image's boot loader
 */
export async function guestDatasource(
  fs: FileSystem,
  architecture: string,
  about: { packages?: InstalledPackages; kernelCommandLine?: string } = {},
): Promise<GuestDatasource> {
  const version = await cloudInitVersion(fs, about.packages);
  const config = await readCloudConfig(fs);
  const path = await dsIdentifyPath(fs);
  const rules = (await readDsIdentify(fs)) ?? (version === undefined ? undefined : rulesOfRelease(version));
  const datasources = await datasourceList(fs, rules, config);
  const seeds = await seedsOf(fs);
  const input: BareMetalInput = {
    architecture,
    ...(version !== undefined && { version }),
    list: datasources.list,
    ...(path !== undefined && { dsIdentify: await dsIdentifyInput(fs, rules, datasources, seeds) }),
    ec2StrictId: config.get(['datasource', 'Ec2', 'strict_id']),
    seeds,
    ...(about.kernelCommandLine !== undefined && { kernelCommandLine: about.kernelCommandLine }),
  };
  return {
    ...(version !== undefined && { version }),
    config,
    datasources,
    ...(path !== undefined && { dsIdentify: { path, ...(rules !== undefined && { rules }) } }),
    ...datasourceOnBareMetal(input),
  };
}

/** What ds-identify finds in the image's own files. */
export async function dsIdentifyInput(
  fs: FileSystem,
  rules: DsIdentifyRules | undefined,
  datasources: DatasourceList,
  seeds: readonly string[],
): Promise<DsIdentifyInput> {
  const reader = rules?.reader ?? 'flow';
  const files = await shellFiles(fs);
  const settings = readShellSettings((await textIfPresent(fs, '/etc/cloud/ds-identify.cfg')) ?? '');
  const lastOf = (key: string) => settings.findLast(([name]) => name === key)?.[1];

  const foundInFiles = [...seeds];
  for (const { datasource, keys } of rules?.signs ?? []) {
    if (keys.every((key) => findKey(key, files, reader) !== undefined)) foundInFiles.push(datasource);
  }

  // The script looks for strict_id only in cloud.cfg and in files with “ec2” in their name.
  const ec2Files = files.filter(
    ({ path }) => path === '/etc/cloud/cloud.cfg' || /ec2[^/]*\.cfg$/i.test(path),
  );
  const strictId =
    findKey('strict_id', ec2Files, reader)?.value ??
    settings.find(([name]) => name === 'ci.datasource.ec2.strict_id')?.[1];
  const [policy, datasource] = [lastOf('policy'), lastOf('datasource')];
  return {
    ...(rules !== undefined && { rules }),
    ...(datasources.seen !== undefined && { list: datasources.seen.list }),
    ...(policy !== undefined && { policy }),
    ...(datasource !== undefined && { datasource }),
    ...(strictId !== undefined && { strictId }),
    foundInFiles,
  };
}

/** Seed directories in the image: /var/lib/cloud/seed. */
export async function seedsOf(fs: FileSystem): Promise<string[]> {
  const seed = '/var/lib/cloud/seed';
  const both = async (name: string) =>
    (await isFile(fs, `${seed}/${name}/meta-data`)) && (await isFile(fs, `${seed}/${name}/user-data`));
  const seeds: string[] = [];
  if ((await both('nocloud')) || (await both('nocloud-net'))) seeds.push('NoCloud');
  if (await both('ec2')) seeds.push('Ec2');
  if (await isFile(fs, `${seed}/config_drive/openstack/latest/meta_data.json`)) seeds.push('ConfigDrive');
  return seeds;
}
