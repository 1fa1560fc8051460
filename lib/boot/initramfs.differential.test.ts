import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { debianFiles, fetchDebianPackages } from '../../fixtures/boot/debian.ts';
import { memoryBlob } from '../blob/memory.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { initramfsArchitectures } from './initramfs-architectures.ts';
import { type Initramfs, readInitramfs } from './initramfs.ts';
import { moduleReleases } from './modules.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-initramfs-'));
const root = join(folder, 'root');
let release = '';

beforeAll(() => {
  fetchDebianPackages();
  mkdirSync(root);
  // Debian's arm64 bash and a driver folder of its kernel, in a merged /usr.
  const [modules = ''] = debianFiles('bookworm-arm64', 'lib/modules/*');
  release = modules.replace(/^.*\//, '');
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  mkdirSync(join(root, 'etc'));
  symlinkSync('usr/bin', join(root, 'bin'));
  symlinkSync('usr/lib', join(root, 'lib'));
  cpSync(debianFiles('bookworm-arm64', 'bin/bash')[0] ?? '', join(root, 'usr/bin/bash'));
  cpSync(
    join(modules, 'kernel/drivers/virtio'),
    join(root, 'usr/lib/modules', release, 'kernel/drivers/virtio'),
    {
      recursive: true,
    },
  );
  writeFileSync(join(root, 'etc/one'), 'shared');
  linkSync(join(root, 'etc/one'), join(root, 'etc/two'));
  linkSync(join(root, 'etc/one'), join(root, 'usr/zzz'));
  writeFileSync(join(root, 'etc/ünï ✓'), '');
  for (let index = 0; index < 2000; index++)
    writeFileSync(join(root, `etc/file${index}`), 'x'.repeat(index % 9));
}, 20 * 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

function shell(command: string): Buffer {
  return execFileSync('bash', ['-c', `set -o pipefail; ${command}`], { cwd: root, maxBuffer: 1 << 30 });
}

/** Path, type and digest of everything, as the tree of the initramfs has it. */
async function walk(fs: FileSystem, path = ''): Promise<string[]> {
  const lines: string[] = [];
  for (const entry of await fs.list(path === '' ? '/' : path)) {
    const at = `${path}/${entry.name}`;
    if (entry.type === 'symlink') lines.push(`${at} -> ${await fs.readlink(at)}`);
    else if (entry.type === 'directory') lines.push(`${at}/`, ...(await walk(fs, at)));
    else {
      const blob = await fs.open(at);
      const digest = createHash('sha256').update(await blob.read(0, blob.sizeInBytes));
      lines.push(`${at} ${digest.digest('hex')}`);
    }
  }
  return lines;
}

/** The same from find(1) and sha256sum(1). */
function walkByTools(): string[] {
  const names = shell(
    String.raw`find . -mindepth 1 \( -type l -printf '/%P -> %l\n' \) -o \( -mindepth 1 -type d -printf '/%P/\n' \)`,
  );
  const sums = shell(
    String.raw`find . -type f -print0 | xargs -0 sha256sum | sed -E 's@^([0-9a-f]+)  \.(.*)$@\2 \1@'`,
  );
  return `${names.toString()}${sums.toString()}`.trim().split('\n').toSorted();
}

const everything = { keep: () => true };
const read = (bytes: Buffer): Promise<Initramfs> => readInitramfs(memoryBlob(bytes, 'initramfs'), everything);

const archive = (format: string) => `find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -o -H ${format}`;

describe('what cpio and the compressors write', () => {
  test.for([
    ['newc', 'cat'],
    ['crc', 'cat'],
    ['newc', 'gzip -9'],
    ['newc', 'xz -1 --check=crc32'],
    ['newc', 'xz -1 --format=lzma'],
    ['crc', 'zstd -q -19'],
    ['newc', 'lz4 -q -l'],
  ] as const)('%s through %s', async ([format, compressor]) => {
    const initramfs = await read(
      shell(`${archive(format)} | ${compressor} -c 2>/dev/null`.replace('cat -c', 'cat')),
    );
    expect((await walk(initramfs.fs)).toSorted()).toEqual(walkByTools());
    expect(initramfs.lost).toEqual([]);
    expect(await moduleReleases(initramfs)).toEqual([release]);
    expect((await initramfsArchitectures(initramfs)).map(({ architecture }) => architecture?.name)).toContain(
      'aarch64',
    );
  });

  test('the list is that of cpio -t', async () => {
    const bytes = shell(archive('newc'));
    const initramfs = await read(bytes);
    const listed = execFileSync('cpio', ['--quiet', '-t'], { input: bytes }).toString().trim().split('\n');
    expect(initramfs.entries).toBe(listed.length);
    expect(initramfs.unpackedSizeInBytes).toBe(bytes.length);
  });

  test('microcode in front, zeros and another segment behind', async () => {
    const microcode = execFileSync('bash', [
      '-c',
      `mkdir -p ${folder}/m/kernel/x86/microcode && cd ${folder}/m && head -c 3001 /dev/urandom > kernel/x86/microcode/GenuineIntel.bin && find . -mindepth 1 | cpio --quiet -o -H newc`,
    ]);
    const bytes = Buffer.concat([
      microcode,
      shell(`${archive('newc')} | zstd -q -3 -c`),
      Buffer.alloc(517),
      shell(`${archive('newc')} | gzip -1 -c`),
    ]);
    const initramfs = await read(bytes);
    expect(initramfs.segments.map(({ compression }) => compression)).toEqual(['none', 'zstd', 'gzip']);
    const expected = readFileSync(join(folder, 'm/kernel/x86/microcode/GenuineIntel.bin'));
    const blob = await initramfs.fs.open('/kernel/x86/microcode/GenuineIntel.bin');
    expect((await blob.read(0, blob.sizeInBytes)).equals(expected)).toBe(true);
  });
});
