import { AssayError, FormatError, MissingError } from './errors.ts';
import type { World } from './world.ts';

/**
 * What a source's bytes mean. A fact is computed at most once for each input (an object by identity, a string
 * by value) and shared by every check that asks.
 */
export interface Fact<Input, Value> {
  readonly name: string;
  compute(input: Input, use: Use): Promise<Value>;
}

/** Asks for a fact; and the way to the world for those who compute one. */
export interface Use {
  <Input, Value>(fact: Fact<Input, Value>, input: Input): Promise<Value>;
  readonly world: World;
}

export function fact<Input, Value>(
  name: string,
  compute: (input: Input, use: Use) => Promise<Value>,
): Fact<Input, Value> {
  return { name, compute };
}

/** A store of facts over one world, for one run. */
export function factStore(world: World): Use {
  const known = new Map<unknown, Map<unknown, Promise<unknown>>>();
  function ask<Input, Value>(wanted: Fact<Input, Value>, input: Input): Promise<Value> {
    let values = known.get(wanted);
    if (values === undefined) known.set(wanted, (values = new Map()));
    let value = values.get(input);
    if (value === undefined) {
      value = wanted.compute(input, use);
      // A failed fact is reported by those who ask; it must not also end the process.
      value.catch(() => {});
      values.set(input, value);
    }
    return value as Promise<Value>;
  }
  const use: Use = Object.assign(ask, { world });
  return use;
}

/** A fact that may be impossible because of the bytes themselves: damaged, of another kind, or not there. */
export type Outcome<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problem: string; readonly missing: boolean };

const outcomes = new WeakMap<object, unknown>();

/**
 * The fact as data, for the check whose very question is whether it can be had. What could not be reached
 * still rejects, since that says nothing of the subject.
 */
export function outcomeOf<Input, Value>(wanted: Fact<Input, Value>): Fact<Input, Outcome<Value>> {
  const existing = outcomes.get(wanted) as Fact<Input, Outcome<Value>> | undefined;
  if (existing !== undefined) return existing;
  const made = fact<Input, Outcome<Value>>(`outcome of ${wanted.name}`, async (input, use) => {
    try {
      return { ok: true, value: await use(wanted, input) };
    } catch (error) {
      if (error instanceof FormatError || error instanceof MissingError) {
        return { ok: false, problem: error.message, missing: error instanceof MissingError };
      }
      throw error;
    }
  });
  outcomes.set(wanted, made);
  return made;
}

/** Whether an error says that a fact could not be had, rather than that the program is wrong. */
export function isExpected(error: unknown): error is AssayError {
  return error instanceof AssayError;
}
