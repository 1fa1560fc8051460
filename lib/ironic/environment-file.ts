import { FormatError } from '../errors.ts';

/** What oslo.config reads of an environment. Source: oslo_config/sources/_environment.py */
const ofOsloConfig = /^OS_[A-Z0-9_]+?__[A-Z0-9_]+$/;

const maximumLines = 100_000;

/**
 * The options that the environment of a service sets: of the file that a unit names with EnvironmentFile, or of
 * `/proc/PID/environ`. Everything else in it, secrets of other programs too, is left out.
 * Source: systemd.exec(5), EnvironmentFile; proc_pid_environ(5)
 * @throws FormatError for a line that is no assignment, with its number and without its text
 */
export function readEnvironment(text: string, origin: string): Record<string, string> {
  return text.includes('\0') ? readEnviron(text) : readEnvironmentFile(text, origin);
}

function readEnviron(text: string): Record<string, string> {
  const pairs = text.split('\0').map((entry) => {
    const at = entry.indexOf('=');
    return [entry.slice(0, Math.max(at, 0)), entry.slice(at + 1)] as const;
  });
  return Object.fromEntries(pairs.filter(([name]) => ofOsloConfig.test(name)));
}

function readEnvironmentFile(text: string, origin: string): Record<string, string> {
  const found: Record<string, string> = {};
  const lines = text.split(/\r?\n/);
  if (lines.length > maximumLines) {
    throw new FormatError(
      `${origin}: ${lines.length} lines, more than the ${maximumLines} of an environment`,
    );
  }
  for (const [index, line] of lines.entries()) {
    const words = line.trim();
    if (words === '' || words.startsWith('#') || words.startsWith(';')) continue;
    const [, name = '', value = ''] = /^(?:export\s+)?([A-Za-z_]\w*)=(.*)$/s.exec(words) ?? [];
    if (name === '') throw new FormatError(`${origin}:${index + 1}: not NAME=value`);
    if (ofOsloConfig.test(name)) found[name] = unquoted(value, `${origin}:${index + 1}`);
  }
  return found;
}

/** One word, quoted or not; a value that goes on in the next line is none that an option has. */
function unquoted(value: string, where: string): string {
  if (value.endsWith('\\')) throw new FormatError(`${where}: a value of several lines is not read`);
  const [, quote, inner] = /^(["'])(.*)\1$/s.exec(value) ?? [];
  if (quote === undefined && /^["']/.test(value)) {
    throw new FormatError(`${where}: the quote is not closed on its line`);
  }
  if (inner === undefined) return value;
  return quote === '"' ? inner.replaceAll(/\\(["\\$`])/g, '$1') : inner;
}
