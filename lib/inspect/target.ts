import type { Blob } from '../blob/blob.ts';
import type { Deployment } from '../deployment.ts';
import { UsageError } from '../errors.ts';
import { parseLocation } from '../source/location.ts';

export interface TargetOptions {
  /** What relative paths start from. */
  readonly folder: string;
  /** How much may be downloaded whole from servers that know no Range. */
  readonly downloadInBytes?: number | undefined;
  /** A cloud of clouds.yaml; openstacksdk's own choice when absent. */
  readonly cloud?: string | undefined;
  /** The deployment.yaml, where one is named. */
  readonly deployment?: () => Promise<Deployment>;
}

const glancePrefix = 'glance:';

/**
 * Opens what a person named: a path, `http(s)://`, `ssh://` or `glance:NAME`. What has to be closed is held by `held`.
 * @throws UsageError for a target that makes no sense; AccessError, MissingError, FormatError when it cannot be opened
 */
export async function openTarget(
  target: string,
  options: TargetOptions,
  held: AsyncDisposableStack,
): Promise<Blob> {
  if (target === '')
    throw new UsageError('an empty target: a file, http(s)://, ssh:// or glance:NAME is expected');
  if (target.startsWith(glancePrefix)) return openImage(target.slice(glancePrefix.length), options, held);
  if (/^https?:\/\//i.test(target)) {
    const [{ httpClient }, { openUrl }] = await Promise.all([
      import('../source/http.ts'),
      import('../source/web.ts'),
    ]);
    return openUrl(held.use(httpClient()), target, await downloadsOf(options, held));
  }
  const at = parseLocation(target, options.folder);
  switch (at.kind) {
    case 'path': {
      const { openFile } = await import('../blob/file.ts');
      const typed = target.startsWith('~/') ? at.path : target;
      return held.use(await openFile(at.path, typed));
    }
    case 'ssh': {
      const [{ openHosts }, deployment] = await Promise.all([
        import('../source/places.ts'),
        options.deployment?.(),
      ]);
      const hosts = await openHosts(deployment ?? { folder: options.folder, ssh: {}, hosts: {} }, held);
      return hosts.files(at).open(at.path);
    }
    case 'tftp':
      throw new UsageError(`${target}: TFTP is not read here; a file, http(s)://, ssh:// or glance:NAME is`);
  }
}

async function downloadsOf({ downloadInBytes }: TargetOptions, held: AsyncDisposableStack) {
  if (downloadInBytes === undefined) return {};
  const { downloads } = await import('../source/downloads.ts');
  return { downloads: held.use(downloads(downloadInBytes)) };
}

async function openImage(name: string, options: TargetOptions, held: AsyncDisposableStack): Promise<Blob> {
  if (name === '') throw new UsageError('glance: names no image; glance:NAME or glance:ID is expected');
  const [{ openWorld }, { factStore }, { imageNamed }] = await Promise.all([
    import('../world.ts'),
    import('../facts.ts'),
    import('../subjects/images.ts'),
  ]);
  const deployment = await (options.deployment?.() ?? cloudAlone(options));
  const world = held.use(await openWorld(deployment));
  return world.images.open(await factStore(world)(imageNamed, name));
}

/** A deployment of which nothing is known but its cloud. */
async function cloudAlone({ cloud, downloadInBytes, folder }: TargetOptions): Promise<Deployment> {
  const { nameOfCloud, ownSurroundings } = await import('../source/cloud-config/cloud-config.ts');
  const name = cloud ?? (await nameOfCloud(ownSurroundings()));
  return {
    name,
    cloud: { name },
    web: { download: downloadInBytes },
    architectures: [],
    ssh: {},
    hosts: {},
    conductors: [],
    user_images: [],
    folder,
  };
}
