import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { mountPointAt } from '../../../fixtures/disks/mount-point.ts';
import { temporaryDirectory, tool } from '../../../fixtures/disks/tools.ts';
import { type Listing, listFileSystem, listHost } from '../../../fixtures/disks/tree.ts';
import { isDirty } from '../../../fixtures/disks/xfs-tools.ts';
import { FormatError, UnsupportedError } from '../../errors.ts';
import { openFile } from '../../blob/file.ts';
import { openXfs } from './xfs.ts';

// What Linux leaves in XFS when a machine stops, and has after the next mount. Needs root and loop devices, and a
// kernel with XFS, of version 5: many have no other.

const directory = temporaryDirectory();
const [live, stopped, copy] = ['live', 'stopped', 'copy'].map((name) => directory.path(name)) as [
  string,
  string,
  string,
];
const point = mountPointAt(directory.path('mounted'), 'xfs');
const mountPoint = point.path;
const mounted = <Result>(image: string, action: () => Result, ...options: string[]) =>
  point.mounted(image, ['nouuid', ...options].join(','), action);
afterAll(() => directory[Symbol.dispose]());

function make(...options: string[]): void {
  rmSync(live, { force: true });
  writeFileSync(live, '');
  truncateSync(live, 128 * 1024 * 1024);
  tool('mkfs.xfs', '-q', '--unsupported', '-L', 'img-rootfs', ...options, live);
}

/** Anything at random that changes a file system, the same for a seed; some of it is written to its place at times. */
const workload = `
import os, random, shutil, subprocess, sys
root, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.chdir(root)
pick = random.Random(seed)
directories, files = ['.'], []
name = lambda: pick.choice('abc') * pick.choice((1, 8, 30, 90, 200)) + str(pick.randrange(10 ** 6))
def make_files():
    where = pick.choice(directories)
    for _ in range(pick.choice((1, 5, 30, 200))):
        path = os.path.join(where, name())
        with open(path, 'wb') as out: out.write(pick.randbytes(pick.choice((0, 10, 900, 5000, 70000))))
        files.append(path)
def make_directory():
    path = os.path.join(pick.choice(directories), name())
    if path.count('/') < 6: os.mkdir(path); directories.append(path)
def make_links():
    where = pick.choice(directories)
    for _ in range(pick.choice((1, 20))):
        path = os.path.join(where, name())
        os.symlink('t' * pick.choice((5, 100, 300, 340, 700, 1000)), path)
        files.append(path)
def hard_link():
    path = os.path.join(pick.choice(directories), name())
    os.link(pick.choice(files), path, follow_symlinks=False); files.append(path)
def remove_files():
    for _ in range(pick.choice((1, 10, 150))):
        if files: os.remove(files.pop(pick.randrange(len(files))))
def remove_directory():
    where = pick.choice(directories)
    if where == '.': return
    directories[:] = [d for d in directories if d != where and not d.startswith(where + '/')]
    files[:] = [f for f in files if not f.startswith(where + '/')]
    shutil.rmtree(where)
def rename():
    index = pick.randrange(len(files))
    path = os.path.join(pick.choice(directories), name())
    os.rename(files[index], path); files[index] = path
def rename_over():
    one, other = pick.choice(files), pick.choice(files)
    if one == other or os.path.samefile(one, other) if os.path.exists(one) and os.path.exists(other) else True: return
    os.rename(one, other); files.remove(one)
def regular(): return [f for f in pick.sample(files, min(20, len(files))) if not os.path.islink(f)]
def write_at():
    for path in regular()[:3]:
        fd = os.open(path, os.O_RDWR)
        for _ in range(pick.choice((1, 3, 60))): os.pwrite(fd, pick.randbytes(pick.choice((1, 700, 9000))), pick.randrange(2 ** 20))
        if pick.random() < 0.5: os.fsync(fd)
        os.close(fd)
def cut():
    for path in regular()[:5]: os.truncate(path, pick.choice((0, 1, 4000, 100000, 3000000)))
def set_attributes():
    for path in regular()[:5]:
        os.chmod(path, pick.choice((0o600, 0o644, 0o4755)))
        os.chown(path, pick.randrange(5), 0)
        os.setxattr(path, 'user.note', b'v' * pick.choice((10, 100, 300, 3000)))
def clone():
    for path in regular()[:2]:
        target = os.path.join(pick.choice(directories), name())
        subprocess.run(['cp', '--reflink=auto', path, target], check=True); files.append(target)
def punch():
    for path in regular()[:2]:
        subprocess.run(['xfs_io', '-c', pick.choice(('falloc 0 200k', 'fpunch 4k 40k', 'fzero 8k 12k', 'finsert 0 64k', 'fcollapse 0 64k')), path], capture_output=True)
def settle():
    chance = pick.random()
    if chance < 0.15: subprocess.run(['sync', '-f', '.'], check=True)
    elif chance < 0.5:
        fd = os.open(pick.choice(directories), os.O_RDONLY); os.fsync(fd); os.close(fd)
steps = [make_files] * 4 + [make_directory] * 2 + [make_links, hard_link, remove_files, remove_files, remove_directory,
    rename, rename, rename_over, write_at, write_at, cut, set_attributes, clone, punch, settle]
for _ in range(count):
    if len(files) > 4000: remove_directory()
    if not files: make_files()
    try: pick.choice(steps)()
    except OSError as error:
        if error.errno != 28: raise
        if len(directories) > 1: remove_directory()
`;

/** Leaves no room for a whole block of a directory, and makes one that has many. */
const fragmented = `
import os, subprocess, sys
os.chdir(sys.argv[1])
def sync(): subprocess.run(['sync', '-f', '.'], check=True)
os.mkdir('large')
open('one', 'w').close()
room = os.statvfs('.')
fill = room.f_bavail * room.f_bsize // 2 ** 20 * 2 ** 20
def io(commands): subprocess.run(['xfs_io', '-f', 'fill'], input='\\n'.join(commands), text=True, stdout=subprocess.DEVNULL, check=True)
io('falloc %d 1m' % at for at in range(0, fill, 2 ** 20))
fd = os.open('rest', os.O_CREAT | os.O_RDWR)
for size in (2 ** 16, 2 ** 14, 2 ** 12, 2 ** 10):
    try:
        while True: os.posix_fallocate(fd, os.fstat(fd).st_size, size)
    except OSError: pass
io('fpunch %d 15k' % at for at in range(0, fill, 2 ** 16))
sync()
try:
    for index in range(6000): os.link('one', 'large/%d-%s' % (index, 'n' * 150))
except OSError: pass
sync()
for index in range(0, len(os.listdir('large')), 3): os.remove('large/%d-%s' % (index, 'n' * 150))
`;

function work(seed: number, count: number): void {
  tool('python3', '-c', workload, mountPoint, String(seed), String(count));
}

/** The first paths that are not the same. */
function differences(actual: Listing, expected: Listing): string[] {
  const paths = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  return [...paths]
    .filter((path) => actual[path] !== expected[path])
    .slice(0, 10)
    .map((path) => `${path}: ${actual[path]?.slice(0, 200)}, not ${expected[path]?.slice(0, 200)}`);
}

/** Reads the stopped image, and compares with what Linux has in a copy of it. */
async function compareWithLinux() {
  copyFileSync(stopped, copy);
  const expected = mounted(copy, () => listHost(mountPoint));
  expect(isDirty(copy)).toBe(false);
  await using file = await openFile(stopped);
  const fileSystem = await openXfs(file);
  expect(differences(await listFileSystem(fileSystem), expected)).toEqual([]);
  return { fileSystem, paths: Object.keys(expected).length };
}

const variants = [
  [],
  ['-b', 'size=1024'],
  ['-b', 'size=1024', '-n', 'size=8192'],
  ['-b', 'size=1024', '-i', 'size=512,nrext64=1'],
  ['-b', 'size=2048', '-i', 'size=1024'],
  ['-b', 'size=16384'],
  ['-s', 'size=4096', '-l', 'size=8m'],
  ['-l', 'size=8m,su=32768'],
  ['-l', 'size=20m,su=262144'],
  ['-i', 'nrext64=1', '-m', 'rmapbt=1'],
  ['-m', 'reflink=0,bigtime=0,finobt=0,inobtcount=0', '-i', 'sparse=0'],
  ['-d', 'agcount=8', '-m', 'rmapbt=1,reflink=1'],
];
const endings = ['forced into the log', 'lost', 'copied'] as const;
const cases = variants.flatMap((options, index) =>
  [0, 1].map((round) => ({
    options,
    name: options.join(' ') || 'as mkfs.xfs does it by itself',
    seed: index * 10 + round,
    ending: endings[(index + round) % endings.length],
    // A directory's blocks are in one piece as long as there is room: see below for what they are else.
    steps: round === 0 || options.includes('-n') ? 120 : 400,
    mount: index % 3 === 1 ? ['logbsize=262144'] : index % 3 === 2 ? ['logbsize=32768'] : [],
  })),
);

test.for(cases)(
  '$name: $steps steps, the last changes $ending',
  { timeout: 180_000 },
  async ({ options, seed, ending, steps, mount }) => {
    make(...options);
    // The smallest of records can be larger than those of a mount.
    const logOptions = options.some((option) => option.includes('su=')) ? [] : mount;
    mounted(
      live,
      () => {
        work(seed, steps);
        if (ending === 'copied') copyFileSync(live, stopped);
        else tool('xfs_io', '-x', '-c', ending === 'lost' ? 'shutdown' : 'shutdown -f', mountPoint);
      },
      ...logOptions,
    );
    if (ending !== 'copied') copyFileSync(live, stopped);
    const { fileSystem, paths } = await compareWithLinux();
    expect(fileSystem.needsRecovery).toBe(isDirty(stopped));
    expect(fileSystem.replayedTransactions).toBeGreaterThanOrEqual(ending === 'forced into the log' ? 1 : 0);
    expect(paths).toBeGreaterThan(20);
  },
);

test('a log that was gone through several times, stopped anywhere in it', { timeout: 300_000 }, async () => {
  make('-d', 'agcount=2', '-l', 'size=8m');
  const cycles = new Set<number>();
  const wrapped: boolean[] = [];
  for (let round = 0; round < 24; round++) {
    mounted(
      live,
      () => {
        for (let part = 0; part < 3; part++) {
          tool('sh', '-c', `mkdir $(seq -f "$0/${round}-${part}-%g-${'d'.repeat(100)}" 500)`, mountPoint);
          tool('sync', '-f', mountPoint);
          if (part < 2) tool('sh', '-c', 'rm -rf "$0"/*-d*', mountPoint);
        }
        tool('xfs_io', '-x', '-c', 'shutdown -f', mountPoint);
      },
      `logbsize=${[32_768, 65_536, 262_144][round % 3]}`,
    );
    copyFileSync(live, stopped);
    const { fileSystem } = await compareWithLinux();
    expect(fileSystem.replayedTransactions).toBeGreaterThan(0);
    const [, tail = '', head = ''] =
      /log tail: (\d+) head: (\d+) state: <DIRTY>/.exec(tool('xfs_logprint', '-t', stopped)) ?? [];
    wrapped.push(Number(head) < Number(tail));
    cycles.add(Number(/HEADER Cycle (\d+)/.exec(tool('xfs_logprint', '-d', stopped))?.[1]));
  }
  expect(Math.max(...cycles)).toBeGreaterThan(2);
  expect(new Set(wrapped)).toEqual(new Set([true, false]));
});

// It is not mounted again: Linux 6.18 takes a piece for the whole block, reads beyond it, and may not survive that.
test('a directory whose blocks are in pieces is not verified', { timeout: 300_000 }, async () => {
  make('-b', 'size=1024', '-n', 'size=65536', '-m', 'reflink=0,finobt=0');
  mounted(live, () => {
    tool('xfs_io', '-x', '-c', 'resblks 0', mountPoint);
    tool('python3', '-c', fragmented, mountPoint);
    expect(tool('xfs_io', '-r', '-c', 'bmap', `${mountPoint}/large`).split('\n').length).toBeGreaterThan(50);
    tool('xfs_io', '-x', '-c', 'shutdown -f', mountPoint);
  });
  await using file = await openFile(live);
  const fileSystem = await openXfs(file);
  expect(fileSystem.replayedTransactions).toBeGreaterThan(0);
  await expect(fileSystem.list('/large')).rejects.toThrow(UnsupportedError);
  await expect(fileSystem.list('/large')).rejects.toThrow(
    /live: xfs: inode \d+: a change of a block of it that is in pieces is in the log, and is not replayed/,
  );
  expect(await fileSystem.lookup('/one')).toMatchObject({ type: 'file', sizeInBytes: 0 });
});

/** Where the records of a log are that is to be replayed, by xfs_logprint, and where the log is. */
function recordsIn(image: string): number[] {
  const text = tool('xfs_logprint', '-t', image);
  const daddr = Number(/daddr: (\d+)/.exec(text)?.[1]);
  const blocks = [...text.matchAll(/^LOG REC AT LSN cycle \d+ block (\d+)/gm)];
  return blocks.map(([, block]) => (daddr + Number(block)) * 512);
}

test('records that are torn or missing, as Linux sees them', { timeout: 300_000 }, async () => {
  make('-b', 'size=1024');
  mounted(live, () => {
    for (let step = 0; step < 24; step++) {
      tool(
        'sh',
        '-c',
        `mkdir "$0/${step}" && for i in 1 2 3; do echo $i > "$0/${step}/$i"; done`,
        mountPoint,
      );
      tool('sync', '-f', mountPoint);
    }
    tool('xfs_io', '-x', '-c', 'shutdown -f', mountPoint);
  });
  const original = readFileSync(live);
  const records = recordsIn(live);
  expect(records.length).toBeGreaterThan(20);
  const seen: string[] = [];
  const expected: string[] = [];
  for (const [index, at] of records.slice(-14).entries()) {
    const bytes = Buffer.from(original);
    // A flipped bit of its header, of its data, and data that did not arrive over a log that was empty.
    if (index % 3 === 0) bytes.writeUInt8(bytes.readUInt8(at + 50) ^ 1, at + 50);
    else if (index % 3 === 1) bytes.writeUInt8(bytes.readUInt8(at + 512 + 60) ^ 1, at + 512 + 60);
    else bytes.fill(0, at + 512, at + 1024);
    writeFileSync(stopped, bytes);
    copyFileSync(stopped, copy);
    expected.push(attempt(() => mounted(copy, () => inOrder(listHost(mountPoint)))));
    await using file = await openFile(stopped);
    const listing = openXfs(file).then(async (fileSystem) => inOrder(await listFileSystem(fileSystem)));
    seen.push(
      await listing.catch((error: unknown) => (error instanceof FormatError ? 'refused' : String(error))),
    );
  }
  expect(seen).toEqual(expected);
  expect(new Set(seen).size).toBeGreaterThan(6);
});

function inOrder(listing: Listing): string {
  return JSON.stringify(Object.entries(listing).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function attempt(action: () => string): string {
  try {
    return action();
  } catch {
    return 'refused';
  }
}
