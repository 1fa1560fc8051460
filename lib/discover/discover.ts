import { resolve } from 'node:path';
import { nameOfCloud, ownSurroundings } from '../source/cloud-config/cloud-config.ts';
import { cloudSources } from '../source/cloud.ts';
import { gather } from './gather.ts';
import type { DiscoverOptions } from './options.ts';
import { renderDeployment } from './render.ts';

/**
 * The deployment.yaml of a live cloud, as far as it can be found out.
 * @param folder where the command was given, from which relative paths start
 * @throws UsageError, AccessError where the cloud cannot be asked at all
 */
export async function discover(
  { cloud, cloudFile, region, name }: Omit<DiscoverOptions, 'help'>,
  folder: string,
): Promise<string> {
  await using held = new AsyncDisposableStack();
  const given = {
    name: cloud ?? (await nameOfCloud(ownSurroundings())),
    // deployment.yaml may come to stand elsewhere.
    ...(cloudFile !== undefined && { file: resolve(folder, cloudFile) }),
    ...(region !== undefined && { region }),
  };
  const sources = await cloudSources(given, folder, held);
  return renderDeployment(await gather(sources), { name: name ?? given.name, cloud: given });
}
