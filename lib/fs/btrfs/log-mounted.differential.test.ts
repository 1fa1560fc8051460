import { copyFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { mountPointAt } from '../../../fixtures/disks/mount-point.ts';
import { temporaryDirectory, tool } from '../../../fixtures/disks/tools.ts';
import { type Listing, listFileSystem, listHost } from '../../../fixtures/disks/tree.ts';
import { openFile } from '../../blob/file.ts';
import { openBtrfs } from './btrfs.ts';

// What was synchronised since the last commit of btrfs when a machine stops, and what Linux has after the next mount.
// Needs root, loop devices and a kernel with btrfs.

const directory = temporaryDirectory();
const [live, stopped, copy] = ['live', 'stopped', 'copy'].map((name) => directory.path(name)) as [
  string,
  string,
  string,
];
const point = mountPointAt(directory.path('mounted'), 'btrfs');
const mountPoint = point.path;
const mounted = <Result>(image: string, options: string, action: () => Result) =>
  point.mounted(image, `noatime,${options}`, action);
afterAll(() => directory[Symbol.dispose]());

/** Makes files and directories, commits them, and then changes and synchronises some: the same for a seed. */
const workload = `
import os, random, subprocess, sys
root, seed, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.chdir(root)
pick = random.Random(seed)
directories, files = ['.'], []
name = lambda: pick.choice('abc') * pick.choice((1, 8, 90)) + str(pick.randrange(10 ** 6))
def write(path, size):
    with open(path, 'wb') as out: out.write(pick.randbytes(size))
def synchronise(path):
    fd = os.open(path, os.O_RDONLY)
    try: os.fsync(fd)
    finally: os.close(fd)
def make_file():
    path = os.path.join(pick.choice(directories), name())
    write(path, pick.choice((0, 10, 2000, 5000, 200000))); files.append(path)
def make_directory():
    path = os.path.join(pick.choice(directories), name())
    os.mkdir(path); directories.append(path)
def make_link():
    path = os.path.join(pick.choice(directories), name())
    os.symlink('t' * pick.choice((5, 300)), path); files.append(path)
def hard_link():
    path = os.path.join(pick.choice(directories), name())
    os.link(pick.choice(files), path, follow_symlinks=False); files.append(path)
def remove():
    if files: os.remove(files.pop(pick.randrange(len(files))))
def rename():
    index = pick.randrange(len(files))
    path = os.path.join(pick.choice(directories), name())
    os.rename(files[index], path); files[index] = path
def replace():
    one, other = pick.sample(files, 2)
    if os.path.lexists(one) and os.path.lexists(other) and os.lstat(one).st_ino != os.lstat(other).st_ino:
        os.rename(one, other); files.remove(one)
def regular():
    path = pick.choice(files)
    return None if os.path.islink(path) else path
def change():
    path = regular()
    if path is None: return
    with open(path, 'r+b') as out:
        for _ in range(pick.choice((1, 4))):
            out.seek(pick.randrange(300000)); out.write(pick.randbytes(pick.choice((1, 5000, 30000))))
def cut():
    path = regular()
    if path is not None: os.truncate(path, pick.choice((0, 1, 4096, 9000, 1000000)))
def punch():
    path = regular()
    if path is not None: subprocess.run(['fallocate', '-p', '-o', '4096', '-l', '20000', path], check=True)
def mode():
    path = regular()
    if path is not None: os.chmod(path, pick.choice((0o600, 0o4755)))
steps_before = [make_file] * 6 + [make_directory, make_link, hard_link]
steps_after = [make_file] * 3 + [make_link, make_directory, hard_link, remove, rename, replace, change, change, cut, punch, mode]
def run(what):
    try: what()
    except (IndexError, ValueError): pass
for _ in range(40): run(pick.choice(steps_before))
subprocess.run(['btrfs', 'filesystem', 'sync', '.'], check=True)
for _ in range(steps):
    run(pick.choice(steps_after))
    if pick.random() < 0.4:
        path = pick.choice(files + directories) if files else '.'
        if not os.path.islink(path): synchronise(path)
synchronise(pick.choice(directories))
`;

function differences(actual: Listing, expected: Listing): string[] {
  const paths = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  return [...paths]
    .filter((path) => actual[path] !== expected[path])
    .slice(0, 10)
    .map((path) => `${path}: ${actual[path]?.slice(0, 200)}, not ${expected[path]?.slice(0, 200)}`);
}

const variants = [[], ['-O', '^no-holes'], ['-n', '4096'], ['-n', '65536', '-O', '^extref']] as const;
const cases = variants.flatMap((options, index) =>
  Array.from({ length: 10 }, (_, round) => ({
    options,
    name: options.join(' ') || 'as mkfs.btrfs does it by itself',
    seed: index * 100 + round,
    steps: [3, 8, 20, 60][round % 4] ?? 0,
    mount: ['compress=no', 'compress-force=zstd'][round % 2] ?? '',
  })),
);

test.for(cases)('$name, $mount: $steps steps, seed $seed', async ({ options, seed, steps, mount }) => {
  rmSync(live, { force: true });
  writeFileSync(live, '');
  truncateSync(live, 256 * 1024 * 1024);
  tool('mkfs.btrfs', '-q', ...options, live);
  mounted(live, `commit=300,${mount}`, () => {
    tool('python3', '-c', workload, mountPoint, String(seed), String(steps));
    tool('cp', '--sparse=always', live, stopped);
  });
  await using file = await openFile(stopped);
  const fileSystem = await openBtrfs(file);
  const superblock = tool('btrfs', 'inspect-internal', 'dump-super', stopped);
  expect(fileSystem.needsRecovery).toBe(!/^log_root\s+0$/m.test(superblock));
  const found = await listFileSystem(fileSystem);
  copyFileSync(stopped, copy);
  const expected = mounted(copy, 'rw', () => listHost(mountPoint));
  expect(differences(found, expected)).toEqual([]);
  expect(Object.keys(expected).length).toBeGreaterThan(10);
});
