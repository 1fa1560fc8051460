/*
 * Patterns of OpenSSH: ssh_config(5), "PATTERNS". `*` is any text, `?` any character, and nothing else is special.
 * https://man.openbsd.org/ssh_config.5
 */

/** Whether a pattern fits the whole text, to the letter. Linear, with one way back. */
export function matchesPattern(text: string, pattern: string): boolean {
  let at = 0;
  let star = -1;
  let retry = 0;
  for (let index = 0; index < text.length;) {
    if (pattern[at] === '*') {
      star = at++;
      retry = index;
    } else if (pattern[at] === '?' || pattern[at] === text[index]) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      at = star + 1;
      index = ++retry;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

/** Whether a list such as `*.example,!db.example` fits: a negated pattern that fits decides against it. */
export function matchesPatternList(text: string, list: string): boolean {
  let matched = false;
  for (const pattern of list.split(',')) {
    if (pattern.startsWith('!')) {
      if (matchesPattern(text, pattern.slice(1))) return false;
    } else matched ||= matchesPattern(text, pattern);
  }
  return matched;
}
