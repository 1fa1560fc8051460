import { describe, expect, test } from 'vitest';
import { ironicConfig, type IronicConfig } from './config.ts';
import { releaseOf, type Release } from './release.ts';

function release(text: string): Release {
  const found = releaseOf(text);
  if (found === undefined) throw new Error(`no release ${text}`);
  return found;
}

/** A configuration of files a.conf, b.conf, … */
function conf(...texts: string[]): IronicConfig {
  return ironicConfig(texts.map((text, at) => ({ text, origin: `${'abc'[at]}.conf` })));
}

const byArch = ['pxe', 'ipxe_bootfile_name_by_arch'] as const;

/** What the mapping becomes, or why it does not. */
function mapping(value: string): unknown {
  const reading = conf(`[pxe]\nipxe_bootfile_name_by_arch = ${value}`).dict(...byArch);
  return reading.ok ? Object.fromEntries(reading.value ?? []) : reading.problem;
}

describe('which setting wins', () => {
  test('the last of a file, in any spelling of the section', () => {
    const config = conf('[pxe]\ntftp_root = /1\n[PXE]\ntftp_root = /2\n[pxe]\ntftp_root = /3');
    const setting = config.find('pxe', 'tftp_root');
    expect(setting).toMatchObject({ value: '/3', origin: 'a.conf', line: 6, from: 'file' });
    expect(setting?.all.map(({ raw, line }) => [raw, line])).toEqual([
      ['/1', 2],
      ['/2', 4],
      ['/3', 6],
    ]);
  });

  test('the last file', () => {
    const setting = conf('[pxe]\ntftp_root = /1', '[pxe]\ntftp_root = /2', '[deploy]\nx = 1').find(
      'pxe',
      'tftp_root',
    );
    expect(setting).toMatchObject({ value: '/2', origin: 'b.conf' });
  });

  test('a deprecated name in a later file, but not in the same one', () => {
    const [now, old] = ['kernel_append_params = now', 'pxe_append_params = old'];
    expect(conf(`[pxe]\n${now}`, `[pxe]\n${old}`).find('pxe', 'kernel_append_params')).toMatchObject({
      value: 'old',
      name: 'pxe_append_params',
    });
    expect(conf(`[pxe]\n${now}\n${old}`).find('pxe', 'kernel_append_params')?.value).toBe('now');
  });

  test('the environment over every file', () => {
    const config = ironicConfig([{ text: '[pxe]\ntftp_root = /file', origin: 'a.conf' }], {
      OS_PXE__TFTP_ROOT: '/env',
      OS_DEFAULT__MY_IP: '10.0.0.9',
    });
    expect(config.find('pxe', 'tftp_root')).toMatchObject({
      value: '/env',
      from: 'environment',
      origin: 'OS_PXE__TFTP_ROOT',
      all: [{ raw: '/file' }, { raw: '/env' }],
    });
    expect(config.string('pxe', 'tftp_server')).toMatchObject({
      ok: true,
      value: '10.0.0.9',
      setting: undefined,
    });
  });

  test('none from [default], from [ pxe ], or under a name with dashes', () => {
    expect(conf('[default]\nmy_ip = 10.0.0.1').find('DEFAULT', 'my_ip')).toBeUndefined();
    expect(conf('[ pxe ]\ntftp_root = /x').find('pxe', 'tftp_root')).toBeUndefined();
    expect(conf('[pxe]\ntftp-root = /x').find('pxe', 'tftp_root')).toBeUndefined();
  });

  test('and a file with an error is refused as a whole', () => {
    expect(conf('[pxe]\ntftp_root = /x', '[pxe]\nnonsense\nmore').refused).toEqual([
      { origin: 'b.conf', error: { line: 2, message: "No ':' or '=' found in assignment" } },
    ]);
  });
});

/** What loader_file_paths becomes. */
const loaders = (value: string): unknown => {
  const reading = conf(`[pxe]\nloader_file_paths = ${value}`).dict('pxe', 'loader_file_paths');
  return reading.ok ? Object.fromEntries(reading.value ?? []) : reading.problem;
};

describe('mappings', () => {
  test.each([
    ['aarch64:ipxe_aa64.efi', { aarch64: 'ipxe_aa64.efi' }],
    ['aarch64 : a.efi , x86_64:b.efi', { aarch64: 'a.efi', x86_64: 'b.efi' }],
    ['aarch64:', { aarch64: '' }],
    ['aarch64:http://h/x', { aarch64: 'http://h/x' }],
    ['aarch64:"x.efi"', { aarch64: '"x.efi"' }],
    ['aarch64:x.efi # arm', { aarch64: 'x.efi # arm' }],
    ["{'aarch64': 'ipxe_aa64.efi'}", { "{'aarch64'": "'ipxe_aa64.efi'}" }],
    ['aarch64:a,\n  x86_64:b', { aarch64: 'a', x86_64: 'b' }],
    ['', {}],
    ['a:b,c', 'Value should be NAME:VALUE pairs separated by ","'],
    ['aarch64:a,', 'Value should be NAME:VALUE pairs separated by ","'],
    ['c,a:b', { 'c,a': 'b' }],
    ['ipxe_aa64.efi', 'Value should be NAME:VALUE pairs separated by ","'],
    ['aarch64:a,aarch64:b', 'Duplicate key aarch64'],
    [':x', 'Key name should not be empty'],
  ])('%j', (value, expected) => {
    expect(mapping(value)).toEqual(expected);
  });

  test('lose quotes where the option says so', () => {
    expect(loaders('a.efi:"/x,y",b:/z')).toEqual({ 'a.efi': '/x,y', b: '/z' });
    expect(loaders('a.efi:"/x')).toBe('Non-closed quote: "/x');
  });
});

const defaultParameters = (version: string): unknown =>
  ironicConfig([], {}, release(version)).string('pxe', 'kernel_append_params');

describe('other types', () => {
  const config = conf(
    [
      '[pxe]',
      'ipxe_use_swift = Yes',
      'enable_netboot_fallback = ja',
      'file_permission = 0o644',
      'dir_permission = 0755',
      'boot_retry_timeout = 59',
      'ipxe_timeout =',
      '[DEFAULT]',
      'enabled_boot_interfaces = ipxe, pxe ,,',
      '[deploy]',
      'default_boot_mode = UEFI',
      'http_url = 10.0.0.1:8051',
    ].join('\n'),
  );

  test('booleans in any case, and nothing but those words', () => {
    expect(config.boolean('pxe', 'ipxe_use_swift')).toMatchObject({ ok: true, value: true });
    expect(config.boolean('pxe', 'enable_netboot_fallback')).toMatchObject({
      ok: false,
      problem: "Unexpected boolean value 'ja'",
    });
  });

  test('integers in base 10 only, so that file modes go wrong', () => {
    expect(config.integer('pxe', 'file_permission')).toMatchObject({
      problem: "invalid literal for int() with base 10: '0o644'",
    });
    expect(config.integer('pxe', 'dir_permission')).toMatchObject({ ok: true, value: 755 });
    expect(config.integer('pxe', 'boot_retry_timeout')).toMatchObject({
      problem: 'Should be greater than or equal to 60',
    });
    expect(config.integer('pxe', 'ipxe_timeout')).toMatchObject({ ok: true, value: undefined });
  });

  test('lists without trailing commas', () => {
    expect(config.list('DEFAULT', 'enabled_boot_interfaces')).toMatchObject({
      ok: true,
      value: ['ipxe', 'pxe'],
    });
  });

  test('choices in their exact case', () => {
    expect(config.string('deploy', 'default_boot_mode')).toMatchObject({
      ok: false,
      problem: "Valid values are [uefi, bios], but found 'UEFI'",
      setting: { line: 11 },
    });
  });

  test('a URI needs scheme and host, from 25.0 on', () => {
    expect(config.string('deploy', 'http_url')).toMatchObject({ ok: false });
    const text = '[deploy]\nhttp_url = 10.0.0.1:8051';
    const older = ironicConfig([{ text, origin: 'a.conf' }], {}, release('2024.1'));
    expect(older.string('deploy', 'http_url')).toMatchObject({ ok: true, value: '10.0.0.1:8051' });
  });

  test('defaults are those of the release', () => {
    expect(defaultParameters('2023.1')).toMatchObject({
      value: 'nofb nomodeset vga=normal',
      setting: undefined,
    });
    expect(defaultParameters('2023.2')).toMatchObject({ value: 'nofb vga=normal' });
  });

  test('an option that the release does not have is no option', () => {
    const text = '[conductor]\ndeploy_kernel_by_arch = aarch64:x';
    const zed = ironicConfig([{ text, origin: 'a.conf' }], {}, release('zed'));
    expect(zed.dict('conductor', 'deploy_kernel_by_arch')).toMatchObject({
      ok: false,
      problem: 'no such dict option deploy_kernel_by_arch in group [conductor]',
      setting: { line: 2 },
    });
  });
});

/** Of an option that takes any text, in a release that does not look at kernel parameters. */
const value = (text: string, name = 'kernel_append_params'): unknown => {
  const file = { text: `[DEFAULT]\nmy_ip = 10.0.0.1\n[pxe]\n${name} = ${text}`, origin: 'a.conf' };
  const reading = ironicConfig([file], {}, release('2026.1')).string('pxe', name);
  return reading.ok ? reading.value : reading.problem;
};

const kernelParameters = 'quiet sshkey=""';
const refused = `Value must be a valid kernel parameter string, and 'sshkey=""' is none`;

test.each([
  ['2026.1', '', kernelParameters],
  ['2026.2', '', refused],
  ['2026.2', '[conductor]\ndisable_kernel_parameter_parsing = true\n', kernelParameters],
])('kernel parameters with an empty value, in %s with %j: %s', (name, more, expected) => {
  const file = { text: `${more}[pxe]\nkernel_append_params = ${kernelParameters}`, origin: 'a.conf' };
  const reading = ironicConfig([file], {}, release(name)).string('pxe', 'kernel_append_params');
  expect(reading.ok ? reading.value : reading.problem).toBe(expected);
});

describe('interpolation', () => {
  test('takes the own group first, then DEFAULT, then a named one', () => {
    expect(value('$tftp_root')).toBe('/tftpboot');
    expect(value('a=${my_ip}:1')).toBe('a=10.0.0.1:1');
    expect(value('$deploy.http_root/${pxe.tftp_root}')).toBe('/httpboot//tftpboot');
    expect(value('$tftp_server')).toBe('10.0.0.1');
  });

  test('writes values as Python prints them', () => {
    expect(value('$ipxe_use_swift $ipxe_timeout $ipxe_fallback_script.', 'images_path')).toBe(
      'no such group [ipxe_fallback_script]',
    );
    expect(value('$ipxe_use_swift $ipxe_timeout [$ipxe_fallback_script]')).toBe('False 0 []');
    expect(value('$enabled_hardware_types')).toBe("['ipmi', 'redfish']");
  });

  test('leaves escaped dollars, and those before no name', () => {
    expect(value('$$x \\$y $1 $ ${')).toBe('$x $y $1 $ ${');
  });

  test('fails at a name that is no option: an unescaped ${mac}', () => {
    expect(value('BOOTIF=${mac}')).toBe('no such option mac in group [DEFAULT]');
    expect(value('$nosuch.thing')).toBe('no such group [nosuch]');
    expect(value('$deploy')).toBe('template substitution error: substituting group deploy not supported');
  });

  test('says what only the machine knows, and leaves it as it is', () => {
    expect(conf('').string('pxe', 'tftp_server')).toEqual({
      ok: true,
      value: '$my_ip',
      setting: undefined,
      unresolved: ['my_ip'],
    });
    expect(conf('').string('pxe', 'ipxe_boot_script')).toMatchObject({ unresolved: ['pybasedir'] });
    expect(conf('').string('DEFAULT', 'my_ip')).toMatchObject({ value: undefined, unresolved: ['my_ip'] });
  });

  test('ends, in a circle and in an explosion', () => {
    expect(value('$kernel_append_params')).toBe(
      'interpolation does not end: $kernel_append_params refers to itself',
    );
    const long = `[pxe]\ntftp_root = ${'x'.repeat(60_000)}\nkernel_append_params = ${'$tftp_root'.repeat(40)}`;
    expect(conf(long).string('pxe', 'kernel_append_params')).toMatchObject({
      ok: false,
      problem: 'interpolation makes more than 1048576 characters',
    });
  });
});
