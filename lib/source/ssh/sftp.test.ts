import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  type SshServerOptions,
  startSshServer,
  strangerIdentity,
} from '../../../fixtures/simulated/ssh-server.ts';
import { startRelay } from '../../../fixtures/simulated/relay.ts';
import { AccessError, FormatError, MissingError } from '../../errors.ts';
import { type SshOptions, sshFiles } from '../../../fixtures/simulated/ssh-files.ts';

let folder = '';
let fileNumber = 0;
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-ssh-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const conf = Buffer.from('[pxe]\nipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi\n');
const large = Buffer.from(Array.from({ length: 700_001 }, (_, index) => (index * 31) >> 4));
const served = new Map([
  ['/etc/ironic/ironic.conf', conf],
  ['/etc/ironic/secret', conf],
  ['/etc/empty', Buffer.alloc(0)],
  ['/tftpboot/large', large],
  ['/tftpboot/other', Buffer.from(large.toReversed())],
]);

async function stored(text: string): Promise<string> {
  const path = join(folder, `file${(fileNumber += 1)}`);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

async function serving(serverOptions: SshServerOptions = {}, change: Partial<SshOptions> = {}) {
  const server = await startSshServer(served, serverOptions);
  ends.push(() => server.close());
  const options = {
    host: '127.0.0.1',
    port: server.port,
    user: server.user,
    identityFile: await stored(server.identity),
    knownHostsFile: await stored(`${server.hostKey}\n`),
    timeoutInMilliseconds: 5000,
    ...change,
  };
  const files = sshFiles(options);
  ends.push(async () => files[Symbol.asyncDispose]());
  return { server, files, options };
}

test('small files are read whole, and no handle stays open', async () => {
  const { files, server } = await serving();
  const blob = await files.open('/etc/ironic/ironic.conf');
  expect(await blob.read(0, blob.sizeInBytes)).toEqual(conf);
  expect(blob.origin).toBe(`ssh://assay@127.0.0.1:${server.port}/etc/ironic/ironic.conf`);
  expect((await files.open('/etc/empty')).sizeInBytes).toBe(0);
  expect(server.counts).toEqual({ connections: 1, openHandles: 0 });
});

test('large files are read in ranges, over one connection', async () => {
  const { files, server } = await serving({ answerInBytes: 5000 });
  const blob = await files.open('/tftpboot/large');
  expect(blob.sizeInBytes).toBe(large.length);
  const ranges = [
    [0, 0],
    [0, 1],
    [1000, 4999],
    [32_768, 32_768],
    [32_767, 100_003],
    [large.length - 1, 1],
    [0, large.length],
  ] as const;
  const parts = await Promise.all(ranges.map(([offset, length]) => blob.read(offset, length)));
  for (const [index, [offset, length]] of ranges.entries()) {
    expect(parts[index]?.equals(large.subarray(offset, offset + length))).toBe(true);
  }
  expect(server.counts.connections).toBe(1);
  await expect(blob.read(large.length, 1)).rejects.toThrow(FormatError);
});

test('what is not a readable file is told apart', async () => {
  const { files } = await serving({ denied: ['/etc/ironic/secret'], pipes: ['/run/pipe'] });
  await expect(files.open('/etc/absent')).rejects.toThrow(MissingError);
  await expect(files.open('/etc/absent')).rejects.toThrow('/etc/absent: no such file');
  await expect(files.open('/etc/ironic/secret')).rejects.toThrow(AccessError);
  await expect(files.open('/etc/ironic/secret')).rejects.toThrow('permission denied');
  await expect(files.open('/etc/ironic')).rejects.toThrow('a directory, where a file is expected');
  await expect(files.open('/run/pipe')).rejects.toThrow('not a regular file');
  await expect(files.open('etc/ironic/ironic.conf')).rejects.toThrow('not an absolute path');
});

test('a file that is shorter than it said is refused', async () => {
  const { files } = await serving({ claimsExtraBytes: 7 });
  await expect(files.open('/etc/ironic/ironic.conf')).rejects.toThrow(
    `became shorter while it was read, at ${conf.length}`,
  );
});

test('an unknown host key is refused with its fingerprint', async () => {
  const { files } = await serving({}, { knownHostsFile: await stored('# nothing\n') });
  await expect(files.open('/etc/empty')).rejects.toThrow(AccessError);
  await expect(files.open('/etc/empty')).rejects.toThrow(
    /host key ssh-ed25519 SHA256:\S{43} is not in \S+file/,
  );
});

test('a changed host key is refused with the line that knows another', async () => {
  const first = await startSshServer(served);
  const second = await startSshServer(served, { freshHostKey: true });
  ends.push(
    () => first.close(),
    () => second.close(),
  );
  const [, ...keyOfFirst] = first.hostKey.split(' ');
  const files = sshFiles({
    host: '127.0.0.1',
    port: second.port,
    user: second.user,
    identityFile: await stored(second.identity),
    knownHostsFile: await stored(`# conductors\n[127.0.0.1]:${second.port} ${keyOfFirst.join(' ')}\n`),
  });
  await expect(files.open('/etc/empty')).rejects.toThrow(
    /host key ssh-ed25519 SHA256:\S{43} is not the one in \S+:2: changed, or another host answers/,
  );
});

test('a revoked host key is refused', async () => {
  const { server, options } = await serving();
  const [, ...key] = server.hostKey.split(' ');
  const knownHostsFile = await stored(`${server.hostKey}\n@revoked * ${key.join(' ')}\n`);
  await expect(sshFiles({ ...options, knownHostsFile }).open('/etc/empty')).rejects.toThrow(
    /is revoked in \S+:2/,
  );
});

test('a key or user that the host does not let in is told, once', async () => {
  const { server, options } = await serving();
  const identityFile = await stored(strangerIdentity());
  const files = sshFiles({ ...options, identityFile });
  await expect(files.open('/etc/empty')).rejects.toThrow(
    `authentication refused for assay with ${identityFile}`,
  );
  await expect(files.open('/etc/empty')).rejects.toThrow(AccessError);
  expect(server.counts.connections).toBe(1);
  await expect(sshFiles({ ...options, user: 'root' }).open('/etc/empty')).rejects.toThrow(
    'authentication refused for root',
  );
});

test('an identity that cannot be used is told without its content', async () => {
  const { options } = await serving();
  const secret = 'c2VjcmV0IGtleSBieXRlcw';
  const identityFile = await stored(`-----BEGIN OPENSSH PRIVATE KEY-----\n${secret}\n`);
  const failed = await sshFiles({ ...options, identityFile })
    .open('/etc/empty')
    .catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(AccessError);
  expect(String(failed)).toMatch(/nothing to authenticate with: \S+ cannot be used: /);
  expect(String(failed)).not.toContain(secret);
  await expect(sshFiles({ ...options, identityFile: '/nonexistent' }).open('/etc/empty')).rejects.toThrow(
    'nothing to authenticate with: /nonexistent cannot be read: no such file',
  );
  await expect(sshFiles({ ...options, knownHostsFile: '/nonexistent' }).open('/etc/empty')).rejects.toThrow(
    'no known_hosts file can be read, and the host cannot be told from another: /nonexistent: no such file',
  );
});

test('without a word about identities, the usual ones are tried', async () => {
  const { server, options } = await serving();
  const { identityFile: _, ...without } = options;
  vi.stubEnv('SSH_AUTH_SOCK', undefined);
  const home = await mkdtemp(join(folder, 'home-'));
  const none = sshFiles({ ...without, home }).open('/etc/empty');
  await expect(none).rejects.toThrow(
    /nothing to authenticate with: none of \S+\/id_rsa, \S+\/id_ecdsa, \S+\/id_ed25519 is there; no ssh-agent \(SSH_AUTH_SOCK\)$/,
  );
  await mkdir(join(home, '.ssh'));
  await writeFile(join(home, '.ssh', 'id_ecdsa'), strangerIdentity(), { mode: 0o600 });
  await writeFile(join(home, '.ssh', 'id_ed25519'), server.identity, { mode: 0o600 });
  await using files = sshFiles({ ...without, home });
  expect((await files.open('/etc/empty')).sizeInBytes).toBe(0);
  vi.unstubAllEnvs();
});

test('a host that accepts and says nothing, and one that refuses, are told in bounded time', async () => {
  const { options, server } = await serving();
  const mute = createServer();
  await new Promise<void>((resolve) => void mute.listen(0, '127.0.0.1', resolve));
  ends.push(async () => void mute.close());
  const { port } = mute.address() as { port: number };
  await expect(sshFiles({ ...options, port, timeoutInMilliseconds: 200 }).open('/etc/empty')).rejects.toThrow(
    `ssh://assay@127.0.0.1:${port}: no SSH connection within 0.2 s: it accepts connections, but does not speak SSH`,
  );
  await server.close();
  ends.length = 0;
  await expect(sshFiles(options).open('/etc/empty')).rejects.toThrow(
    /127\.0\.0\.1:\d+: ECONNREFUSED: the host answers, but no SSH server listens there$/,
  );
});

test('an ssh-agent that never answers is told, and the identity file is used without it', async () => {
  const { options } = await serving({}, {});
  const mute = createServer();
  const socket = join(folder, 'mute-agent');
  await new Promise<void>((resolve) => void mute.listen(socket, resolve));
  ends.push(async () => void mute.close());
  vi.stubEnv('SSH_AUTH_SOCK', socket);
  await using files = sshFiles({ ...options, timeoutInMilliseconds: 300 });
  expect((await files.open('/etc/empty')).sizeInBytes).toBe(0);
  const identityFile = await stored(strangerIdentity());
  const refused = sshFiles({ ...options, identityFile, timeoutInMilliseconds: 300 }).open('/etc/empty');
  await expect(refused).rejects.toThrow(
    `authentication refused for assay with ${identityFile}; the ssh-agent at ${socket} cannot be asked: no answer`,
  );
  vi.unstubAllEnvs();
});

test('a read that is never answered ends', async () => {
  const { files } = await serving({ stalled: ['/tftpboot/large'] }, { timeoutInMilliseconds: 1000 });
  const blob = await files.open('/tftpboot/large');
  await expect(blob.read(0, 300_000)).rejects.toThrow('/tftpboot/large: no answer within 1 s');
});

test('a hung host is dropped, and the next read has a new connection', async () => {
  const { options, server } = await serving();
  await using relay = await startRelay(server.port);
  const [, ...key] = server.hostKey.split(' ');
  const knownHostsFile = await stored(`[127.0.0.1]:${relay.port} ${key.join(' ')}\n`);
  await using files = sshFiles({
    ...options,
    port: relay.port,
    knownHostsFile,
    timeoutInMilliseconds: 1000,
  });
  const blob = await files.open('/tftpboot/large');
  relay.hang();
  await expect(blob.read(0, 10)).rejects.toThrow('/tftpboot/large: no answer within 1 s');
  expect((await blob.read(0, 10)).equals(large.subarray(0, 10))).toBe(true);
  expect(server.counts.connections).toBe(2);
  await expect.poll(() => relay.isHungDropped(), { timeout: 5000 }).toBe(true);
});

test('SFTP that ends where the connection does not is started again', async () => {
  const { files, server } = await serving();
  const blob = await files.open('/tftpboot/large');
  server.endSftp();
  await expect.poll(() => files.open('/etc/empty').then(() => 'opened', String)).toBe('opened');
  expect((await blob.read(0, 10)).equals(large.subarray(0, 10))).toBe(true);
  expect(server.counts.connections).toBe(1);
});

test('a host without SFTP is told', async () => {
  const { files } = await serving({ withoutSftp: true, command: () => 'refused' });
  await expect(files.open('/etc/empty')).rejects.toThrow(/: no SFTP: .*; it runs no commands: /);
});

test('after a lost connection it connects again', async () => {
  const { files, server } = await serving();
  await files.open('/etc/empty');
  server.disconnect();
  await expect.poll(() => files.open('/etc/empty').then(() => 'opened', String)).toBe('opened');
  expect(server.counts.connections).toBe(2);
});

describe('a large file that was open when the connection was lost', () => {
  const range = [large.length - 300_000, 200_000] as const;

  /** The other file has the handle that the large one had: servers number them. */
  async function interrupted(times: Map<string, number>) {
    const { files, server } = await serving({ times });
    const blob = await files.open('/tftpboot/large');
    expect((await blob.read(...range)).equals(large.subarray(range[0], range[0] + range[1]))).toBe(true);
    server.disconnect();
    await expect.poll(() => files.open('/tftpboot/other').then(() => 'opened', String)).toBe('opened');
    return { blob, server };
  }

  test('is opened again: its old handle means another file', async () => {
    const { blob, server } = await interrupted(new Map());
    const reads = await Promise.all([1, 2, 3].map(async () => blob.read(...range)));
    for (const bytes of reads) {
      expect(bytes.equals(large.subarray(range[0], range[0] + range[1]))).toBe(true);
    }
    expect(server.counts.connections).toBe(2);
    // Those of the large file, twice, and of the other.
    expect(server.counts.openHandles).toBe(3);
  });

  test('is refused when it changed meanwhile', async () => {
    const times = new Map<string, number>();
    const { blob } = await interrupted(times);
    times.set('/tftpboot/large', 1);
    await expect(blob.read(...range)).rejects.toThrow(FormatError);
    await expect(blob.read(...range)).rejects.toThrow('/tftpboot/large: changed while it was read');
  });
});

test('after disposing nothing is asked', async () => {
  const { files, server } = await serving();
  await files.open('/etc/empty');
  await files[Symbol.asyncDispose]();
  await expect(files.open('/etc/empty')).rejects.toThrow('closed already');
  expect(server.counts.connections).toBe(1);
});
