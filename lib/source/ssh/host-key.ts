import { readFile } from 'node:fs/promises';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { AccessError, describeError } from '../../errors.ts';
import {
  type KnownHost,
  fingerprint,
  judgeHostKey,
  keyTypeOf,
  knownKeyTypes,
  parseKnownHosts,
} from './known-hosts.ts';
import type { SshTarget } from './target.ts';

/** RSA keys are used with SHA-2 only: signatures with SHA-1 are refused by OpenSSH since 8.8 as well. */
const algorithmsOfType: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/** What known_hosts files know of one host. */
export interface HostKeys {
  /** Those of the types that are known come first, or the host would show another, unknown key. */
  readonly algorithms: ServerHostKeyAlgorithm[];
  /** Why the key that the host shows is refused; undefined when it is the host's. */
  refuse(key: Buffer): AccessError | undefined;
}

/**
 * Reads the known_hosts files of a host. A file that is missing is empty, as with OpenSSH.
 * @throws AccessError when not one of them can be read
 */
export async function readHostKeys(target: SshTarget, origin: string): Promise<HostKeys> {
  const { knownHostsFiles, hostKeyAlias } = target;
  const read = await Promise.all(knownHostsFiles.map(readEntries));
  if (read.every(({ problem }) => problem !== undefined)) {
    const problems = read.map(({ file, problem }) => `${file}: ${problem}`);
    throw new AccessError(
      `${origin}: no known_hosts file can be read, and the host cannot be told from another: ` +
        (problems.join('; ') || 'the configuration names none'),
    );
  }
  const entries = read.flatMap((one) => one.entries);
  // A name in place of the address stands in the file without a port.
  const host = hostKeyAlias ?? target.host;
  const port = hostKeyAlias === undefined ? target.port : 22;
  const known = knownKeyTypes(entries, host, port);
  const types = [...known, ...Object.keys(algorithmsOfType).filter((type) => !known.includes(type))];

  return {
    algorithms: types.flatMap((type) => algorithmsOfType[type] ?? []),
    refuse(key) {
      const judged = judgeHostKey(entries, host, port, key);
      const seen = `${keyTypeOf(key)} ${fingerprint(key)}`;
      const alias = hostKeyAlias === undefined ? '' : `, as ${hostKeyAlias}`;
      const strict = target.wantsUnverified
        ? '; StrictHostKeyChecking no is not honoured: keys are always verified'
        : '';
      const say = (text: string) => new AccessError(`${origin}: host key ${seen} ${text}${alias}${strict}`);
      switch (judged.verdict) {
        case 'known':
          return undefined;
        case 'revoked':
          return say(`is revoked in ${judged.entry.file}:${judged.entry.lineNumber}`);
        case 'changed':
          return say(
            `is not the one in ${judged.entry.file}:${judged.entry.lineNumber}: changed, or another host answers`,
          );
        case 'unknown': {
          const others =
            judged.otherTypes.length > 0 ? `, which has ${judged.otherTypes.join(', ')} of it` : '';
          const authority = judged.hasAuthority ? '; host certificates (@cert-authority) are not read' : '';
          const files = read.flatMap(({ file, problem }) => (problem === undefined ? [file] : []));
          return say(
            `is not in ${files.join(', ')}${others}${authority}; connect with ssh once and verify it`,
          );
        }
      }
    },
  };
}

interface ReadFile {
  readonly file: string;
  readonly entries: readonly (KnownHost & { readonly file: string })[];
  readonly problem: string | undefined;
}

async function readEntries(file: string): Promise<ReadFile> {
  try {
    const entries = parseKnownHosts((await readFile(file)).toString('utf8'));
    return { file, entries: entries.map((entry) => ({ ...entry, file })), problem: undefined };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const problem = code === 'ENOENT' ? 'no such file' : describeError(error);
    return { file, entries: [], problem };
  }
}
