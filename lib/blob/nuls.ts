/**
 * Text without the NUL characters at its end, with which fields of a fixed size are filled up. In linear time: a
 * regular expression for it begins anew at each of the NULs that stand elsewhere.
 */
export function withoutTrailingNuls(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 0) end -= 1;
  return text.slice(0, end);
}
