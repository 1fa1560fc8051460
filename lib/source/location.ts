import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../errors.ts';

/** A place in deployment.yaml, taken apart. */
export type Location =
  | { readonly kind: 'path'; readonly path: string; readonly folder: string; readonly name: string }
  | { readonly kind: 'tftp'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'ssh';
      readonly host: string;
      readonly port: number;
      readonly user: string | undefined;
      readonly path: string;
    };

const defaultPorts = { 'ssh:': 22, 'tftp:': 69 } as const;

/**
 * Reads `ssh://[user@]host[:port]/path`, `tftp://host[:port]/` or a path, which starts from `folder` unless it
 * is absolute or begins with `~/`.
 * @throws UsageError for another scheme, a password in the URL, or a part that is missing
 */
export function parseLocation(text: string, folder: string): Location {
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(text)) {
    const path = text.startsWith('~/') ? join(homedir(), text.slice(2)) : resolve(folder, text);
    return { kind: 'path', path, folder: dirname(path), name: basename(path) };
  }
  const url = URL.parse(text);
  if (url === null || url.hostname === '') throw new UsageError(`${hidePassword(text)}: not a location`);
  if (url.password !== '') throw new UsageError(`${hidePassword(text)}: a location must not hold a password`);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  switch (url.protocol) {
    case 'tftp:':
      return { kind: 'tftp', host, port: Number(url.port || defaultPorts['tftp:']) };
    case 'ssh:': {
      if (url.pathname.length < 2) throw new UsageError(`${text}: names no file`);
      const user = url.username === '' ? undefined : decodeURIComponent(url.username);
      const port = Number(url.port || defaultPorts['ssh:']);
      return { kind: 'ssh', host, port, user, path: decodeURIComponent(url.pathname) };
    }
    default:
      throw new UsageError(
        `${text}: ${url.protocol}// is not supported; a path, ssh:// or tftp:// is expected`,
      );
  }
}

function hidePassword(text: string): string {
  return text.replace(/:[^:@/]*@/, ':…@');
}
