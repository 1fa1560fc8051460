import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { debianFiles, fetchDebianPackages, outputOf } from '../../fixtures/boot/debian.ts';
import { openFile } from '../blob/file.ts';
import { readKernel } from './kernel.ts';
import { readNbp } from './nbp.ts';
import { readPe } from './pe.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-kernel-'));
beforeAll(fetchDebianPackages, 20 * 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

const kernels = [
  ['bookworm-amd64', 'x86 bzImage', 'x86_64'],
  ['bookworm-arm64', 'arm64 Image', 'aarch64'],
  ['trixie-arm64', 'arm64 Image', 'aarch64'],
] as const;

describe.for(kernels)("Debian's kernel of %s", ([tree, form, architecture]) => {
  const pathOf = () => debianFiles(tree, 'boot/vmlinuz-*')[0] ?? '';

  test('has the release that its file name says, and needs all its bytes', async () => {
    await using blob = await openFile(pathOf());
    const kernel = await readKernel(blob);
    expect(kernel.form).toBe(form);
    expect(kernel.architecture.name).toBe(architecture);
    expect(kernel.release).toBe(basename(pathOf()).replace('vmlinuz-', ''));
    expect(kernel.efiStub).toBe(true);
    expect(kernel.damage).toBeUndefined();
    expect(kernel.neededSizeInBytes).toBe(blob.sizeInBytes);
  });

  test('is what file(1) takes it for', async () => {
    await using blob = await openFile(pathOf());
    const kernel = await readKernel(blob);
    const text = outputOf('file', '-b', pathOf());
    const expected = { 'x86 bzImage': `version ${kernel.release} `, 'arm64 Image': 'Aarch64' }[form];
    expect(text.replace(/ARM64 boot executable Image/, 'Aarch64')).toContain(expected);
  });
});

test("the compression of Debian's x86 kernel is the one that its configuration names", async () => {
  await using blob = await openFile(debianFiles('bookworm-amd64', 'boot/vmlinuz-*')[0] ?? '');
  const { compression = '' } = await readKernel(blob);
  const config = readFileSync(debianFiles('bookworm-amd64', 'boot/config-*')[0] ?? '', 'utf8');
  const name =
    /^CONFIG_KERNEL_(GZIP|BZIP2|LZMA|XZ|LZO|LZ4|ZSTD)=y$/m.exec(config)?.[1]?.toLowerCase() ?? 'none';
  expect(compression.replace('-legacy', '')).toBe(name);
});

test.for(['bookworm-arm64', 'trixie-arm64'])(
  'the kernel of %s in gzip is the same, and damaged when cut',
  async (tree) => {
    const [path = ''] = debianFiles(tree, 'boot/vmlinuz-*');
    const packed = join(folder, `${tree}.gz`);
    writeFileSync(packed, execFileSync('gzip', ['-1', '-c', path], { maxBuffer: 1 << 30 }));
    await using plain = await openFile(path);
    await using blob = await openFile(packed);
    const kernel = await readKernel(blob);
    const { release, pageSizeInBytes } = await readKernel(plain);
    expect(kernel).toMatchObject({ form: 'gzip-compressed arm64 Image', release, pageSizeInBytes });
    expect(kernel.damage).toBeUndefined();
    const cut = join(folder, `${tree}.cut.gz`);
    writeFileSync(cut, readFileSync(packed).subarray(0, -1000));
    await using cutBlob = await openFile(cut);
    expect((await readKernel(cutBlob)).damage).toMatch('ends in the middle');
  },
);

const efiBinaries = [
  ['bookworm-amd64', 'usr/lib/grub/x86_64-efi/monolithic/grubnetx64.efi', 'x86-64', false],
  ['bookworm-amd64', 'usr/lib/shim/shimx64.efi.signed', 'x86-64', true],
  ['bookworm-arm64', 'usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed', 'aarch64', true],
  ['bookworm-arm64', 'usr/lib/shim/shimaa64.efi.signed', 'aarch64', true],
  ['bookworm-amd64', 'boot/ipxe.efi', 'x86-64', false],
  ['bookworm-amd64', 'usr/lib/ipxe/snponly.efi', 'x86-64', false],
  ['trixie-arm64', 'usr/lib/ipxe/ipxe-arm64.efi', 'aarch64', false],
  ['trixie-arm64', 'usr/lib/ipxe/ipxe-amd64.efi', 'x86-64', false],
  ['trixie-arm64', 'usr/lib/ipxe/snponly.efi', 'x86-64', false],
] as const;

/** Sections as objdump -h prints them: size and file offset in hexadecimal. */
function sectionsOf(path: string, machine: string): { name: string; rawOffset: number }[] {
  const tool = machine === 'aarch64' ? 'aarch64-linux-gnu-objdump' : 'objdump';
  const lines = outputOf(tool, '-h', path).matchAll(
    /^ +\d+ (\S+) +[0-9a-f]{8} +[0-9a-f]+ +[0-9a-f]+ +([0-9a-f]{8})/gm,
  );
  return [...lines].map(([, name = '', offset = '']) => ({ name, rawOffset: Number.parseInt(offset, 16) }));
}

describe.for(efiBinaries)('%s %s', ([tree, pattern, machine, signed]) => {
  const pathOf = () => debianFiles(tree, pattern)[0] ?? '';

  test('has the sections that objdump lists and the architecture that file(1) says', async () => {
    await using blob = await openFile(pathOf());
    const pe = await readPe(blob);
    const { sections } = pe;
    const expected = sectionsOf(pathOf(), machine);
    // objdump gives long names (/4) in full, and an offset to sections that have no bytes: those are left out.
    const comparable = expected.filter((_, index) => {
      const section = sections[index];
      return section !== undefined && !section.name.startsWith('/') && section.rawSizeInBytes > 0;
    });
    expect(comparable.length).toBeGreaterThan(2);
    expect(sections).toHaveLength(expected.length);
    expect(sections.map(({ name, rawOffset }) => ({ name, rawOffset }))).toEqual(
      expect.arrayContaining(comparable),
    );
    expect(outputOf('file', '-b', pathOf()).toLowerCase()).toContain(machine);
    expect(pe.architecture?.aliases.concat(pe.architecture.name)).toContain(machine);
    expect(pe.isEfiApplication).toBe(true);
    expect(pe.signed).toBe(signed);
    expect(pe.neededSizeInBytes).toBe(blob.sizeInBytes);
  });

  test('is told to be iPXE or not, and no kernel', async () => {
    await using blob = await openFile(pathOf());
    const nbp = await readNbp(blob);
    const isIpxe = pattern.includes('ipxe/') || pattern.includes('ipxe.efi');
    expect(nbp).toMatchObject({ kind: 'efi', ipxe: { isIpxe } });
    await expect(readKernel(blob)).rejects.toThrow('not a Linux kernel but another EFI program');
  });
});

describe('iPXE', () => {
  test.for([
    ['trixie-arm64', 'usr/lib/ipxe/ipxe-arm64.efi', true, true],
    ['trixie-arm64', 'usr/lib/ipxe/ipxe-amd64.efi', true, false],
    ['bookworm-amd64', 'boot/ipxe.efi', false, false],
  ] as const)('%s %s: the version of the package, HTTPS, gzip', async ([tree, pattern, https, gzip]) => {
    const [path = ''] = debianFiles(tree, pattern);
    await using blob = await openFile(path);
    const nbp = await readNbp(blob);
    if (nbp.kind !== 'efi') throw new Error(nbp.kind);
    const changelog = debianFiles(tree, 'usr/share/doc/ipxe/changelog.Debian.gz')[0] ?? '';
    const packageVersion = /^ipxe \((\S+)\)/.exec(outputOf('zcat', changelog))?.[1];
    expect(packageVersion).toBeDefined();
    expect(nbp.ipxe.version).toBe(packageVersion);
    expect(nbp.ipxe.features.includes('HTTPS')).toBe(https);
    expect(nbp.ipxe.features.includes('gzip')).toBe(gzip);
  });

  test.for([
    ['bookworm-amd64', 'usr/lib/ipxe/undionly.kpxe', 'bios-ipxe'],
    ['bookworm-amd64', 'usr/lib/ipxe/ipxe.pxe', 'bios-ipxe'],
    ['trixie-arm64', 'usr/lib/ipxe/undionly.kpxe', 'bios-ipxe'],
    ['trixie-arm64', 'usr/lib/ipxe/undionly.kkpxe', 'bios-ipxe'],
    ['bookworm-amd64', 'usr/lib/PXELINUX/pxelinux.0', 'bios-pxelinux'],
  ] as const)('%s %s is %s', async ([tree, pattern, kind]) => {
    await using blob = await openFile(debianFiles(tree, pattern)[0] ?? '');
    expect((await readNbp(blob)).kind).toBe(kind);
  });
});
