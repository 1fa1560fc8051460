import { type RemoteInfo, createSocket } from 'node:dgram';
import { SocketAddress } from 'node:net';
import { AccessError, LimitError, describeError } from '../errors.ts';
import { acknowledges, errorCode, errorPacket, parsePacket, type Packet } from './tftp-packet.ts';

const attempts = 5;

export interface LineRequest {
  readonly origin: string;
  /** Host and port as a person wrote them. */
  readonly at: string;
  readonly address: string;
  readonly family: number;
  readonly port: number;
  readonly timeoutInMilliseconds: number;
  readonly deadlineInMilliseconds: number;
}

/** One client port, talking to one server port: the one that answers first. */
export interface Line {
  /** Sends until a packet arrives that is `wanted`. */
  ask(packet: Buffer, wanted: (packet: Packet) => boolean): Promise<Packet>;
  send(packet: Buffer): void;
  refuse(code: number, text: string): void;
  close(): Promise<void>;
}

/**
 * Opens a client port of its own. Packets of anybody else get error 5 (RFC 1350, section 4). Where our packet
 * repeats, an answer that it acknowledges already is answered again (RFC 1123, section 4.2.3.1).
 */
export function openLine(request: LineRequest): Line {
  const { origin, at, timeoutInMilliseconds } = request;
  const endsAt = Date.now() + request.deadlineInMilliseconds;
  const serverAddress = canonical(request.address, request.family);
  const socket = createSocket(request.family === 6 ? 'udp6' : 'udp4');
  let serverPort: number | undefined;
  /** Says whether the packet was the one waited for, which makes its sender the server from then on. */
  let deliver: ((packet: Packet) => boolean) | undefined;
  let fail: ((error: Error) => void) | undefined;

  const failure = (error: unknown) =>
    new AccessError(`${origin}: the network refuses: ${describeError(error)}`, { cause: error });
  socket.on('error', (error) => fail?.(failure(error)));
  socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
    const isServer = canonical(from.address, request.family) === serverAddress;
    if (!isServer || (serverPort !== undefined && from.port !== serverPort)) {
      socket.send(errorPacket(errorCode.unknownTransferId, 'unknown transfer ID'), from.port, from.address);
      return;
    }
    try {
      const packet = parsePacket(bytes, origin);
      if (deliver?.(packet) === true) serverPort ??= from.port;
    } catch (error) {
      serverPort ??= from.port;
      fail?.(error as Error);
    }
  });

  let sending: Promise<void> = Promise.resolve();
  const transmit = (packet: Buffer) => {
    sending = new Promise((resolve) => {
      socket.send(packet, serverPort ?? request.port, request.address, (error) => {
        if (error !== null) fail?.(failure(error));
        resolve();
      });
    });
  };

  return {
    async ask(packet, wanted) {
      const waits = Array.from({ length: attempts }, (_, index) => 2 ** index);
      const unit = timeoutInMilliseconds / waits.reduce((sum, wait) => sum + wait, 0);
      let timer: NodeJS.Timeout | undefined;
      try {
        return await new Promise<Packet>((resolve, reject) => {
          fail = reject;
          deliver = (answer) => {
            const isIt = wanted(answer);
            if (isIt) resolve(answer);
            else if (acknowledges(packet, answer)) transmit(packet); // ours was lost, or theirs came twice
            return isIt;
          };
          const attempt = (index: number) => {
            const wait = waits[index];
            if (wait === undefined) {
              reject(
                new AccessError(
                  `${origin}: no answer from ${at} in ${attempts} attempts over ${timeoutInMilliseconds / 1000} s`,
                ),
              );
            } else if (Date.now() > endsAt) {
              reject(new LimitError(`${origin}: not done in ${request.deadlineInMilliseconds / 1000} s`));
            } else {
              transmit(packet);
              timer = setTimeout(attempt, wait * unit, index + 1);
            }
          };
          attempt(0);
        });
      } finally {
        clearTimeout(timer);
        deliver = undefined;
        fail = undefined;
      }
    },
    send: transmit,
    refuse(code, text) {
      if (serverPort !== undefined) transmit(errorPacket(code, text));
    },
    async close() {
      await sending; // closing forgets what is not sent yet
      await new Promise<void>((resolve) => void socket.close(() => resolve()));
    },
  };
}

/** One spelling for each address, without an IPv6 zone. */
function canonical(address: string, family: number): string {
  const [bare = ''] = address.split('%');
  return new SocketAddress({ address: bare, family: family === 6 ? 'ipv6' : 'ipv4' }).address;
}
