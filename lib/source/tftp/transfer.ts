import { AccessError, type AssayError, FormatError, LimitError, MissingError } from '../../errors.ts';
import { type LineRequest, openLine } from './line.ts';
import { type Agreement, type AskedOptions, agreed, withoutOptions } from './options.ts';
import { type Packet, acknowledgement, errorCode, readRequest } from './packet.ts';
import { blockWindow } from './window.ts';

export interface TransferRequest extends LineRequest {
  readonly name: string;
  readonly options: AskedOptions;
  /** The most that is taken; it is held in memory. */
  readonly limitInBytes: number;
  /** The transfer ends when so many bytes are there; undefined: the whole file is wanted. */
  readonly headInBytes: number | undefined;
}

export interface Transfer {
  /** The whole file, or its head and what came with that. */
  readonly bytes: Buffer;
  readonly isWhole: boolean;
  /** The size of the file, where it is known. */
  readonly sizeInBytes: number | undefined;
}

/**
 * Reads a file, or its head: then the server is told so, and sends no more.
 * @returns undefined where the server refuses the options (error 8)
 * @throws MissingError, AccessError, FormatError, LimitError; see tftpFiles
 */
export async function receiveFile(request: TransferRequest): Promise<Transfer | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Transfer | undefined>();
  let transfer: Receiving | undefined;
  /** Where the transfer was when it went wrong. */
  const place = () => transfer?.place() ?? request.origin;
  const line = openLine(request, {
    begins: (packet) => packet.kind !== 'data' || packet.block === 1,
    packet(packet) {
      try {
        if (packet.kind === 'error') {
          const { code, text } = packet;
          const areOptionsRefused = code === errorCode.optionRefused && 'blksize' in request.options;
          if (transfer === undefined && areOptionsRefused) resolve(undefined);
          else reject(refusal(place(), code, text));
          return;
        }
        transfer ??= receiving(request, packet);
        switch (transfer.take(packet)) {
          case 'acknowledge':
            line.say(transfer.acknowledgement);
            // After that is sent, while the server reads its next block.
            process.nextTick(transfer.keep);
            return;
          case 'acknowledge again':
            return line.sayAgain();
          case 'go on':
            return line.heard();
          case 'end':
            line.sayLast(transfer.acknowledgement);
            return resolve(transfer.result());
          case 'enough':
            line.refuse(errorCode.notDefined, 'the head was all that was wanted');
            return resolve(transfer.result());
          case 'nothing':
        }
      } catch (error) {
        reject(error);
      }
    },
    malformed: reject,
    repeats: () => transfer?.restart(),
    lost: (why, cause) => reject(new AccessError(`${place()}: ${why}`, { cause })),
    late: () => reject(new LimitError(`${place()}: not done in ${request.deadlineInMilliseconds / 1000} s`)),
  });
  try {
    line.say(readRequest(request.name, request.options));
    return await promise;
  } catch (error) {
    if (error instanceof FormatError) line.refuse(errorCode.notDefined, 'transfer given up');
    throw error;
  } finally {
    await line.close();
  }
}

type Next = 'acknowledge' | 'acknowledge again' | 'go on' | 'end' | 'enough' | 'nothing';
type Answer = Exclude<Packet, { kind: 'error' }>;

/** A transfer that has begun: what came so far, and what is to be done about each packet. */
interface Receiving {
  take(packet: Answer): Next;
  /** Of the last block in order; written over with each, so that silence repeats the latest. */
  readonly acknowledgement: Buffer;
  /** Puts the block that came last to the others, unless that is done. */
  readonly keep: () => void;
  /** After silence the server begins a window behind the acknowledged block. */
  restart(): void;
  place(): string;
  result(): Transfer;
}

function receiving(request: TransferRequest, first: Answer): Receiving {
  const { origin, limitInBytes, headInBytes } = request;
  const { blockInBytes, windowInBlocks, sizeInBytes }: Agreement =
    first.kind === 'options' ? agreed(first.options, request.options, origin) : withoutOptions;
  if (headInBytes === undefined && sizeInBytes !== undefined && sizeInBytes > limitInBytes) {
    throw new LimitError(`${origin}: ${sizeInBytes} bytes, more than the ${limitInBytes} taken`);
  }
  const window = blockWindow(windowInBlocks);
  const acknowledging = acknowledgement(0);
  let held = Buffer.allocUnsafe(Math.min(sizeInBytes ?? 0, headInBytes ?? limitInBytes));
  let kept = 0;
  let latest: Buffer | undefined;
  let received = 0;
  let isOver = false;

  const keep = () => {
    if (latest === undefined) return;
    const bytes = latest;
    latest = undefined;
    if (kept + bytes.length > held.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * held.length, kept + bytes.length));
      held.copy(larger, 0, 0, kept);
      held = larger;
    }
    bytes.copy(held, kept);
    kept += bytes.length;
  };

  /** A block in order. */
  function add(bytes: Buffer): 'end' | 'enough' | undefined {
    if (bytes.length > blockInBytes) {
      throw new FormatError(`${origin}: a block of ${bytes.length} bytes, where ${blockInBytes} are agreed`);
    }
    if (received + bytes.length > limitInBytes && headInBytes === undefined) {
      throw new LimitError(`${origin}: more than the ${limitInBytes} bytes taken`);
    }
    keep();
    latest = bytes;
    received += bytes.length;
    isOver = bytes.length < blockInBytes;
    if (sizeInBytes !== undefined && (received > sizeInBytes || (isOver && received < sizeInBytes))) {
      throw new FormatError(
        `${origin}: ${received < sizeInBytes ? 'truncated' : 'too long'}: ${received} bytes came, the server announced ${sizeInBytes}`,
      );
    }
    if (isOver) return 'end';
    return headInBytes !== undefined && received >= headInBytes ? 'enough' : undefined;
  }

  return {
    acknowledgement: acknowledging,
    keep,
    restart: () => window.restart(),
    take(packet) {
      if (packet.kind === 'options') {
        if (headInBytes === 0 && sizeInBytes !== undefined) return 'enough';
        if (packet === first) return 'acknowledge';
        return received === 0 ? 'acknowledge again' : 'nothing';
      }
      const arrival = window.arrived(packet.block);
      acknowledging.writeUInt16BE(window.inOrder, 2);
      switch (arrival) {
        case 'taken':
          return add(packet.bytes) ?? 'go on';
        case 'last of window':
          return add(packet.bytes) ?? 'acknowledge';
        case 'gap':
          return 'acknowledge';
        case 'repeated':
          return 'acknowledge again';
        case 'ignored':
          return 'nothing';
      }
    },
    place: () => `${origin}: after ${received}${sizeInBytes === undefined ? '' : ` of ${sizeInBytes}`} bytes`,
    result() {
      keep();
      return { bytes: held.subarray(0, kept), isWhole: isOver, sizeInBytes: isOver ? received : sizeInBytes };
    },
  };
}

function refusal(place: string, code: number, text: string): AssayError {
  const said = `${place}: TFTP error ${code}${text === '' ? '' : `: ${text}`}`;
  // TFTP knows no users: what is refused here is refused to a node, too, and as good as absent. Error 0 has no meaning
  // but its text.
  const missing =
    code === errorCode.fileNotFound ||
    code === errorCode.accessViolation ||
    (code === errorCode.notDefined &&
      /no such file|not found|does not exist|permission denied|access denied|forbidden/i.test(text));
  return missing ? new MissingError(said) : new AccessError(said);
}
