import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MissingError } from '../errors.ts';
import { tftpFiles } from './tftp.ts';

/*
 * Against tftpd-hpa, the server that OpenStack-Ansible installs, with the map-file it installs (its root in place of
 * /tftpboot). Needs root, as the server changes its root and user.
 */
let folder = '';
let root = '';
const daemons: ChildProcess[] = [];

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => void socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => void socket.close(() => resolve()));
  return port;
}

/** Starts in.tftpd with these arguments and waits until it answers. */
async function serving(host: string, ...args: string[]): Promise<number> {
  const port = await freePort();
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  daemons.push(spawn('/usr/sbin/in.tftpd', ['-L', '--address', address, ...args], { stdio: 'inherit' }));
  const files = tftpFiles({ host, port, timeoutInMilliseconds: 500 });
  await expect
    .poll(() => files.stat(join(root, '1')).then(() => 'answered', String), { timeout: 10_000 })
    .not.toMatch(/no answer/);
  return port;
}

const sizes = [0, 1, 511, 512, 513, 1468, 1_000_000, 40_000_000];
const contents = new Map(sizes.map((size) => [String(size), randomBytes(size)]));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-tftp-'));
  root = join(folder, 'tftpboot');
  await mkdir(root);
  for (const [name, content] of contents) await writeFile(join(root, name), content);
  await writeFile(join(root, 'private'), 'x', { mode: 0o600 });
  await chmod(folder, 0o755);
  await chmod(root, 0o755);
});
afterAll(async () => {
  for (const daemon of daemons) daemon.kill();
  await rm(folder, { recursive: true });
});

test('the server is the one of Debian', () => {
  expect(execFileSync('/usr/sbin/in.tftpd', ['-V'], { encoding: 'utf8' })).toContain('tftp-hpa');
});

test('files of every size arrive as they are, whatever the block', { timeout: 120_000 }, async () => {
  const port = await serving('127.0.0.1', '--secure', root);
  for (const blockSizeInBytes of [512, 1468, 8192, 65_464]) {
    const files = tftpFiles({ host: '127.0.0.1', port, blockSizeInBytes });
    for (const [name, content] of contents) {
      const blob = await files.open(name);
      expect((await blob.read(0, blob.sizeInBytes)).equals(content), `${name} by ${blockSizeInBytes}`).toBe(
        true,
      );
    }
  }
});

test('a server that refuses the options sends the same', async () => {
  const port = await serving('127.0.0.1', '--secure', '--refuse', 'blksize', '--refuse', 'tsize', root);
  const files = tftpFiles({ host: '127.0.0.1', port });
  for (const name of ['0', '511', '512', '513', '1000000']) {
    const blob = await files.open(name);
    expect((await blob.read(0, blob.sizeInBytes)).equals(contents.get(name) ?? Buffer.of())).toBe(true);
  }
});

test('sizes and refusals are the server’s', async () => {
  const port = await serving('127.0.0.1', '--secure', root);
  const files = tftpFiles({ host: '127.0.0.1', port });
  expect(await files.stat('40000000')).toEqual({ sizeInBytes: 40_000_000 });
  expect(await files.stat('0')).toEqual({ sizeInBytes: 0 });
  await expect(files.open('absent')).rejects.toThrow(/TFTP error 1: File not found/);
  await expect(files.open('absent')).rejects.toBeInstanceOf(MissingError);
  await expect(files.open('private')).rejects.toBeInstanceOf(MissingError);
  // In its changed root, nothing is outside.
  await expect(files.open('../outside')).rejects.toBeInstanceOf(MissingError);
});

test('behind the map-file of OpenStack-Ansible, relative and absolute names differ from a slash', async () => {
  const map = join(folder, 'map-file');
  await writeFile(map, `r ^([^/]) ${root}/\\1\nr ^(${root}/) ${root}/\\2\n`);
  const port = await serving('127.0.0.1', '--map-file', map, root);
  const files = tftpFiles({ host: '127.0.0.1', port });
  expect((await files.open('513')).sizeInBytes).toBe(513);
  expect((await files.open(`${root}/513`)).sizeInBytes).toBe(513);
  await expect(files.open('/513')).rejects.toThrow('TFTP error 2: Forbidden directory');
});

test('over IPv6', async () => {
  const port = await serving('::1', '--secure', root);
  const blob = await tftpFiles({ host: '::1', port }).open('1000000');
  expect((await blob.read(0, blob.sizeInBytes)).equals(contents.get('1000000') ?? Buffer.of())).toBe(true);
  expect(blob.origin).toBe(`tftp://[::1]:${port}/1000000`);
});
