import type { GrubCommand } from './grub.ts';
import type { Expander, GrubWord } from './words.ts';

/** What only a running GRUB knows: its platform, its features, the network, results and arguments. */
const runtime =
  /^(grub_|feature_|net_|pxe_|efi_)|^(lang|locale_dir|color_\w+|boot_once|chosen|timeout|[0-9?@*#]+|shim_lock|lockdown)$/;

/**
 * What keeps its value. Which device `root` and `prefix` are is of no use here: paths are read in the file system of
 * the script; and scripts ask whether GRUB is of before 2010 to know how it spells --id.
 */
const fixed = new Set(['root', 'prefix', 'menuentry_id_option']);

const maximumValueInCharacters = 8192;
const maximumDefaults = 100;

/**
 * The content of a grubenv file, or undefined when it has not the signature.
 * Source: GRUB, grub-core/lib/envblk.c: lines of `name=value`, in which a backslash takes the meaning from what follows.
 */
export function parseGrubenv(text: string): Map<string, string> | undefined {
  if (!text.startsWith('# GRUB Environment Block\n')) return undefined;
  const values = new Map<string, string>();
  for (const line of text
    .replaceAll(/\\([\\\n])/g, (_, char: string) => (char === '\n' ? '\0' : '\\'))
    .split('\n')) {
    const [, name, value] = /^([^#=]+)=(.*)$/s.exec(line) ?? [];
    if (name !== undefined) values.set(name, (value ?? '').replaceAll('\0', '\n'));
  }
  return values;
}

/**
 * GRUB's variables, as far as they can be told without running the script: what may or may not have been assigned is
 * not known, unless it comes to the same.
 */
export class GrubEnvironment {
  /** Every value that `default` may get, the first hundred. */
  readonly defaults = new Set<string>();
  /** Whether other scripts are read, which may set anything. */
  readsOthers = false;
  readonly #values = new Map<string, string | undefined>();
  readonly #directory: string;
  readonly #grubenv: ReadonlyMap<string, string>;
  readonly #expander: Expander;
  #outer: GrubEnvironment | undefined;

  /** @param directory of the grub.cfg: GRUB's `prefix` */
  constructor(directory: string, grubenv: ReadonlyMap<string, string>, expander: Expander) {
    this.#directory = directory;
    this.#grubenv = grubenv;
    this.#expander = expander;
    this.#values.set('root', 'root').set('prefix', `(root)${directory}`).set('menuentry_id_option', '--id');
  }

  /** An environment inside of this one: what is set there does not show here. */
  inside(): GrubEnvironment {
    const inner = new GrubEnvironment(this.#directory, this.#grubenv, this.#expander);
    inner.#outer = this;
    inner.readsOthers = this.readsOthers;
    return inner;
  }

  /** The value, empty when there is none, undefined when it cannot be known. */
  get(name: string): string | undefined {
    if (this.#values.has(name)) return this.#values.get(name);
    if (this.#outer !== undefined) return this.#outer.get(name);
    return this.readsOthers || runtime.test(name) ? undefined : '';
  }

  /** The fields of words, and what stands in them as `$name` because it is not known. */
  expand(words: readonly GrubWord[]): {
    readonly fields: readonly string[];
    readonly unknown: readonly string[];
  } {
    return this.#expander.expand(words, (name) => this.get(name));
  }

  /** Takes in what a command does to variables; other commands do nothing. */
  run({ words, conditional, ifEmpty }: GrubCommand): void {
    const { fields, unknown } = this.expand(words);
    const [name, ...values] = fields;
    if (name === 'load_env') {
      for (const [variable, value] of this.#grubenv) this.#values.set(variable, value);
    } else if ((name === 'set' && values[0]?.includes('=')) || name?.includes('=')) {
      const assignment = (name === 'set' ? values[0] : name) ?? '';
      const equals = assignment.indexOf('=');
      const variable = assignment.slice(0, equals);
      const value = assignment.slice(equals + 1);
      const isKnown = unknown.length === 0;
      if (variable === 'default' && isKnown && this.defaults.size < maximumDefaults) this.defaults.add(value);
      this.#assign(variable, isKnown ? value : undefined, conditional, ifEmpty);
    } else if (name === 'unset' && values[0] !== undefined) {
      this.#assign(values[0], '', conditional);
    }
  }

  #assign(name: string, value: string | undefined, conditional: boolean, ifEmpty?: string): void {
    if (fixed.has(name)) return;
    const before = this.get(name);
    const bounded = (value?.length ?? 0) > maximumValueInCharacters ? undefined : value;
    if (!conditional || (ifEmpty === name && before === '')) this.#values.set(name, bounded);
    else if (ifEmpty === name && before !== undefined) return;
    else if (before !== bounded) this.#values.set(name, undefined);
  }
}
