import type { Fault } from '../fixtures/simulated/fault.ts';
import { UsageError } from './errors.ts';
import type { Fact, Use } from './facts.ts';
import type { Subject, SubjectKind } from './subject.ts';

/** A *must* that does not hold keeps a node from booting or deploying; a *should* is a warning. */
export type Level = 'must' | 'should';

/** One thing seen, and where: a URL and offset, a file and line, an image, partition and path. */
export interface Evidence {
  readonly where: string;
  readonly what: string;
}

/** One way in which a subject is not as it must be. */
export interface Finding {
  /** The decisive value, as it is. */
  readonly actual: string;
  /** What it would have to be, and why it follows. */
  readonly expected: string;
  readonly evidence: readonly Evidence[];
  /** The remedy for this very finding, where it differs from the check's. */
  readonly fix?: string;
}

/** What a check says of one subject: findings (none: it holds), or why it has nothing to say. */
export type Judgement =
  | readonly Finding[]
  | { readonly notApplicable: string }
  | { readonly notVerified: string };

/** The facts a check asks for, each computed for its subject. */
export type Needs<S extends Subject> = Readonly<Record<string, Fact<S, unknown>>>;

export type Given<N> = { readonly [K in keyof N]: N[K] extends Fact<never, infer T> ? T : never };

/** A check as its subject's suite file writes it. */
export interface CheckDefinition<S extends Subject, N extends Needs<S>> {
  /** Lower-case words, unique in the suite; with the suite's name it is the check's id. */
  readonly id: string;
  /** What holds when the check passes, as a sentence. */
  readonly title: string;
  /** What an operator would see, on the node's console mostly, if this were ignored. */
  readonly why: string;
  readonly level: Level;
  /** Where the rule comes from: a section of the guide, a path in Ironic's source, a specification. */
  readonly ref: string;
  /** What it is judged for, once each. */
  readonly per: SubjectKind<S>;
  readonly facts: N;
  /** Pure: facts in, judgement out. It never fetches, formats or catches. */
  check(facts: Given<N>, subject: S): Judgement;
  /** The exact command or configuration to apply. */
  readonly fix: string | ((subject: S) => string);
  /** Mutations of the healthy simulated deployment that make this check fail; at least one. */
  readonly faults: readonly Fault[];
}

/** A registered check: its definition with the types of its subject and facts closed over. */
export interface Check {
  readonly id: string;
  readonly suite: string;
  readonly title: string;
  readonly why: string;
  readonly level: Level;
  readonly ref: string;
  readonly per: SubjectKind<Subject>;
  readonly faults: readonly Fault[];
  fix(subject: Subject): string;
  /** Computes the facts and judges. Rejects when a fact cannot be had. */
  judge(subject: Subject, use: Use): Promise<Judgement>;
}

/** One subject of the conformance specification: `suites/<name>.ts` exports one. */
export interface Suite {
  readonly name: string;
  readonly title: string;
  readonly checks: readonly Check[];
}

type Bound = (suite: string) => Check;

/** Writes down one check; see docs/adding-a-check.md. */
export function check<S extends Subject, const N extends Needs<S>>(definition: CheckDefinition<S, N>): Bound {
  return (suite) => {
    const id = `${suite}/${definition.id}`;
    if (definition.faults.length === 0) {
      throw new UsageError(
        `${id}: a check without a seeded fault cannot be shown to fail, and does not register`,
      );
    }
    const { title, why, level, ref, faults, fix } = definition;
    return {
      id,
      suite,
      title,
      why,
      level,
      ref,
      faults,
      per: definition.per,
      fix: (subject) => (typeof fix === 'string' ? fix : fix(subject as S)),
      async judge(subject, use) {
        const names = Object.keys(definition.facts) as (keyof N & string)[];
        const values = await Promise.all(
          names.map(async (name) => use(definition.facts[name] as Fact<S, unknown>, subject as S)),
        );
        const facts = Object.fromEntries(names.map((name, index) => [name, values[index]]));
        return definition.check(facts as Given<N>, subject as S);
      },
    };
  };
}

/** Collects the checks of one subject under its name. */
export function suite(name: string, title: string, checks: readonly Bound[]): Suite {
  const bound = checks.map((one) => one(name));
  const seen = new Set<string>();
  for (const { id } of bound) {
    if (seen.has(id)) throw new UsageError(`${id}: two checks have this id`);
    seen.add(id);
  }
  return { name, title, checks: bound };
}

/** One finding. */
export function finding(
  actual: string,
  expected: string,
  evidence: readonly Evidence[] = [],
  fix?: string,
): Finding {
  return { actual, expected, evidence, ...(fix !== undefined && { fix }) };
}

/** No findings when the condition holds, else the one given. */
export function unless(holds: boolean, otherwise: () => Finding): readonly Finding[] {
  return holds ? [] : [otherwise()];
}
