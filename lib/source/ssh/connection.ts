import type { Duplex } from 'node:stream';
import type { Client, ConnectConfig, SFTPWrapper } from 'ssh2';
import { AccessError, describeError } from '../../errors.ts';
import { within } from '../deadline.ts';
import { readHostKeys } from './host-key.ts';
import { type Credentials, credentialsOf } from './identity.ts';
import type { SshTarget } from './target.ts';
import { turns } from '../turns.ts';

/** The host has no SFTP, or does not give it to this user. */
export class NoSftpError extends AccessError {}

/** A host that let us in. */
export interface SshConnection {
  readonly origin: string;
  readonly client: Client;
  /** For each answer. */
  readonly timeoutInMilliseconds: number;
  /** Its SFTP, started when first asked for. @throws NoSftpError */
  sftp(): Promise<SFTPWrapper>;
  /** sshd allows ten sessions on one connection (MaxSessions); a command runs in one of its own. */
  readonly inTurn: ReturnType<typeof turns>;
  /** True once the connection is gone. */
  isClosed(): boolean;
  close(): void;
}

const commandsAtATime = 4;

/** RFC 4254, section 5.1. */
const SSH_OPEN_ADMINISTRATIVELY_PROHIBITED = 1;

/** How far a connection came, and what it says of a host that then says nothing. */
const stages = {
  start: 'no answer at all',
  connected: 'it accepts connections, but does not speak SSH',
  known: 'its key is right, but it does not let us in or refuse',
};

/**
 * Connects, verifies the host key against known_hosts, and authenticates.
 * @param stream what leads to the host, when a jump host does
 * @throws AccessError saying which of these failed
 */
export async function connectSsh(target: SshTarget, stream?: Duplex): Promise<SshConnection> {
  const { host, port, user: username, timeoutInMilliseconds } = target;
  const origin = sshOrigin(target);
  const hostKeys = await readHostKeys(target, origin);
  const { default: ssh2 } = await import('ssh2');
  const credentials = await credentialsOf(ssh2, target, origin);
  let refused: AccessError | undefined;
  let stage: keyof typeof stages = 'start';

  const config: ConnectConfig = {
    username,
    ...(stream === undefined ? { host, port } : { sock: stream }),
    readyTimeout: timeoutInMilliseconds,
    keepaliveInterval: 10_000,
    keepaliveCountMax: 3,
    algorithms: { serverHostKey: hostKeys.algorithms },
    authHandler: credentials.methods,
    hostVerifier: (key: Buffer) => {
      refused = hostKeys.refuse(key);
      if (refused === undefined) stage = 'known';
      return refused === undefined;
    },
  };

  const client: Client = new ssh2.Client();
  let closed = false;
  try {
    // ssh2's own deadline does not cover everything: a second behind it, ours does.
    await within<void>(timeoutInMilliseconds + 1000, noAnswer, (resolve, reject) => {
      client.on('error', (error: Error & { level?: string }) => {
        // The next key is tried.
        if (error.level !== 'agent') reject(error);
      });
      client.on('close', () => {
        closed = true;
        reject(new Error('the host closed the connection'));
      });
      // Between this and 'close', whatever is asked of the client throws.
      client.on('end', () => (closed = true));
      client.on('connect', () => {
        if (stage === 'start') stage = 'connected';
        // Without it, every small request waits for the acknowledgement of the one before.
        client.setNoDelay(true);
      });
      client.on('ready', () => resolve());
      client.connect(config);
    });
  } catch (error) {
    client.destroy();
    throw refused ?? explain(error as Error, target, credentials, stages[stage]);
  }

  let starting: Promise<SFTPWrapper> | undefined;
  return {
    origin,
    client,
    timeoutInMilliseconds,
    inTurn: turns(commandsAtATime),
    isClosed: () => closed,
    sftp() {
      if (starting !== undefined) return starting;
      // A session of its own: it may end where the connection does not.
      const ended = () => (starting = undefined);
      return (starting = startSftp(client, ended, { origin, timeoutInMilliseconds }));
    },
    close() {
      closed = true;
      // Not end(): after it, destroy() does nothing, and a host that does not answer would hold us up for ever.
      client.destroy();
    },
  };
}

const noAnswer = () => Object.assign(new Error('no answer'), { level: 'client-timeout' });

async function startSftp(
  client: Client,
  ended: () => void,
  { origin, timeoutInMilliseconds }: Pick<SshConnection, 'origin' | 'timeoutInMilliseconds'>,
): Promise<SFTPWrapper> {
  const late = () => new NoSftpError(`${origin}: no SFTP within ${timeoutInMilliseconds / 1000} s`);
  return within<SFTPWrapper>(timeoutInMilliseconds, late, (resolve, reject) =>
    client.sftp((error, opened) => {
      if (error !== undefined && error !== null) {
        return reject(new NoSftpError(`${origin}: no SFTP: ${describeError(error)}`, { cause: error }));
      }
      opened.setMaxListeners(0); // each request under way listens for the end
      opened.once('close', ended);
      resolve(opened);
    }),
  );
}

/**
 * What leads through a host to another.
 * @throws AccessError when the host does not reach it or does not let it through
 */
export async function forward(connection: SshConnection, target: SshTarget): Promise<Duplex> {
  const { origin, client, timeoutInMilliseconds } = connection;
  const { host, port } = target;
  const what = `${sshOrigin(target)}: its jump host ${origin}`;
  const late = () => new AccessError(`${what} reaches it not within ${timeoutInMilliseconds / 1000} s`);
  return within<Duplex>(timeoutInMilliseconds, late, (resolve, reject) =>
    client.forwardOut('127.0.0.1', 0, host, port, (error, stream) => {
      if (error === undefined) return resolve(stream);
      const { reason } = error as { reason?: unknown };
      const isForbidden = reason === SSH_OPEN_ADMINISTRATIVELY_PROHIBITED;
      const advice = isForbidden ? ' (it forbids this: AllowTcpForwarding in its sshd_config)' : '';
      reject(
        new AccessError(`${what} does not get through to it: ${describeError(error)}${advice}`, {
          cause: error,
        }),
      );
    }),
  );
}

const refusals: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the host answers, but no SSH server listens there',
  ENOTFOUND: 'no host of this name is known',
  EAI_AGAIN: 'no name server answers',
  EHOSTUNREACH: 'no way leads to the host',
  ENETUNREACH: 'no way leads to the host',
  ETIMEDOUT: 'no answer at all',
};

function explain(
  error: Error & { level?: string; code?: string },
  target: SshTarget,
  { offered, unusable }: Credentials,
  stage: string,
): AccessError {
  const origin = sshOrigin(target);
  const cause = { cause: error };
  if (error.level === 'client-timeout') {
    const seconds = target.timeoutInMilliseconds / 1000;
    return new AccessError(`${origin}: no SSH connection within ${seconds} s: ${stage}`, cause);
  }
  const tooMany = /too many authentication failures/i.test(error.message);
  if (error.level === 'client-authentication' || tooMany) {
    const rest = unusable.length === 0 ? '' : `; ${unusable.join('; ')}`;
    const advice = tooMany ? '; too many keys were offered: name one, with IdentitiesOnly' : '';
    return new AccessError(
      `${origin}: authentication refused for ${target.user} with ${offered.join(' and ')}${rest}${advice}`,
      cause,
    );
  }
  const { code } = error;
  if (code === undefined) return new AccessError(`${origin}: ${describeError(error)}`, cause);
  const meaning = refusals[code];
  return new AccessError(`${origin}: ${code}${meaning === undefined ? '' : `: ${meaning}`}`, cause);
}

/** `ssh://user@host:port`, without the port where it is 22. */
export function sshOrigin({ host, port, user }: Pick<SshTarget, 'host' | 'port' | 'user'>): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `ssh://${user}@${name}${port === 22 ? '' : `:${port}`}`;
}
