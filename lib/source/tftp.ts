import { lookup } from 'node:dns/promises';
import { memoryBlob } from '../blob/memory.ts';
import { AccessError, AssayError, FormatError, LimitError, MissingError, describeError } from '../errors.ts';
import type { Files } from './source.ts';
import { type LineRequest, openLine } from './tftp-line.ts';
import {
  acknowledgement,
  blockAfter,
  defaultBlockInBytes,
  errorCode,
  readRequest,
  type Packet,
} from './tftp-packet.ts';

export interface TftpOptions {
  readonly host: string;
  readonly port?: number;
  /** How long one answer is waited for in all, over five attempts that wait longer each time. */
  readonly timeoutInMilliseconds?: number;
  /** How long one whole transfer may take. */
  readonly deadlineInMilliseconds?: number;
  readonly blockSizeInBytes?: number;
  /** The largest file taken; it is held in memory. */
  readonly limitInBytes?: number;
}

export interface TftpFiles extends Files {
  /** The size as the server tells it, without a transfer; undefined where it does not tell. */
  stat(name: string): Promise<{ sizeInBytes: number | undefined }>;
}

/**
 * The files of a TFTP server, asked for by the very names that firmware asks for: a leading `/` makes a difference
 * to many servers, so names are sent as they are. A file is read whole into memory.
 * @throws on `open` and `stat`: MissingError (errors 1 and 2, and what says the same), AccessError (other errors with
 *   the server's text; no answer), FormatError (truncated, against the protocol), LimitError
 */
export function tftpFiles(options: TftpOptions): TftpFiles {
  const { host, port = 69, blockSizeInBytes = 1468, limitInBytes = 64 * 1024 * 1024 } = options;
  const { timeoutInMilliseconds = 6000, deadlineInMilliseconds = 300_000 } = options;
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`;

  /** Asks with options, and once more without where the server refuses those. */
  async function ask(name: string, onlySize: boolean): Promise<Transfer> {
    const origin = `tftp://${at}/${name}`;
    if (name === '' || name.includes('\0') || Buffer.byteLength(name) > 400) {
      throw new FormatError(`${origin}: not a name that a TFTP request can carry`);
    }
    const server = await lookup(host).catch((error: unknown) => {
      throw new AccessError(`${origin}: ${host} has no address: ${describeError(error)}`, { cause: error });
    });
    const transfer = (wanted: Record<string, number>) =>
      receiveFile({
        origin,
        name,
        at,
        port,
        limitInBytes,
        timeoutInMilliseconds,
        deadlineInMilliseconds,
        onlySize,
        ...server,
        options: wanted,
      });
    const first = await transfer({ tsize: 0, blksize: blockSizeInBytes });
    return first.refusedOptions ? transfer({}) : first;
  }

  return {
    origin: `tftp://${at}`,
    async open(name) {
      const { pieces } = await ask(name, false);
      return memoryBlob(Buffer.concat(pieces), `tftp://${at}/${name}`);
    },
    async stat(name) {
      return { sizeInBytes: (await ask(name, true)).announcedSize };
    },
  };
}

interface Request extends LineRequest {
  readonly name: string;
  readonly options: Readonly<Record<string, number>>;
  readonly limitInBytes: number;
  readonly onlySize: boolean;
}

interface Transfer {
  readonly pieces: readonly Buffer[];
  readonly announcedSize: number | undefined;
  readonly refusedOptions: boolean;
}

async function receiveFile(request: Request): Promise<Transfer> {
  const { origin } = request;
  const line = openLine(request);
  const pieces: Buffer[] = [];
  let received = 0;
  let blockInBytes = defaultBlockInBytes;
  let announcedSize: number | undefined;
  let due = 1;
  try {
    let answer = await line.ask(readRequest(request.name, request.options), (packet) =>
      packet.kind === 'data' ? packet.block === 1 : true,
    );
    if (answer.kind === 'error' && answer.code === errorCode.optionRefused && 'blksize' in request.options) {
      return { pieces, announcedSize, refusedOptions: true };
    }
    if (answer.kind === 'options') {
      ({ blockInBytes, announcedSize } = agreed(answer.options, request));
      if (announcedSize !== undefined && announcedSize > request.limitInBytes) {
        throw new LimitError(
          `${origin}: ${announcedSize} bytes, more than the ${request.limitInBytes} taken`,
        );
      }
      if (!request.onlySize) answer = await line.ask(acknowledgement(0), dataOrError(1));
    }
    if (answer.kind === 'error') throw refusal(origin, answer.code, answer.text);
    if (request.onlySize) {
      // A first block that is not full is the whole file.
      if (answer.kind === 'data' && answer.bytes.length < blockInBytes) announcedSize = answer.bytes.length;
      line.refuse(errorCode.notDefined, 'only the size was wanted');
      return { pieces, announcedSize, refusedOptions: false };
    }
    while (answer.kind === 'data') {
      const { bytes } = answer;
      if (bytes.length > blockInBytes) {
        throw new FormatError(
          `${origin}: a block of ${bytes.length} bytes, where ${blockInBytes} are agreed`,
        );
      }
      received += bytes.length;
      if (received > request.limitInBytes) {
        throw new LimitError(`${origin}: more than the ${request.limitInBytes} bytes taken`);
      }
      pieces.push(bytes);
      if (bytes.length < blockInBytes) {
        line.send(acknowledgement(due));
        break;
      }
      const next = blockAfter(due);
      answer = await line.ask(acknowledgement(due), dataOrError(next));
      due = next;
    }
    if (answer.kind === 'error') {
      throw refusal(`${origin}: after ${received} bytes`, answer.code, answer.text);
    }
    if (announcedSize !== undefined && received !== announcedSize) {
      throw new FormatError(
        `${origin}: ${received < announcedSize ? 'truncated' : 'too long'}: ${received} bytes came, the server announced ${announcedSize}`,
      );
    }
    return { pieces, announcedSize, refusedOptions: false };
  } catch (error) {
    if (error instanceof FormatError) line.refuse(errorCode.notDefined, 'transfer given up');
    throw error;
  } finally {
    await line.close();
  }
}

const dataOrError = (block: number) => (packet: Packet) =>
  packet.kind === 'error' || (packet.kind === 'data' && packet.block === block);

/** What an OACK grants; nothing may be granted that was not asked for, and no larger block (RFC 2347, 2348). */
function agreed(options: ReadonlyMap<string, string>, request: Request) {
  let blockInBytes = defaultBlockInBytes;
  let announcedSize: number | undefined;
  for (const [key, value] of options) {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    const asked = request.options[key];
    if (key === 'blksize' && asked !== undefined && number >= 8 && number <= asked) blockInBytes = number;
    else if (key === 'tsize' && asked !== undefined && number >= 0) announcedSize = number;
    else {
      const shown = JSON.stringify(`${key}=${value}`.slice(0, 80));
      throw new FormatError(`${request.origin}: the server grants ${shown}, which was not asked for`);
    }
  }
  return { blockInBytes, announcedSize };
}

function refusal(origin: string, code: number, text: string): AssayError {
  const said = `${origin}: TFTP error ${code}${text === '' ? '' : `: ${text}`}`;
  // TFTP knows no users: what is refused here is refused to a node, too, and as good as absent. Error 0 has no meaning
  // but its text.
  const missing =
    code === errorCode.fileNotFound ||
    code === errorCode.accessViolation ||
    (code === errorCode.notDefined &&
      /no such file|not found|does not exist|permission denied|access denied|forbidden/i.test(text));
  return missing ? new MissingError(said) : new AccessError(said);
}
