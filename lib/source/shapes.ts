import { FormatError } from '../errors.ts';
import type { ConductorRecord, NodeRecord, PortRecord } from '../ironic/records.ts';
import type { ImageRecord } from './source.ts';

/*
 * The least that an answer of Ironic or Glance must have to be one. Other fields are kept as received.
 * By hand: a validation library would take longer to load than everything it checks.
 */

type Kind = 'string' | 'boolean' | 'number' | 'object';

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @throws FormatError naming the place and the field */
export function nodeRecord(value: unknown, where: string): NodeRecord {
  const node = need(value, where);
  check(node, where, { uuid: 'string', driver: 'string', maintenance: 'boolean' });
  check(node, where, { name: 'string', provision_state: 'string', parent_node: 'string' }, true);
  // Where the policy hides a field, a sentence may stand in place of the object.
  const objects = Object.fromEntries(
    ['properties', 'driver_info', 'instance_info'].map((field) => {
      const found = node[field];
      if (typeof found === 'string') return [field, { content: found }];
      check(node, where, { [field]: 'object' });
      return [field, found];
    }),
  );
  return { name: null, provision_state: null, ...node, ...objects } as unknown as NodeRecord;
}

/** @throws FormatError naming the place and the field */
export function portRecord(value: unknown, where: string): PortRecord {
  const port = need(value, where);
  check(port, where, { uuid: 'string', address: 'string', node_uuid: 'string', pxe_enabled: 'boolean' });
  return port as unknown as PortRecord;
}

/** @throws FormatError naming the place and the field */
export function conductorRecord(value: unknown, where: string): ConductorRecord {
  const conductor = need(value, where);
  check(conductor, where, { hostname: 'string', alive: 'boolean' });
  check(conductor, where, { conductor_group: 'string' }, true);
  return { conductor_group: '', ...conductor } as unknown as ConductorRecord;
}

/** @throws FormatError naming the place and the field */
export function imageRecord(value: unknown, where: string): ImageRecord {
  const image = need(value, where);
  check(image, where, { id: 'string', status: 'string' });
  check(image, where, { name: 'string', disk_format: 'string', container_format: 'string' }, true);
  check(image, where, { size: 'number' }, true);
  const { size } = image;
  if (typeof size === 'number' && (!Number.isSafeInteger(size) || size < 0)) {
    throw new FormatError(`${where}.size: impossible: ${size}`);
  }
  const absent = { name: null, disk_format: null, container_format: null, size: null };
  return { ...absent, ...image } as unknown as ImageRecord;
}

/** The list that an answer holds under a key. @throws FormatError */
export function listIn(json: unknown, key: string, where: string): readonly unknown[] {
  const list = isRecord(json) ? json[key] : undefined;
  if (!Array.isArray(list)) throw new FormatError(`${where}: no list "${key}", but ${kindOf(list ?? json)}`);
  return list;
}

function need(value: unknown, where: string): Record<string, unknown> {
  if (!isRecord(value)) throw new FormatError(`${where}: ${kindOf(value)}, where an object is expected`);
  return value;
}

function check(
  record: Record<string, unknown>,
  where: string,
  fields: Readonly<Record<string, Kind>>,
  mayBeAbsent = false,
): void {
  for (const [field, kind] of Object.entries(fields)) {
    const value = record[field];
    if (mayBeAbsent && (value === undefined || value === null)) continue;
    const isRight = kind === 'object' ? isRecord(value) : typeof value === kind;
    if (!isRight)
      throw new FormatError(
        `${where}.${field}: ${kindOf(value)}, where ${kind === 'object' ? 'an' : 'a'} ${kind} is expected`,
      );
  }
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}
