import type { FileSystem } from '../fs/filesystem.ts';
import { firstFile, textIfPresent } from './files.ts';

/** What the guest says it is: os-release(5), https://www.freedesktop.org/software/systemd/man/os-release.html */
export interface OsRelease {
  /** `ubuntu`, `rocky`; `linux` where the file does not say. */
  readonly id: string;
  readonly idLike: readonly string[];
  /** Empty where the file does not say (rolling releases). */
  readonly versionId: string;
  readonly name: string;
  readonly path: string;
  /** Every assignment of the file. */
  readonly fields: ReadonlyMap<string, string>;
  /** Lines that are no assignment, as a shell would refuse them too. */
  readonly problems: readonly string[];
}

/** os-release(5): `/etc/os-release` wins over `/usr/lib/os-release`. Undefined when neither is there. */
export async function readOsRelease(fs: FileSystem): Promise<OsRelease | undefined> {
  const path = await firstFile(fs, ['/etc/os-release', '/usr/lib/os-release']);
  if (path === undefined) return undefined;
  const { fields, problems } = parseAssignments((await textIfPresent(fs, path)) ?? '');
  return {
    id: fields.get('ID') ?? 'linux',
    idLike: (fields.get('ID_LIKE') ?? '').split(/\s+/).filter((id) => id !== ''),
    versionId: fields.get('VERSION_ID') ?? '',
    name: fields.get('NAME') ?? 'Linux',
    path,
    fields,
    problems: problems.map(({ line, text }) => `${path}:${line}: not an assignment: ${text.slice(0, 80)}`),
  };
}

export interface Assignments {
  readonly fields: Map<string, string>;
  readonly problems: { line: number; text: string }[];
}

/** Shell-compatible assignments, without expansion: one a line, the last of a name wins. */
export function parseAssignments(text: string): Assignments {
  const fields = new Map<string, string>();
  const problems: Assignments['problems'] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    const value = match?.[2] === undefined ? undefined : unquote(match[2]);
    if (match?.[1] === undefined || value === undefined) problems.push({ line: index + 1, text: line });
    else fields.set(match[1], value);
  }
  return { fields, problems };
}

/** A shell word: bare, in '…', or in "…" where \ escapes $ " \ and `. Undefined when a quote stays open. */
function unquote(word: string): string | undefined {
  let out = '';
  let quote = '';
  for (let at = 0; at < word.length; at++) {
    const char = word[at] ?? '';
    if (quote === "'") {
      if (char === "'") quote = '';
      else out += char;
    } else if (char === '\\') {
      const next = word[++at] ?? '';
      out += quote === '"' && !'$"\\`'.includes(next) ? `\\${next}` : next;
    } else if (char === '"') {
      quote = quote === '"' ? '' : '"';
    } else if (char === "'" && quote === '') {
      quote = "'";
    } else if (quote === '' && (char === ' ' || char === '\t')) {
      const rest = word.slice(at).trim();
      return rest === '' || rest.startsWith('#') ? out : undefined;
    } else {
      out += char;
    }
  }
  return quote === '' ? out : undefined;
}
