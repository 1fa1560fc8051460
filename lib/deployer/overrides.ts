import { repr } from '../ironic/python.ts';
import { isMapping } from './yaml-file.ts';

/** One option that an override sets. */
export interface OverriddenOption {
  readonly section: string;
  readonly option: string;
  readonly value: unknown;
}

/**
 * The options that overrides of an INI file set. What is no mapping at the top goes to [DEFAULT].
 * Source: openstack/ansible-config_template, plugins/action/config_template.py
 */
export function overriddenOptions(overrides: unknown): readonly OverriddenOption[] {
  if (!isMapping(overrides)) return [];
  return Object.entries(overrides).flatMap(([section, held]): OverriddenOption[] => {
    if (!isMapping(held)) return [{ section: 'DEFAULT', option: section, value: held }];
    return Object.entries(held).map(([option, value]) => ({ section, option, value }));
  });
}

/**
 * What config_template writes for a mapping: its `str()` in Python; undefined where it writes lines of keys, because
 * nothing in it has a value.
 */
export function writtenAsPython(value: unknown): string | undefined {
  if (!isMapping(value)) return undefined;
  return Object.values(value).every(isEmpty) ? undefined : python(value);
}

/** What Python takes for false. */
function isEmpty(held: unknown): boolean {
  return held === null || held === '' || held === false || held === 0;
}

function python(value: unknown): string {
  if (isMapping(value))
    return `{${Object.entries(value)
      .map(([key, held]) => `${repr(key)}: ${python(held)}`)
      .join(', ')}}`;
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (typeof value === 'string') return repr(value);
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return JSON.stringify(value);
}
