/** A text as one word of a POSIX shell, for commands that an operator may paste; quoted only where need be. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
