import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { FormatError, LimitError, MissingError, UnsupportedError } from '../../errors.ts';
import { readSshConfig } from './config.ts';
import { resolveTarget } from './target.ts';

/* What it means is compared with ssh in ssh-config.differential.test.ts. */
let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'assay-ssh-home-'));
  await mkdir(join(home, '.ssh/config.d'), { recursive: true });
});
afterAll(() => rm(home, { recursive: true }));

const config = async (text: string, name = 'config', mode = 0o600) => {
  await writeFile(join(home, '.ssh', name), text);
  await chmod(join(home, '.ssh', name), mode);
};

async function read(name: string) {
  const path = join(home, '.ssh', 'config');
  return readSshConfig({ name, given: {}, sources: [{ path, kind: 'user' }], home, localUser: 'me' });
}

test('the first value wins, identities add up, and a negated pattern decides', async () => {
  await config(`
    Host conductor-* !conductor-9
      HostName %h.example
      User ironic
      IdentityFile ~/.ssh/a
    Host *
      User nobody
      IdentityFile %d/b
  `);
  expect(await read('conductor-1')).toMatchObject({
    hostName: 'conductor-1.example',
    user: 'ironic',
    identityFiles: ['~/.ssh/a', '%d/b'],
  });
  expect(await read('conductor-9')).toMatchObject({ hostName: 'conductor-9', user: 'nobody' });
});

test('Include takes files of ~/.ssh in the order of their names, and its Host ends with it', async () => {
  await config('Include config.d/*.conf\nPort 2022\n');
  await config('Host other\nUser other\n', 'config.d/10.conf');
  await config('Host c1\nUser second\n', 'config.d/20.conf');
  await config('User hidden\n', 'config.d/.05.conf');
  expect(await read('c1')).toMatchObject({ user: 'second', port: 2022 });
  expect((await read('c2')).user).toBeUndefined();
});

test.for([
  ['Port many\n', FormatError, /config:1: port: "many" is no port/],
  ['Host a\n\nUser "open\n', FormatError, /config:3: user: a quote that is not closed/],
  ['HostName\n', FormatError, /config:1: hostname: no argument/],
  ['User a b\n', FormatError, /more than one argument: "b"/],
  ['HostName %p.example\n', FormatError, /the token %p is not known there; %h and %% are/],
  [
    'Match exec "true"\n',
    UnsupportedError,
    /config:1: match: the criterion exec is not evaluated, since nothing is run/,
  ],
  ['Include config\n', LimitError, /included more than 16 deep/],
  ['ProxyJump a,b,c,d,e,f,g,h,i\n', LimitError, /9 jump hosts, more than 8/],
  ['Match\n', FormatError, /no argument/],
  ['Match all host x\n', FormatError, /"all" must stand alone/],
] as const)('%j is refused', async ([text, kind, message]) => {
  await config(text);
  await expect(read('c1')).rejects.toThrow(kind);
  await expect(read('c1')).rejects.toThrow(message);
});

test('a configuration that others may write to is refused, as ssh does', async () => {
  await config('User x\n', 'config', 0o666);
  await expect(read('c1')).rejects.toThrow(
    /config: ssh refuses it: owner \d+, mode 666; others may write to it/,
  );
});

test('what is said nearer goes before: location, hosts, ssh_config, ssh of deployment.yaml', async () => {
  vi.stubEnv('SSH_AUTH_SOCK', '/run/agent');
  vi.stubEnv('KEYS', '/keys');
  await config(`Host ctl\n  HostName 192.0.2.1\n  Port 23\n  User configured\n  IdentityFile \${KEYS}/%n-%h-%r\n  HostKeyAlias Ctl\n
    ConnectTimeout 1m\n  UserKnownHostsFile ~/known\nHost bare\n  IdentityAgent none\n  StrictHostKeyChecking no\n`);
  const path = join(home, '.ssh', 'config');
  const defaults = { user: 'all', identity: '/own', knownHosts: '/own-hosts', config: path };
  const hosts = { ctl: { address: '192.0.2.9', port: 24 }, other: { user: 'named' } };
  expect(await resolveTarget({ name: 'ctl', port: 25, defaults, hosts, home })).toMatchObject({
    host: '192.0.2.9',
    port: 25,
    user: 'configured',
    identityFiles: ['/keys/ctl-192.0.2.9-configured', '/own'],
    identitiesOnly: true,
    agentSocket: '/run/agent',
    hostKeyAlias: 'ctl',
    knownHostsFiles: [
      join(home, 'known'),
      '/own-hosts',
      '/etc/ssh/ssh_known_hosts',
      '/etc/ssh/ssh_known_hosts2',
    ],
    timeoutInMilliseconds: 60_000,
    jump: undefined,
  });
  expect(await resolveTarget({ name: 'other', defaults, hosts, home })).toMatchObject({
    port: 22,
    user: 'named',
  });
  expect(await resolveTarget({ name: 'bare', defaults: { config: path }, hosts, home })).toMatchObject({
    host: 'bare',
    agentSocket: undefined,
    wantsUnverified: true,
    identitiesNamed: false,
    identitiesOnly: false,
    timeoutInMilliseconds: 15_000,
  });
  vi.unstubAllEnvs();
});

test.for([
  ['ProxyCommand nc %h %p', 'c1: its ProxyCommand is not run (nc %h %p); ProxyJump is understood'],
  ['IdentityFile %C', 'the path %C: the token %C is not read; %d %h %i %k %L %l %n %p %r %u are'],
  ['IdentityFile ~other/key', '~other/key: the home of another user is not looked up'],
  ['IdentityFile ${ASSAY_NOT_SET}/key', 'the environment has no ASSAY_NOT_SET'],
  ['RevokedHostKeys /etc/revoked', 'revokedhostkeys: RevokedHostKeys is not read'],
  ['CanonicalizeHostname yes', 'CanonicalizeHostname is not read'],
] as const)('%s is told', async ([line, message]) => {
  await config(`${line}\n`);
  const defaults = { config: join(home, '.ssh', 'config') };
  await expect(resolveTarget({ name: 'c1', defaults, hosts: {}, home })).rejects.toThrow(message);
});

test('a configuration that deployment.yaml names has to be there', async () => {
  const defaults = { config: join(home, 'absent') };
  await expect(resolveTarget({ name: 'c1', defaults, hosts: {}, home })).rejects.toThrow(MissingError);
});
