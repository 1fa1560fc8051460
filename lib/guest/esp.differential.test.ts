import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openFile } from '../blob/file.ts';
import { openFileSystem } from '../fs/detect.ts';
import { memoryFileSystem, treeOf } from '../fs/memory.ts';
import { type Esp, readEsp } from './esp.ts';

const programs = fileURLToPath(new URL('../../fixtures/boot/files/', import.meta.url));

const csv = Buffer.from('\ufeffshimx64.efi,Rocky Linux,,This is the boot entry for Rocky Linux\n', 'utf16le');
let folder: string;
let image: string;
let esp: Esp;

/** As Debian's mtools and dosfstools make and read it. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ironic-assay-esp-'));
  image = join(folder, 'esp');
  for (const directory of ['EFI/BOOT', 'EFI/rocky', 'EFI/A vendor with a long name']) {
    mkdirSync(join(folder, directory), { recursive: true });
  }
  const put = (from: string, to: string) => {
    const program = `${programs}${from}`;
    execFileSync('cp', [program, join(folder, to)]);
  };
  put('program-x86-64.efi', 'EFI/BOOT/BOOTX64.EFI');
  put('program-aarch64.efi', 'EFI/BOOT/BOOTAA64.EFI');
  put('program-x86-64.efi', 'EFI/rocky/shimx64.efi');
  put('program-aarch64.efi', 'EFI/A vendor with a long name/loader of theirs.efi');
  writeFileSync(join(folder, 'EFI/rocky/BOOTX64.CSV'), csv);
  execFileSync('truncate', ['-s', '4M', image]);
  execFileSync('mkfs.vfat', ['-n', 'ESP', image]);
  execFileSync('mcopy', ['-s', '-i', image, join(folder, 'EFI'), '::']);
  esp = await readEsp(await openFileSystem(await openFile(image)));
});

afterAll(() => rmSync(folder, { recursive: true }));

test('the programs are those that mdir lists, of the machine that objdump says', () => {
  const listed = execFileSync('mdir', ['-i', image, '-/', '-b', '::'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => /\.efi$/i.test(line))
    .map((line) => line.replace(/^::/, ''));
  expect(listed).toHaveLength(4);
  expect(esp.loaders.map(({ path }) => path).toSorted()).toEqual(listed.toSorted());
  for (const { path, architecture } of esp.loaders) {
    const isArm = architecture?.name === 'aarch64';
    const objdump = isArm ? 'aarch64-linux-gnu-objdump' : 'objdump';
    const said = execFileSync(objdump, ['-f', join(folder, path)], { encoding: 'utf8' });
    expect(said).toMatch(isArm ? /architecture: aarch64/ : /architecture: i386:x86-64/);
  }
});

/** Reads a CSV file as Ironic's agent does: Python's codecs, and what stands before the first two commas. */
const agent = `
import sys
path = sys.argv[1]
try:
    contents = open(path, encoding='utf-16').read()
except UnicodeError:
    contents = open(path, encoding='utf-16-le').read()
fields = contents.split(',', maxsplit=3)
print(fields[0]); print(fields[1])
`;

test('a CSV file says to us what it says to the agent', async () => {
  const text = 'shimx64.efi,Røcky 日本,,more\n';
  const files = {
    marked: csv,
    plain: Buffer.from(text, 'utf16le'),
    'with mark': Buffer.from(`\ufeff${text}`, 'utf16le'),
  };
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(folder, 'one.csv');
    writeFileSync(path, bytes);
    const said = execFileSync('/usr/bin/python3', ['-c', agent, path], {
      encoding: 'utf8',
      env: { PYTHONIOENCODING: 'utf-8' },
    });
    const tree = treeOf({ '/EFI/x/BOOTX64.CSV': bytes });
    const { csvFiles } = await readEsp(memoryFileSystem(tree, 'ESP'));
    const [first] = csvFiles[0]?.entries ?? [];
    expect([name, first?.loader, first?.label]).toEqual([name, ...said.trimEnd().split('\n')]);
  }
});
