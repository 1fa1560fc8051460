import { valueText, type OptionValue, type Parsed } from './option-types.ts';
import { optionOf, type Option } from './options.ts';
import { isGroup, isRegistered } from './registered.ts';
import { splitOnce } from './python.ts';
import type { Release } from './release.ts';

/** What becomes of a value's `$names`. */
export type Expansion =
  | { readonly ok: true; readonly text: string; readonly unresolved: readonly string[] }
  | { readonly ok: false; readonly problem: string };

type Outcome =
  | { readonly ok: true; readonly text: string; readonly unresolved: readonly string[] }
  /** `missing` is Python's NoSuchOptError, after which the name is looked for in DEFAULT. */
  | { readonly ok: false; readonly problem: string; readonly missing: boolean };

/** `$$`, `$name` and `${name}`; any other `$` is text. Python's string.Template with oslo.config's idpattern. */
const template = /\$(?:(?<escaped>\$)|(?<named>[_a-z][._a-z0-9]*)|\{(?<braced>[_a-z][._a-z0-9]*)\})/giu;

/** Python gives up a little deeper, at its own limit of recursion. */
const maximumDepth = 100;
const maximumLengthInCharacters = 1024 * 1024;

/**
 * Replaces `$option`, `${option}` and `$group.option` by those options' values: of the same group first, then of
 * DEFAULT. A name that no option has is an error to oslo.config, not text: an unescaped `${mac}` in
 * `kernel_append_params` makes every read of that option fail.
 * Source: oslo_config/cfg.py (ConfigOpts._substitute, StrSubWrapper).
 */
export class Interpolation {
  readonly #release: Release;
  readonly #setting: (group: string, name: string) => string | undefined;
  readonly #parse: (option: Option, text: string) => Parsed<OptionValue>;
  readonly #known = new Map<string, Outcome>();
  readonly #open = new Set<string>();

  /**
   * @param setting the text that wins for an option, as written
   * @param parse reads text as an option's type
   */
  constructor(
    release: Release,
    setting: (group: string, name: string) => string | undefined,
    parse: (option: Option, text: string) => Parsed<OptionValue>,
  ) {
    this.#release = release;
    this.#setting = setting;
    this.#parse = parse;
  }

  /** The text with its names replaced, for the option that it belongs to. */
  expand(group: string, name: string, text: string): Expansion {
    const key = `${group}.${name}`;
    this.#open.add(key);
    try {
      return this.#substitute(group, text);
    } finally {
      this.#open.delete(key);
    }
  }

  #substitute(group: string, text: string): Outcome {
    const source = text.replaceAll('\\$', '$$$$'); // `\$` is `$$`; JavaScript halves each pair of dollars
    const unresolved = new Set<string>();
    let out = '';
    let at = 0;
    for (const match of source.matchAll(template)) {
      out += source.slice(at, match.index);
      at = match.index + match[0].length;
      const name = match.groups?.named ?? match.groups?.braced;
      if (name === undefined) {
        out += '$';
        continue;
      }
      const value = this.#lookUp(name, group);
      if (value === undefined) {
        unresolved.add(name);
        out += match[0];
        continue;
      }
      if (!value.ok) return value;
      for (const inner of value.unresolved) unresolved.add(inner);
      out += value.text;
      if (out.length > maximumLengthInCharacters) {
        return refuse(`interpolation makes more than ${maximumLengthInCharacters} characters`);
      }
    }
    return { ok: true, text: out + source.slice(at), unresolved: [...unresolved] };
  }

  /** Undefined when only the conductor's machine knows. */
  #lookUp(name: string, group: string): Outcome | undefined {
    const [first, option] = splitOnce(name, '.');
    if (option !== undefined) {
      if (!isGroup(first)) return refuse(`no such group [${first}]`);
      const found = this.#valueOf(first, option);
      return found?.ok === false && found.missing ? missing(name) : found;
    }
    if (group !== 'DEFAULT') {
      const found = this.#valueOf(group, name);
      if (found?.ok !== false || !found.missing) return found;
    }
    if (isGroup(name)) {
      return refuse(`template substitution error: substituting group ${name} not supported`);
    }
    return this.#valueOf('DEFAULT', name);
  }

  #valueOf(group: string, name: string): Outcome | undefined {
    const option = optionOf(group, name, this.#release);
    if (option === undefined && isRegistered(group, name) === false) return missing(name);
    const key = `${group}.${name}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#open.has(key)) return refuse(`interpolation does not end: $${name} refers to itself`);
    if (this.#open.size >= maximumDepth) {
      return refuse(`interpolation is more than ${maximumDepth} names deep at $${name}`);
    }
    const text = this.#setting(group, name) ?? option?.default;
    if (text === undefined) {
      return option === undefined || option.defaultFromMachine === true ? undefined : found('', []);
    }
    this.#open.add(key);
    const outcome = this.#typed(option, name, this.#substitute(group, text));
    this.#open.delete(key);
    // What fails by way of an option still open may not fail when asked for by itself.
    if (outcome.ok) this.#known.set(key, outcome);
    return outcome;
  }

  #typed(option: Option | undefined, name: string, expanded: Outcome): Outcome {
    if (!expanded.ok || option === undefined) return expanded;
    const parsed = this.#parse(option, expanded.text);
    if (!parsed.ok) return refuse(`Value for option ${name} is not valid: ${parsed.problem}`);
    return found(valueText(parsed.value), expanded.unresolved);
  }
}

function found(text: string, unresolved: readonly string[]): Outcome {
  return { ok: true, text, unresolved };
}

function refuse(problem: string): Outcome {
  return { ok: false, problem, missing: false };
}

/** oslo.config looks in DEFAULT last, and so names that group whatever the option's own one. */
function missing(name: string): Outcome {
  return { ok: false, problem: `no such option ${name} in group [DEFAULT]`, missing: true };
}
