import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { AssayError } from '../../errors.ts';
import { type Jump, parseJumps } from './config-keywords.ts';
import { type SshConfigAnswer, readSshConfig } from './config.ts';

/* Against `ssh -G`, which prints what OpenSSH makes of a configuration. */
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-ssh-config-'));
});
afterAll(() => rm(folder, { recursive: true }));

const home = userInfo().homedir;

/** What ssh prints, by keyword; undefined when it refuses the configuration. */
function printed(
  file: string,
  name: string,
  more: readonly string[] = [],
): Map<string, string[]> | undefined {
  const { status, stdout } = spawnSync('ssh', ['-G', '-F', file, ...more, name], { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const lines = stdout.trimEnd().split('\n');
  const pairs = lines.map((line) => [line.split(' ', 1)[0] ?? '', line.replace(/^\S+ ?/, '')] as const);
  return new Map(
    [...Map.groupBy(pairs, ([keyword]) => keyword)].map(([key, all]) => [key, all.map(([, value]) => value)]),
  );
}

async function ours(file: string, name: string, given: { user?: string; port?: number } = {}) {
  try {
    return await readSshConfig({
      name,
      given,
      sources: [{ path: file, kind: 'user', named: true }],
      home,
      localUser: userInfo().username,
    });
  } catch (error) {
    if (error instanceof AssayError) return error;
    throw error;
  }
}

const jumpText = ({ host, user, port }: Jump) => {
  const shown = /:|^[\d.]+$/.test(host) ? `[${host}]` : host;
  return `${user === undefined ? '' : `${user}@`}${shown}${port === undefined ? '' : `:${port}`}`;
};

const strictness = { yes: 'true', no: 'false', ask: 'ask', 'accept-new': 'accept-new' };

/** An answer of ours in the words of `ssh -G`. */
function asPrinted(answer: SshConfigAnswer): Record<string, unknown> {
  const { proxyCommand = 'none' } = answer;
  const jumps = parseJumps(answer.proxyJump ?? 'none', 'here');
  const seconds = answer.connectTimeoutInSeconds;
  return {
    hostname: [answer.hostName],
    user: [answer.user ?? userInfo().username],
    port: [String(answer.port ?? 22)],
    identityfile: answer.identityFiles,
    identitiesonly: [answer.identitiesOnly === true ? 'yes' : 'no'],
    identityagent: answer.identityAgent === undefined ? undefined : [answer.identityAgent],
    hostkeyalias: answer.hostKeyAlias === undefined ? undefined : [answer.hostKeyAlias.toLowerCase()],
    userknownhostsfile: answer.userKnownHostsFiles?.join(' '),
    globalknownhostsfile: answer.globalKnownHostsFiles?.join(' '),
    stricthostkeychecking: [strictness[answer.strictHostKeyChecking ?? 'ask']],
    connecttimeout: [seconds === undefined ? 'none' : String(seconds)],
    // The first of several hops is printed as it is written.
    proxyjump: jumps.length === 0 ? undefined : jumps.map(jumpText).join(','),
    proxycommand: proxyCommand === 'none' ? undefined : [proxyCommand],
  };
}

/** The same of ssh; where nothing is set, its defaults are left out. */
function comparable(all: Map<string, string[]>, mine: Record<string, unknown>): Record<string, unknown> {
  const files = (keyword: string) => {
    const text = all.get(keyword)?.[0] ?? '';
    return mine[keyword] === undefined && /^(\S*\/\.ssh\/|\/etc\/ssh\/)/.test(text) ? undefined : text;
  };
  return {
    ...Object.fromEntries(Object.keys(mine).map((keyword) => [keyword, all.get(keyword)])),
    identityfile:
      all.get('identityfile')?.every((file) => file.startsWith('~/.ssh/id_')) === true
        ? []
        : all.get('identityfile'),
    userknownhostsfile: files('userknownhostsfile'),
    globalknownhostsfile: files('globalknownhostsfile'),
    proxyjump: all.get('proxyjump')?.[0],
  };
}

async function compare(
  file: string,
  name: string,
  given: { user?: string; port?: number } = {},
): Promise<boolean> {
  const more = [
    ...(given.user === undefined ? [] : ['-l', given.user]),
    ...(given.port === undefined ? [] : ['-p', String(given.port)]),
  ];
  const theirs = printed(file, name, more);
  const mine = await ours(file, name, given);
  const shown = mine instanceof AssayError ? mine.message : asPrinted(mine);
  const wanted = theirs === undefined || typeof shown === 'string' ? theirs : comparable(theirs, shown);
  // What ssh refuses, we refuse, in our own words.
  expect(theirs === undefined && typeof shown === 'string' ? undefined : shown).toEqual(wanted);
  return theirs !== undefined;
}

const names = ['c1', 'c2.example', 'C1', '192.0.2.7', 'db.example', 'conductor-1'];
const pattern = fc.constantFrom(
  '*',
  'c1',
  'c?',
  '*.example',
  '!c1',
  '!*.example',
  '192.0.2.*',
  'conductor-*',
  'C1',
  'c1.lan',
  '*lan',
);
const patterns = fc.array(pattern, { minLength: 1, maxLength: 3 });
const criterion = fc.oneof(
  fc.constantFrom('all', 'final', '!final', 'canonical'),
  fc
    .tuple(
      fc.constantFrom('host', '!host', 'originalhost', 'Host', '!originalhost'),
      fc.array(pattern, { minLength: 1, maxLength: 2 }).map((list) => list.join(',')),
    )
    .map((words) => words.join(' ')),
  fc.constantFrom(
    'user root',
    'user ubuntu',
    '!user root',
    'user u*,!ubuntu',
    'localuser root',
    '!localuser nobody',
    'user="root"',
  ),
);
const setting = fc.constantFrom(
  'HostName %h.lan',
  'HostName 192.0.2.9',
  'Hostname=Upper.Example',
  'HostName "c1.lan"',
  'HostName %n',
  'HostName a%%b',
  'User root',
  'User ubuntu',
  '  user = deploy',
  '\tUSER "two words"',
  "User 'single'",
  'User a\\ b',
  'User x # comment',
  'User x y',
  'Port 22',
  'Port 2222',
  'Port=2200',
  'Port 0',
  'Port 65536',
  'Port x',
  'IdentityFile ~/.ssh/a',
  'IdentityFile %d/b',
  'IdentityFile "/keys/with blank"',
  'IdentityFile none',
  'IdentityFile /keys/%r@%h',
  'IdentitiesOnly yes',
  'IdentitiesOnly no',
  'IdentitiesOnly TRUE',
  'IdentitiesOnly maybe',
  'IdentityAgent none',
  'IdentityAgent SSH_AUTH_SOCK',
  'IdentityAgent /run/agent',
  'UserKnownHostsFile /a /b',
  'UserKnownHostsFile /dev/null',
  'UserKnownHostsFile none',
  'UserKnownHostsFile none /a',
  'UserKnownHostsFile "/a b"',
  'GlobalKnownHostsFile /g',
  'GlobalKnownHostsFile /g /h',
  'HostKeyAlias Alias',
  'StrictHostKeyChecking no',
  'StrictHostKeyChecking accept-new',
  'StrictHostKeyChecking off',
  'stricthostkeychecking perhaps',
  'ProxyJump j1',
  'ProxyJump root@j1:2022',
  'ProxyJump j1,u@j2:23,j3',
  'ProxyJump none',
  'ProxyJump ssh://u@j4:24',
  'ProxyJump [2001:db8::1]:22',
  'ProxyJump j1:0',
  'ProxyJump @j',
  'ProxyJump j5 # why',
  'ProxyCommand nc %h %p',
  'ProxyCommand none',
  'ProxyCommand=connect --to "%h"',
  'ConnectTimeout 5',
  'ConnectTimeout 1m30s',
  'ConnectTimeout none',
  'ConnectTimeout soon',
  'ForwardAgent yes',
  'ServerAliveInterval 5',
  'HashKnownHosts yes',
  '# a comment',
  '',
  '   ',
  'Compression',
  'User "open',
);
const included = fc.constantFrom(
  'Include one.conf',
  'Include parts/*.conf',
  'Include "one.conf" missing.conf',
  'Include',
);
/** Mostly what is right: a mistake ends it all. */
const line = fc.oneof(
  { weight: 12, arbitrary: setting },
  { weight: 3, arbitrary: patterns.map((list) => `Host ${list.join(' ')}`) },
  {
    weight: 3,
    arbitrary: fc.array(criterion, { minLength: 1, maxLength: 3 }).map((list) => `Match ${list.join(' ')}`),
  },
  { weight: 1, arbitrary: included },
);
const isMistake = (text: string) =>
  /open$|%n|x y|Port (0|65536|x)|maybe|none \/a|perhaps|j1:0|@j$|soon|^Compression$|^Include$/.test(text);
const lines = fc.array(line, { minLength: 2, maxLength: 14 });

test('300 generated configurations mean what they mean to ssh', { timeout: 15 * 60_000 }, async () => {
  await mkdir(join(folder, 'parts'));
  const counts = { read: 0, refused: 0 };
  const file = (name: string, text: readonly string[]) => {
    const absolute = text.map((one) =>
      one.replaceAll(/\b(one\.conf|parts\/|missing\.conf)/g, `${folder}/$1`),
    );
    return writeFile(join(folder, name), absolute.join('\n'), { mode: 0o600 });
  };
  const given = fc.constantFrom({}, {}, { user: 'ubuntu' }, { port: 2022 });
  const own = lines.map((all) => all.filter((one) => !one.startsWith('Include')));
  const careful = fc
    .tuple(fc.integer({ min: 0, max: 5 }), lines, own, own)
    .map(([chance, ...files]) =>
      chance === 0 ? files : files.map((all) => all.filter((one) => !isMistake(one))),
    );
  await fc.assert(
    fc.asyncProperty(
      careful,
      fc.constantFrom(...names),
      given,
      async ([main = [], one = [], part = []], name, about) => {
        await file('main', main);
        await file('one.conf', one);
        await file('parts/10.conf', part);
        await file('parts/20.conf', ['User last', 'Port 20']);
        counts[(await compare(join(folder, 'main'), name, about)) ? 'read' : 'refused'] += 1;
      },
    ),
    { numRuns: 300, seed: 9 },
  );
  expect(counts.read).toBeGreaterThan(150);
  expect(counts.refused).toBeGreaterThan(20);
});
