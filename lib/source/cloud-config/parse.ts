import { UsageError } from '../../errors.ts';
import { readPyYaml } from '../../guest/cloud-init/pyyaml.ts';
import type { ConfigNode } from '../../guest/cloud-init/value.ts';
import { type Settings, type Value, kindOf } from './settings.ts';

/**
 * Reads clouds.yaml or secure.yaml, with the types that PyYAML gives (`yes` is true, 010 is 8), or JSON. An empty
 * file is an empty mapping.
 * @throws UsageError with the place and nothing of the text, which may be a password
 */
export function parseSettings(text: string, path: string): Settings {
  const value = path.endsWith('json') ? jsonValue(text, path) : yamlValue(text, path);
  if (value === null) return new Map();
  if (!(value instanceof Map)) {
    throw new UsageError(`${path}: ${kindOf(value)}, where a mapping with the key "clouds" is expected`);
  }
  return value as Settings;
}

function yamlValue(text: string, path: string): Value {
  let node: ConfigNode | undefined;
  try {
    node = readPyYaml(text, path);
  } catch (error) {
    // What the parser says may quote the line that it stumbled over.
    const said = String(error);
    const place = /at line (\d+)/.exec(said)?.[1] ?? /:(\d+): /.exec(said.replace(path, ''))?.[1];
    const where = place === undefined ? path : `${path}:${place}`;
    throw new UsageError(
      `${where}: cannot be read as YAML; text with special characters has to be in quotes`,
    );
  }
  return node === undefined ? null : valueOf(node);
}

function valueOf(node: ConfigNode): Value {
  if (node.kind === 'list') return node.items.map(valueOf);
  if (node.kind === 'scalar') {
    if (typeof node.value !== 'number') return node.value;
    return node.type === 'float' ? pythonFloat(node.value) : String(node.value);
  }
  const pairs = [...node.entries].map(([key, value]) => {
    if (typeof key === 'string') return [key, valueOf(value)] as const;
    const { file, line } = value.origin;
    throw new UsageError(`${file}:${line}: a key that is no text: put it in quotes`);
  });
  return new Map(pairs);
}

/** As Python's str() of a float. */
function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return String(value).replace('Infinity', 'inf').replace('NaN', 'nan');
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e16 || size < 1e-4)) {
    return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function jsonValue(text: string, path: string): Value {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new UsageError(`${path}: cannot be read as JSON`);
  }
  return fromJson(parsed, path, 0);
}

function fromJson(value: unknown, path: string, depth: number): Value {
  if (depth > 64) throw new UsageError(`${path}: nested deeper than 64 levels`);
  if (typeof value === 'number') {
    if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
      throw new UsageError(`${path}: a number of more than 15 digits: put it in quotes`);
    }
    return Number.isInteger(value) ? String(value) : pythonFloat(value);
  }
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => fromJson(item, path, depth + 1));
  const pairs = Object.entries(value ?? {}).map(
    ([key, item]) => [key, fromJson(item, path, depth + 1)] as const,
  );
  return new Map(pairs);
}
