import { createSocket } from 'node:dgram';
import { afterEach, expect, test } from 'vitest';
import {
  type TftpBehaviour,
  type TftpServer,
  startTftpServer,
} from '../../../fixtures/simulated/tftp-server.ts';
import { AccessError, FormatError, LimitError, MissingError } from '../../errors.ts';
import { acknowledgement, blockAfter } from './packet.ts';
import { type TftpOptions, tftpFiles } from './tftp.ts';

const servers: TftpServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const firmware = Buffer.from(Array.from({ length: 10_000 }, (_, index) => (index * 7919) >> 3));

async function serving(content: Buffer, behaviour: TftpBehaviour = {}, options: Partial<TftpOptions> = {}) {
  const server = await startTftpServer(new Map([['ipxe_aa64.efi', content]]), behaviour);
  servers.push(server);
  const host = '127.0.0.1';
  const files = tftpFiles({ host, port: server.port, timeoutInMilliseconds: 1500, ...options });
  return { server, files };
}

async function whole(files: ReturnType<typeof tftpFiles>, name = 'ipxe_aa64.efi'): Promise<Buffer> {
  const blob = await files.open(name);
  return blob.read(0, blob.sizeInBytes);
}

const sizes = [0, 1, 511, 512, 513, 1467, 1468, 1469, 10_000];
test.for(sizes)('a file of %i bytes arrives whole, with options and without', async (size) => {
  const content = firmware.subarray(0, size);
  expect(await whole((await serving(content)).files)).toEqual(content);
  expect(await whole((await serving(content, { largestBlockInBytes: 0 })).files)).toEqual(content);
  expect(await whole((await serving(content, { largestBlockInBytes: 512 })).files)).toEqual(content);
});

// A transfer of more than 65535 blocks takes seconds: the differential test makes one.
test('block numbers start again at 0 after 65535', () => {
  expect([0, 1, 255, 65_534, 65_535].map(blockAfter)).toEqual([1, 2, 256, 65_535, 0]);
  expect(acknowledgement(65_535)).toEqual(Buffer.from([0, 4, 0xff, 0xff]));
  expect(acknowledgement(256)).toEqual(Buffer.from([0, 4, 1, 0]));
});

test.for<[string, TftpBehaviour]>([
  ['the first packet is lost', { losesPackets: [1] }],
  ['packets are lost along the way', { losesPackets: [2, 5, 6, 8] }],
  ['every packet comes twice', { duplicates: true }],
  ['every packet comes twice and some are lost', { duplicates: true, losesPackets: [3] }],
  ['an old block comes again', { repeatsOldBlockAfter: 4 }],
  ['a stranger sends a block', { stranger: true }],
  ['options are refused', { refusesOptions: true }],
])('it arrives whole although %s', async ([, behaviour]) => {
  const { files } = await serving(firmware, behaviour);
  expect(await whole(files)).toEqual(firmware);
});

/** So that on a slow machine nobody asks again before the other has answered. */
const patient = { timeoutInMilliseconds: 62_000 };
const blocks = firmware.subarray(0, 9 * 512 + 1);
test.for<[number, number[]]>([
  [1, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  [3, [0, 3, 6, 9, 10]],
  [4, [0, 4, 8, 10]],
  [5, [0, 5, 10]],
  [64, [0, 10]],
])('of windows of %i blocks, the last block and that of the file are acknowledged', async ([most, acks]) => {
  const options = { blockSizeInBytes: 512, windowInBlocks: most, ...patient };
  const { files, server } = await serving(blocks, { neverRepeats: true }, options);
  expect(await whole(files)).toEqual(blocks);
  await expect.poll(() => server.acknowledged).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]); // it knows no windows
  const other = await serving(blocks, { neverRepeats: true, largestWindowInBlocks: 64 }, options);
  expect(await whole(other.files)).toEqual(blocks);
  await expect.poll(() => other.server.acknowledged).toEqual(acks);
});

// The OACK is packet 1, block n packet n + 1. Windows are of 4 blocks: 1–4, 5–8, 9–10.
test.for<[string, TftpBehaviour, number[]]>([
  ['the first block of a window is lost', { losesPackets: [6] }, [0, 4, 4, 8, 10]],
  ['a block within a window is lost', { losesPackets: [7] }, [0, 4, 5, 9, 10]],
  ['two blocks of a window are lost', { losesPackets: [3, 4] }, [0, 1, 5, 9, 10]],
  ['every packet comes twice', { duplicates: true }, [0, 4, 8, 10]],
  ['an old block comes again', { repeatsOldBlockAfter: 7 }, [0, 4, 8, 10]],
])('windows arrive whole although %s', async ([, behaviour, acks]) => {
  const { files, server } = await serving(
    blocks,
    { largestWindowInBlocks: 4, neverRepeats: true, ...behaviour },
    { blockSizeInBytes: 512, ...patient },
  );
  expect(await whole(files)).toEqual(blocks);
  await expect.poll(() => server.acknowledged).toEqual(acks);
});

test.for<[string, number, number]>([
  ['of a window', 5, 3],
  ['of the file', 11, 9],
])('where the last block %s is lost, silence has the one before it acknowledged', async ([, packet, ack]) => {
  const behaviour = { largestWindowInBlocks: 4, neverRepeats: true, losesPackets: [packet] };
  const { files, server } = await serving(blocks, behaviour, { blockSizeInBytes: 512 });
  expect(await whole(files)).toEqual(blocks);
  expect(server.acknowledged).toContain(ack);
});

test('the head of a file can be had without the rest', async () => {
  for (const behaviour of [{}, { largestWindowInBlocks: 4 }, { largestBlockInBytes: 0 }]) {
    const { files, server } = await serving(firmware, behaviour, { blockSizeInBytes: 512, ...patient });
    for (const length of [1, 512, 513, 4096]) {
      const blob = await files.head('ipxe_aa64.efi', length);
      expect(await blob.read(0, blob.sizeInBytes)).toEqual(firmware.subarray(0, length));
    }
    await expect.poll(() => server.errorsReceived).toEqual([0, 0, 0, 0]);
    expect(Math.max(...server.acknowledged)).toBeLessThan(9);
    expect((await files.head('ipxe_aa64.efi', 99_999)).sizeInBytes).toBe(10_000);
    await expect(files.head('absent', 1)).rejects.toThrow(MissingError);
  }
});

test('the head of a file that is larger than the limit can be had', async () => {
  const { files } = await serving(firmware, {}, { limitInBytes: 5000 });
  expect((await files.head('ipxe_aa64.efi', 4096)).sizeInBytes).toBe(4096);
  await expect(files.open('ipxe_aa64.efi')).rejects.toThrow(LimitError);
});

test('a stranger in the middle gets error 5', async () => {
  const { files, server } = await serving(firmware, { stranger: true });
  expect(await whole(files)).toEqual(firmware);
  expect(new Set(server.errorsReceived)).toEqual(new Set([5]));
});

test('names are sent as they are: a leading slash is another name', async () => {
  const { files, server } = await serving(firmware);
  await expect(files.open('/ipxe_aa64.efi')).rejects.toThrow(MissingError);
  expect(server.asked).toEqual(['/ipxe_aa64.efi']);
});

test.for<[number, string, typeof AccessError | typeof MissingError]>([
  [1, 'File not found', MissingError],
  [0, 'No such file or directory', MissingError],
  [0, 'Out of memory', AccessError],
  [0, 'Permission denied', MissingError],
  [2, 'Only absolute filenames allowed', MissingError],
  [3, 'Disk full', AccessError],
])('error %i "%s" is told in the words of the server', async ([code, text, kind]) => {
  const { files } = await serving(firmware, { error: { code, text } });
  const opening = files.open('ipxe_aa64.efi');
  await expect(opening).rejects.toThrow(`/ipxe_aa64.efi: TFTP error ${code}: ${text}`);
  await expect(opening).rejects.toBeInstanceOf(kind);
});

test('control characters of the server do not reach the message', async () => {
  const { files } = await serving(firmware, { error: { code: 2, text: 'no\u001b[31m\nway' } });
  await expect(files.open('x')).rejects.toThrow('TFTP error 2: no [31m way');
});

test('silence is told with the address, the attempts and the time', async () => {
  const { files, server } = await serving(firmware, { silent: true }, { timeoutInMilliseconds: 310 });
  await expect(files.open('ipxe_aa64.efi')).rejects.toThrow(
    `tftp://127.0.0.1:${server.port}/ipxe_aa64.efi: no answer from 127.0.0.1:${server.port} in 5 attempts over 0.31 s`,
  );
  expect(server.asked.length).toBe(5);
});

test('a port where nothing listens is told from silence', async () => {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => void socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => void socket.close(() => resolve()));
  const files = tftpFiles({ host: '127.0.0.1', port, timeoutInMilliseconds: 3100 });
  const opening = files.open('a');
  await expect(opening).rejects.toBeInstanceOf(AccessError);
  await expect(opening).rejects.toThrow(
    `tftp://127.0.0.1:${port}/a: nothing listens at 127.0.0.1:${port}, says its machine: `,
  );
});

test('a server that goes away in the middle is told from one that falls silent', async () => {
  const gone = await serving(firmware, { diesAfterBlocks: 3 });
  await expect(whole(gone.files)).rejects.toThrow(
    /after 4404 of 10000 bytes: nothing listens at 127\.0\.0\.1:/,
  );
});

test('options that are refused even where none are asked for are told as such', async () => {
  const { files, server } = await serving(firmware, { error: { code: 8, text: 'no' } }, patient);
  await expect(files.open('ipxe_aa64.efi')).rejects.toThrow('/ipxe_aa64.efi: TFTP error 8: no');
  expect(server.asked.length).toBe(2);
});

test('a transfer that takes too long ends, whatever goes on', async () => {
  const { files } = await serving(
    firmware,
    { stallsAfterBlocks: 2 },
    { deadlineInMilliseconds: 50, timeoutInMilliseconds: 60_000 },
  );
  await expect(whole(files)).rejects.toThrow(
    /ipxe_aa64\.efi: (after \d+ of 10000 bytes: )?not done in 0\.05 s$/,
  );
});

test('a transfer that stops in the middle is not a file', async () => {
  const stalled = await serving(firmware, { stallsAfterBlocks: 3 }, { timeoutInMilliseconds: 300 });
  await expect(whole(stalled.files)).rejects.toThrow(
    /: after 4404 of 10000 bytes: no answer from 127\.0\.0\.1:\d+ in 5 attempts over 0\.3 s$/,
  );
  const failed = await serving(firmware, { failsAfterBlocks: 2 });
  await expect(whole(failed.files)).rejects.toThrow('after 2936 of 10000 bytes: TFTP error 0: Disk on fire');
});

test('fewer or more bytes than announced are refused', async () => {
  const cut = await serving(firmware, { cutsAfterBytes: 4000 });
  await expect(whole(cut.files)).rejects.toThrow('truncated: 4000 bytes came, the server announced 10000');
  const long = await serving(firmware, { announces: 9999 });
  await expect(whole(long.files)).rejects.toThrow('too long: 10000 bytes came, the server announced 9999');
});

test('what is larger than the limit is given up, announced or not', async () => {
  const announced = await serving(firmware, {}, { limitInBytes: 9999 });
  await expect(whole(announced.files)).rejects.toThrow('10000 bytes, more than the 9999 taken');
  const silent = await serving(firmware, { largestBlockInBytes: 0 }, { limitInBytes: 9999 });
  await expect(whole(silent.files)).rejects.toThrow(LimitError);
  const exact = await serving(firmware, { largestBlockInBytes: 0 }, { limitInBytes: 10_000 });
  expect((await whole(exact.files)).length).toBe(10_000);
});

test.for<[string, Buffer]>([
  ['an empty packet', Buffer.alloc(0)],
  ['an unknown opcode', Buffer.from([0, 9, 0, 0])],
  ['a larger block than asked for', Buffer.from('\0\x06blksize\x009000\0')],
  ['a block of nothing', Buffer.from('\0\x06blksize\x000\0')],
  ['an option nobody asked for', Buffer.from('\0\x06multicast\x001\0')],
  ['a larger window than asked for', Buffer.from('\0\x06windowsize\x0016\0')],
  ['a window of nothing', Buffer.from('\0\x06windowsize\x000\0')],
  ['a size that is no number', Buffer.from('\0\x06tsize\x00huge\0')],
])('%s is against the protocol', async ([, answersWith]) => {
  const { files } = await serving(firmware, { answersWith });
  await expect(files.open('ipxe_aa64.efi')).rejects.toThrow(FormatError);
});

test('a size can be had without a transfer', async () => {
  const { files, server } = await serving(firmware);
  expect(await files.stat('ipxe_aa64.efi')).toEqual({ sizeInBytes: 10_000 });
  await expect(files.stat('absent')).rejects.toThrow(MissingError);
  await expect.poll(() => server.errorsReceived).toEqual([0]);
  const old = await serving(firmware, { largestBlockInBytes: 0 });
  expect(await old.files.stat('ipxe_aa64.efi')).toEqual({ sizeInBytes: undefined });
  const small = await serving(firmware.subarray(0, 100), { largestBlockInBytes: 0 });
  expect(await small.files.stat('ipxe_aa64.efi')).toEqual({ sizeInBytes: 100 });
});

test('a name that no request can carry is refused before asking', async () => {
  const { files, server } = await serving(firmware);
  for (const name of ['', 'a\0octet', 'x'.repeat(500)])
    await expect(files.open(name)).rejects.toThrow(FormatError);
  expect(server.asked).toEqual([]);
});
