import { readFile } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Client, ConnectConfig, SFTPWrapper, ServerHostKeyAlgorithm } from 'ssh2';
import { AccessError, UsageError, describeError } from '../errors.ts';
import { fingerprint, judgeHostKey, keyTypeOf, knownKeyTypes, parseKnownHosts } from './known-hosts.ts';

export interface SshOptions {
  readonly host: string;
  readonly port?: number;
  /** The name of the user here unless said otherwise, as with ssh. */
  readonly user?: string | undefined;
  /** A private key file (OpenSSH or PEM). */
  readonly identityFile?: string | undefined;
  /** For an identity that is encrypted. */
  readonly passphrase?: string | undefined;
  /** The socket of an ssh-agent. Without it and without an identity file: SSH_AUTH_SOCK. */
  readonly agentSocket?: string | undefined;
  /** `~/.ssh/known_hosts` unless said otherwise. */
  readonly knownHostsFile?: string | undefined;
  /** For the handshake, and for each answer after it. */
  readonly timeoutInMilliseconds?: number;
}

export interface SshConnection {
  readonly sftp: SFTPWrapper;
  /** True once the connection is gone. */
  readonly isClosed: () => boolean;
  readonly close: () => void;
}

/** RSA keys are used with SHA-2 only: signatures with SHA-1 are refused by OpenSSH since 8.8 as well. */
const algorithmsOfType: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
};

/**
 * Connects, verifies the host key against known_hosts, authenticates, and starts SFTP.
 * @throws AccessError saying which of these failed, UsageError when there is nothing to authenticate with
 */
export async function connectSsh(options: SshOptions): Promise<SshConnection> {
  const { host, port = 22, user = userInfo().username, identityFile } = options;
  const { knownHostsFile = join(homedir(), '.ssh', 'known_hosts') } = options;
  const { timeoutInMilliseconds = 15_000 } = options;
  const origin = sshOrigin(options);
  const ownAgent = identityFile === undefined ? process.env['SSH_AUTH_SOCK'] : undefined;
  const agentSocket = options.agentSocket ?? ownAgent;
  if (identityFile === undefined && agentSocket === undefined) {
    throw new UsageError(`${origin}: neither an identity file nor an ssh-agent to authenticate with`);
  }
  const readOwn = async (path: string, what: string) =>
    readFile(path).catch((error: unknown) => {
      throw new AccessError(`${origin}: the ${what} cannot be read: ${describeError(error)}`, {
        cause: error,
      });
    });
  const known = parseKnownHosts((await readOwn(knownHostsFile, 'known_hosts file')).toString('utf8'));
  const privateKey = identityFile === undefined ? undefined : await readOwn(identityFile, 'identity file');
  let hostKeyFault: AccessError | undefined;

  const knownTypes = knownKeyTypes(known, host, port);
  const types = [
    ...knownTypes,
    ...Object.keys(algorithmsOfType).filter((type) => !knownTypes.includes(type)),
  ];
  const config: ConnectConfig = {
    host,
    port,
    username: user,
    readyTimeout: timeoutInMilliseconds,
    keepaliveInterval: 10_000,
    keepaliveCountMax: 3,
    algorithms: { serverHostKey: types.flatMap((type) => algorithmsOfType[type] ?? []) },
    hostVerifier: (key: Buffer) => {
      hostKeyFault = describeHostKey(key);
      return hostKeyFault === undefined;
    },
    ...(privateKey !== undefined && { privateKey }),
    ...(options.passphrase !== undefined && { passphrase: options.passphrase }),
    ...(agentSocket !== undefined && { agent: agentSocket }),
  };

  function describeHostKey(key: Buffer): AccessError | undefined {
    const judged = judgeHostKey(known, host, port, key);
    const seen = `${keyTypeOf(key)} ${fingerprint(key)}`;
    switch (judged.verdict) {
      case 'known':
        return undefined;
      case 'revoked':
        return new AccessError(
          `${origin}: host key ${seen} is revoked in ${knownHostsFile}:${judged.lineNumber}`,
        );
      case 'changed':
        return new AccessError(
          `${origin}: host key ${seen} is not the one in ${knownHostsFile}:${judged.lineNumber}: changed, or another host answers`,
        );
      case 'unknown': {
        const others =
          judged.otherTypes.length > 0 ? `, which has ${judged.otherTypes.join(', ')} of it` : '';
        const authority = judged.hasAuthority ? '; host certificates (@cert-authority) are not read' : '';
        return new AccessError(
          `${origin}: host key ${seen} is not in ${knownHostsFile}${others}${authority}`,
        );
      }
    }
  }

  function explain(error: Error & { level?: string; code?: string }): AccessError {
    if (hostKeyFault !== undefined) return hostKeyFault;
    const cause = { cause: error };
    if (error.level === 'client-timeout') {
      return new AccessError(`${origin}: no SSH connection within ${timeoutInMilliseconds / 1000} s`, cause);
    }
    if (error.level === 'client-authentication') {
      const means = [identityFile, agentSocket === undefined ? undefined : 'the ssh-agent'].filter(Boolean);
      return new AccessError(
        `${origin}: authentication refused for ${user} with ${means.join(' and ')}`,
        cause,
      );
    }
    return new AccessError(`${origin}: ${error.code ?? describeError(error)}`, cause);
  }

  const { default: ssh2 } = await import('ssh2');
  const client: Client = new ssh2.Client();
  let closed = false;
  try {
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(Object.assign(new Error('no answer'), { level: 'client-timeout' })),
        timeoutInMilliseconds + 1000,
      );
      client.on('error', reject);
      client.on('close', () => {
        closed = true;
        clearTimeout(timer);
        reject(new Error('the server closed the connection'));
      });
      // Without it, every small request waits for the acknowledgement of the one before.
      client.on('connect', () => client.setNoDelay(true));
      client.on('ready', () => {
        client.sftp((error, opened) => {
          clearTimeout(timer);
          if (error === undefined || error === null) resolve(opened);
          else reject(new AccessError(`${origin}: no SFTP: ${describeError(error)}`, { cause: error }));
        });
      });
      try {
        client.connect(config);
      } catch (error) {
        reject(
          new AccessError(`${origin}: the identity cannot be used: ${describeError(error)}`, {
            cause: error,
          }),
        );
      }
    });
    sftp.setMaxListeners(0); // each request under way listens for the end
    return { sftp, isClosed: () => closed, close: () => void client.end() };
  } catch (error) {
    client.destroy();
    throw error instanceof AccessError ? error : explain(error as Error);
  }
}

/** `ssh://user@host:port`, without the port where it is 22. */
export function sshOrigin({ host, port = 22, user = userInfo().username }: SshOptions): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `ssh://${user}@${name}${port === 22 ? '' : `:${port}`}`;
}
