import { FormatError, LimitError } from '../../errors.ts';
import { splitWords } from './config-words.ts';

/** What a configuration says of one host, each as the first line has it that says it; tokens are not replaced. */
export interface SshConfigValues {
  hostName?: string;
  user?: string;
  port?: number;
  hostKeyAlias?: string;
  identityAgent?: string;
  identityFiles: string[];
  identitiesOnly?: boolean;
  userKnownHostsFiles?: string[];
  globalKnownHostsFiles?: string[];
  strictHostKeyChecking?: 'yes' | 'no' | 'ask' | 'accept-new';
  connectTimeoutInSeconds?: number;
  /** Not set by a line after ProxyCommand. */
  proxyJump?: string;
  /** `none` where ProxyJump came first. */
  proxyCommand?: string;
  /** Keywords that would change which host or key is meant, and that are not read, with their place. */
  notRead: Map<string, string>;
}

type Reader = (values: SshConfigValues, active: boolean, rest: string, where: string) => void;

/** readconf.h: SSH_MAX_IDENTITY_FILES, SSH_MAX_HOSTS_FILES. */
const maximumIdentityFiles = 100;
const maximumKnownHostsFiles = 32;

function words(rest: string, where: string): string[] {
  const split = splitWords(rest);
  if (split === undefined) throw new FormatError(`${where}: a quote that is not closed`);
  if (split.includes('')) throw new FormatError(`${where}: an empty argument`);
  return split;
}

function oneWord(rest: string, where: string): string {
  const [word, extra] = words(rest, where);
  if (word === undefined) throw new FormatError(`${where}: no argument`);
  if (extra !== undefined)
    throw new FormatError(`${where}: more than one argument: ${JSON.stringify(extra)}`);
  return word;
}

type Key<Value> = {
  [K in keyof SshConfigValues]-?: Value extends SshConfigValues[K] ? K : never;
}[keyof SshConfigValues];

/** The first value wins; a later one must make sense as well. */
function once<Value>(key: Key<Value>, parse: (word: string, where: string) => Value | undefined): Reader {
  return (values, active, rest, where) => {
    const value = parse(oneWord(rest, where), where);
    if (active && value !== undefined && values[key] === undefined) Object.assign(values, { [key]: value });
  };
}

function files(key: 'userKnownHostsFiles' | 'globalKnownHostsFiles'): Reader {
  return (values, active, rest, where) => {
    const all = words(rest, where);
    if (all.length > 1 && all.some((word) => word.toLowerCase() === 'none')) {
      throw new FormatError(`${where}: "none" must stand alone`);
    }
    if (all.length > maximumKnownHostsFiles) {
      throw new LimitError(`${where}: ${all.length} files, more than ${maximumKnownHostsFiles}`);
    }
    if (active && all.length > 0) values[key] ??= all;
  };
}

const isNone = (text: string) => text.toLowerCase() === 'none';
const untilEnd = (rest: string) => rest.replace(/^[ \t\r\n=]+/, '');

/** Of ProxyJump and ProxyCommand the first counts; `ProxyJump none` leaves room for a later ProxyCommand. */
const proxyJump: Reader = (values, active, rest, where) => {
  const text = untilEnd(rest).replace(/#.*$/s, '').trimEnd();
  parseJumps(text, where);
  if (!active || values.proxyJump !== undefined || values.proxyCommand !== undefined) return;
  values.proxyJump = text;
  if (!isNone(text)) values.proxyCommand = 'none';
};

const proxyCommand: Reader = (values, active, rest) => {
  if (active) values.proxyCommand ??= untilEnd(rest);
};

const notRead =
  (name: string, unless: (word: string) => boolean): Reader =>
  (values, active, rest, where) => {
    const [word = ''] = words(rest, where);
    if (!active || values.notRead.has(name)) return;
    values.notRead.set(name, unless(word.toLowerCase()) ? '' : where);
  };

const flags = new Map([
  ['yes', true],
  ['true', true],
  ['no', false],
  ['false', false],
]);

function flag(word: string, where: string): boolean {
  const value = flags.get(word.toLowerCase());
  if (value === undefined) throw new FormatError(`${where}: ${JSON.stringify(word)} is neither yes nor no`);
  return value;
}

const strictness = new Map([
  ['yes', 'yes'],
  ['true', 'yes'],
  ['no', 'no'],
  ['false', 'no'],
  ['off', 'no'],
  ['ask', 'ask'],
  ['accept-new', 'accept-new'],
] as const);

function strict(word: string, where: string): 'yes' | 'no' | 'ask' | 'accept-new' {
  const value = strictness.get(word.toLowerCase() as 'yes');
  if (value === undefined) throw new FormatError(`${where}: ${JSON.stringify(word)} is no such setting`);
  return value;
}

/** @throws FormatError for what is no port */
export function parsePort(word: string, where: string): number {
  const port = /^\+?\d{1,5}$/.test(word) ? Number(word) : word === 'ssh' ? 22 : 0;
  if (port < 1 || port > 65_535) throw new FormatError(`${where}: ${JSON.stringify(word)} is no port`);
  return port;
}

const secondsOf: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A time such as `90`, `1m30s`: sshd_config(5), "TIME FORMATS"; `none` leaves it to a later line, as with ssh. */
function timeInSeconds(word: string, where: string): number | undefined {
  if (word === 'none') return undefined;
  if (!/^(\d{1,8}[smhdw]?)+$/i.test(word)) {
    throw new FormatError(`${where}: ${JSON.stringify(word)} is no time`);
  }
  let seconds = 0;
  for (const [, count = '', unit = ''] of word.matchAll(/(\d+)([smhdw]?)/gi)) {
    seconds += Number(count) * (secondsOf[unit.toLowerCase()] ?? 0);
  }
  return seconds;
}

const asWritten = (word: string) => word;

/** The keywords that matter here, by their names in lower case. All others of OpenSSH are passed over. */
export const keywords: Readonly<Record<string, Reader>> = {
  hostname: once<string>('hostName', asWritten),
  user: once<string>('user', asWritten),
  port: once<number>('port', parsePort),
  hostkeyalias: once<string>('hostKeyAlias', asWritten),
  identityagent: once<string>('identityAgent', asWritten),
  identitiesonly: once<boolean>('identitiesOnly', flag),
  stricthostkeychecking: once<'yes' | 'no' | 'ask' | 'accept-new'>('strictHostKeyChecking', strict),
  connecttimeout: once<number>('connectTimeoutInSeconds', timeInSeconds),
  userknownhostsfile: files('userKnownHostsFiles'),
  globalknownhostsfile: files('globalKnownHostsFiles'),
  proxyjump: proxyJump,
  proxycommand: proxyCommand,
  revokedhostkeys: notRead('RevokedHostKeys', (word) => word === 'none'),
  canonicalizehostname: notRead('CanonicalizeHostname', (word) => word === 'no' || word === 'false'),
  identityfile: (values, active, rest, where) => {
    const path = oneWord(rest, where);
    if (!active || values.identityFiles.includes(path)) return;
    if (values.identityFiles.length >= maximumIdentityFiles) {
      throw new LimitError(`${where}: more than ${maximumIdentityFiles} identity files`);
    }
    values.identityFiles.push(path);
  },
};

/** One hop of ProxyJump; port and user as written there. */
export interface Jump {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: number | undefined;
}

/** Bounds the hops on the way to a host, those of the hops' own configuration among them. */
export const maximumJumps = 8;

/**
 * The hops of `[user@]host[:port],ssh://…`, the nearest first; none for `none`.
 * @throws FormatError for what is no hop, LimitError for too many
 */
export function parseJumps(text: string, where: string): readonly Jump[] {
  if (isNone(text)) return [];
  const hops = text.split(',');
  if (hops.length > maximumJumps) {
    throw new LimitError(`${where}: ${hops.length} jump hosts, more than ${maximumJumps}`);
  }
  return hops.map((hop) => {
    const plain = hop.replace(/^ssh:\/\//, '').replace(/^(?=[^@]*;)([^;@]*);[^@]*@/, '$1@');
    const isUrl = plain !== hop || hop.startsWith('ssh://');
    const parts = /^(?:(.+)@)?(?:\[([^\]]+)\]|([^:/@[\]]+))(?:[:/](.*))?$/s.exec(plain);
    const [, user, bracketed, bare, after = ''] = parts ?? [];
    const host = bracketed ?? bare;
    if (host === undefined || host.startsWith('-') || /\s/.test(host)) {
      throw new FormatError(`${where}: ${JSON.stringify(hop)} is no jump host`);
    }
    const port = isUrl ? after.replace(/\/$/, '') : after;
    return {
      host,
      user: user !== undefined && isUrl ? decodeURIComponent(user) : user,
      port: port === '' ? undefined : parsePort(port, where),
    };
  });
}
