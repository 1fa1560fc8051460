import { readFile, stat } from 'node:fs/promises';
import { type Document, LineCounter, type ScalarTag, isMap, isScalar, parseDocument } from 'yaml';
import { AccessError, LimitError, MissingError, UsageError, describeError } from '../errors.ts';
import { VaultValue } from './inventory.ts';

/** Bounds a file that people write. */
const maximumFileInBytes = 1024 * 1024;
/** Bounds one that a program writes: OpenStack-Ansible's inventory of 300 hosts is some 2 MB. */
const maximumJsonInBytes = 32 * 1024 * 1024;

/** @throws AccessError for what cannot be read, MissingError, LimitError, UsageError for what is no text */
export async function readDeployerFile(path: string): Promise<string> {
  const refuse = (error: unknown): never => {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const message = `${path}: cannot be read: ${describeError(error)}`;
    throw isMissing
      ? new MissingError(message, { cause: error })
      : new AccessError(message, { cause: error });
  };
  const status = await stat(path).catch(refuse);
  if (!status.isFile()) throw new UsageError(`${path}: no file, where one is expected`);
  const limit = path.endsWith('.json') ? maximumJsonInBytes : maximumFileInBytes;
  if (status.size > limit)
    throw new LimitError(`${path}: ${status.size} bytes, more than the ${limit} that are read`);
  const bytes = await readFile(path).catch(refuse);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UsageError(`${path}: not in UTF-8`, { cause: error });
  }
}

/** A whole file that `ansible-vault encrypt` made. */
export function isVaultText(text: string): boolean {
  return text.startsWith('$ANSIBLE_VAULT;');
}

/** One `key: value` of a mapping, with where the key stands; the same key may come twice. */
export interface YamlPair {
  readonly key: string;
  readonly where: string;
  readonly value: unknown;
}

/** A file in YAML as Ansible reads it. */
export interface YamlFile {
  /** Its value, where of keys that come twice the last counts. */
  readonly value: unknown;
  /** What stands at its top, in order. */
  readonly pairs: readonly YamlPair[];
}

/**
 * Reads YAML 1.1, as PyYAML does: of keys that come twice the last counts, `yes` is true, and `!vault` is a secret.
 * Source: ansible/parsing/yaml/constructor.py
 * @throws UsageError with file, line and column
 */
export function parseYamlFile(text: string, path: string): YamlFile {
  const lines = new LineCounter();
  const where = (offset: number) => `${path}:${Math.max(lines.linePos(offset).line, 1)}`;
  const secret = (tag: string): ScalarTag => ({
    tag,
    resolve: () => new VaultValue(path),
  });
  const document = within(path, (): Document.Parsed =>
    parseDocument(text, {
      version: '1.1',
      lineCounter: lines,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'silent',
      customTags: (tags) => [
        ...tags,
        secret('!vault'),
        secret('!vault-encrypted'),
        { tag: '!unsafe', resolve: (unsafe: string) => unsafe },
      ],
    }),
  );
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    // The parser takes its own end of the stack for a mistake in the text.
    const message = /call stack/i.test(error.message) ? 'values too deep in one another' : error.message;
    throw new UsageError(`${path}:${Math.max(line, 1)}:${Math.max(col, 1)}: ${message}`);
  }
  const value = plain(document, document, path);
  const { contents } = document;
  if (!isMap(contents)) return { value, pairs: [] };
  const pairs = contents.items.flatMap(({ key, value: held }): YamlPair[] => {
    if (!isScalar(key)) return [];
    const name = String(key.value);
    return [{ key: name, where: where(key.range?.[0] ?? 0), value: plain(held, document, path) }];
  });
  return { value, pairs };
}

function plain(node: unknown, document: Document.Parsed, path: string): unknown {
  if (node === null || typeof node !== 'object' || !('toJS' in node) || typeof node.toJS !== 'function')
    return node;
  const to = node.toJS.bind(node) as (...args: unknown[]) => unknown;
  return within(path, () =>
    node === document ? to({ maxAliasCount: 100 }) : to(document, { maxAliasCount: 100 }),
  );
}

/** Does what ends with an error of JavaScript's own where values stand too deep in one another, or aliases grow. */
function within<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new LimitError(`${path}: more than is read of YAML: ${describeError(error)}`, { cause: error });
  }
}

/** Whether a value is a mapping. */
export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof VaultValue)
  );
}

/** A value that Jinja makes something else of: it is not known before Ansible runs. */
export function isTemplate(value: unknown): boolean {
  return typeof value === 'string' && /\{\{|\{%/.test(value);
}
