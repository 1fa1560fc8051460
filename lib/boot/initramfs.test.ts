import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bootFixture, outcomeOf, outcomes } from '../../fixtures/boot/fixture.ts';
import { readText } from '../blob/blob.ts';
import { memoryBlob } from '../blob/memory.ts';
import { FormatError, LimitError, MissingError } from '../errors.ts';
import { findAgent } from './agent.ts';
import { digestOf } from './digest.ts';
import { initramfsArchitectures } from './initramfs-architectures.ts';
import { type Initramfs, type InitramfsOptions, readInitramfs } from './initramfs.ts';
import { moduleReleases } from './modules.ts';

const ipa = ['ipa.initramfs', 'ipa.crc.cpio.xz', 'microcode-and-zstd.initramfs'];
/** What `cpio -t` lists. */
const listed = bootFixture('ipa.list').toString().trim().split('\n');

function read(bytes: Buffer, options?: InitramfsOptions): Promise<Initramfs> {
  return readInitramfs(memoryBlob(bytes, 'deploy_ramdisk'), options);
}

interface Written {
  name: string;
  mode: number;
  content?: string;
  ino?: number;
  nlink?: number;
  magic?: string;
  check?: number;
}

function hard(name: string, content = ''): Written {
  return { name, mode: 0o100644, ino: 7, nlink: 2, content };
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

/** An archive written by the field list of the kernel's buffer-format.rst. */
function archive(...entries: Written[]): Buffer {
  const parts = [...entries, { name: 'TRAILER!!!', mode: 0 } satisfies Written].map((entry: Written) => {
    const content = Buffer.from(entry.content ?? '');
    const numbers = [
      entry.ino ?? 1,
      entry.mode,
      0,
      0,
      entry.nlink ?? 1,
      0,
      content.length,
      0,
      0,
      0,
      0,
      Buffer.byteLength(entry.name) + 1,
      entry.check ?? 0,
    ];
    const header =
      (entry.magic ?? '070701') + numbers.map((number) => number.toString(16).padStart(8, '0')).join('');
    return Buffer.concat([padded(Buffer.from(`${header}${entry.name}\0`)), padded(content)]);
  });
  return Buffer.concat(parts);
}

const file = 0o100644;
const directory = 0o040755;
const link = 0o120777;

describe.for(ipa)('%s', (name) => {
  test('holds what cpio lists', async () => {
    const initramfs = await read(bootFixture(name));
    for (const path of listed) {
      const parent = path.includes('/') ? path.replace(/\/[^/]*$/, '') : '/';
      const names = (await initramfs.fs.list(parent)).map((entry) => entry.name);
      expect(names).toContain(path.replace(/^.*\//, ''));
    }
    const microcode = name.startsWith('microcode') ? 4 : 0;
    expect(initramfs.entries).toBe(listed.length + microcode);
    expect(initramfs.lost).toEqual([]);
  });

  test('links, hard links, kept texts and heads', async () => {
    const initramfs = await read(bootFixture(name));
    expect(await readText(await initramfs.fs.open('/etc/os-release'))).toBe(
      'ID=ubuntu\nVERSION_ID="24.04"\n',
    );
    for (const path of ['/etc/one', '/etc/two', '/usr/three']) {
      expect(await readText(await initramfs.fs.open(path))).toBe('shared\n');
      expect((await initramfs.fs.lookup(path))?.sizeInBytes).toBe(7);
    }
    const program = bootFixture('program-aarch64.elf');
    expect((await initramfs.head('/bin/sh')).equals(program.subarray(0, 64))).toBe(true);
    await expect(initramfs.fs.open('/bin/sh')).rejects.toThrow('its content was not kept (336 bytes)');
    await expect(initramfs.head('/bin/zsh')).rejects.toThrow(MissingError);
    await expect(initramfs.head('/usr')).rejects.toThrow('a directory, not a regular file');
  });

  test('agent, modules, architectures', async () => {
    const initramfs = await read(bootFixture(name));
    expect(await findAgent(initramfs)).toEqual({
      version: '9.14.1.dev3',
      path: '/opt/ironic-python-agent/lib/python3.11/site-packages/ironic_python_agent-9.14.1.dev3.dist-info',
      unitEnabled: true,
    });
    expect(await moduleReleases(initramfs)).toEqual(['6.8.0-45-generic-64k']);
    const programs = await initramfsArchitectures(initramfs);
    expect(programs.map(({ path, architecture }) => [path, architecture?.name])).toEqual([
      ['/usr/bin/bash', 'aarch64'],
      ['/usr/bin/sh', 'aarch64'],
      ['/lib/ld-linux-aarch64.so.1', 'aarch64'],
      ['/usr/lib/ld-linux-aarch64.so.1', 'aarch64'],
    ]);
  });
});

describe('segments', () => {
  test('are told with where they start', async () => {
    const both = await read(bootFixture('microcode-and-zstd.initramfs'));
    expect(both.segments).toMatchObject([
      { compression: 'none', offset: 0, entries: 4 },
      { compression: 'zstd', entries: listed.length },
    ]);
    const offset = both.segments[1]?.offset ?? 0;
    // zstd's magic number, RFC 8878.
    expect(bootFixture('microcode-and-zstd.initramfs').readUInt32LE(offset)).toBe(0xfd2fb528);
  });

  test('an xz segment says its check, which the kernel may not know', async () => {
    expect((await read(bootFixture('ipa.crc.cpio.xz'))).segments).toMatchObject([
      { compression: 'xz', xzCheck: 'crc32' },
    ]);
  });

  test('zero bytes between segments; a later one replaces, links lead there', async () => {
    const first = archive(
      { name: 'usr', mode: directory },
      { name: 'usr/lib', mode: directory },
      { name: 'lib', mode: link, content: 'usr/lib' },
      { name: 'etc', mode: directory },
      { name: 'etc/hosts', mode: file, content: 'old' },
    );
    const second = archive(
      { name: './etc/hosts', mode: file, content: 'new' },
      { name: 'lib/os-release', mode: file, content: 'ID=x' },
    );
    const initramfs = await read(Buffer.concat([gzipSync(first), Buffer.alloc(513), gzipSync(second)]));
    expect(initramfs.segments).toHaveLength(2);
    expect(await readText(await initramfs.fs.open('/etc/hosts'))).toBe('new');
    expect(await readText(await initramfs.fs.open('/usr/lib/os-release'))).toBe('ID=x');
    expect(initramfs.unpackedSizeInBytes).toBe(first.length + second.length);
  });

  test('an entry without its directory is lost, as in the kernel; /dev is there by itself', async () => {
    const initramfs = await read(
      archive({ name: 'opt/agent', mode: file, content: 'x' }, { name: 'dev/console', mode: 0o020600 }),
    );
    expect(initramfs.lost).toEqual(['opt/agent']);
    expect((await initramfs.fs.lookup('/dev/console'))?.type).toBe('other');
  });

  test('an archive behind compressed data has to be aligned', async () => {
    const packed = gzipSync(archive({ name: 'a', mode: file }));
    const odd = Buffer.alloc(((5 - (packed.length % 4)) % 4) + 4);
    const bytes = Buffer.concat([packed, odd, archive({ name: 'b', mode: file })]);
    expect((packed.length + odd.length) % 4).toBe(1);
    await expect(read(bytes)).rejects.toThrow('which is not a multiple of 4: the kernel refuses it');
  });

  test('an archive may lack its trailer', async () => {
    const cut = archive({ name: 'etc', mode: directory }).subarray(0, 116);
    expect((await read(cut)).entries).toBe(1);
  });

  test('names of one file are told apart by archive', async () => {
    const one = archive({ name: 'etc', mode: directory }, hard('etc/a'), hard('etc/b', 'first'));
    const two = archive(hard('etc/c'), hard('etc/d', 'second'));
    const initramfs = await read(Buffer.concat([one, two]));
    const texts = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (name) => readText(await initramfs.fs.open(`/etc/${name}`))),
    );
    expect(texts).toEqual(['first', 'first', 'second', 'second']);
  });
});

describe('what is refused', () => {
  test.for([
    ['Image', 'deploy_ramdisk: not an initramfs but an arm64 kernel Image'],
    ['Image.gz', 'deploy_ramdisk: not an initramfs but an arm64 kernel Image, in gzip-compressed data'],
    ['bzImage', 'deploy_ramdisk: not an initramfs but an x86 bzImage kernel'],
    ['numbers.lz4', 'LZ4-compressed data (frame format): the kernel reads only the legacy format (lz4 -l)'],
    ['numbers.bz2', 'bzip2-compressed data: not unpacked by this program'],
    ['numbers.zst', 'not an initramfs but a text file, in zstd-compressed data'],
    ['ipa.list', 'not an initramfs but a text file'],
  ] as const)('%s', async ([name, message]) => {
    await expect(read(bootFixture(name))).rejects.toThrow(message);
  });

  test('an empty file, and one of zeros', async () => {
    await expect(read(Buffer.alloc(0))).rejects.toThrow('not an initramfs but an empty file');
    await expect(read(Buffer.alloc(5000))).rejects.toThrow('not an initramfs but an archive without entries');
  });

  test('something behind the archives', async () => {
    const bytes = Buffer.concat([bootFixture('ipa.initramfs'), Buffer.from('<html>')]);
    await expect(read(bytes)).rejects.toThrow(/at \d+, behind other archives, an HTML page/);
    const junk = gzipSync(Buffer.concat([archive({ name: 'a', mode: file }), Buffer.from('junk')]));
    await expect(read(junk)).rejects.toThrow('behind 1 entries: a text file, not a cpio archive');
  });

  test('a cut one', async () => {
    const bytes = bootFixture('ipa.initramfs');
    await expect(read(bytes.subarray(0, 600))).rejects.toThrow('ends in the middle of its gzip data');
    const inside = archive({ name: 'etc', mode: directory }, { name: 'etc/a', mode: file, content: 'hello' });
    await expect(read(inside.subarray(0, 233))).rejects.toThrow(
      '(etc/a): ends 4 bytes before its 5 are complete',
    );
  });

  test('wrong sums, wrong digits, the old format', async () => {
    const good = { name: 'a', mode: file, content: 'AB', magic: '070702' };
    expect((await read(archive({ ...good, check: 0x83 }))).entries).toBe(1);
    await expect(read(archive({ ...good, check: 0x84 }))).rejects.toThrow('checksum 83, but 84 is stated');
    const bytes = archive({ name: 'a', mode: file });
    bytes.write('-', 60);
    await expect(read(bytes)).rejects.toThrow('c_filesize is "000000-0", not 8 hexadecimal digits');
    await expect(read(archive({ name: 'a', mode: file, magic: '070707' }))).rejects.toThrow('cpio -H newc');
  });

  test('limits: entries, bytes, names, links', async () => {
    const files = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ name: `f${index}`, mode: file }));
    await expect(read(archive(...files(20)), { maximumEntries: 19 })).rejects.toThrow(
      'more than 19 cpio entries',
    );
    expect((await read(archive(...files(20)), { maximumEntries: 20 })).entries).toBe(20);
    const bomb = gzipSync(Buffer.alloc(4_000_000));
    await expect(read(bomb, { unpackedLimitInBytes: 1_000_000 })).rejects.toThrow(LimitError);
    await expect(read(archive({ name: 'n'.repeat(5000), mode: file }))).rejects.toThrow(
      'a name of 5001 bytes',
    );
    const longLink = read(archive({ name: 'l', mode: link, content: 'x'.repeat(5000) }));
    await expect(longLink).rejects.toThrow(LimitError);
    await expect(longLink).rejects.toThrow('deploy_ramdisk: l: a symbolic link of 5000 bytes');
    const loop = archive(
      { name: 'a', mode: link, content: 'b' },
      { name: 'b', mode: link, content: '/a' },
      { name: 'a/file', mode: file, content: 'x' },
    );
    expect((await read(loop)).lost).toEqual(['a/file']);
  });

  test('changed bytes and cuts give an initramfs or an error of this program', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...ipa),
        fc.nat(),
        fc.nat(255),
        fc.nat(),
        async (name, at, value, cut) => {
          const bytes = Buffer.from(bootFixture(name));
          bytes[at % bytes.length] = value;
          expect(outcomes).toContain(
            await outcomeOf(read(bytes.subarray(0, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0)))),
          );
        },
      ),
      { numRuns: 300 },
    );
    await expect(read(Buffer.from('070701'))).rejects.toThrow(FormatError);
  });
});

describe('beside', () => {
  test('what is kept can be chosen', async () => {
    const initramfs = await read(bootFixture('ipa.initramfs'), { keep: (path) => path === '/usr/bin/bash' });
    const bash = await initramfs.fs.open('/bin/bash');
    expect((await bash.read(0, bash.sizeInBytes)).equals(bootFixture('program-aarch64.elf'))).toBe(true);
    await expect(initramfs.fs.open('/etc/os-release')).rejects.toThrow(MissingError);
    expect(await findAgent(await read(archive({ name: 'etc', mode: directory })))).toBeUndefined();
  });

  test('an agent whose unit is wanted, but not there, is not enabled', async () => {
    const folders = 'usr/lib/python3/dist-packages/ironic_python_agent-9.1.0.egg-info'.split('/');
    const units = 'etc/systemd/system/multi-user.target.wants'.split('/');
    const directories = [folders, units].flatMap((parts) =>
      parts.map((_, index) => ({ name: parts.slice(0, index + 1).join('/'), mode: directory })),
    );
    const unit = `${units.join('/')}/ironic-python-agent.service`;
    const initramfs = await read(
      archive(
        ...directories,
        { name: `${folders.join('/')}/PKG-INFO`, mode: file, content: 'Name: x\nVersion: 9.1.0\n' },
        { name: unit, mode: link, content: '/lib/systemd/system/ironic-python-agent.service' },
      ),
    );
    expect(await findAgent(initramfs)).toEqual({
      version: '9.1.0',
      path: `/${folders.join('/')}`,
      unitEnabled: false,
    });
  });

  test('digests in one pass', async () => {
    const blob = memoryBlob(Buffer.from('abc'), 'x');
    // FIPS 180 and RFC 1321 test values.
    expect(await digestOf(blob, ['md5', 'sha256'])).toEqual({
      sizeInBytes: 3,
      hashes: {
        md5: '900150983cd24fb0d6963f7d28e17f72',
        sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
      },
    });
  });
});
