/*
 * How ds-identify reads configuration: in the shell, line by line, without YAML. What it sees differs from what
 * cloud-init sees. Source: tools/ds-identify check_config, parse_yaml_array, get_single_line_flow_sequence,
 * _read_config.
 */

export interface ShellFile {
  readonly path: string;
  readonly text: string;
}

export interface ShellValue {
  readonly value: string;
  /** The file whose line won: the last one in the order of the names. */
  readonly file: string;
}

/** The value that the script's check_config finds for a key, whatever the key is nested in. */
export function findKey(
  key: string,
  files: readonly ShellFile[],
  reader: 'lines' | 'grep' | 'flow',
): ShellValue | undefined {
  let last: ShellValue | undefined;
  for (const { path, text } of files) {
    const found = reader === 'lines' ? byLines(key, text) : byGrep(key, text, path, reader);
    if (found !== undefined) last = { value: found, file: path };
  }
  return last;
}

function byLines(key: string, text: string): string | undefined {
  let last: string | undefined;
  for (const read of readLines(text)) {
    const line = beforeComment(read);
    if (line === `${key}:` || line.startsWith(`${key}: `)) {
      last = line.slice(line.indexOf(':') + 1).replace(/^ /, '');
    }
  }
  return last;
}

function byGrep(key: string, text: string, path: string, reader: 'grep' | 'flow'): string | undefined {
  const pattern = new RegExp(reader === 'grep' ? `${key}"?:` : `${key}["']*\\s*:`);
  let last: string | undefined;
  for (const match of text.split('\n').filter((line) => pattern.test(line))) {
    // grep writes “file:line” when it is given several files, as it always is; then comments are cut.
    const cut = beforeComment(`${path}:${match}`);
    const line = cut.startsWith(`${path}:`) ? cut.slice(path.length + 1) : cut;
    if (reader === 'flow' && line === '') continue;
    const colon = line.indexOf(': ');
    last = colon < 0 ? line : line.slice(colon + 2);
  }
  return last;
}

/** `while read line`: trimmed, backslashes taken away, and a last line without line break never seen. */
function readLines(text: string): string[] {
  const ended = text.replaceAll(/\\([^])/g, (_, next: string) => (next === '\n' ? '' : next));
  return ended.split('\n').slice(0, -1).map(trim);
}

/**
 * The datasources that the script reads from the configuration, in its order.
 * @returns undefined when it sees no list and takes its built-in one: a list in block style, an empty one
 */
export function datasourceListSeen(
  files: readonly ShellFile[],
  reader: 'lines' | 'grep' | 'flow',
): { list: string[]; file: string } | undefined {
  const found = findKey('datasource_list', files, reader);
  if (found === undefined) return undefined;
  let { value } = found;
  if (reader === 'flow') {
    value = trim(value.slice(value.lastIndexOf(':') + 1));
    if (trim(value.replace(/\]$/, '').replace(/^\[/, '')) === '') return undefined;
  }
  const words = parseArray(value);
  return words.length === 0 ? undefined : { list: words, file: found.file };
}

/** `[ 'a', b ]` → a, b; brackets count only as the very first and last character. */
function parseArray(value: string): string[] {
  const fields = value.replace(/^\[/, '').replace(/\]$/, '').split(',');
  if (fields.at(-1) === '') fields.pop();
  const joined = fields.map((field) => unquote(words(field).join(' '))).join(' ');
  return words(joined);
}

/** A file of `key: value` lines as _read_config reads /etc/cloud/ds-identify.cfg; repeated keys all. */
export function readShellSettings(text: string): [key: string, value: string][] {
  const settings: [string, string][] = [];
  for (const read of readLines(text)) {
    const line = beforeComment(read);
    const colon = line.indexOf(':');
    if (colon < 0) continue;
    settings.push([words(line.slice(0, colon)).join(' '), unquote(words(line.slice(colon + 1)).join(' '))]);
  }
  return settings;
}

/** `${line%%#*}`: all before the first `#`. */
function beforeComment(line: string): string {
  const at = line.indexOf('#');
  return at < 0 ? line : line.slice(0, at);
}

function words(text: string): string[] {
  return text.split(/[ \t\n]+/).filter((word) => word !== '');
}

/** Not String.trim, which takes more for white space than the shell does, such as a carriage return. */
function trim(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t';
}

function unquote(text: string): string {
  return /^(["']).*\1$/.test(text) && text.length >= 2 ? text.slice(1, -1) : text;
}
