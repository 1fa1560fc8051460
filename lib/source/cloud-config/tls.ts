import { createSecureContext } from 'node:tls';
import { UsageError, describeError } from '../../errors.ts';
import { type Surroundings, expandedPath, readRegular } from './files.ts';
import { mistake, placeOf } from './origin.ts';
import type { ResolvedCloud } from './resolve.ts';
import { isTruthy, kindOf } from './settings.ts';

/** A bundle of all public authorities has a quarter of a megabyte. */
const maximumSizeInBytes = 4 * 1024 * 1024;

/** How TLS is spoken with a cloud. Paths as they are written, until they are expanded. */
export interface TlsPaths {
  /** False: whoever answers is believed. */
  readonly verify: boolean;
  readonly cacert?: string;
  /** The client's certificate, with its key in the same file unless `key` names another. */
  readonly cert?: string;
  readonly key?: string;
}

/** The same with what the files hold, in PEM. */
export interface TlsSettings {
  readonly insecure: boolean;
  readonly authorities?: Buffer;
  readonly certificate?: Buffer;
  readonly key?: Buffer;
}

/**
 * `insecure` goes before everything; a `verify` that is a path is the authorities, as to Python's requests.
 * Source: openstack/config/cloud_region.py, get_requests_verify_args
 * @throws UsageError
 */
export function tlsPaths({ settings, origin }: ResolvedCloud, surroundings: Surroundings): TlsPaths {
  function path(name: string): string | undefined {
    const value = settings.get(name);
    if (!isTruthy(value)) return undefined;
    if (typeof value === 'string') return expandedPath(value, surroundings);
    throw mistake(origin, name, `${kindOf(value)}, where the path of a file is expected`);
  }
  const given = settings.get('verify');
  // The environment knows only texts, and every text is true to openstacksdk: the name of a file, in fact.
  const isFile = typeof given === 'string' && given.includes('/');
  if (typeof given !== 'boolean' && !isFile) {
    throw mistake(
      origin,
      'verify',
      `${kindOf(given)}, where true, false or a file of authorities is expected`,
    );
  }
  const verify = settings.get('insecure') !== true && given !== false;
  // Python's requests looks at these, where nothing else is said.
  const { REQUESTS_CA_BUNDLE: bundle, CURL_CA_BUNDLE: other } = surroundings.environment;
  const usual = isFile ? given : bundle || other;
  const cacert = path('cacert') ?? (usual ? expandedPath(usual, surroundings) : undefined);
  const cert = path('cert');
  const key = cert === undefined ? undefined : path('key');
  return {
    verify,
    ...(verify && cacert !== undefined && { cacert }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

/** @throws UsageError for a file that cannot be read, or is not what it should be */
export async function readTls(paths: TlsPaths, { origin }: ResolvedCloud): Promise<TlsSettings> {
  const read = async (name: 'cacert' | 'cert' | 'key') => {
    const path = paths[name];
    if (path === undefined) return undefined;
    const bytes = await readRegular(path, maximumSizeInBytes).catch((error: unknown) => {
      const what = `${path} cannot be read: ${describeError(error)}`;
      throw new UsageError(`${placeOf(origin, name)}: ${what}`, { cause: error });
    });
    const wanted =
      name === 'key' ? /-----BEGIN [A-Z ]*PRIVATE KEY-----/ : /-----BEGIN [A-Z ]*CERTIFICATE-----/;
    if (wanted.test(bytes.toString('latin1'))) return bytes;
    throw mistake(origin, name, `${path} holds no ${name === 'key' ? 'private key' : 'certificate'} in PEM`);
  };
  const authorities = await read('cacert');
  const certificate = await read('cert');
  const key = (await read('key')) ?? certificate;
  try {
    createSecureContext({
      ...(authorities && { ca: authorities }),
      ...(certificate && { cert: certificate }),
      ...(key && { key }),
    });
  } catch (error) {
    throw new UsageError(
      `${placeOf(origin, certificate ? 'cert' : 'cacert')}: ${[paths.cacert, paths.cert, paths.key].filter(Boolean).join(', ')}: not usable: ${describeError(error)}`,
      { cause: error },
    );
  }
  return {
    insecure: !paths.verify,
    ...(authorities && { authorities }),
    ...(certificate && { certificate }),
    ...(key && { key }),
  };
}
