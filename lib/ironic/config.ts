import { parseIni, type IniAssignment, type IniError, type IniFile } from './ini.ts';
import { Interpolation, type Expansion } from './interpolation.ts';
import { parseOption, type OptionType, type OptionValue } from './option-types.ts';
import { optionOf, type Option } from './options.ts';
import { newestRelease, type Release } from './release.ts';

/** One place where an option is set. */
export interface Occurrence {
  /** The file, or the environment variable. */
  readonly origin: string;
  readonly from: 'file' | 'environment';
  /** The section as written, and the name as written: a deprecated one counts too. */
  readonly section: string;
  readonly name: string;
  readonly raw: string;
  /** From 1; absent for the environment. */
  readonly line?: number;
}

/** The setting that wins, with everything it won over. */
export interface Setting extends Occurrence {
  /** With `$names` replaced; as written where `problem` says that they cannot be. */
  readonly value: string;
  /** Why oslo.config cannot interpolate the value, in its words. */
  readonly problem?: string;
  /** Names left as text since their values are known on the conductor's machine only. */
  readonly unresolved: readonly string[];
  /** Every place that sets the option, the weakest first and the winner last. */
  readonly all: readonly Occurrence[];
}

/** What Ironic gets when it reads an option: a value (undefined is None), or the reason why it raises. */
export type Reading<T> =
  | {
      readonly ok: true;
      readonly value: T;
      /** Undefined when the value is the default. */
      readonly setting: Setting | undefined;
      readonly unresolved: readonly string[];
    }
  | { readonly ok: false; readonly problem: string; readonly setting: Setting | undefined };

type Assigned = ReadonlyMap<string, readonly IniAssignment[]>;

export interface ConfigText {
  readonly text: string;
  /** The path of the file, for a person. */
  readonly origin: string;
}

/**
 * Ironic's configuration as one conductor sees it: its files in the order in which oslo.config loads them, and the
 * environment of its service. Reading an option is lazy as in oslo.config: a bad value harms whoever reads it, when
 * they do.
 * Source: oslo_config/cfg.py (_Namespace._get_file_value, ConfigOpts._do_get), sources/_environment.py.
 */
export class IronicConfig {
  readonly files: readonly IniFile[];
  readonly environment: Readonly<Record<string, string>>;
  readonly release: Release;
  readonly #interpolation: Interpolation;
  /** Of each file, what it assigns by key: a file of 4 MB is asked for every option. */
  readonly #assigned: readonly { readonly origin: string; readonly byKey: Assigned }[];

  constructor(files: readonly IniFile[], environment: Readonly<Record<string, string>>, release: Release) {
    this.files = files;
    this.#assigned = files.map(({ origin, assignments }) => ({
      origin,
      byKey: Map.groupBy(assignments, ({ key }) => key),
    }));
    this.environment = environment;
    this.release = release;
    this.#interpolation = new Interpolation(
      release,
      (group, name) => this.#winner(group, name)?.raw,
      (option, text) => parseOption(this.#typeOf(option), text),
    );
  }

  /** The files that oslo.config refuses, each with the first reason: the service does not start with one. */
  get refused(): readonly { readonly origin: string; readonly error: IniError }[] {
    return this.files.flatMap(({ origin, errors: [error] }) =>
      error === undefined ? [] : [{ origin, error }],
    );
  }

  /** The setting that wins, of any option; undefined when nothing sets it. */
  find(group: string, name: string): Setting | undefined {
    const winner = this.#winner(group, name);
    if (winner === undefined) return undefined;
    const expansion = this.#interpolation.expand(group, name, winner.raw);
    return {
      ...winner,
      value: expansion.ok ? expansion.text : winner.raw,
      ...(expansion.ok ? {} : { problem: expansion.problem }),
      unresolved: expansion.ok ? expansion.unresolved : [],
      all: this.#occurrences(group, name),
    };
  }

  /** An option that is a text: a string, a URI, kernel parameters. */
  string(group: string, name: string): Reading<string | undefined> {
    return this.#read(group, name, ['string', 'uri', 'kernel parameters']);
  }

  boolean(group: string, name: string): Reading<boolean | undefined> {
    return this.#read(group, name, ['boolean']);
  }

  integer(group: string, name: string): Reading<number | undefined> {
    return this.#read(group, name, ['integer']);
  }

  list(group: string, name: string): Reading<readonly string[] | undefined> {
    return this.#read(group, name, ['list']);
  }

  dict(group: string, name: string): Reading<ReadonlyMap<string, string> | undefined> {
    return this.#read(group, name, ['dict']);
  }

  #read<T extends OptionValue>(
    group: string,
    name: string,
    kinds: readonly OptionType['kind'][],
  ): Reading<T> {
    const setting = this.find(group, name);
    const option = optionOf(group, name, this.release);
    if (option === undefined || !kinds.includes(option.type.kind)) {
      return { ok: false, problem: `no such ${kinds[0]} option ${name} in group [${group}]`, setting };
    }
    const expansion = setting === undefined ? this.#expandDefault(option) : asExpansion(setting);
    if (expansion === undefined) {
      const unresolved = option.defaultFromMachine === true ? [name] : [];
      return { ok: true, value: undefined as T, setting, unresolved };
    }
    if (!expansion.ok) return { ok: false, problem: expansion.problem, setting };
    const parsed = parseOption(this.#typeOf(option), expansion.text);
    if (!parsed.ok) return { ok: false, problem: parsed.problem, setting };
    return { ok: true, value: parsed.value as T, setting, unresolved: expansion.unresolved };
  }

  /** Kernel parameters are any text where Ironic is told not to parse them. */
  #typeOf({ type }: Option): OptionType {
    if (type.kind !== 'kernel parameters') return type;
    const disabled = this.boolean('conductor', 'disable_kernel_parameter_parsing');
    return disabled.ok && disabled.value === true ? { kind: 'string' } : type;
  }

  #expandDefault(option: Option): Expansion | undefined {
    if (option.default === undefined) return undefined;
    return this.#interpolation.expand(option.group, option.name, option.default);
  }

  #winner(group: string, name: string): Occurrence | undefined {
    return this.#fromEnvironment(group, name) ?? this.#fromFiles(group, name)[0];
  }

  #occurrences(group: string, name: string): readonly Occurrence[] {
    const environment = this.#fromEnvironment(group, name);
    return [
      ...this.#fromFiles(group, name).toReversed(),
      ...(environment === undefined ? [] : [environment]),
    ];
  }

  /** Only under its current name: the environment knows no deprecated ones. */
  #fromEnvironment(group: string, name: string): Occurrence | undefined {
    const variable = `OS_${group.toUpperCase()}__${name.toUpperCase()}`;
    const raw = Object.hasOwn(this.environment, variable) ? this.environment[variable] : undefined;
    if (raw === undefined) return undefined;
    return { origin: variable, from: 'environment', section: group, name, raw };
  }

  /**
   * The winner first. The last file that has any of the option's names wins; in it the current name before deprecated
   * ones, wherever they stand; of one name its last assignment.
   */
  #fromFiles(group: string, name: string): readonly Occurrence[] {
    const deprecated = optionOf(group, name, this.release)?.deprecatedNames ?? [];
    const names = [{ group, name }, ...deprecated.map((old) => ({ group, ...old }))];
    return this.#assigned.toReversed().flatMap(({ origin, byKey }) =>
      names.flatMap((wanted) =>
        (byKey.get(wanted.name) ?? [])
          .filter(({ section }) => normalisedSection(section) === wanted.group)
          .toReversed()
          .map(({ section, key, value, line }) => ({
            origin,
            from: 'file' as const,
            section,
            name: key,
            raw: value,
            line,
          })),
      ),
    );
  }
}

/** Sections are compared without case, except that `DEFAULT` is only itself: `[default]` is another one. */
export function normalisedSection(section: string): string {
  return section === 'DEFAULT' ? section : section.toLowerCase();
}

function asExpansion({ value, problem, unresolved }: Setting): Expansion {
  return problem === undefined ? { ok: true, text: value, unresolved } : { ok: false, problem };
}

/**
 * The configuration of one conductor.
 * @param files in the order in which oslo.config loads them: a later one wins
 * @param environment of the service: `OS_PXE__TFTP_ROOT` and the like win over every file
 * @param release decides defaults and which options exist
 * @throws LimitError when a file is too large to be a configuration
 */
export function ironicConfig(
  files: readonly ConfigText[],
  environment: Readonly<Record<string, string>> = {},
  release: Release = newestRelease,
): IronicConfig {
  return new IronicConfig(
    files.map(({ text, origin }) => parseIni(text, origin)),
    environment,
    release,
  );
}
