import { type Blob, checkRange } from '../blob/blob.ts';
import { FormatError, LimitError, MissingError, UnsupportedError } from '../errors.ts';
import { type PhysicalVolume, readMetadataText, readPhysicalVolume } from './lvm-layout.ts';
import { type LvmSection, parseLvmText } from './lvm-text.ts';

// LVM2: volume groups over one or several partitions. The text is described by example in lvm2's
// lib/format_text/import_vsn1.c and in vgcfgbackup(8).

const sectorInBytes = 512;
/** Far more than LVM makes of a disk: each costs some memory. */
const maximumSegments = 100_000;
const maximumStripes = 128;
const maximumPhysicalVolumes = 1024;
const maximumExtentInBytes = 2 ** 44;

export interface LogicalVolume {
  readonly name: string;
  readonly sizeInBytes: number;
  /**
   * What it holds. Of a kind that is not read (thin, raid, cache, mirror, snapshot…) every read throws
   * UnsupportedError with the kind's name; where a physical volume is not there, MissingError with its UUID.
   */
  readonly blob: Blob;
}

export interface VolumeGroup {
  readonly name: string;
  /** As LVM prints it. */
  readonly uuid: string;
  /** Those that a user sees, in the order of the metadata. */
  readonly logicalVolumes: readonly LogicalVolume[];
}

/** Where some extents of a logical volume are: in `areas`, turn by turn. */
interface Segment {
  readonly startInBytes: number;
  readonly sizeInBytes: number;
  readonly stripeInBytes: number;
  readonly areas: readonly { readonly blob: Blob; readonly offset: number }[];
}

/**
 * The volume groups that partitions hold together, with linear and striped logical volumes read across them.
 * Where copies of the metadata differ the newest counts; a damaged copy does not matter while there is another.
 * @throws FormatError for a partition without a label, two with the same UUID, and metadata that makes no sense
 */
export async function readLvm(partitions: readonly Blob[]): Promise<VolumeGroup[]> {
  const physical = new Map<string, PhysicalVolume>();
  for (const blob of partitions) {
    const volume = await readPhysicalVolume(blob);
    const other = physical.get(volume.uuid);
    if (other !== undefined) {
      throw new FormatError(
        `${blob.origin}: the physical volume ${hyphenated(volume.uuid)}, as ${other.blob.origin} is`,
      );
    }
    physical.set(volume.uuid, volume);
  }
  const newest = new Map<string, Found>();
  const damages: { volume: PhysicalVolume; error: unknown }[] = [];
  for (const volume of physical.values()) {
    for (const area of volume.metadataAreas) {
      try {
        const text = await readMetadataText(volume, area);
        if (text === undefined) continue;
        const found = groupOf(text, `${volume.blob.origin}: LVM2 metadata`, volume.blob.origin, physical);
        if (found.seqno > (newest.get(found.group.uuid)?.seqno ?? -1)) newest.set(found.group.uuid, found);
      } catch (error) {
        damages.push({ volume, error });
      }
    }
  }
  const members = new Set([...newest.values()].flatMap(({ members }) => members));
  for (const { volume, error } of damages) if (!members.has(volume.uuid)) throw error;
  return [...newest.values()].map(({ group }) => group);
}

interface Found {
  readonly group: VolumeGroup;
  readonly seqno: number;
  /** The UUIDs of its physical volumes. */
  readonly members: readonly string[];
}

/** A physical volume as the text has it: perhaps there, and the extents that it gives. */
interface Member {
  readonly uuid: string;
  readonly blob: Blob | undefined;
  readonly startInBytes: number;
  readonly extents: number;
}

interface Context {
  /** For messages. */
  readonly what: string;
  readonly extentInBytes: number;
  readonly members: ReadonlyMap<string, Member>;
}

function groupOf(
  text: string,
  what: string,
  origin: string,
  physical: ReadonlyMap<string, PhysicalVolume>,
): Found {
  const [[name, group] = [], ...others] = parseLvmText(text, what).sections;
  if (name === undefined || group === undefined || others.length > 0)
    throw new FormatError(`${what}: ${others.length + (group === undefined ? 0 : 1)} volume groups`);
  const members = new Map<string, Member>();
  for (const [key, section] of group.sections.get('physical_volumes')?.sections ?? []) {
    const uuid = textAt(section, 'id', `${what}: ${key}`).replaceAll('-', '');
    members.set(key, {
      uuid,
      blob: physical.get(uuid)?.blob,
      startInBytes: integerAt(section, 'pe_start', `${what}: ${key}`) * sectorInBytes,
      extents: integerAt(section, 'pe_count', `${what}: ${key}`),
    });
  }
  if (members.size > maximumPhysicalVolumes)
    throw new LimitError(`${what}: ${members.size} physical volumes, more than ${maximumPhysicalVolumes}`);
  const extentInBytes = integerAt(group, 'extent_size', what) * sectorInBytes;
  if (extentInBytes === 0 || extentInBytes > maximumExtentInBytes)
    throw new FormatError(`${what}: extent_size ${extentInBytes / sectorInBytes} sectors`);
  const volumes = group.sections.get('logical_volumes')?.sections ?? new Map<string, LvmSection>();
  const snapshots = snapshotsOf(volumes);
  const logicalVolumes: LogicalVolume[] = [];
  for (const [key, section] of volumes) {
    // Parts of others are not, but for a snapshot, which LVM shows in spite of that.
    if (!textsAt(section, 'status').includes('VISIBLE') && !snapshots.has(key)) continue;
    const context = { what: `${what}: ${name}/${key}`, extentInBytes, members };
    const volumeOrigin = `${origin} › ${name}/${key}`;
    logicalVolumes.push({ name: key, ...volumeOf(section, context, volumeOrigin, snapshots.get(key)) });
  }
  return {
    group: { name, uuid: hyphenated(textAt(group, 'id', what).replaceAll('-', '')), logicalVolumes },
    seqno: integerAt(group, 'seqno', what),
    members: [...members.values()].map(({ uuid }) => uuid),
  };
}

/** Logical volumes whose own extents are not what they show: a snapshot's hold what differs, or will be merged. */
function snapshotsOf(volumes: ReadonlyMap<string, LvmSection>): Map<string, string> {
  const found = new Map<string, string>();
  for (const { sections } of volumes.values()) {
    for (const { values } of sections.values()) {
      if (values.get('type') !== 'snapshot') continue;
      const [origin, snapshot] = [values.get('origin'), values.get('cow_store')];
      const merging = values.get('merging_store');
      if (typeof snapshot === 'string') found.set(snapshot, 'a snapshot');
      if (typeof merging === 'string') found.set(merging, 'a snapshot');
      if (typeof merging === 'string' && typeof origin === 'string')
        found.set(origin, 'being merged with a snapshot');
    }
  }
  return found;
}

function volumeOf(
  section: LvmSection,
  context: Context,
  origin: string,
  snapshot: string | undefined,
): { sizeInBytes: number; blob: Blob } {
  const { what, extentInBytes } = context;
  const count = integerAt(section, 'segment_count', what);
  if (count > maximumSegments)
    throw new LimitError(`${what}: ${count} segments, more than ${maximumSegments}`);
  const segments: Segment[] = [];
  let refusal: Error | undefined =
    snapshot === undefined ? undefined : new UnsupportedError(`${origin}: ${snapshot}, which is not read`);
  let extents = 0;
  for (let index = 1; index <= count; index++) {
    const segment = section.sections.get(`segment${index}`);
    if (segment === undefined) throw new FormatError(`${what}: no segment${index} of ${count}`);
    const start = integerAt(segment, 'start_extent', what);
    if (start !== extents)
      throw new FormatError(`${what}: segment${index} begins at extent ${start}, not ${extents}`);
    const made = segmentOf(segment, context, origin, start * extentInBytes);
    if (made instanceof Error) refusal ??= made;
    else segments.push(made);
    extents += integerAt(segment, 'extent_count', what);
  }
  const sizeInBytes = extents * extentInBytes;
  if (!Number.isSafeInteger(sizeInBytes)) throw new FormatError(`${what}: ${extents} extents`);
  return { sizeInBytes, blob: segmentsBlob(origin, sizeInBytes, segments, refusal) };
}

/** @returns why what it holds cannot be read, where the metadata itself is in order */
function segmentOf(segment: LvmSection, context: Context, origin: string, startInBytes: number) {
  const { what, extentInBytes, members } = context;
  const type = textAt(segment, 'type', what);
  if (type !== 'striped' && type !== 'linear')
    return new UnsupportedError(`${origin}: of the type ${type}, which is not read`);
  const extents = integerAt(segment, 'extent_count', what);
  const stripes = segment.values.get('stripes');
  const stripeCount = integerAt(segment, 'stripe_count', what);
  const isListed = Array.isArray(stripes) && stripes.length === stripeCount * 2;
  if (!isListed || stripeCount < 1 || stripeCount > maximumStripes)
    throw new FormatError(`${what}: stripe_count ${stripeCount}, and not as many stripes`);
  const perStripe = extents / stripeCount;
  const areaInBytes = perStripe * extentInBytes;
  const stripeInBytes =
    stripeCount === 1 ? areaInBytes : integerAt(segment, 'stripe_size', what) * sectorInBytes;
  if (!Number.isInteger(perStripe) || perStripe === 0)
    throw new FormatError(`${what}: ${extents} extents in ${stripeCount} stripes`);
  if (stripeInBytes === 0 || areaInBytes % stripeInBytes !== 0)
    throw new FormatError(`${what}: stripes of ${stripeInBytes} bytes in extents of ${extentInBytes}`);
  const areas: Segment['areas'][number][] = [];
  for (let index = 0; index < stripeCount; index++) {
    const [name, first] = [stripes[index * 2], stripes[index * 2 + 1]] as unknown[];
    if (typeof name !== 'string' || !isCount(first)) throw new FormatError(`${what}: stripe ${index}`);
    const member = members.get(name);
    if (member === undefined)
      return new UnsupportedError(`${origin}: on the logical volume ${name}, which is not read`);
    if (first + perStripe > member.extents) {
      const range = `${perStripe} extents at ${first}`;
      throw new FormatError(`${what}: ${range} of ${name}, which has ${member.extents}`);
    }
    if (member.blob === undefined) {
      return new MissingError(
        `${origin}: on the physical volume ${hyphenated(member.uuid)}, which is not there`,
      );
    }
    areas.push({ blob: member.blob, offset: member.startInBytes + first * extentInBytes });
  }
  return { startInBytes, sizeInBytes: extents * extentInBytes, stripeInBytes, areas };
}

function segmentsBlob(
  origin: string,
  sizeInBytes: number,
  segments: readonly Segment[],
  refusal: Error | undefined,
): Blob {
  const blob: Blob = {
    origin,
    sizeInBytes,
    async read(offset, length) {
      checkRange(blob, offset, length);
      if (refusal !== undefined) throw refusal;
      const pieces: Buffer[] = [];
      for (let at = offset; at < offset + length;) {
        const segment = segments.findLast(({ startInBytes }) => startInBytes <= at);
        if (segment === undefined) throw new FormatError(`${origin}: nothing is mapped at ${at}`);
        const { areas, stripeInBytes } = segment;
        const within = at - segment.startInBytes;
        const stripe = Math.floor(within / stripeInBytes);
        const area = areas[stripe % areas.length];
        if (area === undefined) throw new FormatError(`${origin}: nothing is mapped at ${at}`);
        const inStripe = within % stripeInBytes;
        const from = area.offset + Math.floor(stripe / areas.length) * stripeInBytes + inStripe;
        const take = Math.min(stripeInBytes - inStripe, offset + length - at);
        pieces.push(await area.blob.read(from, take));
        at += take;
      }
      const [only] = pieces;
      return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces, length);
    },
  };
  return blob;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 2 ** 32;
}

function integerAt({ values }: LvmSection, name: string, what: string): number {
  const value = values.get(name);
  if (isCount(value)) return value;
  throw new FormatError(`${what}: ${name} ${value === undefined ? 'is absent' : JSON.stringify(value)}`);
}

function textAt({ values }: LvmSection, name: string, what: string): string {
  const value = values.get(name);
  if (typeof value === 'string') return value;
  throw new FormatError(`${what}: ${name} ${value === undefined ? 'is absent' : JSON.stringify(value)}`);
}

function textsAt({ values }: LvmSection, name: string): readonly (string | number)[] {
  const value = values.get(name);
  return typeof value === 'object' ? value : [];
}

/** 32 characters as LVM prints them: aaaaaa-bbbb-bbbb-bbbb-bbbb-bbbb-cccccc. */
function hyphenated(uuid: string): string {
  return uuid.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
}
