import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssayError, FormatError, LimitError } from '../../errors.ts';
import { memoryFileSystem, treeOf } from '../../fs/memory.ts';
import { compareVersions } from './bls.ts';
import { parseGrubenv } from './environment.ts';
import { readDeviceName, readKernelOptions } from './options.ts';
import { readBootEntries, readBootMenu } from './boot-entries.ts';
import { grubenvOf, redHat, ubuntu } from './boot-entries.testing.ts';

type Tree = Parameters<typeof treeOf>[0];
const menuOf = (tree: Tree) => readBootMenu(memoryFileSystem(treeOf(tree), 'image'));
const entriesOf = (tree: Tree) => readBootEntries(memoryFileSystem(treeOf(tree), 'image'));
const grub = (script: string) => entriesOf({ '/boot/grub/grub.cfg': script });

const uuid = '6d8b5a1e-0001-4c1d-9a5e-aa6400000001';

describe('grub.cfg', () => {
  test('of Ubuntu: entries, submenu, search, the default', async () => {
    const entries = await grub(ubuntu);
    expect(entries.map(({ title, isDefault }) => [title, isDefault])).toEqual([
      ['Ubuntu', true],
      ['Ubuntu, with Linux 6.8.0-60-generic', false],
      ['Ubuntu, with Linux 6.8.0-59-generic (recovery mode)', false],
    ]);
    const lines = ubuntu.split('\n');
    expect(entries[0]).toEqual({
      source: `/boot/grub/grub.cfg:${lines.findIndex((line) => line.includes('	linux	/boot/')) + 1}`,
      title: 'Ubuntu',
      kernel: '/boot/vmlinuz-6.8.0-60-generic',
      initrds: ['/boot/initrd.img-6.8.0-60-generic'],
      root: { kind: 'UUID', value: uuid },
      consoles: ['tty0', 'ttyAMA0'],
      options: `root=UUID=${uuid} ro quiet console=tty0 console=ttyAMA0,115200 $vt_handoff`,
      search: { kind: 'UUID', value: uuid },
      isDefault: true,
      conditional: false,
      unevaluated: [expect.stringMatching(/^\/boot\/grub\/grub\.cfg:\d+: \$vt_handoff$/)],
    });
    expect(entries[2]?.unevaluated).toEqual([]);
  });

  test('the default by number, title, id and path into a submenu', async () => {
    const menu =
      "menuentry 'A' {\n linux /a\n}\nsubmenu 'S' --id s {\n menuentry 'B' --id b {\n linux /b\n}\n menuentry 'C' {\n linux /c\n}\n}\n";
    const chosen = async (value: string) => {
      const entries = await grub(`set default="${value}"\n${menu}`);
      return entries.filter(({ isDefault }) => isDefault).map(({ kernel }) => kernel);
    };
    const expected = {
      '0': '/a',
      A: '/a',
      '1': '/b',
      '1>1': '/c',
      's>b': '/b',
      'S>C': '/c',
      nothing: '/a',
      '': '/a',
    };
    for (const [value, kernel] of Object.entries(expected)) {
      expect([value, await chosen(value)]).toEqual([value, [kernel]]);
    }
  });

  test('devices before a path, other names of the commands, several initrds', async () => {
    const script =
      'menuentry x {\n search.fs_label boot root\n linuxefi ($root)/boot/k root=/dev/disk/by-label/a\\\\x20b\n' +
      ' initrdefi (hd0,gpt3)/boot/ucode.cpio /boot/i\n}\n';
    expect(await grub(script)).toMatchObject([
      {
        kernel: '/boot/k',
        initrds: ['/boot/ucode.cpio', '/boot/i'],
        root: { kind: 'LABEL', value: 'a b' },
        search: { kind: 'LABEL', value: 'boot' },
        unevaluated: [],
      },
    ]);
  });

  test('what conditions decide is said to be open', async () => {
    const script =
      'if [ "$grub_cpu" = arm64 ]; then\n set k=/arm\nelse\n set k=/x86\nfi\n' +
      "menuentry 'a' {\n linux $k root=LABEL=r\n}\n" +
      'if true; then\nmenuentry b {\n linux /b\n}\nfi\n' +
      'menuentry c {\n if false; then\n linux /c1\n else\n linux /c2\n fi\n}\n' +
      'menuentry d {\n linux /d $grub_platform\n}\n';
    const entries = await grub(script);
    expect(entries.map(({ conditional }) => conditional)).toEqual([false, true, true, true, false]);
    expect(entries.map(({ kernel, unevaluated }) => [kernel, unevaluated])).toEqual([
      ['$k', ['/boot/grub/grub.cfg:7: $k']],
      ['/b', ['/boot/grub/grub.cfg:10: inside a condition']],
      ['/c1', ['/boot/grub/grub.cfg:16: inside a condition']],
      ['/c2', ['/boot/grub/grub.cfg:18: inside a condition']],
      ['/d', ['/boot/grub/grub.cfg:22: $grub_platform']],
    ]);
  });

  test('another script that is read makes variables doubtful', async () => {
    const script = "source $prefix/custom.cfg\nmenuentry 'a' {\n linux /a $extra\n}\n";
    const tree = { '/boot/grub/grub.cfg': script, '/boot/grub/custom.cfg': 'set extra=x\n' };
    const menu = await menuOf(tree);
    expect(menu.unevaluated).toEqual([
      '/boot/grub/grub.cfg:1: reads another script: (root)/boot/grub/custom.cfg',
    ]);
    expect(menu.entries[0]?.unevaluated).toEqual(['/boot/grub/grub.cfg:3: $extra']);
    const absent = await grub(
      script.replace('source', 'if [ -f $prefix/custom.cfg ]; then\nsource').replace('cfg\nm', 'cfg\nfi\nm'),
    );
    expect(absent[0]?.unevaluated).toEqual([]);
  });

  test('entries that start no kernel are none, and no script is no menu', async () => {
    expect(await grub("menuentry 'UEFI Firmware Settings' {\n fwsetup\n}\n")).toEqual([]);
    expect(await menuOf({ '/boot/vmlinuz-1': '' })).toEqual({ entries: [], scripts: [], unevaluated: [] });
  });
});

const fedora = (release: string, options = 'options $kernelopts $tuned_params\n') =>
  `# a comment\ntitle Rocky Linux (${release})\nversion ${release}\nlinux /boot/vmlinuz-${release}\n` +
  `initrd /boot/initramfs-${release}.img $tuned_initrd\n${options}grub_class rocky\n`;

const id = (release: string) => `/boot/loader/entries/0123-${release}.conf`;

describe('boot loader entries', () => {
  test('of Red Hat: options from grub.cfg or grubenv, the newest first', async () => {
    const tree = {
      '/boot/grub2/grub.cfg': redHat,
      [id('5.14.0-9.el9')]: fedora('5.14.0-9.el9'),
      [id('5.14.0-70.el9')]: fedora('5.14.0-70.el9'),
      [id('0-rescue')]: fedora('0-rescue'),
      '/boot/loader/entries/.hidden.conf': fedora('hidden'),
      '/boot/loader/entries/readme': fedora('readme'),
    };
    const entries = await entriesOf(tree);
    expect(entries.map(({ kernel, isDefault, root }) => [kernel, isDefault, root?.value])).toEqual([
      ['/boot/vmlinuz-5.14.0-70.el9', true, uuid],
      ['/boot/vmlinuz-5.14.0-9.el9', false, uuid],
      ['/boot/vmlinuz-0-rescue', false, uuid],
    ]);
    expect(entries[0]).toMatchObject({
      source: `${id('5.14.0-70.el9')}:4`,
      initrds: ['/boot/initramfs-5.14.0-70.el9.img'],
      consoles: ['tty0', 'ttyS0'],
      search: { kind: 'UUID', value: uuid },
      unevaluated: [],
    });
    const environment = grubenvOf({ kernelopts: 'root=LABEL=other ro', saved_entry: '0123-5.14.0-9.el9' });
    const saved = await entriesOf({ ...tree, '/boot/grub2/grubenv': environment });
    expect(saved.map(({ isDefault, root }) => [isDefault, root?.value])).toEqual([
      [false, 'other'],
      [true, 'other'],
      [false, 'other'],
    ]);
  });

  test('without options it is default_kernelopts that counts, and without that there is no root', async () => {
    const file = { [id('1-1')]: fedora('1-1', '') };
    expect((await entriesOf({ '/boot/grub2/grub.cfg': 'blscfg\n', ...file }))[0]).not.toHaveProperty('root');
    const script = 'set default_kernelopts="root=LABEL=x"\nblscfg\n';
    expect((await entriesOf({ '/boot/grub2/grub.cfg': script, ...file }))[0]?.root?.value).toBe('x');
  });

  test('are out of use where grub.cfg does not ask for them', async () => {
    const entries = await entriesOf({
      '/boot/grub/grub.cfg': "menuentry 'a' {\n linux /a\n}\n",
      [id('1-1')]: fedora('1-1'),
    });
    expect(entries.map(({ kernel, isDefault, unevaluated }) => [kernel, isDefault, unevaluated])).toEqual([
      ['/a', true, []],
      ['/boot/vmlinuz-1-1', false, ['no grub.cfg calls blscfg']],
    ]);
    expect((await entriesOf({ [id('1-1')]: fedora('1-1') }))[0]).toMatchObject({
      isDefault: true,
      unevaluated: [],
    });
  });

  // rpm's own examples: rpm/tests/rpmvercmp.at.
  test.for([
    ['1.0', '1.0', 0],
    ['1.0', '2.0', -1],
    ['2.0.1a', '2.0.1', 1],
    ['5.5p1', '5.5p10', -1],
    ['10xyz', '10.1xyz', -1],
    ['xyz10', 'xyz10.1', -1],
    ['10.0001', '10.1', 0],
    ['1.0~rc1', '1.0', -1],
    ['1.0~rc1', '1.0~rc2', -1],
    ['6.0.rc1', '6.0', 1],
    ['20101121', '20101122', -1],
    ['2_0', '2.0', 0],
    ['1b.fc17', '1.fc17', -1],
  ] as const)('%s against %s', ([a, b, order]) => {
    expect(Math.sign(compareVersions(a, b))).toBe(order);
    expect(Math.sign(compareVersions(b, a)) + order).toBe(0);
  });
});

test('kernel options: the last root, consoles without parameters, nothing behind --', () => {
  const options =
    'root=LABEL=a ro console=tty0 console=ttyAMA0,115200n8 root="UUID=B-1" -- console=x root=y'.split(' ');
  expect(readKernelOptions(options)).toEqual({
    root: { kind: 'UUID', value: 'B-1' },
    consoles: ['tty0', 'ttyAMA0'],
  });
  expect(readKernelOptions(['quiet'])).toEqual({ consoles: [] });
  expect(readDeviceName('PARTUUID=0a-01')).toEqual({ kind: 'PARTUUID', value: '0a-01' });
  expect(readDeviceName('/dev/disk/by-partlabel/root')).toEqual({ kind: 'PARTLABEL', value: 'root' });
  expect(readDeviceName('/dev/mapper/vg-root')).toEqual({ kind: 'device', value: '/dev/mapper/vg-root' });
});

test('grubenv: its signature, and what a backslash protects', () => {
  expect(parseGrubenv('saved_entry=0\n')).toBeUndefined();
  const text = '# GRUB Environment Block\n# WARNING: Do not edit\na=b=c\nd=x\\\\y\\\nz\n####';
  expect([...(parseGrubenv(text) ?? [])]).toEqual([
    ['a', 'b=c'],
    ['d', 'x\\y\nz'],
  ]);
});

describe('bounds', () => {
  test('variables that grow, menus and blocks without end', async () => {
    const doubling = Array.from({ length: 40 }, (_, at) => `set a${at + 1}="$a${at}$a${at}"`).join('\n');
    const entries = await grub(`set a0=xxxxxxxx\n${doubling}\nmenuentry a {\n linux /v $a40\n}\n`);
    expect(entries[0]?.options).toBe('$a40');
    const long = `set a=${'x'.repeat(8000)}\n${'echo $a$a$a\n'.repeat(1000)}`;
    await expect(grub(long)).rejects.toThrow(
      'image › /boot/grub/grub.cfg: expands to more than 16777216 characters',
    );
    await expect(grub('submenu a {\n'.repeat(40))).rejects.toThrow(LimitError);
    await expect(grub("menuentry 'a' {\n}\n".repeat(1001))).rejects.toThrow('more than 1000 menu entries');
    await expect(grub(`menuentry a {\n${'linux /v\n'.repeat(1001)}}\n`)).rejects.toThrow(
      'more than 1000 kernels',
    );
    await expect(grub('if a; then\n'.repeat(40))).rejects.toThrow(LimitError);
  });

  test('blanks without end, and a line separator of Unicode, are part of the value', async () => {
    const blanks = ' '.repeat(15_000);
    const text = `title a${blanks}b\u2028${blanks}\r\nlinux ${blanks}/v\n`;
    const [entry] = await entriesOf({ '/boot/loader/entries/x.conf': text });
    expect(entry?.title).toHaveLength(15_003);
    expect(entry?.kernel).toBe('/v');
  });

  test('a quote without end in an entry is told with the file', async () => {
    const tree = { '/boot/loader/entries/x.conf': 'linux /v\noptions "\n' };
    await expect(entriesOf(tree)).rejects.toThrow('image › /boot/loader/entries/x.conf:1: a " without');
  });

  test('names of JavaScript are no commands or variables', async () => {
    const script =
      'menuentry a {\n constructor __proto__\n search constructor\n linux /v $constructor ${__proto__}x\n}\n';
    expect(await grub(script)).toMatchObject([{ kernel: '/v', options: 'x', unevaluated: [] }]);
  });

  test('a refused script names its line', async () => {
    await expect(grub("a\nmenuentry 'x {\n")).rejects.toThrow(
      new FormatError("image › /boot/grub/grub.cfg:2: a ' without its end: GRUB refuses the script"),
    );
    await expect(grub('menuentry x {\n\n')).rejects.toThrow('grub.cfg:1: a { without }');
    await expect(grub('\n}\n')).rejects.toThrow('grub.cfg:2: a } without {');
    await expect(grub('\nif a; then\n b\n')).rejects.toThrow('grub.cfg:2: an if or loop without its end');
  });

  test('any text is read or refused', async () => {
    const piece = fc.constantFrom(
      'menuentry',
      'submenu',
      'function',
      'if',
      'then',
      'else',
      'fi',
      'for',
      'do',
      'done',
      'set',
      'linux',
      'initrd',
      'blscfg',
      'search',
      '--label',
      '--set=x',
      '{',
      '}',
      ';',
      '\n',
      ' ',
      "'",
      '"',
      '$',
      '${',
      'a',
      'a=b',
      '\\',
      '#',
      '[',
      ']',
      '-z',
      '>',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 60 }), async (pieces) => {
        const outcome = await grub(pieces.join('')).catch((error: unknown) => error);
        expect(Array.isArray(outcome) || outcome instanceof AssayError).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
