import { homedir, hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { FormatError, LimitError, UnsupportedError } from '../../errors.ts';
import { type Jump, maximumJumps, parseJumps } from './config-keywords.ts';
import { type SshConfigAnswer, type SshConfigSource, readSshConfig } from './config.ts';

/** Where a host is reached, as whom, with which keys, and by which keys it is known. */
export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Private key files, tried in this order after the agent's keys. */
  readonly identityFiles: readonly string[];
  /** False: the usual names in ~/.ssh, of which some may be missing. */
  readonly identitiesNamed: boolean;
  /** The agent is asked for the keys of these files only. */
  readonly identitiesOnly: boolean;
  readonly agentSocket: string | undefined;
  readonly knownHostsFiles: readonly string[];
  /** The name that its keys are known by; its address unless said otherwise. */
  readonly hostKeyAlias: string | undefined;
  /** `StrictHostKeyChecking no` stands in the configuration: it is not honoured, and a failure says so. */
  readonly wantsUnverified: boolean;
  /** For each step of connecting, and for each answer after it. */
  readonly timeoutInMilliseconds: number;
  /** The host through which this one is reached. */
  readonly jump: SshTarget | undefined;
}

/** What deployment.yaml says of all hosts; paths are absolute. */
export interface SshDefaults {
  readonly user?: string | undefined;
  readonly identity?: string | undefined;
  readonly knownHosts?: string | undefined;
  /** In place of ~/.ssh/config and /etc/ssh/ssh_config; `none` reads neither. */
  readonly config?: string | undefined;
}

/** A host by the name that deployment.yaml gives it. */
export interface NamedHost {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
}

export interface TargetQuestion {
  readonly name: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  readonly defaults: SshDefaults;
  readonly hosts: Readonly<Record<string, NamedHost>>;
  /** ~ of the user here. */
  readonly home?: string;
  /** Where no ConnectTimeout says otherwise. */
  readonly timeoutInMilliseconds?: number;
}

const defaultTimeoutInMilliseconds = 15_000;
/** ConnectTimeout of a configuration is honoured up to this. */
const maximumTimeoutInMilliseconds = 120_000;

/** What is tried when nothing names an identity: those of OpenSSH that need no hardware. */
const usualIdentities = ['id_rsa', 'id_ecdsa', 'id_ed25519'];

/**
 * Finds out how a host is to be reached: what the location says goes before deployment.yaml's `hosts`, that before
 * OpenSSH's configuration, and that before deployment.yaml's `ssh`.
 * @throws FormatError, LimitError, MissingError for a configuration that ssh refuses, UnsupportedError for what it
 *   asks for and is not done here: ProxyCommand, CanonicalizeHostname, RevokedHostKeys, `Match exec`
 */
export async function resolveTarget(question: TargetQuestion): Promise<SshTarget> {
  return resolve(question, undefined, 0);
}

async function resolve(
  question: TargetQuestion,
  jumpsBefore: readonly Jump[] | undefined,
  depth: number,
): Promise<SshTarget> {
  const { name, defaults, home = homedir() } = question;
  if (depth > maximumJumps) throw new LimitError(`${name}: more than ${maximumJumps} jump hosts on the way`);
  const named = Object.hasOwn(question.hosts, name) ? question.hosts[name] : undefined;
  const user = question.user ?? named?.user;
  const port = question.port ?? named?.port;
  const answer = await readSshConfig({
    name,
    given: {
      // As written: an address may hold a zone, which is no token.
      ...(named?.address !== undefined && { hostName: named.address.replaceAll('%', '%%') }),
      ...(user !== undefined && { user }),
      ...(port !== undefined && { port }),
    },
    sources: sourcesOf(defaults, home),
    home,
    localUser: userInfo().username,
  });
  for (const [keyword, where] of answer.notRead) {
    if (where !== '') throw new UnsupportedError(`${where}: ${keyword} is not read`);
  }
  const remoteUser = answer.user ?? defaults.user ?? userInfo().username;
  const tokens = tokensOf(question, answer, remoteUser, home);
  const path = (text: string) => expandPath(text, tokens, home);
  const own = defaults.identity === undefined ? [] : [defaults.identity];
  const identities = [
    ...answer.identityFiles.filter((text) => text.toLowerCase() !== 'none').map(path),
    ...own,
  ];
  const isNamed = answer.identityFiles.length > 0 || own.length > 0;
  return {
    host: answer.hostName,
    port: answer.port ?? 22,
    user: remoteUser,
    identityFiles: isNamed ? identities : usualIdentities.map((file) => join(home, '.ssh', file)),
    identitiesNamed: isNamed,
    identitiesOnly: answer.identitiesOnly ?? own.length > 0,
    agentSocket: agentOf(answer.identityAgent, path),
    knownHostsFiles: knownHostsOf(answer, defaults, home, path),
    hostKeyAlias: answer.hostKeyAlias?.toLowerCase(),
    wantsUnverified: answer.strictHostKeyChecking === 'no',
    timeoutInMilliseconds: timeoutOf(answer, question),
    jump: await jumpOf(question, answer, tokens, jumpsBefore, depth),
  };
}

function sourcesOf({ config }: SshDefaults, home: string): readonly SshConfigSource[] {
  if (config === 'none') return [];
  if (config !== undefined) return [{ path: config, kind: 'user', named: true }];
  return [
    { path: join(home, '.ssh', 'config'), kind: 'user' },
    { path: '/etc/ssh/ssh_config', kind: 'system' },
  ];
}

async function jumpOf(
  question: TargetQuestion,
  { proxyJump, proxyCommand }: SshConfigAnswer,
  tokens: Tokens,
  before: readonly Jump[] | undefined,
  depth: number,
): Promise<SshTarget | undefined> {
  const { name } = question;
  if (before === undefined && proxyCommand !== undefined && proxyCommand.toLowerCase() !== 'none') {
    throw new UnsupportedError(
      `${name}: its ProxyCommand is not run (${proxyCommand.slice(0, 80)}); ProxyJump is understood`,
    );
  }
  const written = expandTokens(proxyJump ?? 'none', pick(tokens, 'hnpr'), 'ProxyJump');
  const hops = before ?? parseJumps(written, `${name}: ProxyJump`);
  const last = hops.at(-1);
  if (last === undefined) return undefined;
  const rest = hops.slice(0, -1);
  const hop = { ...question, name: last.host, user: last.user, port: last.port };
  // Hops that are written before it stand in place of its own ProxyJump.
  return resolve(hop, rest.length > 0 ? rest : undefined, depth + 1);
}

function agentOf(written: string | undefined, path: (text: string) => string): string | undefined {
  const usual = process.env['SSH_AUTH_SOCK'] || undefined;
  if (written === undefined || written === 'SSH_AUTH_SOCK') return usual;
  if (written === 'none') return undefined;
  const variable = /^\$([A-Za-z_]\w*)$/.exec(written)?.[1];
  return variable === undefined ? path(written) : process.env[variable] || undefined;
}

const usual = (folder: string, name: string) => [join(folder, name), join(folder, `${name}2`)];
const given = (files: readonly string[]) => (files[0]?.toLowerCase() === 'none' ? [] : files);

function knownHostsOf(
  answer: SshConfigAnswer,
  { knownHosts }: SshDefaults,
  home: string,
  path: (text: string) => string,
): readonly string[] {
  const own = knownHosts === undefined ? [] : [knownHosts];
  const user = answer.userKnownHostsFiles;
  const global = answer.globalKnownHostsFiles;
  const fallback = own.length > 0 ? own : usual(join(home, '.ssh'), 'known_hosts');
  return [
    ...(user === undefined ? fallback : [...given(user).map(path), ...own]),
    ...(global === undefined
      ? usual('/etc/ssh', 'ssh_known_hosts')
      : given(global).map((text) => expandTilde(text, home))),
  ];
}

function timeoutOf(
  { connectTimeoutInSeconds: seconds }: SshConfigAnswer,
  { timeoutInMilliseconds = defaultTimeoutInMilliseconds }: TargetQuestion,
): number {
  if (seconds === undefined || seconds === 0) return timeoutInMilliseconds;
  return Math.min(seconds * 1000, maximumTimeoutInMilliseconds);
}

type Tokens = Readonly<Record<string, string>>;

/** ssh_config(5), "TOKENS", without `%C`, a hash that differs from release to release. */
function tokensOf({ name }: TargetQuestion, answer: SshConfigAnswer, user: string, home: string): Tokens {
  const { username, uid } = userInfo();
  return {
    d: home,
    h: answer.hostName,
    i: String(uid),
    k: answer.hostKeyAlias?.toLowerCase() ?? name,
    L: hostname().replace(/\..*$/s, ''),
    l: hostname(),
    n: name,
    p: String(answer.port ?? 22),
    r: user,
    u: username,
  };
}

function pick(tokens: Tokens, letters: string): Tokens {
  return Object.fromEntries(Object.entries(tokens).filter(([letter]) => letters.includes(letter)));
}

function expandTokens(text: string, tokens: Tokens, what: string): string {
  return text.replaceAll(/%(.?)/gs, (token, letter: string) => {
    if (letter === '%') return '%';
    const value = tokens[letter];
    if (value !== undefined) return value;
    const known = Object.keys(tokens).map((one) => `%${one}`);
    throw new FormatError(`${what} ${text}: the token ${token} is not read; ${known.join(' ')} are`);
  });
}

function expandTilde(text: string, home: string): string {
  if (text === '~' || text.startsWith('~/')) return join(home, text.slice(1));
  if (text.startsWith('~')) {
    throw new UnsupportedError(`${text}: the home of another user is not looked up; give the whole path`);
  }
  return text;
}

/** A path with `~`, `%` tokens and `${VARIABLE}`, in this order. */
function expandPath(text: string, tokens: Tokens, home: string): string {
  const filled = expandTokens(expandTilde(text, home), tokens, 'the path');
  return filled.replaceAll(/\$\{([^}]*)\}/g, (_, name: string) => {
    const value = process.env[name];
    if (value === undefined) throw new FormatError(`${text}: the environment has no ${name}`);
    return value;
  });
}
