import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { mountPointAt } from '../../fixtures/disks/mount-point.ts';
import { temporaryDirectory, tool } from '../../fixtures/disks/tools.ts';
import { listFileSystem, listHost } from '../../fixtures/disks/tree.ts';
import { readText } from '../blob/blob.ts';
import { openFile } from '../blob/file.ts';
import { openBtrfs } from '../fs/btrfs/btrfs.ts';
import { findRootSubvolume } from './root-subvolume.ts';

// Which subvolume is the root: layouts of distributions, made by the kernel, against what the kernel mounts with the
// options of their boot entries. Needs root, loop devices and a kernel with btrfs.

const directory = temporaryDirectory();
const { path: mountPoint, at, mounted } = mountPointAt(directory.path('mounted'), 'btrfs');
afterAll(() => directory[Symbol.dispose]());

interface Layout {
  readonly name: string;
  /** Each with what its os-release says; without one, nothing of an operating system is in it. */
  readonly subvolumes: readonly (readonly [path: string, id?: string])[];
  readonly default?: string;
  /** The subvolume whose /boot has a menu, and what its entry has in rootflags. */
  readonly menu?: readonly [subvolume: string, rootflags: string];
  /** What the kernel mounts, by the options of that entry. */
  readonly mount: string;
  readonly expected: { readonly path?: string; readonly id: string };
}

const layouts: readonly Layout[] = [
  {
    name: 'Fedora: root, home and var, named by the entry',
    subvolumes: [['root', 'fedora'], ['home'], ['var'], ['root/var/lib/machines']],
    menu: ['root', 'subvol=root'],
    mount: 'subvol=root',
    expected: { path: 'root', id: 'fedora' },
  },
  {
    name: 'Ubuntu: @, with a snapshot of an older one beside it',
    subvolumes: [['@', 'ubuntu'], ['@home'], ['@old', 'old']],
    menu: ['@', 'subvol=/@,compress=zstd'],
    mount: 'subvol=@',
    expected: { path: '/@', id: 'ubuntu' },
  },
  {
    name: 'openSUSE: the default subvolume is a snapshot',
    subvolumes: [
      ['@'],
      ['@/.snapshots'],
      ['@/.snapshots/1'],
      ['@/.snapshots/1/snapshot', 'opensuse'],
      ['@/var'],
    ],
    default: '@/.snapshots/1/snapshot',
    mount: 'defaults',
    expected: { id: 'opensuse' },
  },
  {
    name: 'an entry that names another than the default',
    subvolumes: [
      ['one', 'one'],
      ['two', 'two'],
    ],
    default: 'one',
    menu: ['one', 'noatime,subvol=one,subvol=two'],
    mount: 'subvol=two',
    expected: { path: 'two', id: 'two' },
  },
  {
    name: 'by number',
    subvolumes: [['first', 'first'], ['systems'], ['systems/second', 'second']],
    default: 'first',
    menu: ['first', 'subvolid=258'],
    mount: 'subvolid=258',
    expected: { path: 'systems/second', id: 'second' },
  },
  {
    name: 'no entry: the name that the installer of Debian gives',
    subvolumes: [['@home'], ['aaa', 'other'], ['@rootfs', 'debian']],
    mount: 'subvol=@rootfs',
    expected: { path: '@rootfs', id: 'debian' },
  },
];

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function make(layout: Layout): string {
  const image = directory.path('image');
  writeFileSync(image, '');
  truncateSync(image, 0);
  truncateSync(image, 128 * 1024 * 1024);
  tool('mkfs.btrfs', '-q', '-f', '-L', 'system', image);
  mounted(image, 'noatime', () => {
    for (const [path, id] of layout.subvolumes) {
      mkdirSync(dirname(at(path)), { recursive: true });
      tool('btrfs', '-q', 'subvolume', 'create', at(path));
      if (id === undefined) continue;
      write(at(`${path}/etc/os-release`), `ID=${id}\n`);
      mkdirSync(at(`${path}/usr/bin`), { recursive: true });
    }
    if (layout.menu !== undefined) {
      const [subvolume, flags] = layout.menu;
      const linux = `linux /${subvolume}/boot/vmlinuz root=LABEL=system ro rootflags=${flags} quiet`;
      write(at(`${subvolume}/boot/grub2/grub.cfg`), `menuentry "it" {\n  ${linux}\n}\n`);
    }
    if (layout.default !== undefined) tool('btrfs', 'subvolume', 'set-default', at(layout.default));
  });
  return image;
}

/** The path and number of each, as btrfs-progs lists them. */
function listed(image: string): [string, bigint][] {
  const text = mounted(image, 'ro,subvolid=5', () => tool('btrfs', 'subvolume', 'list', mountPoint));
  return [...text.matchAll(/^ID (\d+) .* path (.*)$/gm)].map(([, id = '', path = '']) => [path, BigInt(id)]);
}

test.for(layouts)('$name', async (layout) => {
  const image = make(layout);
  await using file = await openFile(image);
  const btrfs = await openBtrfs(file);
  const paths = (await btrfs.subvolumes()).map(({ path, id }): [string, bigint] => [path, id]);
  expect(new Map(paths)).toEqual(new Map(listed(image)));
  const root = await findRootSubvolume(btrfs, async () => []);
  expect(root?.path).toBe(layout.expected.path);
  if (root === undefined) return;
  expect(await readText(await root.fs.open('/etc/os-release'))).toBe(`ID=${layout.expected.id}\n`);
  const expected = mounted(image, `ro,${layout.mount}`, () => listHost(mountPoint));
  expect(await listFileSystem(root.fs)).toEqual(expected);
});

test('what an entry names has to be there, and be a system', async () => {
  const layout = { name: '', subvolumes: [['@', 'x'], ['@home']], mount: '', expected: { id: 'x' } } as const;
  for (const [flags, message] of [
    ['subvol=@gone', 'subvol=@gone'],
    ['subvolid=999', 'subvolid 999'],
    ['subvol=@home', 'holds no operating system'],
  ] as const) {
    await using file = await openFile(make({ ...layout, menu: ['@', flags] }));
    const btrfs = await openBtrfs(file);
    await expect(findRootSubvolume(btrfs, async () => [])).rejects.toThrow(
      message.replace('subvol=@gone', '@gone: no such subvolume'),
    );
  }
});

test('directories between subvolumes, and names that were moved', async () => {
  const image = make({ name: '', subvolumes: [['a/b/c/one'], ['two']], mount: '', expected: { id: '' } });
  mounted(image, 'defaults', () => {
    mkdirSync(at('two/deep/er'), { recursive: true });
    tool('btrfs', '-q', 'subvolume', 'create', at('two/deep/er/three'));
    tool('btrfs', '-q', 'subvolume', 'snapshot', '-r', at('two'), at('a/größe of it'));
    tool('btrfs', '-q', 'subvolume', 'create', at('gone'));
    tool('sync', '-f', mountPoint);
    tool('mv', at('a/b'), at('a/moved'));
    tool('mv', at('two'), at('a/moved/renamed'));
    tool('btrfs', '-q', 'subvolume', 'delete', at('gone'));
  });
  await using file = await openFile(image);
  const paths = (await (await openBtrfs(file)).subvolumes()).map(({ path, id }): [string, bigint] => [
    path,
    id,
  ]);
  expect(paths).toHaveLength(4);
  expect(new Map(paths)).toEqual(new Map(listed(image)));
});
