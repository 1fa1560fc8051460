/*
 * How OpenSSH takes a line of its configuration apart: readconf.c process_config_line_depth, misc.c strdelim and
 * argv_split. The keyword ends at a blank or one `=`; what follows is words, in quotes where they hold blanks.
 */

const whitespace = /^[ \t\r\n]+/;

export interface Taken {
  /** Undefined when a quote is not closed. */
  readonly word: string | undefined;
  /** Undefined at the end. */
  readonly rest: string | undefined;
}

/** The first word, which ends at a blank, a double-quoted part or one `=`; and what is left. */
export function takeWord(text: string): Taken {
  const at = text.search(/[ \t\r\n"=]/);
  if (at < 0) return { word: text, rest: undefined };
  if (text[at] === '"') {
    const end = text.indexOf('"', at + 1);
    if (end < 0) return { word: undefined, rest: undefined };
    const word = text.slice(0, at) + text.slice(at + 1, end);
    return { word, rest: text.slice(end + 1).replace(whitespace, '') };
  }
  const rest = text.slice(at + 1).replace(whitespace, '');
  const isSecondEquals = text[at] !== '=' && rest.startsWith('=');
  return { word: text.slice(0, at), rest: isSecondEquals ? rest.slice(1).replace(whitespace, '') : rest };
}

/** The keyword of a line, in lower case, and what follows it; undefined for a line that says nothing. */
export function splitLine(line: string): { keyword: string; rest: string } | undefined {
  let taken = takeWord(line.replace(/[ \t\r\n\f]+$/, ''));
  if (taken.word === '' && taken.rest !== undefined) taken = takeWord(taken.rest);
  const { word: keyword, rest = '' } = taken;
  if (keyword === undefined || keyword === '' || keyword.startsWith('#')) return undefined;
  return { keyword: keyword.toLowerCase(), rest: rest.replace(whitespace, '') };
}

/**
 * The words of what follows a keyword: `'` and `"` quote, a backslash escapes these, itself and, outside quotes, a
 * blank; `#` at the start of a word begins a comment. Undefined when a quote is not closed.
 */
export function splitWords(text: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    const isBlank = character === ' ' || character === '\t';
    if (word === undefined) {
      if (isBlank) continue;
      if (character === '#') break;
      word = '';
    }
    const next = text.charAt(at + 1);
    if (character === '\\' && (/['"\\]/.test(next) || (quote === '' && next === ' '))) {
      word += next;
      at += 1;
    } else if (quote === '' && isBlank) {
      words.push(word);
      word = undefined;
    } else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (quote !== '' && character === quote) quote = '';
    else word += character;
  }
  if (quote !== '') return undefined;
  if (word !== undefined) words.push(word);
  return words;
}
