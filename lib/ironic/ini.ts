import { LimitError } from '../errors.ts';
import { lstrip, rstrip, strip } from './python.ts';

/**
 * An oslo.config file, as oslo.config reads it and no other INI parser does: `:` separates like `=`, a comment
 * stands only in the first column, and whatever is indented belongs to the value above it.
 * Source: oslo_config/iniparser.py and cfg.py (class ConfigParser).
 */
export interface IniFile {
  readonly origin: string;
  readonly assignments: readonly IniAssignment[];
  /** In the order of oslo.config, which stops at the first and refuses the whole file: the service does not start. */
  readonly errors: readonly IniError[];
}

export interface IniAssignment {
  /** As written: `PXE`, and `default` for the section that is not `DEFAULT`. */
  readonly section: string;
  readonly key: string;
  /** With continuation lines joined by a newline. */
  readonly value: string;
  /** The line of the key, from 1; the value's part `i` stands on line `line + i`. */
  readonly line: number;
  /** The value by physical lines: the first without its quotes, the others without their indent. */
  readonly lines: readonly string[];
  /** The key's own line as written. */
  readonly rawLine: string;
}

export interface IniError {
  readonly line: number;
  /** In oslo.config's words. */
  readonly message: string;
}

export const maximumIniSizeInCharacters = 8 * 1024 * 1024;

interface Open {
  readonly key: string;
  readonly lines: string[];
  readonly line: number;
  readonly rawLine: string;
}

/**
 * Parses one file. Bad lines are data (`errors`), and what can be read around them is.
 * @throws LimitError when the text is larger than 8 Mi characters
 */
export function parseIni(text: string, origin: string): IniFile {
  if (text.length > maximumIniSizeInCharacters) {
    throw new LimitError(
      `${origin}: ${text.length} characters, more than the ${maximumIniSizeInCharacters} of a configuration file`,
    );
  }
  const assignments: IniAssignment[] = [];
  const errors: IniError[] = [];
  let section: string | undefined;
  let open: Open | undefined;

  const close = (): void => {
    if (open === undefined) return;
    if (section === undefined) {
      errors.push({ line: open.line, message: 'Section must be started before assignment' });
    } else {
      assignments.push({ section, ...open, value: open.lines.join('\n') });
    }
    open = undefined;
  };

  // Python's universal newlines: a lone carriage return ends a line too.
  for (const [index, rawLine] of text.split(/\r\n|\r|\n/u).entries()) {
    const line = index + 1;
    const content = rstrip(rawLine);
    if (content === '') {
      close();
    } else if (content.startsWith(' ') || content.startsWith('\t')) {
      if (open === undefined) errors.push({ line, message: 'Unexpected continuation line' });
      else open.lines.push(lstrip(content));
    } else {
      close();
      if (content.startsWith('[')) {
        if (!content.endsWith(']')) {
          errors.push({ line, message: 'Invalid section (must end with ])' });
          section = content.slice(1); // what was meant, for whoever reads on
        } else if (content.length <= 2) errors.push({ line, message: 'Empty section name' });
        else section = content.slice(1, -1);
      } else if (!content.startsWith('#') && !content.startsWith(';')) {
        const pair = splitAssignment(content);
        if (pair === undefined) errors.push({ line, message: "No ':' or '=' found in assignment" });
        else if (pair.key === '') errors.push({ line, message: 'Key cannot be empty' });
        else open = { key: pair.key, lines: [pair.value], line, rawLine };
      }
    }
  }
  close();
  return { origin, assignments, errors };
}

function splitAssignment(line: string): { key: string; value: string } | undefined {
  const at = line.search(/[=:]/u);
  if (at < 0) return undefined;
  const value = strip(line.slice(at + 1));
  const first = value.charAt(0);
  // A single quote character alone is its own closing quote, and leaves nothing.
  const quoted = (first === '"' || first === "'") && value.endsWith(first);
  return { key: strip(line.slice(0, at)), value: quoted ? value.slice(1, -1) : value };
}
