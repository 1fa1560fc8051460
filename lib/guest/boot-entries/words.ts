import { FormatError, LimitError } from '../../errors.ts';

// GRUB's scripting language: https://www.gnu.org/software/grub/manual/grub/grub.html#Shell_002dlike-scripting
const separators = new Set(['{', '}', '|', '&', ';', '\n']);
/** What a backslash takes its meaning from inside double quotes. */
const escapedInQuotes = new Set(['$', '"', '\\']);
const variableName = /^(?:\{([A-Za-z_0-9]+|[?*@#])\}|([A-Za-z_][A-Za-z_0-9]*|[0-9?*@#]))/;

const expandedLimitInCharacters = 16 * 1024 * 1024;

/** A piece of a word: text as it is, or a variable. What is in quotes is neither split nor reserved. */
export type WordPart =
  | { readonly text: string; readonly quoted: boolean }
  | { readonly variable: string; readonly quoted: boolean };

export interface GrubWord {
  readonly parts: readonly WordPart[];
}

/** A word, or what ends one and means something: `{ } | & ;` and the end of a line. */
export type GrubToken = { readonly line: number } & ({ readonly word: GrubWord } | { readonly mark: string });

/** @throws FormatError for a quote without end, for which GRUB refuses the whole script */
export function grubTokens(text: string, origin: string): GrubToken[] {
  const tokens: GrubToken[] = [];
  let parts: WordPart[] = [];
  let line = 1;
  let at = 0;

  function add(piece: string, quoted: boolean): void {
    const last = parts.at(-1);
    if (last !== undefined && 'text' in last && last.quoted === quoted) {
      parts[parts.length - 1] = { text: last.text + piece, quoted };
    } else parts.push({ text: piece, quoted });
  }

  function endWord(): void {
    if (parts.length > 0) tokens.push({ line, word: { parts } });
    parts = [];
  }

  /** Takes the variable behind a `$`; a `$` alone is itself. */
  function variable(quoted: boolean): void {
    const match = variableName.exec(text.slice(at + 1, at + 130));
    const name = match?.[1] ?? match?.[2];
    if (match === null || name === undefined) {
      // $"…" is a text to translate.
      if (quoted || text[at + 1] !== '"') add('$', quoted);
      at += 1;
      return;
    }
    parts.push({ variable: name, quoted });
    at += 1 + match[0].length;
  }

  function unclosed(quote: string, from: number): FormatError {
    return new FormatError(`${origin}:${from}: a ${quote} without its end: GRUB refuses the script`);
  }

  function singleQuoted(): void {
    const end = text.indexOf("'", at + 1);
    if (end < 0) throw unclosed("'", line);
    const inside = text.slice(at + 1, end);
    add(inside, true);
    line += inside.split('\n').length - 1;
    at = end + 1;
  }

  function doubleQuoted(): void {
    const from = line;
    add('', true);
    at += 1;
    for (;;) {
      const char = text[at];
      if (char === undefined) throw unclosed('"', from);
      if (char === '"') break;
      if (char === '$') {
        variable(true);
        continue;
      }
      const next = text[at + 1];
      if (char === '\\' && next === '\n') at += 1;
      else if (char === '\\' && next !== undefined && escapedInQuotes.has(next)) {
        add(next, true);
        at += 1;
      } else add(char, true);
      if (text[at] === '\n') line += 1;
      at += 1;
    }
    at += 1;
  }

  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === "'") singleQuoted();
    else if (char === '"') doubleQuoted();
    else if (char === '$') variable(false);
    else if (char === '\\') {
      if (text[at + 1] === '\n') line += 1;
      else add(text[at + 1] ?? '', true);
      at += 2;
    } else if (char === '#' && parts.length === 0) {
      const end = text.indexOf('\n', at);
      at = end < 0 ? text.length : end;
    } else if (separators.has(char)) {
      endWord();
      tokens.push({ line, mark: char });
      if (char === '\n') line += 1;
      at += 1;
    } else if (/\s/.test(char)) {
      endWord();
      at += 1;
    } else {
      const run = /^[^\s'"$\\{}|&;]+/.exec(text.slice(at, at + 4096))?.[0] ?? char;
      add(run, false);
      at += run.length;
    }
  }
  endWord();
  return tokens;
}

/** The word where it is plain text, without quotes: only such can be reserved. */
export function plainText(word: GrubWord | undefined): string | undefined {
  const [part, second] = word?.parts ?? [];
  return part !== undefined && second === undefined && 'text' in part && !part.quoted ? part.text : undefined;
}

/** What words say: fields, and the variables that nobody but a running GRUB can tell. */
export interface Expanded {
  readonly fields: readonly string[];
  readonly unknown: readonly string[];
}

/** Expands words, with a bound on what all expansions of one script come to. */
export class Expander {
  readonly #origin: string;
  #characters = 0;

  constructor(origin: string) {
    this.#origin = origin;
  }

  /**
   * The fields of words, as GRUB splits them. What is not known stands as `$name`.
   * @param values the value of a variable; empty when it is not set, undefined when that cannot be known
   * @throws LimitError when a script comes to more than 16 Mi characters
   */
  expand(words: readonly GrubWord[], values: (name: string) => string | undefined): Expanded {
    const fields: string[] = [];
    const unknown: string[] = [];
    for (const { parts } of words) {
      let field: string | undefined;
      for (const part of parts) {
        if ('text' in part) {
          field = (field ?? '') + this.#count(part.text);
          continue;
        }
        const value = values(part.variable);
        if (value === undefined) unknown.push(part.variable);
        const text = this.#count(value ?? `$${part.variable}`);
        if (part.quoted) {
          field = (field ?? '') + text;
          continue;
        }
        // Blanks at either end do not part it from what stands beside it, unlike in a shell.
        for (const [index, piece] of text.trim().split(/\s+/).entries()) {
          if (index > 0 && field !== undefined) {
            fields.push(field);
            field = undefined;
          }
          if (piece !== '') field = (field ?? '') + piece;
        }
      }
      if (field !== undefined) fields.push(field);
    }
    return { fields, unknown };
  }

  #count(text: string): string {
    this.#characters += text.length;
    if (this.#characters > expandedLimitInCharacters) {
      throw new LimitError(
        `${this.#origin}: expands to more than ${expandedLimitInCharacters} characters, through its variables`,
      );
    }
    return text;
  }
}
