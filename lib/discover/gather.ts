import { AssayError } from '../errors.ts';
import type { ConductorRecord, NodeRecord } from '../ironic/records.ts';
import type { CloudSources } from '../source/cloud.ts';
import { describeScope } from '../source/keystone.ts';
import type { ImageRecord } from '../source/source.ts';

/** What a service told, or why it did not. */
export type Told<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/** What a live cloud tells of itself, as one credential sees it. */
export interface Discovery {
  /** As whom it was asked. */
  readonly scope: string;
  /** The newest API version that its Ironic knows, such as `1.82`. */
  readonly microversion: Told<string>;
  readonly nodes: Told<readonly NodeRecord[]>;
  readonly conductors: Told<readonly ConductorRecord[]>;
  readonly images: Told<readonly ImageRecord[]>;
}

/**
 * Asks a cloud, with GET alone but for the token.
 * @throws AccessError, UsageError where the credential is not accepted at all
 */
export async function gather(sources: CloudSources): Promise<Discovery> {
  const { cloud, inventory, images: store } = sources;
  // Before the others, so that a refused password is told once.
  const scope = describeScope(await cloud.scope());
  const [microversion, nodes, conductors, images] = await Promise.all([
    told(sources.newestMicroversion()),
    told(inventory.nodes()),
    told(inventory.conductors()),
    told(store.images()),
  ]);
  return { scope, microversion, nodes, conductors, images };
}

async function told<T>(asked: Promise<T>): Promise<Told<T>> {
  try {
    return { ok: true, value: await asked };
  } catch (error) {
    if (error instanceof AssayError) return { ok: false, problem: error.message };
    throw error;
  }
}
