import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { AssayError, FormatError, UnsupportedError } from '../errors.ts';
import { memoryFileSystem, treeOf } from '../fs/memory.ts';
import { installedPackages } from './packages.ts';
import { parseRpmHeader } from './rpm-header.ts';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/guest/${name}`, import.meta.url));
const image = (tree: Parameters<typeof treeOf>[0]) => memoryFileSystem(treeOf(tree), 'image');
const rpmPath = '/var/lib/rpm/rpmdb.sqlite';

test('a database of dpkg: what was removed is not installed', async () => {
  const packages = await installedPackages(image({ '/var/lib/dpkg/status': fixture('dpkg/status') }));
  expect(packages.manager).toBe('dpkg');
  expect(packages.count).toBe(4);
  expect(Object.fromEntries(packages.architectures)).toEqual({ all: 1, arm64: 2, armhf: 1 });
  expect(packages.find('bash')).toEqual({
    name: 'bash',
    version: '5.1-6ubuntu1.1',
    architecture: 'arm64',
    from: '/var/lib/dpkg/status',
  });
  expect(packages.find('openssh-server')).toBeUndefined();
});

test('dpkg’s other database, a file a package', async () => {
  const text = 'Package: base-files\nVersion: 12.4\nArchitecture: arm64\n';
  const tree = { '/var/lib/dpkg/status.d/base': text, '/var/lib/dpkg/status.d/base.md5sums': 'x' };
  const packages = await installedPackages(image(tree));
  expect([packages.count, packages.find('base-files')?.from]).toEqual([1, '/var/lib/dpkg/status.d/base']);
});

test('paragraphs of dpkg that lack something are told by their line', async () => {
  const text = 'Package: a\nStatus: install ok installed\n\nVersion: 1\n';
  const packages = await installedPackages(image({ '/var/lib/dpkg/status': text }));
  expect(packages.problems).toEqual([
    '/var/lib/dpkg/status:1: a without Version',
    '/var/lib/dpkg/status:4: a paragraph without Package',
  ]);
});

test('a database of rpm, written by rpm in sqlite', async () => {
  const packages = await installedPackages(image({ [rpmPath]: fixture('rpmdb/rpmdb.sqlite') }));
  expect(packages.manager).toBe('rpm');
  expect(Object.fromEntries(packages.architectures)).toEqual({ aarch64: 2, noarch: 1 });
  expect(packages.find('cloud-init')).toMatchObject({ version: '23.4-19.el9', architecture: 'noarch' });
  expect(packages.find('grub2-efi-aa64')?.version).toBe('1:2.06-77.el9');
  expect(packages.find('kernel-core')?.architecture).toBe('aarch64');
});

test('older kinds of rpm databases are named', async () => {
  await expect(installedPackages(image({ '/var/lib/rpm/Packages': 'x' }))).rejects.toThrow(
    /Packages: .*Berkeley DB/,
  );
  await expect(installedPackages(image({ '/usr/lib/sysimage/rpm/Packages.db': 'x' }))).rejects.toThrow(
    UnsupportedError,
  );
});

test('no package manager', async () => {
  expect(await installedPackages(image({}))).toMatchObject({ manager: 'none', count: 0 });
});

/** Any other error than our own is thrown on. */
async function countOrRefusal(database: Buffer): Promise<number> {
  try {
    return (await installedPackages(image({ [rpmPath]: database }))).count;
  } catch (error) {
    if (error instanceof AssayError) return 0;
    throw error;
  }
}

test('a damaged rpm database is a FormatError, or read as far as it goes', async () => {
  const whole = fixture('rpmdb/rpmdb.sqlite');
  await expect(installedPackages(image({ [rpmPath]: whole.subarray(0, 300) }))).rejects.toThrow(FormatError);
  await expect(installedPackages(image({ [rpmPath]: 'not a database' }))).rejects.toThrow(
    /no sqlite database/,
  );
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), fc.nat(3000), async (at, value, cut) => {
      const damaged = Buffer.from(whole.subarray(0, whole.length - cut));
      if (at < damaged.length) damaged[at] = value;
      expect(await countOrRefusal(damaged)).toBeLessThanOrEqual(1000);
    }),
    { numRuns: 150 },
  );
});

/** name, version, release as the specification lays them out: two counts, index entries, data. */
function header(entries: [tag: number, type: number, offset: number][], data: string): Buffer {
  const index = entries.map((entry) => {
    const bytes = Buffer.alloc(16);
    for (const [field, value] of [...entry, 1].entries()) bytes.writeInt32BE(value, field * 4);
    return bytes;
  });
  const counts = Buffer.alloc(8);
  counts.writeUInt32BE(entries.length, 0);
  counts.writeUInt32BE(data.length, 4);
  return Buffer.concat([counts, ...index, Buffer.from(data, 'latin1')]);
}
const nevra: [number, number, number][] = [
  [1000, 6, 0],
  [1001, 6, 2],
  [1002, 6, 4],
];

test('rpm headers by the specification', () => {
  expect(parseRpmHeader(header(nevra, 'a\x001\x002\0'), 'x')).toEqual({
    name: 'a',
    version: '1-2',
    architecture: '',
  });
  const epoch = header([...nevra, [1003, 4, 8], [1022, 6, 6]], 'a\x001\x002\0b\0\0\0\0\x07');
  expect(parseRpmHeader(epoch, 'x')).toEqual({ name: 'a', version: '7:1-2', architecture: 'b' });
});

test.each([
  ['too short', Buffer.alloc(7), /of 7 bytes/],
  [
    'more entries than bytes',
    header(nevra, 'a\0').subarray(0, 20),
    /3 entries and 2 bytes of data, in 20 bytes/,
  ],
  [
    'an offset outside',
    header([[1000, 6, 9], ...nevra.slice(1)], 'a\x001\x002\0'),
    /rpm tag 1000 at 9, outside 6/,
  ],
  ['a negative offset', header([[1000, 6, -1], ...nevra.slice(1)], 'a\x001\x002\0'), /rpm tag 1000 at -1/],
  ['text without end', header(nevra, 'a\x001\x002'), /rpm tag 1002: text without end/],
  ['no name', header(nevra.slice(1), 'a\x001\x002\0'), /without name/],
  ['an epoch that is cut', header([...nevra, [1003, 4, 5]], 'a\x001\x002\0'), /rpm tag 1003 reaches beyond/],
])('an rpm header with %s', (_, bytes, message) => {
  expect(() => parseRpmHeader(bytes, 'x')).toThrow(message);
  expect(() => parseRpmHeader(bytes, 'x')).toThrow(FormatError);
});

test('what is still in the write-ahead log counts', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ironic-assay-test-'));
  const path = join(folder, 'rpmdb.sqlite');
  const database = new DatabaseSync(path);
  database.exec(
    'PRAGMA journal_mode=WAL; CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)',
  );
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.prepare('INSERT INTO Packages VALUES (1, ?)').run(header(nevra, 'a\x001\x002\0'));
  const tree = { [rpmPath]: readFileSync(path), [`${rpmPath}-wal`]: readFileSync(`${path}-wal`) };
  database.close();
  rmSync(folder, { recursive: true });
  expect((await installedPackages(image({ [rpmPath]: tree[rpmPath] ?? '' }))).count).toBe(0);
  expect((await installedPackages(image(tree))).find('a')?.version).toBe('1-2');
});

test.each([
  [
    'a view',
    'CREATE VIEW Packages AS WITH RECURSIVE n(hnum, blob) AS (SELECT 1, 2 UNION ALL SELECT 1, 2 FROM n) SELECT * FROM n',
  ],
  [
    'a generated column',
    'CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB GENERATED ALWAYS AS (zeroblob(9)))',
  ],
  ['another table', 'CREATE TABLE Name (key TEXT)'],
])('a database whose Packages is %s is refused', async (_, sql) => {
  const database = new DatabaseSync(':memory:');
  database.exec(sql);
  const bytes = Buffer.from(database.serialize());
  await expect(installedPackages(image({ [rpmPath]: bytes }))).rejects.toThrow(/no table Packages/);
});
