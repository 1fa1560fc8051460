/**
 * How Ansible's INI inventories write words and values.
 * Source: https://docs.python.org/3/library/shlex.html#parsing-rules (POSIX mode, whitespace_split, comments), and
 * #ast.literal_eval of the same library.
 */

/** `shlex.split(text, comments=True)`; undefined for a quote that is not closed, or nothing after a backslash. */
export function shellWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === '#') break;
    if (' \t\r\n'.includes(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === '\\') {
      at++;
      if (at >= text.length) return undefined;
      word = (word ?? '') + text.charAt(at);
    } else if (char === "'" || char === '"') {
      const quoted = quotedPart(text, at);
      if (quoted === undefined) return undefined;
      word = (word ?? '') + quoted.value;
      at = quoted.end;
    } else {
      word = (word ?? '') + char;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

function quotedPart(text: string, start: number): { value: string; end: number } | undefined {
  const quote = text.charAt(start);
  let value = '';
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === quote) return { value, end: at };
    const next = text.charAt(at + 1);
    if (char === '\\' && quote === '"' && (next === '"' || next === '\\')) {
      value += next;
      at++;
    } else value += char;
  }
  return undefined;
}

/** Bounds how deep lists and mappings stand in one another. */
const maximumDepth = 32;

/**
 * `ast.literal_eval`, for what stands in inventories: numbers, strings, True, False, None, and lists, tuples and
 * mappings of them. What it would refuse, and what is rarer, stays the text that it is.
 */
export function literalOr(text: string): unknown {
  const reader = new LiteralReader(text);
  const value = reader.whole();
  return value === LiteralReader.none ? text : value;
}

class LiteralReader {
  static readonly none = Symbol('no literal');
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): unknown {
    let value = this.#value(0);
    this.#skip();
    // `1,2` is a tuple as well.
    if (value !== LiteralReader.none && this.#text.charAt(this.#at) === ',') value = this.#rest([value]);
    this.#skip();
    const rest = this.#text.slice(this.#at);
    return rest === '' || /^#[^\n\r]*$/.test(rest) ? value : LiteralReader.none;
  }

  #rest(items: unknown[]): unknown {
    while (this.#take(/,/y) !== undefined) {
      this.#skip();
      if (this.#at === this.#text.length) break;
      const item = this.#value(1);
      if (item === LiteralReader.none) return item;
      items.push(item);
      this.#skip();
    }
    return items;
  }

  #skip(): void {
    while (this.#at < this.#text.length && ' \t'.includes(this.#text.charAt(this.#at))) this.#at++;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #value(depth: number): unknown {
    this.#skip();
    if (depth > maximumDepth) return LiteralReader.none;
    const char = this.#text.charAt(this.#at);
    if (char === '[') return this.#items(']', depth);
    if (char === '(') return this.#tuple(depth);
    if (char === '{') return this.#mapping(depth);
    if (char === '"' || char === "'") return this.#string(char);
    const word = this.#take(/True\b|False\b|None\b/y);
    if (word !== undefined) return word === 'None' ? null : word === 'True';
    return this.#number();
  }

  #number(): unknown {
    const sign = this.#take(/[+-]/y) === '-' ? -1 : 1;
    const text = this.#take(
      /0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+|(?:\d[\d_]*)?\.\d+(?:[eE][+-]?\d+)?|\d[\d_]*\.?(?:[eE][+-]?\d+)?/y,
    );
    // A digit 0 before others is refused by Python, unless all are 0; so is `1__0`.
    if (text === undefined || /^0\d*[1-9]\d*$|__|_$|_\./.test(text)) return LiteralReader.none;
    const value = sign * Number(text.replaceAll('_', ''));
    const isInteger = !/[.eE]/.test(text) || /^0[xX]/.test(text);
    if (Number.isNaN(value) || (isInteger && !Number.isSafeInteger(value))) return LiteralReader.none;
    return value === 0 ? 0 : value;
  }

  #string(quote: string): unknown {
    let value = '';
    for (let at = this.#at + 1; at < this.#text.length; at++) {
      const char = this.#text.charAt(at);
      if (char === quote) {
        // '' begins a string in triple quotes, or is empty; two strings side by side are one.
        this.#at = at + 1;
        const rest = this.#text.slice(this.#at).trimStart();
        return rest.startsWith('"') || rest.startsWith("'") ? LiteralReader.none : value;
      }
      if (char === '\\') {
        const escaped = { n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"' }[
          this.#text.charAt(at + 1)
        ];
        if (escaped === undefined) return LiteralReader.none;
        value += escaped;
        at++;
      } else if (char === '\n' || char === '\r') return LiteralReader.none;
      else value += char;
    }
    return LiteralReader.none;
  }

  #items(close: string, depth: number): unknown {
    const items: unknown[] = [];
    this.#at++;
    for (;;) {
      this.#skip();
      if (this.#text.charAt(this.#at) === close) {
        this.#at++;
        return items;
      }
      const item = this.#value(depth + 1);
      if (item === LiteralReader.none) return item;
      items.push(item);
      this.#skip();
      if (this.#take(/,/y) === undefined && this.#text.charAt(this.#at) !== close) return LiteralReader.none;
    }
  }

  /** `(1)` is a number, `(1,)` a tuple, which JSON writes as a list. */
  #tuple(depth: number): unknown {
    const from = this.#at;
    const items = this.#items(')', depth);
    if (!Array.isArray(items) || items.length !== 1) return items;
    return /,\s*\)$/.test(this.#text.slice(from, this.#at)) ? items : items[0];
  }

  #mapping(depth: number): unknown {
    const pairs = new Map<string, unknown>();
    this.#at++;
    for (;;) {
      this.#skip();
      if (this.#take(/\}/y) !== undefined) return Object.fromEntries(pairs);
      const key = this.#value(depth + 1);
      this.#skip();
      if (!['string', 'number'].includes(typeof key) || this.#take(/:/y) === undefined)
        return LiteralReader.none;
      const value = this.#value(depth + 1);
      if (value === LiteralReader.none) return value;
      pairs.set(String(key), value);
      this.#skip();
      if (this.#take(/,/y) === undefined && this.#text.charAt(this.#at) !== '}') return LiteralReader.none;
    }
  }
}
