import { isIPv4, isIPv6 } from 'node:net';
import { malformedParameter } from './kernel-parameters.ts';
import { repr, splitOnce, strip } from './python.ts';

/**
 * The types of oslo.config's options: what text each accepts, what it becomes, and the reason given where it is refused.
 * Source: oslo_config/types.py (String, URI, Boolean, Integer, List, Dict).
 */
export type OptionType =
  | { readonly kind: 'string'; readonly choices?: readonly string[] }
  | { readonly kind: 'uri'; readonly schemes: readonly string[] }
  /** ironic/conf/types.py, KernelParameterString */
  | { readonly kind: 'kernel parameters' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly minimum?: number }
  | { readonly kind: 'list' }
  | { readonly kind: 'dict'; readonly quotes?: boolean };

/** What an option is worth; undefined is Python's None. */
export type OptionValue =
  | string
  | boolean
  | number
  | readonly string[]
  | ReadonlyMap<string, string>
  | undefined;

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/** More entries than any mapping has: a damaged file, not a configuration. */
const maximumEntries = 10_000;

/** Reads text as the type does; a refusal carries oslo.config's reason. */
export function parseOption(type: OptionType, text: string): Parsed<OptionValue> {
  switch (type.kind) {
    case 'string':
      return parseString(text, type.choices);
    case 'uri':
      return parseUri(text, type.schemes);
    case 'kernel parameters':
      return parseKernelParameters(text);
    case 'boolean':
      return parseBoolean(text);
    case 'integer':
      return parseInteger(text, type.minimum);
    case 'list':
      return parseList(text);
    case 'dict':
      return parseDict(text, type.quotes ?? false);
  }
}

/** `str()` of a value, as interpolation puts it into other options. */
export function valueText(value: OptionValue): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `[${value.map((item: string) => repr(item)).join(', ')}]`;
  const pairs = [...(value as ReadonlyMap<string, string>)].map(([k, v]) => `${repr(k)}: ${repr(v)}`);
  return `{${pairs.join(', ')}}`;
}

function refuse(problem: string): { ok: false; problem: string } {
  return { ok: false, problem };
}

function parseString(text: string, choices: readonly string[] | undefined): Parsed<string> {
  if (choices !== undefined && !choices.includes(text)) {
    return refuse(`Valid values are [${choices.join(', ')}], but found ${repr(text)}`);
  }
  return { ok: true, value: text };
}

/** RFC 3986: scheme, authority, path; what else may not stand in a path is escaped before the library looks at it. */
const uri =
  /^(?<scheme>[^:/?#]+):\/\/(?:[^/?#@]*@)?(?<host>\[[^/?#\]]+\]|(?:[\w.~!$&'()*+,;=-]|%[0-9a-f]{2})+)(?::\d*)?(?<path>\/[^?#]*)?(?:[?#].*)?$/isu;
const schemeForm = /^[a-z][a-z0-9+.-]*$/iu;

function parseUri(text: string, schemes: readonly string[]): Parsed<string> {
  const { scheme = '', host = '', path = '' } = uri.exec(text)?.groups ?? {};
  if (!schemeForm.test(scheme) || !isHost(host)) {
    return refuse(`${repr(text)} is not a URI with a scheme and a host`);
  }
  if (!schemes.includes(scheme)) {
    return refuse(`the scheme of ${repr(text)} is not one of ${schemes.join(', ')}`);
  }
  if (/[[\]]/u.test(path)) return refuse(`the path of ${repr(text)} is not valid in a URI`);
  return { ok: true, value: text };
}

function parseKernelParameters(text: string): Parsed<string> {
  const word = malformedParameter(text);
  if (word === undefined) return { ok: true, value: text };
  return refuse(`Value must be a valid kernel parameter string, and ${repr(word)} is none`);
}

function isHost(host: string): boolean {
  if (host.startsWith('[')) return isIPv6(host.slice(1, -1).replace(/%25.+$/u, ''));
  return !/^(?:\d{1,3}\.){3}\d{1,3}$/u.test(host) || isIPv4(host.replaceAll(/\b0+(?=\d)/gu, ''));
}

const booleans: ReadonlyMap<string, boolean> = new Map([
  ...['true', '1', 'on', 'yes'].map((word) => [word, true] as const),
  ...['false', '0', 'off', 'no'].map((word) => [word, false] as const),
]);

function parseBoolean(text: string): Parsed<boolean> {
  const value = booleans.get(text.toLowerCase());
  return value === undefined ? refuse(`Unexpected boolean value ${repr(text)}`) : { ok: true, value };
}

function parseInteger(text: string, minimum: number | undefined): Parsed<number | undefined> {
  const digits = strip(text);
  if (digits === '') return { ok: true, value: undefined };
  // Python's int(): a sign, and single underscores between digits; no 0x or 0o, so file modes are read as decimal.
  if (!/^[+-]?\d+(?:_\d+)*$/u.test(digits)) {
    return refuse(`invalid literal for int() with base 10: ${repr(text)}`);
  }
  const value = Number(digits.replaceAll('_', '')) + 0; // int('-0') is 0
  if (!Number.isSafeInteger(value)) return refuse(`${digits.slice(0, 40)} is more than a number can hold`);
  if (minimum !== undefined && value < minimum) {
    return refuse(`Should be greater than or equal to ${minimum}`);
  }
  return { ok: true, value };
}

function parseList(text: string): Parsed<readonly string[]> {
  let trimmed = strip(text);
  let end = trimmed.length;
  while (end > 0 && trimmed.charAt(end - 1) === ',') end--;
  trimmed = trimmed.slice(0, end);
  if (trimmed === '') return { ok: true, value: [] };
  const items = trimmed.split(',');
  if (items.length > maximumEntries) return refuse(`${items.length} entries, more than ${maximumEntries}`);
  return { ok: true, value: items.map((item) => strip(item)) };
}

/**
 * `NAME:VALUE` pairs. A piece that is no pair takes the next piece to it with their comma, so that the words after the
 * last pair are what fails; quotes stay in values unless the option says otherwise.
 */
function parseDict(text: string, quotes: boolean): Parsed<ReadonlyMap<string, string>> {
  const value = new Map<string, string>();
  const trimmed = strip(text);
  if (trimmed === '') return { ok: true, value };
  const pieces = trimmed.split(',');
  if (pieces.length > maximumEntries) return refuse(`${pieces.length} entries, more than ${maximumEntries}`);
  for (let at = 0; at < pieces.length; at++) {
    let pair = pieces[at] ?? '';
    let parsed = parsePair(pair, quotes);
    while (!parsed.ok && at + 1 < pieces.length && pair.length < 65_536) {
      pair += `,${pieces[++at] ?? ''}`;
      parsed = parsePair(pair, quotes);
    }
    if (!parsed.ok) return parsed;
    const [key, item] = parsed.value;
    if (key === '') return refuse('Key name should not be empty');
    if (value.has(key)) return refuse(`Duplicate key ${key}`);
    value.set(key, item);
  }
  return { ok: true, value };
}

function parsePair(pair: string, quotes: boolean): Parsed<readonly [string, string]> {
  const [name, item] = splitOnce(pair, ':');
  if (item === undefined) return refuse('Value should be NAME:VALUE pairs separated by ","');
  const key = strip(name);
  const value = strip(item);
  const first = value.charAt(0);
  if (!quotes || (first !== '"' && first !== "'")) return { ok: true, value: [key, value] };
  if (value.length === 1 || !value.endsWith(first)) return refuse(`Non-closed quote: ${value}`);
  return { ok: true, value: [key, value.slice(1, -1)] };
}
