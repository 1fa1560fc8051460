import { FormatError, LimitError } from '../errors.ts';

// The text that LVM2 keeps a volume group in, which is that of lvm.conf too: sections, assignments and arrays.
// https://man7.org/linux/man-pages/man5/lvm.conf.5.html and vgcfgbackup(8)

export type LvmValue = string | number | readonly (string | number)[];

export interface LvmSection {
  readonly values: ReadonlyMap<string, LvmValue>;
  readonly sections: ReadonlyMap<string, LvmSection>;
}

/** A volume group has three levels below itself. */
const maximumDepth = 16;
/** All but quoted text. */
const token = /[\s\0]+|#[^\n]*|[[\]{}=,]|[^\s\0#"[\]{}=,]+/y;
/** How much of what makes no sense a message shows. */
const shownInCharacters = 80;
const number = /^[+-]?(?:0|[1-9]\d*)(?:\.\d*)?$/;

/** @throws FormatError with the line of what makes no sense; `origin` names the text */
export function parseLvmText(text: string, origin: string): LvmSection {
  let line = 1;
  let at = 0;
  let next = '';
  const peek = () => next;
  const wrong = (what: string) => new FormatError(`${origin}: line ${line}: ${what}`);

  /** Moves on to what comes after white space and comments; at the end that is empty. */
  function advance(): void {
    for (;;) {
      token.lastIndex = at;
      const [found = ''] = text[at] === '"' ? [quoted()] : (token.exec(text) ?? []);
      if (found === '' && at < text.length) throw wrong(JSON.stringify(text.slice(at, at + 20)));
      at += found.length;
      next = found;
      if (found === '' || !/^[\s\0#]/.test(found)) return;
      line += found.split('\n').length - 1;
    }
  }

  /** Text in quotes, where a backslash takes away the meaning of what follows; empty where it does not end. */
  function quoted(): string {
    for (let end = at + 1; end < text.length; end++) {
      if (text[end] === '\\') end += 1;
      else if (text[end] === '"') return text.slice(at, end + 1);
    }
    return '';
  }

  function scalar(): string | number {
    const found = peek();
    if (!found.startsWith('"') && !number.test(found)) throw wrong(`${shown(found)}, not a value`);
    advance();
    if (found.startsWith('"')) return found.slice(1, -1).replaceAll(/\\(.)/gs, '$1');
    const value = Number(found);
    if (Number.isInteger(value) && !Number.isSafeInteger(value))
      throw wrong(`the number ${shown(found)} is too large`);
    return value;
  }
  function array(): (string | number)[] {
    const values: (string | number)[] = [];
    for (advance(); peek() !== ']';) {
      values.push(scalar());
      if (peek() === ',') advance();
      else if (peek() !== ']') throw wrong(`${shown(peek())} in an array`);
    }
    advance();
    return values;
  }
  function section(depth: number): LvmSection {
    if (depth > maximumDepth)
      throw new LimitError(`${origin}: line ${line}: more than ${maximumDepth} sections deep`);
    const values = new Map<string, LvmValue>();
    const sections = new Map<string, LvmSection>();
    while (peek() !== '' && peek() !== '}') {
      const name = peek();
      if (!/^[\w.+-]/.test(name)) throw wrong(`${shown(name)}, not a name`);
      advance();
      if (values.has(name) || sections.has(name)) throw wrong(`${shown(name)} for the second time`);
      if (peek() === '{') {
        advance();
        sections.set(name, section(depth + 1));
        if (peek() !== '}') throw wrong(`${shown(name)} does not end`);
        advance();
      } else if (peek() === '=') {
        advance();
        values.set(name, peek() === '[' ? array() : scalar());
      } else throw wrong(`${shown(peek())} after ${shown(name)}`);
    }
    return { values, sections };
  }

  advance();
  const whole = section(0);
  if (peek() !== '') throw wrong(`${shown(peek())}, which ends nothing`);
  return whole;
}

function shown(found: string): string {
  if (found === '') return 'the end';
  return found.length > shownInCharacters ? `${found.slice(0, shownInCharacters)}…` : found;
}
