/**
 * Text as Python sees it, where that differs from JavaScript: Ironic and oslo.config are judged by what Python does.
 * Source: https://docs.python.org/3/library/stdtypes.html#str.strip, #str.isspace and #repr.
 */

/** `str.isspace`: JavaScript's `\s` without U+FEFF, with U+001C–U+001F and U+0085. */
const blank = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const leading = new RegExp(`^${blank}+`, 'u');
const isBlank = new RegExp(blank, 'u');

/** `str.lstrip()`. */
export function lstrip(text: string): string {
  return text.replace(leading, '');
}

/** `str.rstrip()`, in time linear in the blanks removed. */
export function rstrip(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank.test(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}

/** `str.strip()`. */
export function strip(text: string): string {
  return lstrip(rstrip(text));
}

/** `repr()` of a string: what Python's error messages show. */
export function repr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let out = quote;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (char === quote || char === '\\') out += `\\${char}`;
    else if (char === '\n') out += '\\n';
    else if (char === '\r') out += '\\r';
    else if (char === '\t') out += '\\t';
    else if (char !== ' ' && /[\p{C}\p{Z}]/u.test(char)) out += escaped(code);
    else out += char;
  }
  return out + quote;
}

function escaped(code: number): string {
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

/** `str.split(separator, 1)`: at the first separator only. */
export function splitOnce(text: string, separator: string): [string] | [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
