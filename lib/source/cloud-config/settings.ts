import { UsageError } from '../../errors.ts';

/**
 * What clouds.yaml holds, as it counts to openstacksdk: it turns numbers into text before it uses them, so they are
 * text here from the start. Python's dates are the text that was written.
 */
export type Value = string | boolean | null | readonly Value[] | Settings;
export type Settings = ReadonlyMap<string, Value>;

export function isSettings(value: Value | undefined): value is Settings {
  return value instanceof Map;
}

/** What a value is, for a message: never the value, which may be a secret. */
export function kindOf(value: Value | undefined): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'string') return 'a text';
  if (typeof value === 'boolean') return String(value);
  return isSettings(value) ? 'a mapping' : 'a list';
}

/** @throws UsageError when it is anything but a mapping */
export function settingsAt(value: Value | undefined, where: string): Settings {
  if (isSettings(value)) return value;
  throw new UsageError(`${where}: ${kindOf(value)}, where a mapping is expected`);
}

/** The one over the other, mappings within mappings too. @throws UsageError for a mapping over something else */
export function mergedDeeply(under: Settings, over: Settings, where: string): Settings {
  const merged = new Map(under);
  for (const [key, value] of over) {
    const below = merged.get(key);
    const isNested = isSettings(value) && below !== undefined;
    const at = `${where}: ${key}`;
    merged.set(key, isNested ? mergedDeeply(settingsAt(below, at), value, at) : value);
  }
  return merged;
}

/** The one over the other, key by key; only what is within `auth` is merged. @throws UsageError */
export function updated(under: Settings, over: Settings, where: string): Settings {
  const result = new Map([...under, ...over]);
  const auth = over.get('auth');
  if (auth !== undefined) {
    const below = under.has('auth') ? settingsAt(under.get('auth'), `${where}: auth`) : [];
    result.set('auth', new Map([...below, ...settingsAt(auth, `${where}: auth`)]));
  }
  return result;
}

/** Keys with `_` in place of `-`, at every level; of two that become the same, the later counts. */
export function withUnderscores(settings: Settings): Settings {
  const pairs = [...settings].map(
    ([key, value]) => [key.replaceAll('-', '_'), isSettings(value) ? withUnderscores(value) : value] as const,
  );
  return new Map(pairs);
}

/** As Python's str() of it. */
export function pythonText(value: Value): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'string' ? value : 'None';
}

/** Python's truth of a value: nothing, an empty text, list or mapping are false. */
export function isTruthy(value: Value | undefined): value is Exclude<Value, null> {
  if (isSettings(value)) return value.size > 0;
  return Array.isArray(value) ? value.length > 0 : Boolean(value);
}
