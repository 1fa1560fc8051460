import { FormatError } from '../../errors.ts';

/*
 * The packets of TFTP: RFC 1350, with the options of RFC 2347.
 * https://www.rfc-editor.org/rfc/rfc1350 https://www.rfc-editor.org/rfc/rfc2347
 */
const RRQ = 1;
const DATA = 3;
const ACK = 4;
const ERROR = 5;
const OACK = 6;

/** Error codes of RFC 1350, and 8 of RFC 2347. */
export const errorCode = {
  notDefined: 0,
  fileNotFound: 1,
  accessViolation: 2,
  unknownTransferId: 5,
  optionRefused: 8,
} as const;

export type Packet =
  | { readonly kind: 'data'; readonly block: number; readonly bytes: Buffer }
  | { readonly kind: 'error'; readonly code: number; readonly text: string }
  | { readonly kind: 'options'; readonly options: ReadonlyMap<string, string> };

/** A read request in octet mode. */
export function readRequest(name: string, options: Readonly<Record<string, number>>): Buffer {
  const words = [name, 'octet', ...Object.entries(options).flatMap(([key, value]) => [key, String(value)])];
  return Buffer.concat([Buffer.from([0, RRQ]), ...words.map((word) => Buffer.from(`${word}\0`))]);
}

/** Sixteen bits are the number of a block: after 65535 it starts again at 0, as with every server in use. */
export function blockAfter(block: number): number {
  return (block + 1) & 0xffff;
}

export function acknowledgement(block: number): Buffer {
  return Buffer.from([0, ACK, block >> 8, block & 0xff]);
}

export function errorPacket(code: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([0, ERROR, 0, code]), Buffer.from(`${text}\0`)]);
}

/** What a server's packet says. @throws FormatError for what no server sends to a reader */
export function parsePacket(packet: Buffer, origin: string): Packet {
  const opcode = packet.length < 2 ? -1 : packet.readUInt16BE(0);
  if (opcode === DATA && packet.length >= 4) {
    return { kind: 'data', block: packet.readUInt16BE(2), bytes: packet.subarray(4) };
  }
  if (opcode === ERROR && packet.length >= 4) {
    return {
      kind: 'error',
      code: packet.readUInt16BE(2),
      text: printable(words(packet.subarray(4))[0] ?? ''),
    };
  }
  if (opcode === OACK) {
    const parts = words(packet.subarray(2));
    const options = new Map<string, string>();
    for (let index = 0; index + 1 < parts.length; index += 2) {
      options.set((parts[index] ?? '').toLowerCase(), parts[index + 1] ?? '');
    }
    return { kind: 'options', options };
  }
  throw new FormatError(
    `${origin}: not a TFTP answer: opcode ${opcode} in a packet of ${packet.length} bytes`,
  );
}

function words(bytes: Buffer): string[] {
  const parts = bytes.toString('utf8').split('\0');
  if (parts.at(-1) === '') parts.pop();
  return parts;
}

function printable(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim()
    .slice(0, 200);
}
