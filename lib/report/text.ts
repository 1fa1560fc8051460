import { stripVTControlCharacters } from 'node:util';

/** What a terminal, a TAP or an XML reader would act on or not show, rather than show. */
const unprintable =
  /[\p{Cc}\p{Bidi_Control}\p{Noncharacter_Code_Point}\p{Zl}\p{Zp}\u{AD}\u{200B}\u{2060}\u{FEFF}]/gu;

/**
 * Text from outside, harmless to print: terminal sequences are removed, other control characters written out
 * (`\x00`, `\u202e`), since a stray one may be the very fault; lone surrogates become U+FFFD. Line feeds
 * and tabs stay.
 */
export function plain(text: string): string {
  return stripVTControlCharacters(text.toWellFormed())
    .replaceAll('\r\n', '\n')
    .replaceAll(unprintable, (character) =>
      character === '\n' || character === '\t' ? character : escaped(character),
    );
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const digits = code.toString(16);
  if (code <= 0xff) return `\\x${digits.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\u{${digits}}`;
}

/** Any white space, line feeds included, as single spaces. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** Text of more than `limit` characters without its middle, saying how many characters were left out. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  // The note itself takes some room; 40 characters are enough for it.
  const kept = Math.max(2, limit - 40);
  const head = text.slice(0, Math.ceil(kept / 2));
  const tail = text.slice(text.length - Math.floor(kept / 2));
  return `${head} …(${text.length - kept} characters left out)… ${tail}`.toWellFormed();
}

/**
 * Lines of at most `width` characters, broken at spaces. A word longer than that (a path, an identifier, a
 * hash) is never cut: it stands on a line of its own.
 */
export function wrap(text: string, width: number): string[] {
  return text.split('\n').flatMap((paragraph) => {
    const lines: string[] = [];
    let line = '';
    for (const word of paragraph.split(/[ \t]+/).filter((word) => word !== '')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line);
        line = word;
      } else {
        line = line === '' ? word : `${line} ${word}`;
      }
    }
    return [...lines, line];
  });
}
