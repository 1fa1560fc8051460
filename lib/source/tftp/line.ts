import { type RemoteInfo, type Socket, createSocket } from 'node:dgram';
import { SocketAddress } from 'node:net';
import { describeError } from '../../errors.ts';
import { type Packet, errorCode, errorPacket, parsePacket } from './packet.ts';

const attempts = 5;
/** Each attempt is waited for twice as long as the one before: 1 + 2 + 4 + 8 + 16. */
const unitsOfAllAttempts = 2 ** attempts - 1;
/** What came twice within this time is answered already: that answer is on its way (RFC 1123, section 4.2.3.1). */
const repeatAfterInMilliseconds = 20;

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

export interface LineEvents {
  /** Whether a transfer can begin with the packet: that makes its sender the server from then on. */
  begins(packet: Packet): boolean;
  /** A packet of the server. */
  packet(packet: Packet): void;
  /** What came from the server is no packet of TFTP. */
  malformed(error: unknown): void;
  /** In silence, what was said last is about to be said again. */
  repeats(): void;
  /** Nothing more is to be expected, and why. */
  lost(why: string, cause?: unknown): void;
  /** The transfer has taken too long. */
  late(): void;
}

/** One client port, talking to one server port: the one that answers first. */
export interface Line {
  /** Sends, and repeats in silence whatever the buffer holds then. */
  say(packet: Buffer): void;
  /** Sends the same once more, unless that was just done. */
  sayAgain(): void;
  /** Something came that moves the transfer on: silence begins anew. */
  heard(): void;
  /** Sends what is not to be answered. */
  sayLast(packet: Buffer): void;
  /** Tells the server that the transfer ends here. */
  refuse(code: number, text: string): void;
  close(): Promise<void>;
}

/**
 * Opens a client port of its own. Packets of anybody but the server get error 5 (RFC 1350, section 4). The socket is
 * connected only in silence, since then the system tells of a server that is gone, and nothing else can come.
 */
export function openLine(request: LineRequest, events: LineEvents): Line {
  const { address, family, at, timeoutInMilliseconds, deadlineInMilliseconds } = request;
  const serverAddress = canonical(address, family);
  const socket = clientSocket(request);
  const unitInMilliseconds = timeoutInMilliseconds / unitsOfAllAttempts;
  let serverPort: number | undefined;
  let isConnected = false;
  let isClosing = false;
  let probe: Socket | undefined;
  let current: Buffer = Buffer.alloc(0);
  let saidAt = 0;
  let attempt = 0;
  let silence: NodeJS.Timeout | undefined;
  const deadline = setTimeout(() => events.late(), deadlineInMilliseconds);

  const failed = (error: NodeJS.ErrnoException) => {
    if (isClosing) return;
    const isRefused = error.code === 'ECONNREFUSED';
    const why = isRefused ? `nothing listens at ${at}, says its machine` : 'the network refuses';
    events.lost(`${why}: ${describeError(error)}`, error);
  };
  const isServer = (from: RemoteInfo) =>
    (serverPort === undefined || from.port === serverPort) &&
    (from.address === address || canonical(from.address, family) === serverAddress);

  socket.on('error', failed);
  socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
    if (!isServer(from)) {
      if (isConnected) return; // came before it was
      socket.send(errorPacket(errorCode.unknownTransferId, 'unknown transfer ID'), from.port, from.address);
      return;
    }
    let packet: Packet;
    try {
      packet = parsePacket(bytes, request.origin);
    } catch (error) {
      serverPort ??= from.port;
      events.malformed(error);
      return;
    }
    if (serverPort === undefined) {
      if (!events.begins(packet)) return;
      serverPort = from.port;
    }
    events.packet(packet);
  });

  let sending: Promise<void> = Promise.resolve();
  const transmit = (packet: Buffer) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    sending = promise;
    const sent = (error: Error | null) => {
      if (error !== null) failed(error);
      resolve();
    };
    if (isConnected) socket.send(packet, sent);
    else socket.send(packet, serverPort ?? request.port, address, sent);
  };

  const repeat = () => {
    if (serverPort === undefined) {
      transmit(current);
      probe ??= openProbe();
    } else if (isConnected) transmit(current);
    else {
      socket.connect(serverPort, address, () => {
        isConnected = true;
        if (!isClosing) transmit(current);
      });
    }
  };
  /**
   * The answer to a request comes from another port, so its socket cannot be connected. Servers pass over an ERROR
   * that belongs to no transfer.
   */
  const openProbe = () => {
    const asking = clientSocket(request);
    asking.on('error', (error) => {
      if (serverPort === undefined) failed(error);
    });
    asking.connect(request.port, address, () => {
      if (!isClosing) asking.send(errorPacket(errorCode.notDefined, 'is anybody there?'));
    });
    return asking;
  };

  const stillSilent = () => {
    if (attempt === attempts) {
      events.lost(`no answer from ${at} in ${attempts} attempts over ${timeoutInMilliseconds / 1000} s`);
      return;
    }
    events.repeats();
    repeat();
    silence = setTimeout(stillSilent, 2 ** attempt * unitInMilliseconds);
    attempt += 1;
  };
  const beginSilence = () => {
    if (attempt === 1 && silence !== undefined) silence.refresh();
    else {
      clearTimeout(silence);
      attempt = 1;
      silence = setTimeout(stillSilent, unitInMilliseconds);
    }
  };

  return {
    say(packet) {
      current = packet;
      saidAt = performance.now();
      // Of an acknowledgement that cannot be sent, its repetition tells.
      if (isConnected) socket.send(packet);
      else if (serverPort !== undefined) socket.send(packet, serverPort, address);
      else transmit(packet);
      beginSilence();
    },
    sayAgain() {
      if (performance.now() - saidAt < repeatAfterInMilliseconds) return;
      saidAt = performance.now();
      transmit(current);
    },
    heard: beginSilence,
    sayLast: transmit,
    refuse(code, text) {
      if (serverPort !== undefined) transmit(errorPacket(code, text));
    },
    async close() {
      isClosing = true;
      clearTimeout(silence);
      clearTimeout(deadline);
      await sending; // closing forgets what is not sent yet
      await Promise.all([closed(socket), probe === undefined ? undefined : closed(probe)]);
    },
  };
}

/** The address is looked up once, before: a datagram need not wait for a turn of the event loop. */
function clientSocket({ address, family }: LineRequest): Socket {
  return createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    lookup: (_name, _options, found) => found(null, address, family),
  });
}

async function closed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => void socket.close(() => resolve()));
}

/** One spelling for each address, without an IPv6 zone. */
function canonical(address: string, family: number): string {
  const [bare = ''] = address.split('%');
  return new SocketAddress({ address: bare, family: family === 6 ? 'ipv6' : 'ipv4' }).address;
}
