import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { OpenSsh } from '../../../fixtures/ssh/openssh.ts';
import { makeSmallRoot } from '../../../fixtures/ssh/small-root.ts';
import { AccessError, LimitError, MissingError, UnsupportedError } from '../../errors.ts';
import { type HostDescription, type Hosts, sshHosts } from './hosts.ts';
import { resolveTarget } from './target.ts';

/* Against OpenSSH, sudo and chroot: two servers, of which the second is reached through the first. */
const { username } = userInfo();
const visitor = `assay-${process.pid}`;
const sudoers = `/etc/sudoers.d/${visitor}`;
let openSsh: OpenSsh;
const ports = { outer: 0, inner: 0, commandsOnly: 0, closed: 0 };
const at = (name: string) => openSsh.at(name);

beforeAll(async () => {
  openSsh = await OpenSsh.create();
  // `*` is a password that nothing fits; without one the account is locked, and sshd refuses it.
  execFileSync('useradd', [
    '--password',
    '*',
    '--no-create-home',
    '--home-dir',
    '/',
    '--shell',
    '/bin/sh',
    visitor,
  ]);
  await chmod(openSsh.folder, 0o755);
  ports.outer = await openSsh.start('outer', ['ed25519']);
  ports.inner = await openSsh.start('inner', ['ecdsa']);
  ports.commandsOnly = await openSsh.start('commands', ['ed25519'], []);
  ports.closed = await openSsh.start(
    'closed',
    ['ed25519'],
    ['Subsystem sftp internal-sftp', 'ForceCommand internal-sftp', 'AllowTcpForwarding no'],
  );
  const known = await Promise.all([
    openSsh.scan(ports.outer, 'ed25519'),
    openSsh.scan(ports.inner, 'ecdsa'),
    openSsh.scan(ports.commandsOnly, 'ed25519'),
    openSsh.scan(ports.closed, 'ed25519'),
  ]);
  const lines = await Promise.all(known.map(async (file) => readFile(file, 'utf8')));
  await writeFile(at('known_hosts'), lines.join(''));
  await mkdir(at('secret'), { mode: 0o700 });
  await writeFile(at("secret/it's a $(file)"), 'kept from others\n');
  await writeFile(at('open'), 'for all\n', { mode: 0o644 });
  await mkdir(at('conf.d'));
  for (const name of ['20-b.conf', '10-a.conf', '.hidden.conf', 'notes.txt'])
    await writeFile(at(`conf.d/${name}`), name);
});
afterAll(async () => {
  await rm(sudoers, { force: true });
  execFileSync('userdel', [visitor]);
  await openSsh[Symbol.asyncDispose]();
});

async function configured(text: string): Promise<string> {
  const path = at(`config-${Buffer.from(text).toString('base64url').slice(-40)}`);
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

async function reaching(
  text: string,
  hosts: Readonly<Record<string, HostDescription>> = {},
  timeoutInMilliseconds = 15_000,
): Promise<Hosts> {
  const common = `\nHost *\n  User ${username}\n  IdentityFile ${at('user_ed25519')}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${at('known_hosts')}\n`;
  const config = await configured(`${text}${common}`);
  return sshHosts({ defaults: { config }, hosts, timeoutInMilliseconds });
}

async function read(hosts: Hosts, host: string, path: string): Promise<string> {
  const blob = await hosts.files({ host }).open(path);
  return (await blob.read(0, blob.sizeInBytes)).toString();
}

const outer = () => `Host outer\n  HostName 127.0.0.1\n  Port ${ports.outer}\n`;
const inner = (jump: string) =>
  `Host inner\n  HostName 127.0.0.1\n  Port ${ports.inner}\n  ProxyJump ${jump}\n`;

const visiting = (hosts: Record<string, HostDescription>) =>
  reaching(`Host outer\n  HostName 127.0.0.1\n  Port ${ports.outer}\n  User ${visitor}\n`, hosts);
const secret = () => at("secret/it's a $(file)");

describe('ProxyJump', () => {
  test('a host behind another, by aliases of ssh_config', async () => {
    await using hosts = await reaching(outer() + inner('outer'));
    expect(await read(hosts, 'inner', at('open'))).toBe('for all\n');
    expect(await read(hosts, 'outer', at('open'))).toBe('for all\n');
  });

  test('a chain, whose first hop has a jump host of its own', async () => {
    const first = `Host first\n  HostName 127.0.0.1\n  Port ${ports.inner}\n  ProxyJump outer\n`;
    await using hosts = await reaching(outer() + first + inner(`first,${username}@127.0.0.1:${ports.outer}`));
    expect(await read(hosts, 'inner', at('open'))).toBe('for all\n');
  });

  test('a circle of jump hosts ends', async () => {
    const circle = `Host outer\n  HostName 127.0.0.1\n  Port ${ports.outer}\n  ProxyJump inner\n`;
    await using hosts = await reaching(circle + inner('outer'));
    await expect(read(hosts, 'inner', at('open'))).rejects.toBeInstanceOf(LimitError);
    await expect(read(hosts, 'inner', at('open'))).rejects.toThrow('more than 8 jump hosts on the way');
  });

  test('the key of every hop is verified, whatever StrictHostKeyChecking says', async () => {
    const text = `Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile ${await openSsh.scan(ports.inner, 'ecdsa')}\n`;
    await using hosts = await reaching(text + outer() + inner('outer'));
    await expect(read(hosts, 'inner', at('open'))).rejects.toThrow(
      /ssh:\/\/\S+: host key ssh-ed25519 SHA256:\S+ is not in .*; StrictHostKeyChecking no is not honoured: keys are always verified; it is a jump host of ssh:\/\/\S+$/,
    );
    const other = `Host inner\n  UserKnownHostsFile ${await openSsh.scan(ports.outer, 'ed25519')}\n`;
    await using strangers = await reaching(other + outer() + inner('outer'));
    await expect(read(strangers, 'inner', at('open'))).rejects.toThrow(
      /ecdsa-sha2-nistp256 SHA256:\S+ is not in/,
    );
  });

  test('a jump host that does not let through, and one that reaches nothing', async () => {
    const closed = `Host closed\n  HostName 127.0.0.1\n  Port ${ports.closed}\n`;
    await using hosts = await reaching(closed + inner('closed'));
    await expect(read(hosts, 'inner', at('open'))).rejects.toThrow(
      /its jump host \S+ does not get through to it: .* \(it forbids this: AllowTcpForwarding in its sshd_config\)$/,
    );
    const nowhere = `Host nowhere\n  HostName 127.0.0.1\n  Port 1\n  ProxyJump outer\n`;
    await using others = await reaching(outer() + nowhere);
    await expect(read(others, 'nowhere', at('open'))).rejects.toThrow(
      /does not get through to it: .*refused/i,
    );
  });
});

test('a name of deployment.yaml, and HostKeyAlias', async () => {
  const [, type, key] = (await readFile(at('host_ed25519.pub'), 'utf8')).replace(/^/, 'x ').split(' ');
  await writeFile(at('alias_hosts'), `conductor.example ${type} ${key}\n`);
  const text = `Host ctl\n  HostKeyAlias Conductor.example\n  UserKnownHostsFile ${at('alias_hosts')}\n`;
  await using hosts = await reaching(text, { ctl: { address: '127.0.0.1', port: ports.outer } });
  expect(await read(hosts, 'ctl', at('open'))).toBe('for all\n');
  expect((await hosts.files({ host: 'ctl' }).open(at('open'))).origin).toBe(
    `ssh://${username}@127.0.0.1:${ports.outer}${at('open')}`,
  );
});

test('what is not done is told, and not run', async () => {
  await using hosts = await reaching(
    `Host a\n  ProxyCommand touch ${at('ran')}\nMatch host b exec "touch ${at('ran')}"\n  User x\n`,
  );
  await expect(read(hosts, 'a', '/x')).rejects.toBeInstanceOf(UnsupportedError);
  await expect(read(hosts, 'a', '/x')).rejects.toThrow(
    /^a: its ProxyCommand is not run \(touch .*\); ProxyJump is understood$/,
  );
  await expect(read(hosts, 'b', '/x')).rejects.toThrow(
    /:3: match: the criterion exec is not evaluated, since nothing is run/,
  );
  await expect(readFile(at('ran'))).rejects.toThrow('ENOENT');
});

test('the tokens of a path mean what they mean to ssh', async () => {
  vi.stubEnv('ASSAY_KEYS', '/keys');
  const paths = ['~/y', '%d/x', '/%u-%r@%h:%p-%n-%L-%l-%i-%k-%%', '${ASSAY_KEYS}/z', '/plain', '~/y'];
  const text = `Host Token\n  HostName 127.0.0.1\n  Port ${ports.outer}\n  HostKeyAlias Key.Alias\n${paths.map((path) => `  IdentityFile ${path}\n`).join('')}`;
  const config = await configured(text);
  const args = ['-v', '-F', config, '-l', 'someone', '-o', 'BatchMode=yes', 'Token', 'true'];
  const { stderr } = spawnSync('ssh', args, { encoding: 'utf8' });
  const theirs = [...stderr.matchAll(/identity file (.*) type -?\d+/g)].map(([, path = '']) => path);
  const target = await resolveTarget({ name: 'Token', user: 'someone', defaults: { config }, hosts: {} });
  expect(target.identityFiles.length).toBe(5);
  expect(target.identityFiles).toEqual(theirs.filter((path) => !path.endsWith('-cert')));
  vi.unstubAllEnvs();
});

test('directories are listed, and status tells mode, owner and group by number and name', async () => {
  await using hosts = await reaching(outer());
  const files = hosts.files({ host: 'outer' });
  expect((await files.list(at('conf.d'))).toSorted()).toEqual([
    '.hidden.conf',
    '10-a.conf',
    '20-b.conf',
    'notes.txt',
  ]);
  expect(await files.status(at('secret'))).toMatchObject({
    kind: 'directory',
    mode: 0o700,
    owner: { id: 0, name: 'root' },
    group: { id: 0, name: 'root' },
  });
  await expect(files.list(at('absent'))).rejects.toBeInstanceOf(MissingError);
  await using silent = await reaching(`Host closed\n  HostName 127.0.0.1\n  Port ${ports.closed}\n`);
  const status = await silent.files({ host: 'closed' }).status(at('open'));
  expect(status).toEqual({ kind: 'file', mode: 0o644, owner: { id: 0 }, group: { id: 0 }, sizeInBytes: 8 });
});

test('where there is no SFTP, commands read', async () => {
  await using hosts = await reaching(`Host commands\n  HostName 127.0.0.1\n  Port ${ports.commandsOnly}\n`);
  expect(await read(hosts, 'commands', at("secret/it's a $(file)"))).toBe('kept from others\n');
  const files = hosts.files({ host: 'commands' });
  expect((await files.list(at('conf.d'))).toSorted()).toEqual([
    '.hidden.conf',
    '10-a.conf',
    '20-b.conf',
    'notes.txt',
  ]);
  await expect(files.open(at('absent'))).rejects.toBeInstanceOf(MissingError);
  await expect(files.open(at('conf.d'))).rejects.toThrow('a directory, where a file is expected');
  await expect(files.list(at('open'))).rejects.toThrow('no directory');
});

describe('sudo', () => {
  test('without it, permission is denied', async () => {
    await using hosts = await visiting({});
    await expect(read(hosts, 'outer', secret())).rejects.toThrow('permission denied');
  });

  test('a password that it asks for is told, with the line that helps', async () => {
    await writeFile(sudoers, `${visitor} ALL=(root) ALL\n`, { mode: 0o440 });
    await using hosts = await visiting({ outer: { sudo: true } });
    await expect(read(hosts, 'outer', secret())).rejects.toThrow(
      `sudo asks for a password; a line in sudoers that helps: ${visitor} ALL=(root) NOPASSWD: /usr/bin/cat, /usr/bin/stat, /usr/bin/ls`,
    );
    await rm(sudoers);
    await using refused = await visiting({ outer: { sudo: true } });
    await expect(read(refused, 'outer', secret())).rejects.toBeInstanceOf(AccessError);
    await expect(read(refused, 'outer', secret())).rejects.toThrow(/sudo .*; a line in sudoers that helps: /);
  });

  test('with that line, what the user may not read is read', async () => {
    await writeFile(sudoers, `${visitor} ALL=(root) NOPASSWD: /usr/bin/cat, /usr/bin/stat, /usr/bin/ls\n`, {
      mode: 0o440,
    });
    await using hosts = await visiting({ outer: { sudo: true } });
    expect(await read(hosts, 'outer', secret())).toBe('kept from others\n');
    expect(await read(hosts, 'outer', at('open'))).toBe('for all\n');
    const files = hosts.files({ host: 'outer' });
    expect(await files.list(at('secret'))).toEqual(["it's a $(file)"]);
    expect((await files.status(secret())).sizeInBytes).toBe(17);
    await expect(files.open(at('secret/absent'))).rejects.toBeInstanceOf(MissingError);
    execFileSync('truncate', ['-s', '65M', at('secret/large')]);
    await expect(files.open(at('secret/large'))).rejects.toThrow(
      '68157440 bytes, more than the 67108864 read through a command',
    );
  });
});

describe('a container', () => {
  test('its files are read through its command, and are not those of the host', async () => {
    const root = await makeSmallRoot(at('the root'));
    await using hosts = await reaching(outer(), { outer: { container: `chroot '${root}'` } });
    expect(await read(hosts, 'outer', '/etc/ironic/ironic.conf')).toBe('[DEFAULT]\n');
    const files = hosts.files({ host: 'outer' });
    expect(await files.list('/etc')).toEqual(['ironic']);
    expect((await files.status('/etc')).kind).toBe('directory');
    await expect(files.open('/etc/passwd')).rejects.toBeInstanceOf(MissingError);
  });

  test('with sudo before it', async () => {
    const root = await makeSmallRoot(at('the root'));
    await writeFile(sudoers, `${visitor} ALL=(root) NOPASSWD: /usr/sbin/chroot\n`, { mode: 0o440 });
    await using hosts = await reaching(
      `Host outer\n  HostName 127.0.0.1\n  Port ${ports.outer}\n  User ${visitor}\n`,
      { outer: { sudo: true, container: `chroot "${root}"` } },
    );
    expect(await read(hosts, 'outer', '/etc/ironic/ironic.conf')).toBe('[DEFAULT]\n');
    await rm(sudoers);
  });

  test('an engine that is not there is told', async () => {
    await using hosts = await reaching(outer(), {
      outer: { container: 'no-such-engine exec ironic_conductor' },
    });
    await expect(read(hosts, 'outer', '/x')).rejects.toThrow(
      /no-such-engine exec ironic_conductor.*not found/,
    );
  });
});
