import { UsageError } from '../../errors.ts';

/** Where a cloud is described. */
export interface CloudOrigin {
  /** The file, or `undefined` for the environment. */
  readonly file: string | undefined;
  readonly name: string;
}

/** A mistake in what describes a cloud: the file and the key, or the variable, and what is wrong with it. */
export function mistake({ file, name }: CloudOrigin, key: string, what: string): UsageError {
  return new UsageError(`${placeOf({ file, name }, key)}: ${what}`);
}

/** `clouds.yaml: clouds.lab.auth.password`, or `the environment: OS_PASSWORD`. */
export function placeOf({ file, name }: CloudOrigin, key: string): string {
  if (file === undefined) return `the environment: OS_${key.replace(/^auth\./, '').toUpperCase()}`;
  return `${file}: clouds.${name}.${key}`;
}
