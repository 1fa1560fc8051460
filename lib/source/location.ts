import { homedir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { UsageError } from '../errors.ts';

/** A place in deployment.yaml, taken apart. */
export type Location =
  | { readonly kind: 'path'; readonly path: string; readonly folder: string; readonly name: string }
  | { readonly kind: 'tftp'; readonly host: string; readonly port: number }
  | {
      readonly kind: 'ssh';
      /** As written: a name of deployment.yaml's `hosts`, of ~/.ssh/config, or of the host itself. */
      readonly host: string;
      /** Undefined where the location names none. */
      readonly port: number | undefined;
      readonly user: string | undefined;
      readonly path: string;
    };

const defaultTftpPort = 69;
/** A URL has no place for a zone, but as RFC 6874 says, and then only where the parser follows that. */
const withZone = /^(tftp:\/\/\[[\da-f:.]+)%(?:25)?([\w.-]{1,15})(\].*)$/i;

/**
 * Reads `ssh://[user@]host[:port]/path`, `tftp://host[:port]/` or a path, which starts from `folder` unless it
 * is absolute or begins with `~/`. A link-local address of TFTP has its zone behind `%` or `%25`: `tftp://[fe80::1%eth0]/`.
 * @throws UsageError for another scheme, a password in the URL, or a part that is missing
 */
export function parseLocation(text: string, folder: string): Location {
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(text)) {
    const path = text.startsWith('~/') ? join(homedir(), text.slice(2)) : resolve(folder, text);
    return { kind: 'path', path, folder: dirname(path), name: basename(path) };
  }
  const [, before = text, zone = '', after = ''] = withZone.exec(text) ?? [];
  const url = URL.parse(before + after);
  if (url === null || url.hostname === '') throw new UsageError(`${hidePassword(text)}: not a location`);
  if (url.password !== '') throw new UsageError(`${hidePassword(text)}: a location must not hold a password`);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  switch (url.protocol) {
    case 'tftp:':
      return {
        kind: 'tftp',
        host: zone === '' ? host : `${host}%${zone}`,
        port: Number(url.port || defaultTftpPort),
      };
    case 'ssh:': {
      if (url.pathname.length < 2) throw new UsageError(`${text}: names no file`);
      const user = url.username === '' ? undefined : decoded(url.username, text);
      const port = url.port === '' ? undefined : Number(url.port);
      return { kind: 'ssh', host: decoded(host, text), port, user, path: decoded(url.pathname, text) };
    }
    default:
      throw new UsageError(
        `${text}: ${url.protocol}// is not supported; a path, ssh:// or tftp:// is expected`,
      );
  }
}

function decoded(part: string, text: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    throw new UsageError(`${text}: ${part}: a % that begins no escape; write %25 for it`, { cause: error });
  }
}

function hidePassword(text: string): string {
  return text.replace(/:[^:@/]*@/, ':…@');
}
