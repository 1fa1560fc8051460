import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { artefact, healthy } from '../../fixtures/simulated/simulation.ts';

const launcher = fileURLToPath(new URL('launch.ts', import.meta.url));
const artefacts = new URL('../../fixtures/simulated/artefacts/', import.meta.url);
const names = ['ubuntu-24.04-aarch64.qcow2', 'ipa-aarch64.kernel', 'ipa-x86_64.initramfs', 'ipxe.efi'];
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-inspect-launch-'));
  for (const name of names) await copyFile(new URL(name, artefacts), join(folder, name));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs the command as `npm run inspect --` does. */
function launch(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: '1', INIT_CWD: folder, ...environment };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [...execArguments, launcher, ...args],
      { cwd: folder, env },
      (error, out, errors) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, error: errors });
      },
    );
  });
}
const execArguments: string[] = [];

test('the kernel, word for word', async () => {
  const { code, out, error } = await launch(['ipa-aarch64.kernel']);
  expect({ code, error }).toEqual({ code: 0, error: '' });
  expect(out).toBe(`ipa-aarch64.kernel
a Linux kernel for aarch64 · 12 KiB, all of it read
├─ form      arm64 Image
├─ release   6.1.0-40-arm64
├─ pages     4 KiB: a CPU without this granule cannot run it
├─ firmware  EFI can start it as it is; not signed
└─ whole     as long as its headers say, 12 KiB
`);
});

test('every kind, in one run, in 80 columns but for paths', async () => {
  const { code, out } = await launch(names);
  expect(code).toBe(0);
  expect(out).toContain('├─ partition 1  “ESP”, EFI system partition, 2 MiB at 1 MiB');
  expect(out).toContain('system      Ubuntu 24.04.3 LTS (ubuntu 24.04)');
  expect(out).toContain('agent     ironic-python-agent 9.4.2, its unit is enabled');
  expect(out).toContain('iPXE       1.21.1+ (g6ba671ac), built as ipxe.efi;');
  // A path or a UUID is never cut: it may stand out.
  const tooLong = out.split('\n').filter((line) => line.length > 80 && !/[^ ]{30,}$/.test(line));
  expect(tooLong).toEqual([]);
  expect(out).not.toContain('\u001b');
});

test('colour is there when forced, and only then', async () => {
  const coloured = await launch(['ipxe.efi'], { NO_COLOR: undefined, FORCE_COLOR: '1' });
  expect(coloured.out).toContain('\u001b[1mipxe.efi');
});

test('--json: one list, errors in it, and the worst exit code', async () => {
  await writeFile(join(folder, 'page.html'), '<html>\n<body>Not found</body></html>');
  const { code, out, error } = await launch(['--json', 'ipxe.efi', 'page.html', 'nothing']);
  expect({ code, error }).toEqual({ code: 2, error: '' });
  const { schema, inspections } = JSON.parse(out) as { schema: number; inspections: unknown[] };
  expect(schema).toBe(1);
  expect(inspections).toMatchObject([
    { target: 'ipxe.efi', kind: 'EFI program', understood: true, efi: { value: { architecture: 'x86_64' } } },
    { target: 'page.html', kind: 'other', content: 'html', understood: false },
    { target: 'nothing', error: { code: 'missing', message: 'nothing: no such file' } },
  ]);
});

test('damage is exit code 1, and the line says what', async () => {
  const image = await artefact('ubuntu-24.04-aarch64.qcow2');
  await writeFile(join(folder, 'cut.qcow2'), image.subarray(0, 50_000));
  await writeFile(join(folder, 'empty'), '');
  const cut = await launch(['cut.qcow2']);
  expect(cut.code).toBe(1);
  expect(cut.out).toMatch(/! not read: truncated: .*\n.*the file ends at 50000\n/);
  expect(cut.out).toMatch(/see the lines with !\n$/);
  const empty = await launch(['empty']);
  expect(empty.code).toBe(1);
  expect(empty.out).toBe(
    'empty\nan empty file · empty\n└─ ! an empty file, nothing that a node boots\nNot all of it is sound, or could be read: see the lines with !\n',
  );
});

test.for([
  [['nothing'], 'ironic-assay: nothing: no such file\n'],
  [['.'], /^ironic-assay: \.: a directory, where a file is expected\n$/],
  [['--jsn', 'x'], 'ironic-assay: unknown option "--jsn"; did you mean "--json"?\n'],
  [[], /nothing to inspect/],
  [['--os-cloud', 'no-such-cloud', 'glance:x'], /cloud "no-such-cloud" is not described/],
  [['--deployment', 'none.yaml', 'glance:x'], /none\.yaml: cannot be read/],
  [['http://127.0.0.1:1/x'], /connection refused/],
] as const)('%j could not be read: exit code 2', async ([args, message]) => {
  const { code, out, error } = await launch(args);
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(error).toMatch(message);
});

test('--help', async () => {
  const { code, out } = await launch(['--help']);
  expect(code).toBe(0);
  expect(out).toMatch(/^Usage: npm run inspect -- TARGET/);
  for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('an image by its name in a recorded store', async () => {
  const simulation = await healthy();
  const { record } = simulation.image('ubuntu-24.04-aarch64');
  const images = [{ ...record, file: 'ubuntu-24.04-aarch64.qcow2' }];
  await writeFile(join(folder, 'images.json'), JSON.stringify({ images }));
  const deployment = {
    name: 'recorded',
    nodes: 'nodes.json',
    images: 'images.json',
    conductors: [{ name: 'c', config: ['ironic.conf'] }],
  };
  await writeFile(join(folder, 'deployment.yaml'), JSON.stringify(deployment));
  const { code, out, error } = await launch([
    'glance:ubuntu-24.04-aarch64',
    '--deployment',
    'deployment.yaml',
  ]);
  expect({ code, error }).toEqual({ code: 0, error: '' });
  expect(out).toContain('Ubuntu 24.04.3 LTS');
});

test('only the readers that are needed are loaded', async () => {
  const hook = `import { registerHooks } from 'node:module';
registerHooks({ load(url, context, next) { process.stderr.write(url + '\\n'); return next(url, context); } });`;
  const watch = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`];
  execArguments.push(...watch);
  try {
    const loaded = async (name: string) =>
      (await launch([name])).error.split('\n').map((url) => url.replace(/^.*\/(lib|node_modules)\//, '$1/'));
    const image = await loaded('ubuntu-24.04-aarch64.qcow2');
    expect(image).toContain('lib/inspect/guest.ts');
    const others =
      /lib\/boot\/kernel\.ts|lib\/disk\/lvm|lib\/fs\/(btrfs|xfs)|lib\/source\/(ssh|http|web)|node_modules\/(zod|vitest|undici|ssh2)/;
    expect(image.filter((url) => others.test(url))).toEqual([]);
    const kernel = await loaded('ipa-aarch64.kernel');
    expect(kernel).toContain('lib/boot/kernel.ts');
    expect(kernel.filter((url) => /lib\/(guest|disk|image|fs)\/(?!container|recent)/.test(url))).toEqual([]);
  } finally {
    execArguments.length = 0;
  }
});
