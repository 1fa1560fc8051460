import { LimitError, UsageError } from '../errors.ts';

/**
 * Host patterns of Ansible's inventories: `db[01:10]`, `node-[a:f].example.org:2222`, `[2001:db8::1]:22`.
 * Source: https://docs.ansible.com/ansible/latest/inventory_guide/intro_inventory.html#adding-ranges-of-hosts;
 * ansible/plugins/inventory/__init__.py, parsing/utils/addresses.py
 */
export interface HostPattern {
  readonly names: readonly string[];
  readonly port: number | undefined;
}

/** Bounds the hosts that one pattern stands for. */
export const maximumHosts = 10_000;

const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

const numeric = String.raw`\[\d+:\d+(?::\d+)?\]`;
const hexadecimal = String.raw`\[[\da-f]+:[\da-f]+(?::\d+)?\]`;
const alphanumeric = String.raw`\[(?:[a-z]:[a-z]|\d+:\d+)(?::\d+)?\]`;
const v4 = `(?:[01]?\\d{1,2}|2[0-4]\\d|25[0-5]|${numeric})`;
const v6 = `(?:[\\da-f]{1,4}|${hexadecimal})`;
const label = `(?:[\\p{L}\\p{N}_]|${alphanumeric})(?:[\\p{L}\\p{N}_-]|${alphanumeric})*(?<![_-])`;

const address = [
  new RegExp(`^(?:${v4}\\.){3}${v4}$`, 'i'),
  new RegExp(
    `^(?:${v6}:){7}${v6}$|^(?=.*::)(?!.*::.*::)(?:${v6}?:){1,8}${v6}?$|^::(?:ffff:)?(?:${v4}\\.){3}${v4}$`,
    'i',
  ),
  new RegExp(`^${label}(?:\\.${label})*$`, 'iu'),
];

/** @throws UsageError for a range that Ansible refuses, LimitError for more hosts than the bound */
export function expandHostPattern(text: string, where: string): HostPattern {
  if (text.length > 1024) throw new LimitError(`${where}: a host pattern of ${text.length} characters`);
  const taken = /^\[(.+)\]:(\d+)$/.exec(text) ?? /^((?:[^:[\]]|\[[^\]]*\])*):(\d+)$/.exec(text);
  const written = taken?.[1] ?? text;
  const port = taken?.[2] === undefined ? undefined : Number(taken[2]);
  if (!address.some((form) => form.test(written))) {
    // Ansible takes what it does not understand for a name, also with a range in it.
    const names = text.includes('[') ? expandRanges(text, where, 0) : [text];
    if (text.endsWith(':'))
      throw new UsageError(`${where}: ${text}: ends in ":", after which a port is expected`);
    if (text === '---') throw new UsageError(`${where}: "---" is no host: this looks like a YAML file`);
    return { names, port: undefined };
  }
  return { names: written.includes('[') ? expandRanges(written, where, 0) : [written], port };
}

function expandRanges(text: string, where: string, depth: number): readonly string[] {
  if (depth > 8) throw new LimitError(`${where}: ${text}: more than 8 ranges in one pattern`);
  const refuse = (why: string) => new UsageError(`${where}: ${text.slice(0, 80)}: ${why}`);
  const [, head = '', range, tail = ''] = /^([^[]*)\[([^\]]*)\](.*)$/s.exec(text) ?? [];
  if (range === undefined || /\|/.test(text)) throw refuse('a [ that begins no range');
  const [begin = '', end = '', step = '1', ...more] = range.split(':');
  if (!range.includes(':') || more.length > 0) throw refuse('a range is [begin:end] or [begin:end:step]');
  if (end === '') throw refuse('a range must say where it ends');
  const names: string[] = [];
  for (const part of sequence(begin === '' ? '0' : begin, end, step, refuse)) {
    const name = `${head}${part}${tail}`;
    const found = name.includes('[') ? expandRanges(name, where, depth + 1) : [name];
    if (names.length + found.length > maximumHosts)
      throw new LimitError(`${where}: ${text}: more than ${maximumHosts} hosts`);
    names.push(...found);
  }
  return names;
}

function sequence(
  begin: string,
  end: string,
  step: string,
  refuse: (why: string) => UsageError,
): readonly string[] {
  if (begin.length > 15 || end.length > 15 || !/^[1-9]\d{0,14}$/.test(step))
    throw refuse('a range of whole numbers or letters, with a step from 1 on, is expected');
  const isFilled = begin.startsWith('0') && begin.length > 1;
  if (isFilled && begin.length !== end.length)
    throw refuse(`${begin} and ${end}: the begin and the end must have the same length`);
  const first = letters.indexOf(begin);
  const last = letters.indexOf(end);
  if (first >= 0 && last >= 0) {
    if (first > last) throw refuse(`${begin} stands after ${end}`);
    return letters
      .slice(first, last + 1)
      .split('')
      .filter((_, index) => index % Number(step) === 0);
  }
  if (!/^\d+$/.test(begin) || !/^\d+$/.test(end)) throw refuse(`${begin}:${end} is no range`);
  const count = Math.max(0, Math.floor((Number(end) - Number(begin)) / Number(step)) + 1);
  if (count > maximumHosts) throw refuse(`${count} hosts, more than ${maximumHosts}`);
  return Array.from({ length: count }, (_, index) => {
    const value = String(Number(begin) + index * Number(step));
    return isFilled ? value.padStart(begin.length, '0') : value;
  });
}
