import { AssayError } from '../errors.ts';

/**
 * Something that was looked for: what it is, that it is not there, or why it could not be read. In JSON each is an
 * object with this one key.
 */
export type Read<Value> =
  | { readonly value: Value }
  /** What is not there: `no /etc/os-release`. */
  | { readonly absent: string }
  /** The message of the error. */
  | { readonly notRead: string };

/**
 * Reads a part, so that one that cannot be read does not take the others with it.
 * @param absent what to say when it is not there (undefined)
 * @throws what is no AssayError: a fault of this program
 */
export async function attempt<Value>(
  read: () => Promise<Value | undefined>,
  absent = 'none',
): Promise<Read<Value>> {
  try {
    const value = await read();
    return value === undefined ? { absent } : { value };
  } catch (error) {
    if (error instanceof AssayError) return { notRead: error.message };
    throw error;
  }
}

/** The value where there is one. */
export function valueOf<Value>(read: Read<Value> | undefined): Value | undefined {
  return read !== undefined && 'value' in read ? read.value : undefined;
}

/** The keys under which anything inspected tells that it is damaged, or refused in part. */
const troubles = new Set(['notRead', 'damage', 'problems']);

/** Whether something was read in full and found sound: nothing at any depth under one of those keys. */
export function isWhole(data: unknown): boolean {
  if (typeof data !== 'object' || data === null) return true;
  return Object.entries(data).every(([key, value]: [string, unknown]) => {
    if (troubles.has(key)) return Array.isArray(value) && value.length === 0;
    return isWhole(value);
  });
}
