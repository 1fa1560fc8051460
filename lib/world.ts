import { type Blob, readText } from './blob/blob.ts';
import { type Tally, newTally } from './blob/tally.ts';
import type { Deployment } from './deployment.ts';
import { UsageError } from './errors.ts';
import type { Patience } from './source/deadline.ts';
import type { Cloud } from './source/keystone.ts';
import type { Files, ImageStore, Inventory } from './source/source.ts';
import { type WebServers, webServers } from './source/web-servers.ts';
import { parseLocation } from './source/location.ts';
import { type Places, places } from './source/places.ts';

/** One conductor as it can be reached. */
export interface ConductorSource {
  readonly name: string;
  /** What sets options beside its files. */
  environment(): Promise<Readonly<Record<string, string>>>;
  /** Its configuration files, in oslo.config's order. */
  config(): Promise<readonly Blob[]>;
  /** The machine or container that its configuration is on; undefined where that is a copy on this machine. */
  readonly host: Files | undefined;
  /** What its TFTP server serves; absent when deployment.yaml names none: then it is as the configuration says. */
  readonly tftp: Files | undefined;
  /** What its HTTP server serves; absent when deployment.yaml names none: then it is as the configuration says. */
  readonly http: Files | undefined;
}

/** Everything outside, opened as deployment.yaml says, lazily: nothing is touched until a fact asks. */
export interface World extends AsyncDisposable {
  readonly deployment: Deployment;
  /** The control plane; absent where its answers were recorded. */
  readonly cloud?: Cloud;
  readonly inventory: Inventory;
  readonly images: ImageStore;
  readonly conductors: readonly ConductorSource[];
  /** What was read so far. */
  readonly tallies: Readonly<Record<'images' | 'bootFiles', Tally>>;
  /** The blob, read from far away once; what is near is left as it is. */
  keep(blob: Blob): Blob;
  /** The file behind a URL that a node record or a configuration names. */
  openUrl(url: string): Promise<Blob>;
  /** The files of the TFTP server at an address that a configuration names. */
  openTftp(host: string): Promise<Files>;
  /** The newest API version that Ironic knows; undefined where it is not asked (recorded answers). */
  newestMicroversion(): Promise<string | undefined>;
}

/**
 * Opens the world of a deployment. Each kind of source is loaded only when the deployment uses it.
 * @throws UsageError for a location that makes no sense
 */
export async function openWorld(deployment: Deployment): Promise<World> {
  const held = new AsyncDisposableStack();
  const { download, cacert } = deployment.web;
  const patience = patienceOf(deployment);
  const caFile = optionalPath(cacert, deployment);
  const web = webServers({ caFile, downloadInBytes: download, ...patience }, held);
  const files = places(deployment, held);
  const openTftp = async (host: string, port?: number) => tftpServer(host, port, patience);
  const conductors = await Promise.all(
    deployment.conductors.map(async ({ name, config, environment, tftp, http }): Promise<ConductorSource> => {
      const opens = await Promise.all(config.map(async (text) => files.config(text)));
      const onHost = config.find((text) => /^ssh:\/\//i.test(text));
      return {
        name,
        environment: await environmentOf(environment, files),
        config: async () => (await Promise.all(opens.map(async (open) => open()))).flat(),
        host: onHost === undefined ? undefined : await files.host(onHost),
        tftp: tftp === undefined ? undefined : await tftpRoot(tftp, deployment, held, openTftp),
        http: http === undefined ? undefined : await httpRoot(http, deployment, web, held),
      };
    }),
  );
  const tallies = { images: newTally(), bootFiles: newTally() };
  const dispose = { [Symbol.asyncDispose]: () => held.disposeAsync() };
  if (deployment.cloud !== undefined) {
    const [{ cloudSources }, { spools }] = await Promise.all([
      import('./source/cloud.ts'),
      import('./source/spool.ts'),
    ]);
    const spool = held.use(spools());
    return {
      deployment,
      conductors,
      ...(await cloudSources(deployment.cloud, deployment.folder, held, {
        downloads: web.downloads,
        ...patience,
      })),
      tallies,
      keep: (blob) => spool.over(blob),
      openUrl: async (url) => web.open(url),
      openTftp,
      ...dispose,
    };
  }
  const { recordedInventory, recordedStore } = await import('./source/recorded.ts');
  const at = (text: string | undefined) => (text === undefined ? undefined : localPath(text, deployment));
  return {
    deployment,
    conductors,
    inventory: recordedInventory({ nodes: at(deployment.nodes) ?? '', ports: at(deployment.ports) }),
    images: recordedStore(at(deployment.images) ?? '', held),
    newestMicroversion: async () => undefined,
    tallies,
    keep: (blob) => blob,
    openUrl: async (url) => web.open(url),
    openTftp,
    ...dispose,
  };
}

/** Bounds the environment of a process. */
const maximumEnvironmentInBytes = 4 * 1024 * 1024;

async function environmentOf(
  given: Deployment['conductors'][number]['environment'],
  files: Places,
): Promise<ConductorSource['environment']> {
  if (typeof given !== 'string') return async () => given;
  const open = await files.config(given);
  return async () => {
    const { readEnvironment } = await import('./ironic/environment-file.ts');
    const texts = await Promise.all(
      (await open()).map(async (blob) =>
        readEnvironment(await readText(blob, maximumEnvironmentInBytes), blob.origin),
      ),
    );
    return Object.assign({}, ...texts) as Record<string, string>;
  };
}

function patienceOf({ timeout }: Deployment): Patience {
  return timeout === undefined ? {} : { timeoutInMilliseconds: timeout };
}

async function tftpRoot(
  text: string,
  deployment: Deployment,
  held: AsyncDisposableStack,
  openTftp: (host: string, port?: number) => Promise<Files>,
): Promise<Files> {
  const at = parseLocation(text, deployment.folder);
  switch (at.kind) {
    case 'path': {
      const { folderFiles } = await import('./source/folder.ts');
      return held.use(folderFiles(at.path));
    }
    case 'tftp':
      return openTftp(at.host, at.port);
    case 'ssh':
      throw new UsageError(`${text}: a TFTP server (tftp://host/) or a folder is expected`);
  }
}

async function tftpServer(host: string, port: number | undefined, patience: Patience): Promise<Files> {
  const { tftpFiles } = await import('./source/tftp/tftp.ts');
  return tftpFiles({ host, ...(port !== undefined && { port }), ...patience });
}

async function httpRoot(text: string, deployment: Deployment, web: WebServers, held: AsyncDisposableStack) {
  if (/^https?:\/\//i.test(text)) return web.root(text);
  const at = parseLocation(text, deployment.folder);
  if (at.kind !== 'path')
    throw new UsageError(`${text}: an HTTP server (http://host/) or a folder is expected`);
  const { folderFiles } = await import('./source/folder.ts');
  return held.use(folderFiles(at.path));
}

function localPath(text: string, deployment: Deployment): string {
  const at = parseLocation(text, deployment.folder);
  if (at.kind !== 'path') throw new UsageError(`${text}: a file is expected here`);
  return at.path;
}

function optionalPath(text: string | undefined, deployment: Deployment): string | undefined {
  return text === undefined ? undefined : localPath(text, deployment);
}
