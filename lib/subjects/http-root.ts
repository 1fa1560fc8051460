import { type Blob, readText } from '../blob/blob.ts';
import { cachedBlob } from '../blob/cache.ts';
import { type Tally, talliedBlob } from '../blob/tally.ts';
import { AccessError } from '../errors.ts';
import { fact } from '../facts.ts';
import type { Files } from '../source/source.ts';
import type { SubjectKind } from '../subject.ts';
import type { ConductorSource } from '../world.ts';
import { isLoopback } from './loopback.ts';
import { type Conductor, conductors, nodesBootBy } from './conductors.ts';
import { usableConfig } from './config.ts';

/** Bounds an iPXE script, which is some 2 kB. */
export const maximumScriptInBytes = 1024 * 1024;

/** Where the nodes of a conductor load their scripts, kernels and initramfs from. */
export interface HttpRoot {
  readonly files: Files;
  /** `[deploy]http_url`, without `/` at its end. */
  readonly url: string;
}

export const httpRoot = fact('HTTP root', async (conductor: ConductorSource, use): Promise<HttpRoot> => {
  const reading = (await use(usableConfig, conductor)).string('deploy', 'http_url');
  const url = reading.ok ? (reading.value ?? '').replace(/\/+$/, '') : '';
  if (conductor.http !== undefined) return { files: conductor.http, url };
  // Of recorded answers nobody knows whether the network here is that of the deployment.
  if (use.world.deployment.cloud === undefined) {
    throw new AccessError(`${conductor.name}: deployment.yaml does not say where its HTTP server is (http)`);
  }
  if (!URL.canParse(url)) {
    throw new AccessError(`${conductor.name}: [deploy]http_url leads nowhere; see conf/http-url`);
  }
  if (isLoopback(new URL(url).hostname)) {
    throw new AccessError(
      `${conductor.name}: [deploy]http_url is ${url}, which here is another machine (http)`,
    );
  }
  return { files: { origin: url, open: async (path) => use.world.openUrl(`${url}/${path}`) }, url };
});

/** A file of a conductor's root, as it is served to nodes. */
export async function openServed(
  { files }: Pick<HttpRoot, 'files'>,
  path: string,
  tally: Tally,
): Promise<Blob> {
  return cachedBlob(talliedBlob(await files.open(path), tally));
}

/** The conductors whose nodes load over HTTP. */
export const httpConductors: SubjectKind<Conductor> = {
  name: 'conductors with an HTTP server',
  perArchitecture: false,
  none: 'no node boots by iPXE or over HTTP',
  all: fact('conductors with an HTTP server', async (_, use) => {
    const all = await use(conductors.all, 'all');
    const boots = await Promise.all(
      // What keeps a configuration away is told by the checks of each conductor.
      all.map(async (conductor) => use(nodesBootBy, conductor).catch(() => ({ http: true }))),
    );
    return all.filter((_conductor, index) => boots[index]?.http === true);
  }),
};

/** The script that every iPXE loads first, written when a conductor starts. */
export const bootScript = fact('boot script', async ({ source }: Conductor, use) => {
  const reading = (await use(usableConfig, source)).string('pxe', 'ipxe_boot_script');
  const path = reading.ok ? (reading.value ?? '') : '';
  const name = path.slice(path.lastIndexOf('/') + 1) || 'boot.ipxe';
  const blob = await openServed(await use(httpRoot, source), name, use.world.tallies.bootFiles);
  return { name, origin: blob.origin, text: await readText(blob, maximumScriptInBytes) };
});
