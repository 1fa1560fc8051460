/**
 * The ways in which looking at a deployment can fail. Each says what it means for the verdict:
 * `UsageError` ends the run (exit code 2); the others make what depends on them *not verified*,
 * unless the check's own question is whether the thing can be had or read.
 *
 * A message names the thing, the decisive value and, where there is one, the cause; never a secret.
 */
export abstract class AssayError extends Error {
  abstract readonly code: string;
}

/** The run cannot start or go on: a wrong option, an unusable deployment.yaml. Exit code 2. */
export class UsageError extends AssayError {
  override readonly name = 'UsageError';
  readonly code = 'usage';
}

/** Something could not be reached or was refused: host, port, permission, token. */
export class AccessError extends AssayError {
  override readonly name = 'AccessError';
  readonly code = 'access';
}

/** What was asked for is not there: no such file, image or node. */
export class MissingError extends AssayError {
  override readonly name = 'MissingError';
  readonly code = 'missing';
}

/** Bytes that do not have the format they are read as: damaged, truncated or of another kind. */
export class FormatError extends AssayError {
  override readonly name = 'FormatError';
  readonly code: string = 'format';
}

/** A known format with a feature that is recognised and not read, named in the message. */
export class UnsupportedError extends AssayError {
  override readonly name = 'UnsupportedError';
  readonly code = 'unsupported';
}

/** Input asked for more than a stated bound: bytes, entries, depth or time. */
export class LimitError extends FormatError {
  override readonly code = 'limit';
}

/** The message of anything thrown, with its causes, on one line. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 5; depth++) {
    const text = at instanceof Error ? at.message || at.name : inspected(at);
    if (text !== '' && !parts.some((part) => part.includes(text))) parts.push(text);
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join(': ').replaceAll(/\s+/g, ' ').trim();
}

/** Imported, `node:util` takes a tenth of the time in which an image is inspected, for what is hardly ever thrown. */
function inspected(value: unknown): string {
  return process.getBuiltinModule('node:util').inspect(value);
}
