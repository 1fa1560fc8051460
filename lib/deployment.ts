import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { deploymentShape } from './deployment-shape.ts';
import { UsageError } from './errors.ts';
import { didYouMean } from './suggest.ts';

export type Deployment = z.infer<typeof deploymentShape> & {
  /** The folder that relative paths start from. */
  readonly folder: string;
};

export type UserImageExpectation = Deployment['user_images'][number];

/**
 * What deployment.yaml says itself.
 * @throws UsageError with file, line and column of everything that is wrong with it
 */
export function parseDeployment(text: string, path: string): Deployment {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const where = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0);
    return `${path}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  if (document.errors.length > 0) {
    throw new UsageError(
      document.errors.map(({ pos, message }) => `${where(pos[0])}: ${message}`).join('\n'),
    );
  }
  const parsed = deploymentShape.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (parsed.success) return { ...parsed.data, folder: dirname(resolve(path)) };
  const problems = parsed.error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') {
      return [`${where(offsetOf(document, issue.path))}: ${describePath(issue.path)}${describeIssue(issue)}`];
    }
    return issue.keys.map((key) => {
      const at = offsetOf(document, [...issue.path, key], true);
      return `${where(at)}: unknown key ${JSON.stringify(key)}${didYouMean(key, keysAt(issue.path))}`;
    });
  });
  throw new UsageError(problems.join('\n'));
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message;
  return issue.message.endsWith('received undefined') ? `missing, ${issue.expected} expected` : issue.message;
}

function describePath(path: readonly PropertyKey[]): string {
  return path.length === 0 ? '' : `${path.map(String).join('.')}: `;
}

/** The offset of the node at a path, or of the nearest one above it that exists. */
function offsetOf(
  document: ReturnType<typeof parseDocument>,
  path: readonly PropertyKey[],
  ofKey = false,
): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const parent = length === 0 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (ofKey && length === path.length && hasItems(parent)) {
      const pair = parent.items.find(({ key }) => key?.value === last);
      if (pair?.key?.range) return pair.key.range[0];
    }
    const node = length === 0 ? parent : document.getIn(path.slice(0, length), true);
    if (hasRange(node)) return node.range[0];
  }
  return undefined;
}

function hasRange(node: unknown): node is { range: [number, number, number] } {
  return typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range);
}

interface KeyedPair {
  key?: { value?: unknown; range?: [number, number, number] };
}

function hasItems(node: unknown): node is { items: KeyedPair[] } {
  return typeof node === 'object' && node !== null && 'items' in node && Array.isArray(node.items);
}

/** The keys that the schema has at a path. */
function keysAt(path: readonly PropertyKey[]): string[] {
  let shape: unknown = deploymentShape;
  for (const part of path) {
    shape = unwrap(shape);
    if (shape instanceof z.ZodArray) shape = shape.element;
    else if (shape instanceof z.ZodRecord) shape = shape.valueType;
    else if (shape instanceof z.ZodObject) shape = (shape.shape as Record<PropertyKey, unknown>)[part];
  }
  shape = unwrap(shape);
  return shape instanceof z.ZodObject ? Object.keys(shape.shape) : [];
}

function unwrap(shape: unknown): unknown {
  let inner = shape;
  while (true) {
    if (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional) inner = inner.unwrap();
    else if (inner instanceof z.ZodPipe) inner = inner.out;
    else return inner;
  }
}
