import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { LimitError } from '../errors.ts';
import { memoryFileSystem, treeOf } from '../fs/memory.ts';
import { readEsp } from './esp.ts';

type Tree = Parameters<typeof treeOf>[0];
const espOf = (tree: Tree) => readEsp(memoryFileSystem(treeOf(tree), 'ESP'));
const program = (name: string) => readFile(new URL(`../../fixtures/boot/files/${name}`, import.meta.url));
const utf16 = (text: string) => Buffer.from(text, 'utf16le');

/** PE format, "Optional Header Data Directories": gives a program a certificate table, after its end. */
function signed(bytes: Buffer): Buffer {
  const copy = Buffer.concat([bytes, Buffer.alloc(16)]);
  const optional = copy.readUInt32LE(0x3c) + 24;
  copy.writeUInt32LE(bytes.length, optional + 112 + 4 * 8);
  copy.writeUInt32LE(16, optional + 112 + 4 * 8 + 4);
  return copy;
}

test('loaders, vendors, CSV files, and what the agent goes by', async () => {
  const [arm, x86] = await Promise.all(['program-aarch64.efi', 'program-x86-64.efi'].map(program));
  if (arm === undefined || x86 === undefined) throw new Error('no programs');
  const esp = await espOf({
    '/EFI/BOOT/BOOTX64.EFI': signed(x86),
    '/EFI/BOOT/bootaa64.efi': arm,
    '/EFI/BOOT/grubx64.efi': 'not a program',
    '/EFI/BOOT/mmx64.efi': x86.subarray(0, Math.floor(x86.length / 2)),
    '/EFI/rocky/shimx64.efi': signed(x86),
    '/EFI/rocky/BOOTX64.CSV': utf16(
      '\ufeffshimx64.efi,Rocky Linux,,This is the boot entry\r\ngrubx64.efi,GRUB,,\n',
    ),
    '/EFI/debian/BOOTAA64.CSV': utf16('shimaa64.efi,debian'),
    '/EFI/rocky/grub.cfg': 'set x=y\n',
    '/other/BOOT.EFI': x86,
  });
  expect(esp.loaders.map(({ path, architecture, signed }) => [path, architecture?.name, signed])).toEqual([
    ['/EFI/BOOT/BOOTX64.EFI', 'x86_64', true],
    ['/EFI/BOOT/bootaa64.efi', 'aarch64', false],
    ['/EFI/BOOT/grubx64.efi', undefined, false],
    ['/EFI/BOOT/mmx64.efi', 'x86_64', false],
    ['/EFI/rocky/shimx64.efi', 'x86_64', true],
  ]);
  expect(esp.loaders[0]).toMatchObject({ machine: 0x8664, subsystem: 10 });
  expect(esp.loaders[2]?.damage).toContain('not a PE (EFI) binary');
  expect(esp.loaders[3]?.damage).toContain('truncated');
  expect(esp.removable.map(({ path }) => path)).toEqual(['/EFI/BOOT/BOOTX64.EFI', '/EFI/BOOT/bootaa64.efi']);
  expect(esp.vendorDirectories).toEqual(['/EFI/rocky', '/EFI/debian']);
  expect(esp.csvFiles).toEqual([
    {
      path: '/EFI/rocky/BOOTX64.CSV',
      entries: [
        {
          loader: 'shimx64.efi',
          label: 'Rocky Linux',
          line: 1,
          path: '/EFI/rocky/shimx64.efi',
          exists: true,
        },
        { loader: 'grubx64.efi', label: 'GRUB', line: 2, path: '/EFI/rocky/grubx64.efi', exists: false },
      ],
    },
    {
      path: '/EFI/debian/BOOTAA64.CSV',
      entries: [
        { loader: 'shimaa64.efi', label: 'debian', line: 1, path: '/EFI/debian/shimaa64.efi', exists: false },
      ],
    },
  ]);
  expect(esp.agentOrder).toEqual(['/EFI/rocky/BOOTX64.CSV']);
});

test('without a CSV the agent takes every loader of a name that it knows, whatever its architecture', async () => {
  const esp = await espOf({
    '/EFI/ubuntu/grubaa64.efi': '',
    '/EFI/BOOT/grubx64.efi': '',
    '/EFI/BOOT/BOOTX64.EFI': '',
    '/EFI/BOOT/BOOTAA64.EFI': '',
    '/winload.efi': '',
  });
  expect(esp.agentOrder).toEqual([
    '/winload.efi',
    '/EFI/ubuntu/grubaa64.efi',
    '/EFI/BOOT/BOOTX64.EFI',
    '/EFI/BOOT/BOOTAA64.EFI',
  ]);
});

test('CSV files that are none', async () => {
  const damaged = {
    'UTF-8': Buffer.from('shimx64.efi,Rocky Linux,,even'),
    'UTF-8 of an even length': Buffer.from('shimx64.efi,Rocky Linux,'),
    'UTF-16BE': utf16('shimx64.efi,Rocky').swap16(),
    'one field': utf16('a,b\nshimx64.efi\n'),
    empty: Buffer.alloc(0),
    large: Buffer.alloc(65_537),
  };
  for (const [name, bytes] of Object.entries(damaged)) {
    const { csvFiles } = await espOf({ '/EFI/a/BOOTX64.CSV': bytes });
    expect([name, csvFiles[0]?.damage]).toEqual([name, expect.any(String)]);
  }
});

test('NULs before a character are told in no long time', async () => {
  const text = `a,b\n${'\0'.repeat(32_000)},c`;
  const { csvFiles } = await espOf({ '/EFI/a/BOOTX64.CSV': utf16(text) });
  expect(csvFiles[0]?.entries.map(({ loader }) => loader.length)).toEqual([1, 32_000]);
  const padded = await espOf({ '/EFI/a/BOOTX64.CSV': utf16(`a,b\0\0`) });
  expect(padded.csvFiles[0]?.entries).toMatchObject([{ loader: 'a', label: 'b' }]);
});

test('an empty partition, and more than a partition holds', async () => {
  const nothing = { loaders: [], removable: [], vendorDirectories: [], csvFiles: [], agentOrder: [] };
  expect(await espOf({})).toEqual(nothing);
  await expect(espOf({ '/a/b/c/d/e/f/g/h/i': null })).rejects.toThrow('directories deeper than 8');
  const many = Object.fromEntries(Array.from({ length: 5001 }, (_, at) => [`/EFI/${at}`, '']));
  await expect(espOf(many)).rejects.toThrow(LimitError);
  const lines = utf16('a,b\n'.repeat(501));
  const one = await espOf({ '/EFI/a/A.CSV': lines });
  expect(one.csvFiles[0]?.entries).toHaveLength(501);
  await expect(espOf({ '/EFI/a/A.CSV': lines, '/EFI/b/B.CSV': lines })).rejects.toThrow(
    'ESP › /EFI/b/B.CSV: more than 1000 lines in CSV files',
  );
});
