import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AccessError, MissingError } from '../errors.ts';
import { fingerprint, judgeHostKey, parseKnownHosts } from './known-hosts.ts';
import { type SshOptions, sshFiles } from './ssh.ts';

/* Against OpenSSH: sshd with internal-sftp on a high port, and known_hosts made by ssh-keygen and ssh-keyscan. */
const types = ['ed25519', 'ecdsa', 'rsa'] as const;
const { username } = userInfo();
const large = randomBytes(20_000_003);
const daemons = new Map<string, { port: number; process: ChildProcess }>();
let folder = '';
let port = 0;

const at = (name: string) => join(folder, name);
const keygen = (...args: string[]) => execFileSync('ssh-keygen', args, { encoding: 'utf8', stdio: 'pipe' });

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as { port: number };
  await new Promise<void>((resolve) => void server.close(() => resolve()));
  return address.port;
}

/** The hashed lines that ssh-keyscan writes, in a file: the port is `[host]:port` in them. */
async function scanned(ofPort: number, type: string): Promise<string> {
  const path = at(`known_hosts-${ofPort}-${type}`);
  let lines = '';
  for (let tries = 0; tries < 50 && lines === ''; tries++) {
    const args = ['-H', '-t', type, '-p', String(ofPort), '127.0.0.1'];
    // It fails while the daemon does not listen yet.
    lines = spawnSync('ssh-keyscan', args, { encoding: 'utf8' }).stdout;
    if (lines === '') await new Promise((resolve) => void setTimeout(resolve, 100));
  }
  expect(lines).toMatch(/^\|1\|/m);
  await writeFile(path, lines);
  return path;
}

async function startDaemon(name: string, hostKeys: readonly string[]): Promise<number> {
  const ownPort = await freePort();
  const config = [
    `Port ${ownPort}`,
    'ListenAddress 127.0.0.1',
    ...hostKeys.map((type) => `HostKey ${at(`host_${type}`)}`),
    `AuthorizedKeysFile ${at('authorized_keys')}`,
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    `PidFile ${at(`${name}.pid`)}`,
    'Subsystem sftp internal-sftp',
  ];
  await writeFile(at(`${name}.conf`), `${config.join('\n')}\n`);
  const process = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at(`${name}.conf`)], { stdio: 'ignore' });
  daemons.set(name, { port: ownPort, process });
  return ownPort;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-sshd-'));
  await mkdir('/run/sshd', { recursive: true });
  for (const type of types) {
    keygen('-q', '-t', type, '-N', '', '-f', at(`host_${type}`));
    keygen('-q', '-t', type, '-N', '', '-f', at(`user_${type}`));
  }
  keygen('-q', '-t', 'ed25519', '-N', 'a passphrase', '-f', at('user_locked'));
  const users = [...types, 'locked'].map((type) => readFile(at(`user_${type}.pub`), 'utf8'));
  await writeFile(at('authorized_keys'), (await Promise.all(users)).join(''));
  await writeFile(at('large'), large);
  await writeFile(at('small'), 'content\n');
  await symlink(at('small'), at('link'));
  execFileSync('mkfifo', [at('pipe')]);
  port = await startDaemon('all', types);
});
afterAll(async () => {
  for (const { process } of daemons.values()) process.kill();
  await rm(folder, { recursive: true });
});

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

test('an encrypted key needs its passphrase', async () => {
  const locked = await options({ identityFile: at('user_locked') });
  await using files = sshFiles({ ...locked, passphrase: 'a passphrase' });
  expect((await files.open(at('small'))).sizeInBytes).toBe(8);
  await expect(sshFiles(locked).open(at('small'))).rejects.toThrow('the identity cannot be used');
  const wrong = sshFiles({ ...locked, passphrase: 'another' }).open(at('small'));
  await expect(wrong).rejects.toThrow(/^(?!.*another).*the identity cannot be used/);
});

test('an ssh-agent is asked', async () => {
  const agent = spawn('ssh-agent', ['-D', '-a', at('agent')], { stdio: 'ignore' });
  try {
    await expect
      .poll(
        () => {
          const env = { ...process.env, SSH_AUTH_SOCK: at('agent') };
          return execFileSync('ssh-add', ['-q', at('user_ed25519')], { env, stdio: 'pipe' }).length;
        },
        { timeout: 5000 },
      )
      .toBe(0);
    const { identityFile: _, ...rest } = await options();
    await using files = sshFiles({ ...rest, agentSocket: at('agent') });
    expect((await files.open(at('small'))).sizeInBytes).toBe(8);
  } finally {
    agent.kill();
  }
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
