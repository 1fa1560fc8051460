import { lookup } from 'node:dns/promises';
import type { Blob } from '../../blob/blob.ts';
import { memoryBlob } from '../../blob/memory.ts';
import { AccessError, FormatError, describeError } from '../../errors.ts';
import type { Files } from '../source.ts';
import { type Transfer, receiveFile } from './transfer.ts';

/*
 * What EDK2 asks for, and most UEFI firmware with it (NetworkPkg/UefiPxeBcDxe): blocks that fill a packet of 1500 bytes
 * under the headers of IP, UDP and TFTP, and windows of PcdPxeTftpWindowSize blocks.
 */
const blockOverIpv4InBytes = 1468;
const blockOverIpv6InBytes = 1448;
const firmwareWindowInBlocks = 4;

export interface TftpOptions {
  readonly host: string;
  readonly port?: number;
  /** How long one answer is waited for in all, over five attempts that wait longer each time. */
  readonly timeoutInMilliseconds?: number;
  /** How long one whole transfer may take. */
  readonly deadlineInMilliseconds?: number;
  /** From 8 to 65464. */
  readonly blockSizeInBytes?: number;
  /** How many blocks may come for one acknowledgement, from 1 to 1024; servers that do not know windows send 1. */
  readonly windowInBlocks?: number;
  /** The largest file taken; it is held in memory. */
  readonly limitInBytes?: number;
}

export interface TftpFiles extends Files {
  /** The first bytes of a file, so many if it has them, without a transfer of the rest. */
  head(name: string, lengthInBytes: number): Promise<Blob>;
  /** The size as the server tells it, without a transfer; undefined where it does not tell. */
  stat(name: string): Promise<{ sizeInBytes: number | undefined }>;
}

/**
 * The files of a TFTP server, asked for by the very names that firmware asks for: a leading `/` makes a difference
 * to many servers, so names are sent as they are. A file is read whole into memory, as firmware does.
 * @throws on `open`, `head` and `stat`: MissingError (errors 1 and 2, and what says the same), AccessError (other
 *   errors with the server's text; no answer; nothing that listens), FormatError (truncated, against the protocol),
 *   LimitError
 */
export function tftpFiles(options: TftpOptions): TftpFiles {
  const { host, port = 69, limitInBytes = 64 * 1024 * 1024 } = options;
  const { blockSizeInBytes, windowInBlocks = firmwareWindowInBlocks } = options;
  const { timeoutInMilliseconds = 6000, deadlineInMilliseconds = 300_000 } = options;
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`;

  /** Asks with options, and once more without where the server refuses those. */
  async function ask(name: string, headInBytes?: number): Promise<Transfer> {
    const origin = `tftp://${at}/${name}`;
    if (name === '' || name.includes('\0') || Buffer.byteLength(name) > 400) {
      throw new FormatError(`${origin}: not a name that a TFTP request can carry`);
    }
    const { address, family } = await lookup(host).catch((error: unknown) => {
      throw new AccessError(`${origin}: ${host} has no address: ${describeError(error)}`, { cause: error });
    });
    const request = {
      origin,
      name,
      at: address === host ? at : `${at} (${address})`,
      port,
      address,
      family,
      limitInBytes,
      timeoutInMilliseconds,
      deadlineInMilliseconds,
      headInBytes,
    };
    const blksize = blockSizeInBytes ?? (family === 6 ? blockOverIpv6InBytes : blockOverIpv4InBytes);
    const windows = windowInBlocks > 1 ? { windowsize: windowInBlocks } : {};
    const first = await receiveFile({ ...request, options: { tsize: 0, blksize, ...windows } });
    const transfer = first ?? (await receiveFile({ ...request, options: {} }));
    if (transfer === undefined) throw new AccessError(`${origin}: no answer to a request without options`);
    return transfer;
  }

  return {
    origin: `tftp://${at}`,
    async open(name) {
      return memoryBlob((await ask(name)).bytes, `tftp://${at}/${name}`);
    },
    async head(name, lengthInBytes) {
      const { bytes } = await ask(name, lengthInBytes);
      return memoryBlob(bytes.subarray(0, lengthInBytes), `tftp://${at}/${name}`);
    },
    async stat(name) {
      const { sizeInBytes } = await ask(name, 0);
      return { sizeInBytes };
    },
  };
}
