import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, copyFile, readFile, symlink, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { OpenSsh, keyTypes } from '../../../fixtures/ssh/openssh.ts';
import { AccessError, MissingError } from '../../errors.ts';
import { fingerprint, judgeHostKey, parseKnownHosts } from './known-hosts.ts';
import { type SshOptions, sshFiles } from '../../../fixtures/simulated/ssh-files.ts';

/* Against OpenSSH: sshd with internal-sftp on a high port, and known_hosts made by ssh-keygen and ssh-keyscan. */
const types = keyTypes;
const { username } = userInfo();
const large = randomBytes(20_000_003);
let openSsh: OpenSsh;
let folder = '';
let port = 0;

const at = (name: string) => openSsh.at(name);
const keygen = (...args: string[]) => openSsh.keygen(...args);
const scanned = async (ofPort: number, type: string) => openSsh.scan(ofPort, type);
const startDaemon = async (name: string, hostKeys: readonly string[]) => openSsh.start(name, hostKeys);

beforeAll(async () => {
  openSsh = await OpenSsh.create();
  ({ folder } = openSsh);
  keygen('-q', '-t', 'ed25519', '-N', 'a passphrase', '-f', at('user_locked'));
  keygen('-q', '-t', 'ed25519', '-N', '', '-f', at('user_stranger'));
  await openSsh.authorise(...[...types, 'locked'].map((type) => `user_${type}`));
  await writeFile(at('large'), large);
  await writeFile(at('small'), 'content\n');
  await symlink(at('small'), at('link'));
  execFileSync('mkfifo', [at('pipe')]);
  port = await startDaemon('all', types);
});
afterAll(async () => openSsh[Symbol.asyncDispose]());

async function options(change: Partial<SshOptions> = {}): Promise<SshOptions> {
  return {
    host: '127.0.0.1',
    port,
    user: username,
    identityFile: at('user_ed25519'),
    knownHostsFile: await scanned(port, 'ed25519'),
    ...change,
  };
}

test.for(types)('a host key of type %s is known by the hashed line of ssh-keyscan alone', async (type) => {
  await using files = sshFiles(await options({ knownHostsFile: await scanned(port, type) }));
  const blob = await files.open(at('small'));
  expect((await blob.read(0, blob.sizeInBytes)).toString()).toBe('content\n');
});

test.for(types)('a user key of type %s is let in', async (type) => {
  await using files = sshFiles(await options({ identityFile: at(`user_${type}`) }));
  expect((await files.open(at('link'))).sizeInBytes).toBe(8);
});

test('an encrypted key needs an ssh-agent, and says so', async () => {
  const locked = await options({ identityFile: at('user_locked'), home: folder });
  vi.stubEnv('SSH_AUTH_SOCK', undefined);
  await expect(sshFiles(locked).open(at('small'))).rejects.toThrow(
    `user_locked is encrypted, and no ssh-agent holds it: run ssh-add ${at('user_locked')}; no ssh-agent (SSH_AUTH_SOCK)`,
  );
  vi.unstubAllEnvs();
});

async function withAgent(keys: readonly string[], run: () => Promise<void>): Promise<void> {
  const socket = at(`agent-${keys.length}`);
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  const env = {
    ...process.env,
    SSH_AUTH_SOCK: socket,
    SSH_ASKPASS: at('askpass'),
    SSH_ASKPASS_REQUIRE: 'force',
  };
  try {
    const add = () =>
      execFileSync('ssh-add', ['-q', ...keys.map((key) => at(key))], { env, stdio: 'pipe' }).length;
    await expect.poll(add, { timeout: 5000 }).toBe(0);
    vi.stubEnv('SSH_AUTH_SOCK', socket);
    await run();
  } finally {
    vi.unstubAllEnvs();
    agent.kill();
  }
}

test('an ssh-agent is asked: for any key of it, or for the named ones only', async () => {
  await writeFile(at('askpass'), '#!/bin/sh\necho a passphrase\n', { mode: 0o700 });
  const { identityFile: _, ...rest } = await options({ home: folder });
  await withAgent(['user_stranger', 'user_locked'], async () => {
    await using any = sshFiles(rest);
    expect((await any.open(at('small'))).sizeInBytes).toBe(8);
    // Its private half is encrypted: only the agent can sign with it.
    await using named = sshFiles({ ...rest, identityFile: at('user_locked') });
    expect((await named.open(at('small'))).sizeInBytes).toBe(8);
    const wrong = sshFiles({ ...rest, identityFile: at('user_stranger') }).open(at('small'));
    await expect(wrong).rejects.toThrow(/: authentication refused for \S+ with a key of the ssh-agent$/);
  });
  vi.stubEnv('SSH_AUTH_SOCK', at('nothing-here'));
  await expect(sshFiles(rest).open(at('small'))).rejects.toThrow('nothing-here cannot be asked: ');
  vi.unstubAllEnvs();
});

test('a large file is read in ranges as it is', async () => {
  await using files = sshFiles(await options());
  const blob = await files.open(at('large'));
  expect((await blob.read(0, large.length)).equals(large)).toBe(true);
  const reads = [
    [0, 1],
    [262_143, 2],
    [1_000_001, 3_000_000],
    [large.length - 5, 5],
  ] as const;
  const parts = await Promise.all(reads.map(([offset, length]) => blob.read(offset, length)));
  for (const [index, [offset, length]] of reads.entries()) {
    expect(parts[index]?.equals(large.subarray(offset, offset + length))).toBe(true);
  }
});

test('what is not a readable file is told as the host says it', async () => {
  await using files = sshFiles(await options());
  await expect(files.open(at('absent'))).rejects.toBeInstanceOf(MissingError);
  await expect(files.open(at('small/deeper'))).rejects.toBeInstanceOf(MissingError);
  await expect(files.open(folder)).rejects.toThrow('a directory, where a file is expected');
  await expect(files.open(at('pipe'))).rejects.toThrow('not a regular file');
});

test('permission denied is told', async () => {
  // Root may read everything, so a user without rights asks.
  await writeFile(at('private'), 'x', { mode: 0o600 });
  await chmod(folder, 0o755);
  await copyFile(at('user_ed25519'), at('user_nobody'));
  await using files = sshFiles(await options({ user: 'nobody' }));
  expect((await files.open(at('small'))).sizeInBytes).toBe(8);
  await expect(files.open(at('private'))).rejects.toThrow('permission denied');
  await expect(files.open(at('private'))).rejects.toBeInstanceOf(AccessError);
});

test('a host with another key than known is refused with the fingerprint of ssh-keygen', async () => {
  const other = await startDaemon('other', ['ecdsa']);
  await scanned(other, 'ecdsa');
  const [, sha256 = ''] = keygen('-l', '-f', at('host_ecdsa.pub')).split(' ');
  const line = await readFile(at('host_ed25519.pub'), 'utf8');
  await writeFile(at('known-ed25519'), `[127.0.0.1]:${other} ${line}`);
  const unknown = sshFiles(await options({ port: other, knownHostsFile: at('known-ed25519') })).open(
    at('small'),
  );
  await expect(unknown).rejects.toThrow(`ecdsa-sha2-nistp256 ${sha256} is not in`);
  keygen('-q', '-t', 'ecdsa', '-N', '', '-f', at('stranger'));
  await writeFile(at('known-other'), `[127.0.0.1]:${other} ${await readFile(at('stranger.pub'), 'utf8')}`);
  const changed = sshFiles(await options({ port: other, knownHostsFile: at('known-other') })).open(
    at('small'),
  );
  await expect(changed).rejects.toThrow(
    `ecdsa-sha2-nistp256 ${sha256} is not the one in ${at('known-other')}:1`,
  );
});

test('a user key that is not authorised is refused', async () => {
  keygen('-q', '-t', 'ed25519', '-N', '', '-f', at('nobody'));
  await expect(sshFiles(await options({ identityFile: at('nobody') })).open(at('small'))).rejects.toThrow(
    `authentication refused for ${username}`,
  );
});

test('ssh-keygen -F and we find the same names in a file that ssh-keygen -H hashed', async () => {
  const text = await readFile(at('host_ed25519.pub'), 'utf8');
  const names = ['c1.example', '192.0.2.7', '[c2.example]:2222', '2001:db8::7', '[2001:db8::8]:22022'];
  await writeFile(at('to-hash'), names.map((name) => `${name} ${text}`).join(''));
  keygen('-H', '-f', at('to-hash'));
  const hashed = await readFile(at('to-hash'), 'utf8');
  expect(hashed).not.toContain('example');
  const key = Buffer.from(text.split(' ')[1] ?? '', 'base64');
  expect(keygen('-l', '-f', at('host_ed25519.pub'))).toContain(fingerprint(key));
  const hosts: [string, number][] = [
    ['c1.example', 22],
    ['c2.example', 2222],
    ['c2.example', 22],
    ['192.0.2.7', 22],
    ['192.0.2.8', 22],
    ['2001:db8::7', 22],
    ['2001:db8::8', 22_022],
    ['2001:db8::8', 22],
  ];
  for (const [host, ofPort] of hosts) {
    const name = ofPort === 22 ? host : `[${host}]:${ofPort}`;
    let isFound = true;
    try {
      keygen('-F', name, '-f', at('to-hash'));
    } catch {
      isFound = false;
    }
    const { verdict } = judgeHostKey(parseKnownHosts(hashed), host, ofPort, key);
    expect([name, verdict]).toEqual([name, isFound ? 'known' : 'unknown']);
  }
});
