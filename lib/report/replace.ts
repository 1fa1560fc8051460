import { rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UsageError, describeError } from '../errors.ts';

/**
 * Writes a file so that it is there whole or not at all. When its content cannot be made or written, an
 * earlier file of its name goes too: it would read as what this run has to say.
 * @returns the path
 * @throws UsageError when it cannot be written; whatever `render` throws
 */
export async function replaceFile(path: string, render: () => Promise<string>): Promise<string> {
  const draft = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const content = await render();
    await orRefuse(path, writeFile(draft, content));
    await orRefuse(path, rename(draft, path));
    return path;
  } catch (error) {
    await Promise.allSettled([rm(draft, { force: true }), rm(path, { force: true })]);
    throw error;
  }
}

/** Turns what the file system refuses into an error that names the path. */
export async function orRefuse(path: string, action: Promise<unknown>): Promise<void> {
  try {
    await action;
  } catch (error) {
    throw new UsageError(`${path}: the report cannot be written: ${describeError(error)}`, { cause: error });
  }
}
