import type { ScalarNode } from './value.ts';

/*
 * The implicit types of PyYAML's safe loader, which differ from YAML 1.2 (`yes`, 0755, 1:30) and, in part, from
 * YAML 1.1 itself (`y` is text, 1e3 is text). https://yaml.org/type/ and PyYAML's resolver.
 */
const booleans = /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/;
const nulls = /^(?:~|null|Null|NULL|)$/;
const integers =
  /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const floats =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const timestamps =
  /^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)?$/;
const dateOnly = /^\d{4}-\d\d-\d\d$/;

export type Resolved = Pick<ScalarNode, 'type' | 'value'>;

/** The tag that a plain scalar has by its spelling alone. */
export function implicitTag(text: string): string {
  if (nulls.test(text)) return 'null';
  if (booleans.test(text)) return 'bool';
  if (floats.test(text)) return 'float';
  if (integers.test(text)) return 'int';
  if (timestamps.test(text) && (dateOnly.test(text) || text.includes(':'))) return 'timestamp';
  if (text === '<<') return 'merge';
  if (text === '=') return 'value';
  return 'str';
}

/**
 * The value of a scalar with that tag.
 * @returns undefined when the text cannot have the type, which makes PyYAML refuse the whole document
 */
export function scalarOf(tag: string, text: string): Resolved | undefined {
  switch (tag) {
    case 'null':
      return { type: 'null', value: null };
    case 'bool':
      return booleanOf(text);
    case 'int':
      return integerOf(text);
    case 'float':
      return floatOf(text);
    case 'timestamp':
      return timestampOf(text);
    default:
      return { type: 'str', value: text };
  }
}

function booleanOf(text: string): Resolved | undefined {
  const isTrue = /^(?:yes|true|on)$/i.test(text);
  return isTrue || /^(?:no|false|off)$/i.test(text) ? { type: 'bool', value: isTrue } : undefined;
}

function integerOf(text: string): Resolved | undefined {
  const match = /^([-+]?)(.+)$/.exec(text.replaceAll('_', '').trim());
  const digits = match?.[2] ?? '';
  let value: number;
  if (/^0b[01]+$/.test(digits)) value = Number.parseInt(digits.slice(2), 2);
  else if (/^0x[0-9a-fA-F]+$/.test(digits)) value = Number.parseInt(digits.slice(2), 16);
  else if (/^0[0-7]*$/.test(digits)) value = Number.parseInt(digits, 8);
  else if (/^[1-9]\d*(?::\d+)*$/.test(digits)) value = sexagesimal(digits);
  else return undefined;
  if (match?.[1] === '-') value = -value;
  // Python's integers have no bound; beyond a double's the text says more than a rounded number.
  return Number.isSafeInteger(value)
    ? { type: 'int', value: value === 0 ? 0 : value }
    : { type: 'int', value: text };
}

function floatOf(text: string): Resolved | undefined {
  const match = /^([-+]?)(.+)$/.exec(text.replaceAll('_', '').trim().toLowerCase());
  const digits = match?.[2] ?? '';
  const value =
    digits === '.inf'
      ? Number.POSITIVE_INFINITY
      : digits === '.nan'
        ? Number.NaN
        : /^[\d.:]+(?:e[-+]?\d+)?$/.test(digits)
          ? sexagesimal(digits)
          : undefined;
  if (value === undefined || (Number.isNaN(value) && digits !== '.nan')) return undefined;
  return { type: 'float', value: match?.[1] === '-' ? -value : value };
}

function sexagesimal(digits: string): number {
  return digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}

function timestampOf(text: string): Resolved | undefined {
  const [, year, month, day, hour, minute, second] = (timestamps.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined || year < 1) return undefined;
  const date = new Date(Date.UTC(2000, month - 1, day));
  date.setUTCFullYear(year, month - 1, day);
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  const isInDay = !((hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 59);
  return isReal && isInDay ? { type: 'other', value: text } : undefined;
}
