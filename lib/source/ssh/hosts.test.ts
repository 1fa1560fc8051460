import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { CommandAnswer } from '../../../fixtures/simulated/ssh-commands.ts';
import {
  type SshServerOptions,
  startSshServer,
  strangerIdentity,
} from '../../../fixtures/simulated/ssh-server.ts';
import { AccessError, FormatError, MissingError } from '../../errors.ts';
import { type HostDescription, sshHosts } from './hosts.ts';
import { places } from '../places.ts';
import { quoteWord, wordsOf } from './command.ts';

let folder = '';
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-hosts-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const served = new Map(
  [
    'ironic.conf',
    'ironic.conf.d/20-b.conf',
    'ironic.conf.d/10-a.conf',
    'ironic.conf.d/.c.conf',
    'ironic.conf.d/README',
  ].map((name) => [`/etc/ironic/${name}`, Buffer.from(`# ${name}\n`)] as const),
);

async function serving(serverOptions: SshServerOptions = {}) {
  const server = await startSshServer(served, serverOptions);
  ends.push(() => server.close());
  const [identity, known_hosts] = [join(folder, 'identity'), join(folder, `known-${server.port}`)];
  await writeFile(identity, server.identity, { mode: 0o600 });
  await writeFile(known_hosts, `${server.hostKey}\n`);
  const { user, port } = server;
  return {
    server,
    ssh: { identity, known_hosts, user, config: 'none' },
    address: { address: '127.0.0.1', port },
  };
}

async function reaching(described: HostDescription, serverOptions: SshServerOptions = {}) {
  const { server, ssh, address } = await serving(serverOptions);
  const hosts = sshHosts({
    defaults: { ...ssh, knownHosts: ssh.known_hosts },
    hosts: { ctl: { ...address, ...described } },
    timeoutInMilliseconds: 2000,
  });
  ends.push(async () => hosts[Symbol.asyncDispose]());
  return { files: hosts.files({ host: 'ctl' }), hosts, server };
}

test('a directory of configuration is its *.conf in the order of their names; all share one connection', async () => {
  const { server, ssh, address } = await serving();
  await using held = new AsyncDisposableStack();
  const all = places({ folder, ssh, hosts: { ctl: address } }, held);
  const [file, directory] = await Promise.all(
    ['ssh://ctl/etc/ironic/ironic.conf', 'ssh://ctl/etc/ironic/ironic.conf.d/'].map(async (text) =>
      all.config(text),
    ),
  );
  const blobs = [...((await file?.()) ?? []), ...((await directory?.()) ?? [])];
  const texts = await Promise.all(
    blobs.map(async (blob) => (await blob.read(0, blob.sizeInBytes)).toString()),
  );
  expect(texts).toEqual(['# ironic.conf\n', '# ironic.conf.d/10-a.conf\n', '# ironic.conf.d/20-b.conf\n']);
  expect(blobs.at(-1)?.origin).toBe(
    `ssh://assay@127.0.0.1:${server.port}/etc/ironic/ironic.conf.d/20-b.conf`,
  );
  const machine = await all.host('ssh://ctl/etc/ironic/ironic.conf');
  expect(await machine?.status?.('/etc/ironic')).toEqual({
    kind: 'directory',
    mode: 0o755,
    owner: { id: 0, name: 'root' },
    group: { id: 0, name: 'root' },
    sizeInBytes: 4096,
    label: 'system_u:object_r:etc_t:s0',
  });
  expect(await all.host('/etc/ironic.conf')).toBeUndefined();
  expect(server.counts).toEqual({ connections: 1, openHandles: 0 });
  await expect((await all.config('ssh://ctl/etc/nothing.d/'))()).rejects.toBeInstanceOf(MissingError);
  await expect(all.config('tftp://ctl/x')).rejects.toThrow('not read over TFTP');
});

test('a directory on this machine is read in the same way', async () => {
  for (const name of ['b.conf', 'a.conf', '.c.conf', 'd.txt']) await writeFile(join(folder, name), name);
  await using held = new AsyncDisposableStack();
  const open = await places({ folder, ssh: {}, hosts: {} }, held).config(`${folder}/`);
  expect((await open()).map(({ origin }) => origin)).toEqual([
    join(folder, 'a.conf'),
    join(folder, 'b.conf'),
  ]);
});

test('names that are judged alike share a connection; another HostKeyAlias, known_hosts or identity is another', async () => {
  const { server, ssh, address } = await serving();
  const [stranger, config] = [join(folder, 'stranger'), join(folder, 'ssh_config')];
  await writeFile(stranger, strangerIdentity(), { mode: 0o600 });
  const lines = [
    'Host renamed\n  HostKeyAlias renamed.example',
    `Host other-key\n  IdentityFile ${stranger}`,
    'Host elsewhere\n  UserKnownHostsFile none\n  GlobalKnownHostsFile none',
    `Host *\n  IdentitiesOnly yes\n  IdentityFile ${ssh.identity}`,
  ];
  await writeFile(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  const names = ['one', 'two', 'renamed', 'other-key', 'elsewhere'];
  await using hosts = sshHosts({
    defaults: { user: ssh.user, knownHosts: ssh.known_hosts, config },
    hosts: Object.fromEntries(names.map((name) => [name, address])),
  });
  const open = async (name: string) => hosts.files({ host: name }).open('/etc/ironic/ironic.conf');
  await open('one');
  await open('two');
  expect(server.counts.connections).toBe(1);
  await expect(open('renamed')).rejects.toThrow(
    /host key ssh-ed25519 SHA256:\S+ is not in .*renamed\.example/,
  );
  await open('other-key');
  await open('elsewhere');
  expect(server.counts.connections).toBe(4);
});

test('only the commands of the table are run, each word quoted', async () => {
  const lines: string[] = [];
  const command = (line: string): CommandAnswer => {
    lines.push(line);
    return line.includes(' stat ') ? { stdout: '81a4 0 0 3 root root ?\n', exitCode: 1 } : { stdout: 'abc' };
  };
  const { files } = await reaching({ sudo: true, container: 'docker exec "ironic conductor"' }, { command });
  const blob = await files.open("/etc/it's $(here)");
  expect((await blob.read(0, 3)).toString()).toBe('abc');
  expect(blob.origin).toMatch(
    /^ssh:\/\/assay@127\.0\.0\.1:\d+ \(docker exec ironic conductor\)\/etc\/it's \$\(here\)$/,
  );
  const prefix = "sudo -n docker exec 'ironic conductor'";
  expect(lines).toEqual([
    `${prefix} stat -L -c '%f %u %g %s %U %G %C' -- '/etc/it'\\''s $(here)'`,
    `${prefix} cat -- '/etc/it'\\''s $(here)'`,
  ]);
  await expect(files.open('/a\nb')).rejects.toBeInstanceOf(FormatError);
  await expect(files.open('relative')).rejects.toThrow('not an absolute path: "relative"');
});

const asIs = { sudo: false, container: undefined } satisfies HostDescription;
const inContainer = { container: 'docker exec ironic_conductor' } satisfies HostDescription;
test.for<[HostDescription, CommandAnswer, string | RegExp]>([
  [
    inContainer,
    { stderr: 'Error response from daemon: No such container: ironic_conductor', exitCode: 1 },
    'there is no such container',
  ],
  [
    inContainer,
    { stderr: 'Error: No such container: ironic_conductor', exitCode: 1 },
    'there is no such container',
  ],
  [
    inContainer,
    { stderr: 'Error: no container with name or ID "x" found: no such container', exitCode: 125 },
    'there is no such container',
  ],
  [
    inContainer,
    { stderr: 'Error response from daemon: container 1f2e is not running', exitCode: 1 },
    'the container is not running',
  ],
  [
    inContainer,
    {
      stderr: 'Error: can only create exec sessions on running containers: container state improper',
      exitCode: 255,
    },
    'the container is not running',
  ],
  [
    { container: 'lxc-attach -n c1 --' },
    {
      stderr:
        'lxc-attach: c1: ../src/lxc/attach.c: get_attach_context: 405 Connection refused - Failed to get init pid',
      exitCode: 1,
    },
    'the container is not running',
  ],
  [
    inContainer,
    {
      stderr:
        'permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock',
      exitCode: 1,
    },
    /Docker daemon socket.*; sudo: true may be needed for this host$/,
  ],
  [
    inContainer,
    { stderr: 'sh: 1: docker: not found', exitCode: 127 },
    'docker exec ironic_conductor: command not found',
  ],
  [inContainer, { stderr: 'cat: /x: Permission denied', exitCode: 1 }, /\/x: permission denied$/],
  [
    inContainer,
    { stderr: 'something else', exitCode: 3 },
    'docker exec ironic_conductor stat: exit code 3: something else',
  ],
  [
    { ...inContainer, sudo: true },
    { stderr: 'sudo: a password is required', exitCode: 1 },
    'assay ALL=(root) NOPASSWD: /usr/bin/docker exec ironic_conductor cat *, /usr/bin/docker exec ironic_conductor stat *, /usr/bin/docker exec ironic_conductor ls *',
  ],
  [
    { ...inContainer, sudo: true },
    { stderr: 'sudo: sorry, you must have a tty to run sudo', exitCode: 1 },
    'requiretty',
  ],
  [
    { ...inContainer, sudo: true },
    { stderr: 'sh: 1: sudo: not found', exitCode: 127 },
    'there is no sudo on the host',
  ],
])('%j, and %j: one line that says which', async ([described, answer, message]) => {
  const { files } = await reaching({ ...asIs, ...described }, { command: () => answer });
  const failed = files.open('/x');
  await expect(failed).rejects.toBeInstanceOf(AccessError);
  await expect(failed).rejects.toThrow(message);
  await expect(failed).rejects.toThrow(/^ssh:\/\/assay@127[^\n]*$/);
});

test('what sudo and podman-docker say of themselves hides nothing of what stat says', async () => {
  const stderr = [
    'sudo: unable to resolve host c1: Name or service not known',
    'Emulate Docker CLI using podman. Create /etc/containers/nodocker to quiet msg.',
    "stat: cannot statx '/x': No such file or directory",
  ].join('\n');
  const { files } = await reaching(
    { ...inContainer, sudo: true },
    { command: () => ({ stderr, exitCode: 1 }) },
  );
  await expect(files.open('/x')).rejects.toBeInstanceOf(MissingError);
});

test('a command that never ends, and one that says too much, end', async () => {
  const { files } = await reaching(inContainer, { command: () => ({ stdout: 'x'.repeat(5000) }) });
  await expect(files.status('/x')).rejects.toThrow('more than the 4096 bytes read of it');
  const silent = await reaching(inContainer, { command: () => 'never' });
  await expect(silent.files.status('/x')).rejects.toThrow(
    /docker exec ironic_conductor stat .*: no answer within 2 s$/,
  );
});

test('a container of no words, or with an open quote, is refused', () => {
  expect(() => wordsOf(' ')).toThrow('container: names no command');
  expect(() => wordsOf('docker exec "x')).toThrow('a quote that is not closed');
  expect(wordsOf(`lxc-attach -n 'a b' --`)).toEqual(['lxc-attach', '-n', 'a b', '--']);
  expect([quoteWord('/a/b-c_1'), quoteWord(''), quoteWord('a;b'), quoteWord('~x')]).toEqual([
    '/a/b-c_1',
    "''",
    "'a;b'",
    "'~x'",
  ]);
});
