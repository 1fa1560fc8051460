import { UsageError } from '../errors.ts';
import type { Deployment } from '../deployment.ts';
import type { Downloads } from './downloads.ts';
import { glanceStore } from './glance.ts';
import { ironicInventory } from './ironic.ts';
import { openCloud } from './keystone.ts';
import type { ImageStore, Inventory } from './source.ts';

/** What a cloud tells: nodes and images, and the newest version that its Ironic knows. */
export interface CloudSources {
  readonly inventory: Inventory;
  readonly images: ImageStore;
  newestMicroversion(): Promise<string>;
}

/** @throws UsageError when the variable that should hold the password is not set */
export function cloudSources(
  given: NonNullable<Deployment['cloud']>,
  cacert: string | undefined,
  held: AsyncDisposableStack,
  downloads?: Downloads,
): CloudSources {
  const { password_env: variable, cacert: _, ...rest } = given;
  const password = process.env[variable];
  if (password === undefined || password === '') {
    throw new UsageError(`cloud.password_env: the environment variable ${variable} is not set`);
  }
  const entries = Object.entries({ ...rest, password, cacert }).filter(([, value]) => value !== undefined);
  const cloud = held.use(openCloud({ auth_url: given.auth_url, ...Object.fromEntries(entries) }));
  const inventory = ironicInventory(cloud);
  return {
    inventory,
    images: glanceStore(cloud, downloads),
    newestMicroversion: () => inventory.newestMicroversion(),
  };
}
