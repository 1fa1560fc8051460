import { AccessError, LimitError } from '../../errors.ts';
import { type SshConnection, connectSsh, forward, sshOrigin } from './connection.ts';
import type { SshTarget } from './target.ts';
import { turns } from '../turns.ts';

/** The connections of a run: one a host, jump hosts among them. Disposing closes them all. */
export interface SshPool extends AsyncDisposable {
  /**
   * The connection to a host, made when first asked for and again when it was lost. One that could not be made is not
   * tried again.
   */
  connect(target: SshTarget): Promise<SshConnection>;
}

/** How many handshakes are under way at a time. */
const handshakesAtATime = 8;
const maximumConnections = 256;

export function sshPool(): SshPool {
  const made = new Map<string, { connecting: Promise<SshConnection>; connection?: SshConnection }>();
  const inTurn = turns(handshakesAtATime);
  let disposed = false;

  async function open(target: SshTarget): Promise<SshConnection> {
    const { jump } = target;
    if (jump === undefined) return inTurn(async () => connectSsh(target));
    // Its turn comes when the hosts before it are connected, so that no host waits for one that waits for it.
    const before = await connect(jump).catch((error: unknown) => {
      if (!(error instanceof AccessError)) throw error;
      throw new AccessError(`${error.message}; it is a jump host of ${sshOrigin(target)}`, { cause: error });
    });
    return inTurn(async () => {
      const stream = await forward(before, target);
      return connectSsh(target, stream);
    });
  }

  async function connect(target: SshTarget): Promise<SshConnection> {
    const key = keyOf(target);
    if (disposed) throw new AccessError(`${sshOrigin(target)}: the connection is closed already`);
    let held = made.get(key);
    if (held === undefined || held.connection?.isClosed() === true) {
      if (held === undefined && made.size >= maximumConnections) {
        throw new LimitError(`${sshOrigin(target)}: more than ${maximumConnections} hosts to connect to`);
      }
      const fresh: { connecting: Promise<SshConnection>; connection?: SshConnection } = {
        connecting: open(target),
      };
      held = fresh;
      made.set(key, held);
      fresh.connecting.then(
        (connection) => (fresh.connection = connection),
        () => undefined,
      );
    }
    return held.connecting;
  }

  return {
    connect,
    async [Symbol.asyncDispose]() {
      disposed = true;
      const connections = await Promise.allSettled([...made.values()].map(({ connecting }) => connecting));
      // The hosts behind a jump host were connected after it, and go before it.
      for (const outcome of connections.toReversed()) {
        if (outcome.status === 'fulfilled') outcome.value.close();
      }
    },
  };
}

/**
 * Address, port and user, and what the host's key and ours are judged by, of the host and of those on the way to it: one
 * address under two names may have to show two keys.
 */
function keyOf(target: SshTarget): string {
  const { timeoutInMilliseconds: _, jump, ...rest } = target;
  return JSON.stringify([rest, jump === undefined ? null : keyOf(jump)]);
}
