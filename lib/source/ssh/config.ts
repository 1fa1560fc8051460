import { FormatError, LimitError, MissingError, UnsupportedError } from '../../errors.ts';
import { expandGlob, readConfigFile } from './config-files.ts';
import { type SshConfigValues, keywords } from './config-keywords.ts';
import { splitLine, splitWords, takeWord } from './config-words.ts';
import { matchesPattern, matchesPatternList } from './pattern.ts';

export type { SshConfigValues } from './config-keywords.ts';

/** readconf.c: READCONF_MAX_DEPTH. */
const maximumDepth = 16;
/** Bounds what files that include others can grow to. */
const maximumFiles = 1024;

export interface SshConfigSource {
  readonly path: string;
  /** That of the user may begin paths with `~`, and means `~/.ssh` by a relative Include; the other `/etc/ssh`. */
  readonly kind: 'user' | 'system';
  /** A file that was named has to be there, and whoever owns it is right. */
  readonly named?: boolean;
}

export interface SshConfigQuestion {
  /** The host as it was asked for. */
  readonly name: string;
  /** What goes before the files, as options of the command line do. */
  readonly given: { readonly hostName?: string; readonly user?: string; readonly port?: number };
  readonly sources: readonly SshConfigSource[];
  readonly home: string;
  readonly localUser: string;
}

/** What the files say of the host; `hostName` is the name to connect to, in lower case. */
export type SshConfigAnswer = SshConfigValues & { readonly hostName: string };

interface Pass {
  readonly question: SshConfigQuestion;
  readonly values: SshConfigValues;
  /** The name that `Host` is compared with: the second time round, the one that HostName gave. */
  readonly host: string;
  readonly isFinal: boolean;
  wantsFinal: boolean;
  files: number;
}

/**
 * What OpenSSH's configuration says of a host: ssh_config(5). The first value wins; nothing that it names is run.
 * Source: readconf.c, ssh.c of OpenSSH 9.2.
 * @throws FormatError, LimitError, MissingError for a file or line that ssh refuses, UnsupportedError for
 *   `Match exec` and the like, which are not evaluated
 */
export async function readSshConfig(question: SshConfigQuestion): Promise<SshConfigAnswer> {
  const values: SshConfigValues = { identityFiles: [], notRead: new Map(), ...question.given };
  const first: Pass = {
    question,
    values,
    host: question.name,
    isFinal: false,
    wantsFinal: false,
    files: 0,
  };
  await readSources(first);
  values.hostName = withHost(values.hostName ?? question.name, question.name).toLowerCase();
  if (first.wantsFinal) await readSources({ ...first, host: values.hostName, isFinal: true });
  return { ...values, hostName: values.hostName };
}

async function readSources(pass: Pass): Promise<void> {
  for (const { path, kind, named = false } of pass.question.sources) {
    const isThere = await readOne(pass, {
      path,
      kind,
      active: true,
      never: false,
      depth: 0,
      checked: !named,
    });
    if (!isThere && named) throw new MissingError(`${path}: no such file`);
  }
}

interface Reading {
  readonly path: string;
  readonly kind: 'user' | 'system';
  readonly active: boolean;
  /** Read for its mistakes only: included where nothing applies. */
  readonly never: boolean;
  readonly depth: number;
  readonly checked: boolean;
}

async function readOne(pass: Pass, reading: Reading): Promise<boolean> {
  const { path, kind, never, depth } = reading;
  if (depth > maximumDepth) throw new LimitError(`${path}: included more than ${maximumDepth} deep`);
  if ((pass.files += 1) > maximumFiles) {
    throw new LimitError(`${path}: more than ${maximumFiles} files of configuration`);
  }
  const text = await readConfigFile(path, reading.checked && (kind === 'user' || depth > 0));
  if (text === undefined) return false;
  let { active } = reading;
  for (const [index, line] of text.split('\n').entries()) {
    const split = splitLine(line);
    if (split === undefined) continue;
    const { keyword, rest } = split;
    const where = `${path}:${index + 1}: ${keyword}`;
    if (rest === '') throw new FormatError(`${where}: no argument`);
    const words = splitWords(rest);
    if (words === undefined) throw new FormatError(`${where}: a quote that is not closed`);
    if (keyword === 'host') active = !never && matchesHost(pass.host, words, where);
    else if (keyword === 'match') active = matchesCriteria(pass, rest, where) && !never;
    else if (keyword === 'include') await include(pass, { ...reading, active }, words, where);
    else keywords[keyword]?.(pass.values, active, rest, where);
  }
  return true;
}

function matchesHost(host: string, patterns: readonly string[], where: string): boolean {
  if (patterns.includes('')) throw new FormatError(`${where}: an empty argument`);
  const fits = (pattern: string) => matchesPattern(host, pattern);
  if (patterns.some((pattern) => pattern.startsWith('!') && fits(pattern.slice(1)))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && fits(pattern));
}

async function include(
  pass: Pass,
  reading: Reading,
  patterns: readonly string[],
  where: string,
): Promise<void> {
  const { kind, active, never, depth } = reading;
  for (const pattern of patterns) {
    if (pattern === '') throw new FormatError(`${where}: an empty argument`);
    if (pattern.startsWith('~') && kind === 'system') {
      throw new FormatError(`${where}: ${JSON.stringify(pattern)} means no home there`);
    }
    const own = kind === 'user' ? `${pass.question.home}/.ssh` : '/etc/ssh';
    const home = pattern.replace(/^~(?=\/|$)/, pass.question.home);
    const absolute = home.startsWith('/') ? home : `${own}/${pattern}`;
    for (const path of await expandGlob(absolute)) {
      await readOne(pass, {
        path,
        kind,
        active,
        never: never || !active,
        depth: depth + 1,
        checked: true,
      });
    }
  }
}

/** Whether all criteria of a Match line hold: readconf.c match_cfg_line. */
function matchesCriteria(pass: Pass, criteria: string, where: string): boolean {
  const { question, values } = pass;
  let holds = true;
  let count = 0;
  for (let left: string | undefined = criteria; left !== undefined;) {
    const taken = takeWord(left);
    const { word: named } = taken;
    left = taken.rest;
    if (named === undefined || named === '' || named.startsWith('#')) break;
    const negated = named.startsWith('!');
    const name = named.replace(/^!/, '').toLowerCase();
    if (name === 'all') {
      const next = left === undefined ? '' : takeWord(left).word;
      if (count > 1 || (next !== undefined && next !== '' && !next.startsWith('#'))) {
        throw new FormatError(`${where}: "all" must stand alone`);
      }
      return holds && !negated;
    }
    count += 1;
    if (name === 'final' || name === 'canonical') {
      pass.wantsFinal ||= name === 'final';
      holds &&= pass.isFinal !== negated;
      continue;
    }
    const argument: string | undefined = left === undefined ? undefined : takeWord(left).word;
    if (argument === undefined || argument === '' || argument.startsWith('#')) {
      throw new FormatError(`${where}: no argument of ${name}`);
    }
    left = left === undefined ? undefined : takeWord(left).rest;
    const subject = subjectOf(name);
    if (subject === undefined) {
      // Where an earlier criterion decided already, it does not matter.
      if (!holds) continue;
      throw new UnsupportedError(
        `${where}: the criterion ${name} is not evaluated${name === 'exec' ? ', since nothing is run' : ''}; name the host in "Host" or under "hosts" of deployment.yaml`,
      );
    }
    holds &&=
      matchesPatternList(subject, name.endsWith('host') ? argument.toLowerCase() : argument) !== negated;
  }
  if (count === 0) throw new FormatError(`${where}: no criterion`);
  return holds;

  function subjectOf(name: string): string | undefined {
    switch (name) {
      case 'host':
        if (pass.isFinal) return pass.host;
        return withHost(values.hostName ?? question.name, question.name).toLowerCase();
      case 'originalhost':
        return question.name.toLowerCase();
      case 'user':
        return values.user ?? question.localUser;
      case 'localuser':
        return question.localUser;
      default:
        return undefined;
    }
  }
}

/** HostName knows `%h`, the name that was asked for, and `%%`. */
function withHost(hostName: string, name: string): string {
  return hostName.replaceAll(/%(.?)/gs, (token, letter) => {
    if (letter === 'h') return name;
    if (letter === '%') return '%';
    throw new FormatError(`HostName ${hostName}: the token ${token} is not known there; %h and %% are`);
  });
}
