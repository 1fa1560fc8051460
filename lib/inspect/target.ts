import type { Blob } from '../blob/blob.ts';
import type { Deployment } from '../deployment.ts';
import { UsageError } from '../errors.ts';
import { parseLocation } from '../source/location.ts';

export interface TargetOptions {
  /** What relative paths start from. */
  readonly folder: string;
  /** How much may be downloaded whole from servers that know no Range. */
  readonly downloadInBytes?: number | undefined;
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
      const [{ sshFiles }, deployment] = await Promise.all([
        import('../source/ssh.ts'),
        options.deployment?.(),
      ]);
      const { user, identity, known_hosts } = deployment?.ssh ?? {};
      const path = (text: string | undefined) =>
        deployment === undefined || text === undefined ? undefined : pathOf(text, deployment);
      const files = held.use(
        sshFiles({
          host: at.host,
          port: at.port,
          user: at.user ?? user,
          identityFile: path(identity),
          knownHostsFile: path(known_hosts),
        }),
      );
      return files.open(at.path);
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

function pathOf(text: string, deployment: Deployment): string {
  const at = parseLocation(text, deployment.folder);
  if (at.kind !== 'path') throw new UsageError(`${text}: a file is expected here`);
  return at.path;
}

async function openImage(
  name: string,
  { deployment }: TargetOptions,
  held: AsyncDisposableStack,
): Promise<Blob> {
  if (name === '') throw new UsageError('glance: names no image; glance:NAME or glance:ID is expected');
  if (deployment === undefined) {
    throw new UsageError(`glance:${name}: --deployment FILE is needed, to say which cloud`);
  }
  const [{ openWorld }, { factStore }, { imageNamed }] = await Promise.all([
    import('../world.ts'),
    import('../facts.ts'),
    import('../subjects/images.ts'),
  ]);
  const world = held.use(await openWorld(await deployment()));
  return world.images.open(await factStore(world)(imageNamed, name));
}
