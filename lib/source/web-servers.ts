import { readFile } from 'node:fs/promises';
import type { Blob } from '../blob/blob.ts';
import { FormatError, UsageError, describeError } from '../errors.ts';
import type { Patience } from './deadline.ts';
import { type Downloads, downloads } from './downloads.ts';
import type { Files } from './source.ts';

/** Plain web servers, reached by one client, which is loaded when first needed. */
export interface WebServers {
  /** What may be downloaded from those that know no Range. */
  readonly downloads: Downloads | undefined;
  /** The file behind a URL; see web.ts. */
  open(url: string): Promise<Blob>;
  /** The files below a URL, such as `[deploy]http_url`. */
  root(url: string): Files;
}

export interface WebServerOptions extends Patience {
  /** The authorities trusted for TLS, in PEM, in place of the system's. */
  readonly caFile: string | undefined;
  readonly downloadInBytes: number | undefined;
}

export function webServers(options: WebServerOptions, held: AsyncDisposableStack): WebServers {
  const { caFile, downloadInBytes, ...patience } = options;
  const allowed = downloadInBytes === undefined ? undefined : held.use(downloads(downloadInBytes));
  let loaded: Promise<WebServers['open']> | undefined;

  async function load(): Promise<WebServers['open']> {
    const [{ httpClient }, { openUrl }] = await Promise.all([import('./http.ts'), import('./web.ts')]);
    const http = held.use(
      httpClient({
        ...patience,
        ...(caFile !== undefined && { tls: { authorities: await readAuthorities(caFile) } }),
      }),
    );
    return async (url) => openUrl(http, url, { downloads: allowed });
  }

  const open: WebServers['open'] = async (url) => (await (loaded ??= load()))(url);
  return {
    downloads: allowed,
    open,
    root: (url) => ({ origin: url, open: async (path) => open(urlBelow(url, path)) }),
  };
}

async function readAuthorities(caFile: string): Promise<Buffer> {
  return readFile(caFile).catch((error: unknown) => {
    throw new UsageError(`${caFile}: the CA file cannot be read: ${describeError(error)}`, { cause: error });
  });
}

/** The URL of a path below another. @throws FormatError for a path that leads out of it */
export function urlBelow(base: string, path: string): string {
  const root = base.replace(/\/+$/, '');
  const name = path.replace(/^\/+/, '');
  if (name.split('/').includes('..')) throw new FormatError(`${root}/${name}: a path with ".."`);
  return `${root}/${name.split('/').map(encodeURIComponent).join('/')}`;
}
