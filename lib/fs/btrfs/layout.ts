import type { Blob } from '../../blob/blob.ts';
import { FormatError, UnsupportedError, describeError } from '../../errors.ts';
import { bitsOf, uint64LittleEndian } from '../../blob/integers.ts';
import { type Checksum, checksums } from './checksum.ts';

// The superblock of btrfs. Names and offsets: Linux, include/uapi/linux/btrfs_tree.h and btrfs.h
// https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html#superblock

/** The first is the one that a kernel mounts by; the others are for `btrfs rescue`. */
const superblockOffsets = [64 * 1024, 64 * 1024 ** 2, 256 * 1024 ** 3] as const;
const BTRFS_SUPER_INFO_SIZE = 4096;
const BTRFS_MAGIC = '_BHRfS_M';
const BTRFS_MIN_BLOCKSIZE = 4096;
const BTRFS_MAX_METADATA_BLOCKSIZE = 65536;
const BTRFS_SYSTEM_CHUNK_ARRAY_SIZE = 2048;
/** A node of this level would need more leaves than fit into 64 bits. */
export const BTRFS_MAX_LEVEL = 8;

export const INCOMPAT = {
  'mixed-backref': 0,
  'default-subvol': 1,
  'mixed-groups': 2,
  'compress-lzo': 3,
  'compress-zstd': 4,
  'big-metadata': 5,
  'extended-iref': 6,
  raid56: 7,
  'skinny-metadata': 8,
  'no-holes': 9,
  'metadata-uuid': 10,
  raid1c34: 11,
  zoned: 12,
  'extent-tree-v2': 13,
  'raid-stripe-tree': 14,
  encrypt: 15,
  'simple-quota': 16,
} as const;
const unread = new Set<string>(['zoned', 'extent-tree-v2', 'raid-stripe-tree', 'encrypt']);
/** Marks of what is not a file system to mount: a dump of metadata, or a change of its uuid that was broken off. */
const refusedFlags: Readonly<Record<number, string>> = {
  33: 'a dump of metadata (btrfs-image), not a file system',
  34: 'a dump of metadata (btrfs-image), not a file system',
  35: 'a file system whose uuid is being changed',
  36: 'a file system whose uuid is being changed',
  39: 'a file system whose block group tree is being changed',
  40: 'a file system whose checksums are being changed',
  41: 'a file system whose checksums are being changed',
};

/** Where the root node of a tree is, and what that node must say of itself. */
export interface TreeRoot {
  /** The objectid of the tree, which its nodes name as their owner. */
  readonly tree: bigint;
  /** Logical, as all addresses inside btrfs. */
  readonly bytenr: number;
  readonly level: number;
  readonly generation: bigint;
}

export interface Superblock {
  readonly root: TreeRoot;
  readonly chunkRoot: TreeRoot;
  /** The tree of logs of what was synchronised since the last commit, when there is one to replay. */
  readonly logRoot?: TreeRoot;
  readonly totalInBytes: number;
  readonly sectorSizeInBytes: number;
  readonly nodeSizeInBytes: number;
  readonly rootDirectory: bigint;
  readonly deviceId: bigint;
  /** The chunks by which the chunk tree is found: keys and chunk items in turn. */
  readonly systemChunks: Buffer;
  readonly checksum: Checksum;
  /** What every node has to say as its file system. */
  readonly nodeUuid: Buffer;
  readonly label: string;
  readonly uuid: string;
}

/**
 * The superblock that a kernel would mount by. Where it is damaged, the message tells which copy is intact.
 * @throws FormatError naming the field that makes no sense, UnsupportedError naming the feature
 */
export async function readSuperblock(blob: Blob): Promise<Superblock> {
  const [primary, ...copies] = superblockOffsets;
  try {
    const bytes = await readVerified(blob, primary);
    return parse(blob, bytes, checksumOf(blob, bytes));
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    for (const offset of copies) {
      const isIntact = await readVerified(blob, offset).then(
        () => true,
        () => false,
      );
      if (!isIntact) continue;
      const hint = `the copy at ${offset} is intact (btrfs rescue super-recover)`;
      throw new FormatError(`${describeError(error)}; ${hint}`, { cause: error });
    }
    throw error;
  }
}

async function readVerified(blob: Blob, offset: number): Promise<Buffer> {
  const bytes = await blob.read(offset, BTRFS_SUPER_INFO_SIZE);
  const damaged = (what: string) => new FormatError(`${blob.origin}: btrfs superblock: ${what}`);
  const magic = bytes.toString('latin1', 0x40, 0x48);
  if (magic !== BTRFS_MAGIC) throw damaged(`magic ${JSON.stringify(magic)}, not ${BTRFS_MAGIC}`);
  const { digest, sizeInBytes } = checksumOf(blob, bytes);
  const expected = bytes.subarray(0, sizeInBytes);
  const actual = digest?.(bytes.subarray(32)) ?? expected;
  if (!actual.equals(expected)) {
    throw damaged(`checksum 0x${actual.toString('hex')}, but it says 0x${expected.toString('hex')}`);
  }
  const bytenr = bytes.readBigUInt64LE(0x30);
  if (bytenr !== BigInt(offset)) throw damaged(`it belongs at ${bytenr}, but is at ${offset}`);
  return bytes;
}

function checksumOf(blob: Blob, bytes: Buffer): Checksum {
  const csum_type = bytes.readUInt16LE(0xc4);
  const checksum = checksums[csum_type];
  if (checksum !== undefined) return checksum;
  throw new UnsupportedError(`${blob.origin}: btrfs with the unknown checksum type ${csum_type}`);
}

function parse(blob: Blob, bytes: Buffer, checksum: Checksum): Superblock {
  const damaged = (what: string) => new FormatError(`${blob.origin}: btrfs superblock: ${what}`);
  const at64 = (offset: number, name: string) =>
    uint64LittleEndian(bytes, offset, `${blob.origin}: btrfs superblock: ${name}`);
  const raw64 = (offset: number) => bytes.readBigUInt64LE(offset);
  const incompat = raw64(0xbc);
  refuseFeatures(blob, raw64(0x38), incompat);

  const num_devices = at64(0x88, 'num_devices');
  if (num_devices === 0) throw damaged('num_devices 0');
  if (num_devices > 1) {
    throw new UnsupportedError(`${blob.origin}: btrfs over ${num_devices} devices, of which this is one`);
  }
  const sectorsize = bytes.readUInt32LE(0x90);
  const nodesize = bytes.readUInt32LE(0x94);
  if (!isBlockSize(sectorsize)) throw damaged(`sectorsize ${sectorsize}`);
  if (!isBlockSize(nodesize) || nodesize < sectorsize) throw damaged(`nodesize ${nodesize}`);
  const sys_chunk_array_size = bytes.readUInt32LE(0xa0);
  if (sys_chunk_array_size === 0 || sys_chunk_array_size > BTRFS_SYSTEM_CHUNK_ARRAY_SIZE) {
    throw damaged(`sys_chunk_array_size ${sys_chunk_array_size}`);
  }
  const levels = {
    root_level: bytes.readUInt8(0xc6),
    chunk_root_level: bytes.readUInt8(0xc7),
    log_root_level: bytes.readUInt8(0xc8),
  };
  for (const [name, level] of Object.entries(levels)) {
    if (level >= BTRFS_MAX_LEVEL) throw damaged(`${name} ${level}`);
  }
  const fsid = bytes.subarray(0x20, 0x30);
  const hasMetadataUuid = (incompat & (1n << BigInt(INCOMPAT['metadata-uuid']))) !== 0n;
  return {
    root: {
      tree: 1n,
      bytenr: at64(0x50, 'root'),
      level: levels.root_level,
      generation: raw64(0x48),
    },
    chunkRoot: {
      tree: 3n,
      bytenr: at64(0x58, 'chunk_root'),
      level: levels.chunk_root_level,
      generation: raw64(0xa4),
    },
    // Its nodes are of the transaction that was not committed.
    ...(raw64(0x60) !== 0n && {
      logRoot: {
        tree: 2n ** 64n - 6n,
        bytenr: at64(0x60, 'log_root'),
        level: levels.log_root_level,
        generation: raw64(0x48) + 1n,
      },
    }),
    totalInBytes: at64(0x70, 'total_bytes'),
    sectorSizeInBytes: sectorsize,
    nodeSizeInBytes: nodesize,
    rootDirectory: raw64(0x80),
    deviceId: raw64(0xc9),
    systemChunks: bytes.subarray(0x32b, 0x32b + sys_chunk_array_size),
    checksum,
    nodeUuid: hasMetadataUuid ? bytes.subarray(0x23b, 0x24b) : fsid,
    label: bytes.toString('utf8', 0x12b, 0x22b).split('\0', 1)[0] ?? '',
    uuid: fsid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  };
}

function isBlockSize(size: number): boolean {
  return size >= BTRFS_MIN_BLOCKSIZE && size <= BTRFS_MAX_METADATA_BLOCKSIZE && (size & (size - 1)) === 0;
}

/** What changes how the file system is read, and is not known or not read here. */
function refuseFeatures(blob: Blob, flags: bigint, incompat: bigint): void {
  for (const bit of bitsOf(flags)) {
    const what = refusedFlags[bit];
    if (what !== undefined) throw new UnsupportedError(`${blob.origin}: btrfs: ${what}`);
  }
  for (const bit of bitsOf(incompat)) {
    const name = Object.entries(INCOMPAT).find(([, value]) => value === bit)?.[0];
    if (name === undefined || unread.has(name)) {
      const what = name ?? `unknown (0x${(1n << BigInt(bit)).toString(16)})`;
      throw new UnsupportedError(`${blob.origin}: btrfs with the incompatible feature ${what}`);
    }
  }
}
