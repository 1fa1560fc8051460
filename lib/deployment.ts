import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { architectureMeant, architectureNamed, architectures } from './arch.ts';
import { UsageError, describeError } from './errors.ts';
import { didYouMean } from './suggest.ts';

/**
 * deployment.yaml: where to look, and only what is expected beyond what the deployment itself says.
 * A location is a path (relative to the file), `ssh://[user@]host[:port]/path` or `tftp://host[:port]/`.
 */
const location = z.string().min(1);

const architecture = z.string().superRefine((name, context) => {
  if (architectureNamed(name) !== undefined) return;
  const meant = architectureMeant(name)?.name;
  const names = architectures.map((known) => known.name);
  const hint = meant === undefined ? didYouMean(name, names) : `; did you mean "${meant}"?`;
  context.addIssue({
    code: 'custom',
    message: `${JSON.stringify(name)} is no architecture that is known here${hint}`,
  });
});

const cloud = z
  .strictObject({
    auth_url: z.url({ protocol: /^https?$/ }),
    username: z.string().min(1),
    user_domain: z.string().default('Default'),
    /** The environment variable that holds the password; the file itself never does. */
    password_env: z.string().regex(/^[A-Za-z_]\w*$/, 'the name of an environment variable'),
    project: z.string().optional(),
    project_domain: z.string().default('Default'),
    system_scope: z.literal('all').optional(),
    region: z.string().optional(),
    interface: z.enum(['public', 'internal', 'admin']).default('public'),
    cacert: z.string().optional(),
  })
  .refine((given) => (given.project === undefined) !== (given.system_scope === undefined), {
    message: 'either project or system_scope is needed, and not both',
  });

const deploymentShape = z
  .strictObject({
    name: z.string().min(1),
    /** Ironic's release, such as 2025.1; found from the API's version when absent. */
    release: z.string().optional(),
    /** Architectures that must be ready, also where no node of them is enrolled yet. */
    architectures: z.array(architecture).default([]),
    cloud: cloud.optional(),
    ssh: z
      .strictObject({
        user: z.string().optional(),
        identity: z.string().optional(),
        known_hosts: z.string().optional(),
      })
      .default({}),
    /** Recorded answers of the APIs, in place of a cloud. */
    nodes: location.optional(),
    ports: location.optional(),
    images: location.optional(),
    conductors: z
      .array(
        z.strictObject({
          name: z.string().min(1),
          /** ironic.conf and what follows it, in the order in which oslo.config reads them. */
          config: z.array(location).min(1),
          /** The service's `OS_<GROUP>__<OPTION>` environment, which overrides the files. */
          environment: z.record(z.string(), z.string()).default({}),
          /** The TFTP server that nodes are sent to, or a copy of its root. */
          tftp: location.optional(),
        }),
      )
      .min(1),
    user_images: z
      .array(
        z.strictObject({
          /** Glance name or id. */
          image: z.string().min(1),
          architecture,
          /** os-release ID, such as ubuntu or rocky. */
          os: z.string().optional(),
          /** The datasource that must serve the node, such as Ec2 or ConfigDrive. */
          datasource: z.string().optional(),
        }),
      )
      .default([]),
  })
  .superRefine((given, context) => {
    const say = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    for (const name of ['nodes', 'images'] as const) {
      if (given.cloud === undefined && given[name] === undefined) {
        say(name, `missing: without a cloud, recorded ${name} are needed`);
      }
      if (given.cloud !== undefined && given[name] !== undefined) {
        say(name, `both a cloud and recorded ${name} are given; keep one`);
      }
    }
    const names = given.conductors.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) say('conductors', `two conductors are called ${JSON.stringify(twice)}`);
  });

export type Deployment = z.infer<typeof deploymentShape> & {
  /** The folder that relative paths start from. */
  readonly folder: string;
};

export type UserImageExpectation = Deployment['user_images'][number];

/** @throws UsageError with file, line and column of everything that is wrong with it */
export async function readDeployment(path: string): Promise<Deployment> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UsageError(`${path}: cannot be read: ${describeError(error)}`, { cause: error });
  });
  return parseDeployment(text, path);
}

/** @throws UsageError with file, line and column of everything that is wrong with it */
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
    else if (shape instanceof z.ZodObject) shape = (shape.shape as Record<PropertyKey, unknown>)[part];
  }
  shape = unwrap(shape);
  return shape instanceof z.ZodObject ? Object.keys(shape.shape) : [];
}

function unwrap(shape: unknown): unknown {
  let inner = shape;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodOptional) inner = inner.unwrap();
  return inner;
}
