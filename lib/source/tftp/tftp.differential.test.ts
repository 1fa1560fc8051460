import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTftpRelay } from '../../../fixtures/simulated/tftp-relay.ts';
import { MissingError } from '../../errors.ts';
import { type TftpFiles, tftpFiles } from './tftp.ts';

/*
 * Against tftpd-hpa, the server that OpenStack-Ansible installs, with the map-file it installs (its root in place of
 * /tftpboot); atftpd, the one of Debian 12 that knows windows; and dnsmasq. Needs root, as servers change their root and
 * user.
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

async function answering(host: string, port: number, name: string): Promise<void> {
  const files = tftpFiles({ host, port, timeoutInMilliseconds: 500 });
  await expect
    .poll(() => files.stat(name).then(() => 'answered', String), { timeout: 10_000 })
    .not.toMatch(/no answer|nothing listens/);
}

/** Starts in.tftpd with these arguments and waits until it answers. */
async function serving(host: string, ...args: string[]): Promise<number> {
  const port = await freePort();
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  daemons.push(spawn('/usr/sbin/in.tftpd', ['-L', '--address', address, ...args], { stdio: 'inherit' }));
  await answering(host, port, join(root, '1'));
  return port;
}

/** The servers of Debian 12; of these, atftpd knows windows. */
const servers = {
  'tftpd-hpa': async (host: string) => serving(host, '--retransmit', '100000', '--secure', root),
  atftpd: async (host: string) => {
    const port = await freePort();
    const standing = ['--daemon', '--no-fork', '--user', 'root', '--group', 'root', '--logfile', '/dev/null'];
    const where = ['--port', String(port), '--bind-address', host, '--retry-timeout', '1', root];
    daemons.push(spawn('atftpd', [...standing, ...where], { stdio: 'inherit' }));
    await answering(host, port, '1');
    return port;
  },
  // Its port is always 69: on an address that nothing else has.
  dnsmasq: async (host: string) => {
    const nothingElse = ['--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--pid-file='];
    const where = ['--bind-interfaces', `--listen-address=${host}`, '--user=root', `--tftp-root=${root}`];
    daemons.push(spawn('dnsmasq', [...nothingElse, ...where, '--enable-tftp', '--log-facility=/dev/null']));
    await answering(host, 69, '1');
    return 69;
  },
};

/** What the two must agree on. */
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function hashOf(files: TftpFiles, name: string): Promise<string> {
  const blob = await files.open(name);
  return sha256(await blob.read(0, blob.sizeInBytes));
}

const sizes = [0, 1, 511, 512, 513, 1468, 250_000, 250_001, 1_000_000, 40_000_000];
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

/** Started once for each address. */
function once(start: (host: string) => Promise<number>) {
  const ports = new Map<string, Promise<number>>();
  return async (host: string) => {
    const port = ports.get(host) ?? start(host);
    ports.set(host, port);
    return port;
  };
}

const calm = { seed: 1, loses: 0, duplicates: 0, reorders: 0 };
const hpa = once(servers['tftpd-hpa']);
const atftpd = once(servers.atftpd);
const dnsmasq = once(servers.dnsmasq);
// Standing alone, atftpd 0.8 listens on IPv4 only.
const everyServer = [
  { name: 'tftpd-hpa', host: '127.0.0.69', start: hpa, knowsWindows: false },
  { name: 'tftpd-hpa', host: '::1', start: hpa, knowsWindows: false },
  { name: 'atftpd', host: '127.0.0.69', start: atftpd, knowsWindows: true },
  { name: 'dnsmasq', host: '127.0.0.69', start: dnsmasq, knowsWindows: false },
  { name: 'dnsmasq', host: '::1', start: dnsmasq, knowsWindows: false },
];

test.for(everyServer)('$name on $host: windows, $knowsWindows', async ({ host, start, knowsWindows }) => {
  await using relay = await startTftpRelay(host, await start(host), calm);
  const files = tftpFiles({ host, port: relay.port, blockSizeInBytes: 1000, windowInBlocks: 10 });
  expect(await hashOf(files, '250000')).toBe(sha256(contents.get('250000') ?? Buffer.of()));
  // 251 blocks, the last one empty, and how they are acknowledged; what is repeated on a slow machine comes on top.
  expect(relay.counts.passed < 350).toBe(knowsWindows);
  expect(relay.counts.passed >= 502).toBe(!knowsWindows);
});

test.for(everyServer)('$name on $host sends the same, in windows and without', async ({ host, start }) => {
  const port = await start(host);
  for (const windowInBlocks of [1, 4, 16]) {
    for (const blockSizeInBytes of [512, undefined, 8192]) {
      const by = blockSizeInBytes === undefined ? {} : { blockSizeInBytes };
      const files = tftpFiles({ host, port, windowInBlocks, ...by });
      for (const file of ['0', '511', '512', '513', '1468', '1000000']) {
        const what = `${file} by ${windowInBlocks} of ${blockSizeInBytes}`;
        expect([what, await hashOf(files, file)]).toEqual([what, sha256(contents.get(file) ?? Buffer.of())]);
      }
    }
  }
  const files = tftpFiles({ host, port });
  expect(await files.stat('40000000')).toEqual({ sizeInBytes: 40_000_000 });
  const head = await files.head('40000000', 4096);
  expect((await head.read(0, 4096)).equals(contents.get('40000000')?.subarray(0, 4096) ?? Buffer.of())).toBe(
    true,
  );
  await expect(files.open('absent')).rejects.toBeInstanceOf(MissingError);
});

test.for(everyServer)('of $name on $host all comes through a lossy network', async ({ host, start }) => {
  const port = await start(host);
  for (const [seed, windowInBlocks] of [
    [1, 1],
    [2, 4],
    [3, 16],
  ] as const) {
    const troubles = { seed, loses: 0.01, duplicates: 0.03, reorders: 0.03 };
    await using relay = await startTftpRelay(host, port, troubles);
    const files = tftpFiles({ host, port: relay.port, windowInBlocks, timeoutInMilliseconds: 15_500 });
    // Some 350 blocks, sooner or later each with its trouble; servers wait a second or two before they repeat one.
    for (const file of ['250000', '250001']) {
      expect([seed, await hashOf(files, file)]).toEqual([seed, sha256(contents.get(file) ?? Buffer.of())]);
    }
    for (const count of Object.values(relay.counts)) expect(count).toBeGreaterThan(0);
  }
});

test('block numbers start again in windows, too', async () => {
  const port = await servers.atftpd('127.0.0.1');
  const options = { host: '127.0.0.1', blockSizeInBytes: 512, windowInBlocks: 16 };
  const files = tftpFiles({ ...options, port });
  expect(await hashOf(files, '40000000')).toBe(sha256(contents.get('40000000') ?? Buffer.of()));
});

test('over IPv6', async () => {
  const port = await serving('::1', '--secure', root);
  const blob = await tftpFiles({ host: '::1', port }).open('1000000');
  expect((await blob.read(0, blob.sizeInBytes)).equals(contents.get('1000000') ?? Buffer.of())).toBe(true);
  expect(blob.origin).toBe(`tftp://[::1]:${port}/1000000`);
});

test('over IPv6 by an address with a zone', async () => {
  const port = await serving('::1', '--secure', root);
  const loopback = Object.entries(networkInterfaces()).find(([, all]) =>
    all?.some(({ internal }) => internal),
  );
  const host = `::1%${loopback?.[0]}`;
  expect(await hashOf(tftpFiles({ host, port }), '513')).toBe(sha256(contents.get('513') ?? Buffer.of()));
});
