import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { healthy } from '../fixtures/simulated/simulation.ts';
import type { Result } from './result.ts';

const launcher = fileURLToPath(new URL('launch.ts', import.meta.url));
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-launch-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs the command as `npm test` does. */
function launch(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: '1', ...environment };
  return new Promise((resolve) => {
    execFile(process.execPath, [launcher, ...args], { cwd: folder, env }, (error, out, errors) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, error: errors });
    });
  });
}

async function resultsOf(reports: string): Promise<readonly Result[]> {
  return (JSON.parse(await readFile(join(reports, 'assay.json'), 'utf8')) as { results: Result[] }).results;
}

/** A deployment of local files: the simulated one, written down. */
async function writeDeployment(name: string): Promise<string> {
  const at = join(folder, name);
  const simulation = await healthy();
  await mkdir(join(at, 'tftpboot'), { recursive: true });
  await mkdir(join(at, 'images'), { recursive: true });
  for (const { record, bytes } of simulation.images) {
    record['file'] = `images/${record.id}`;
    await writeFile(join(at, 'images', record.id), bytes);
  }
  const write = (file: string, what: unknown) => writeFile(join(at, file), JSON.stringify(what));
  await write('nodes.json', { nodes: simulation.nodes });
  await write('ports.json', { ports: simulation.ports });
  await write('images.json', { images: simulation.images.map(({ record }) => record) });
  const conductor = simulation.conductor('conductor-1');
  await writeFile(join(at, 'ironic.conf'), conductor.config);
  for (const [file, bytes] of conductor.tftp) await writeFile(join(at, 'tftpboot', file), bytes);
  for (const file of conductor.http.keys()) {
    const path = join(at, 'httpboot', file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, conductor.httpFile(file) ?? '');
  }
  await write('deployment.yaml', {
    name,
    release: '2023.1',
    nodes: 'nodes.json',
    ports: 'ports.json',
    images: 'images.json',
    conductors: [{ name: 'conductor-1', config: ['ironic.conf'], tftp: 'tftpboot', http: 'httpboot' }],
    user_images: simulation.deployment.user_images,
  });
  return at;
}

test('without arguments the simulated deployment conforms, and the reports are written', async () => {
  const reports = join(folder, 'all');
  const { code, out } = await launch(['--reports', reports]);
  expect(code).toBe(0);
  expect(out).toMatch(/conformant: \d+ passed, .* 0 failed/);
  const results = await resultsOf(reports);
  expect(new Set(results.map(({ architecture }) => architecture))).toEqual(
    new Set(['aarch64', 'x86_64', undefined]),
  );
  expect(await readFile(join(reports, 'assay.tap'), 'utf8')).toMatch(/^TAP version 13\n/);
  expect(await readFile(join(reports, 'assay.xml'), 'utf8')).toContain(`<testsuites`);
});

test('--suite aarch64 judges that architecture and what is shared', async () => {
  const reports = join(folder, 'aarch64');
  const { code } = await launch(['--suite', 'aarch64', '--reports', reports]);
  expect(code).toBe(0);
  const results = await resultsOf(reports);
  expect(new Set(results.map(({ architecture }) => architecture))).toEqual(new Set(['aarch64', undefined]));
  expect(new Set(results.map(({ suite }) => suite)).size).toBe(8);
});

test('--suite aarch64/firmware judges both at once', async () => {
  const reports = join(folder, 'both');
  await launch(['--suite', 'aarch64/firmware', '--reports', reports]);
  const results = await resultsOf(reports);
  expect(new Set(results.map(({ suite, architecture }) => `${architecture}/${suite}`))).toEqual(
    new Set(['aarch64/firmware']),
  );
});

test('--list names the checks and runs none', async () => {
  const { code, out } = await launch(['--list', '--suite', 'firmware']);
  expect(code).toBe(0);
  expect(out).toMatch(/firmware\/machine +must/);
  expect(out).not.toContain('nodes/');
  expect(out).not.toContain('conformant');
});

test('--help says how to use it', async () => {
  const { code, out } = await launch(['--help']);
  expect(code).toBe(0);
  expect(out).toContain('npm test -- [options]');
});

test.for<[string[], NodeJS.ProcessEnv, string]>([
  [['--suite', 'aarm64'], {}, 'unknown suite "aarm64"; did you mean "aarch64"?'],
  [['--suite', 's390x'], {}, 'nothing to judge for s390x: this deployment has aarch64, x86_64'],
  [['--check', 'firmware/machne'], {}, 'did you mean "firmware/machine"?'],
  [['--reporter', 'verbose'], {}, 'unknown option "--reporter"'],
  [['suites/matrix'], {}, 'unexpected argument "suites/matrix"'],
  [[], { npm_config_suite: 'aarch64' }, 'npm test -- --suite'],
  [['--deployment', 'nowhere.yaml'], {}, 'nowhere.yaml: cannot be read'],
  [['--deployment', '.'], {}, 'cannot be read: EISDIR'],
])('%j is refused in one line, with exit code 2', async ([args, environment, message]) => {
  const { code, out, error } = await launch(args, { INIT_CWD: folder, ...environment });
  expect(error).toContain(message);
  expect(error).not.toMatch(/\n {4}at /);
  expect(out).not.toContain('conformant');
  expect(code).toBe(2);
});

test('a malformed deployment.yaml is refused with its line and column', async () => {
  await writeFile(
    join(folder, 'bad.yaml'),
    'name: x\nnodes: n\nimages: i\nconductors:\n  - name: c\n    confg: [x]\n',
  );
  const { code, error } = await launch(['--deployment', 'bad.yaml'], { INIT_CWD: folder });
  expect(error).toContain('bad.yaml:6:5: unknown key "confg"; did you mean "config"?');
  expect(code).toBe(2);
});

test('a deployment of local files conforms; with a file gone the rest is judged and the verdict stays open', async () => {
  const at = await writeDeployment('local');
  const reports = join(at, 'reports');
  const whole = await launch(['--deployment', join(at, 'deployment.yaml'), '--reports', reports]);
  expect(whole.out).toContain('conformant');
  expect(whole.code).toBe(0);

  await rm(join(at, 'ironic.conf'));
  await mkdir(join(at, 'ironic.conf'));
  const broken = await launch(['--deployment', join(at, 'deployment.yaml'), '--reports', reports]);
  expect(broken.out).toMatch(/ironic\.conf: a directory/);
  expect(broken.code).toBe(2);
  const results = await resultsOf(reports);
  expect(results.some(({ suite, status }) => suite === 'images' && status === 'pass')).toBe(true);
  expect(results.filter(({ status }) => ['fail', 'error'].includes(status))).toEqual([]);
});

test('a conductor that is not there is named once, and all else is judged', async () => {
  const at = await writeDeployment('partial');
  const file = join(at, 'deployment.yaml');
  const deployment = JSON.parse(await readFile(file, 'utf8')) as { conductors: object[]; ssh?: object };
  deployment.conductors.push({
    name: 'conductor-2',
    config: ['ssh://127.0.0.1:1/etc/ironic/ironic.conf'],
    tftp: 'tftpboot',
    http: 'httpboot',
  });
  deployment.ssh = { identity: 'key', known_hosts: 'known_hosts' };
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(at, 'key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  await writeFile(join(at, 'known_hosts'), '');
  await writeFile(file, JSON.stringify(deployment));
  const { code, out } = await launch(['--deployment', file, '--reports', join(at, 'reports')]);
  expect(code).toBe(2);
  expect(out).toMatch(/\? ssh:\/\/.*127\.0\.0\.1:1.*ECONNREFUSED/s);
  const results = await resultsOf(join(at, 'reports'));
  const open = results.filter(({ status }) => status === 'not verified');
  expect(new Set(open.map(({ suite }) => suite))).toEqual(new Set(['conf', 'http']));
  expect(new Set(open.map(({ reason }) => reason)).size).toBe(1);
  expect(results.filter(({ status }) => ['fail', 'error'].includes(status))).toEqual([]);
});

test('a recording that is cut short is named with the place', async () => {
  const at = await writeDeployment('cut');
  const nodes = join(at, 'nodes.json');
  await writeFile(nodes, (await readFile(nodes)).subarray(0, 2000));
  const { code, out } = await launch([
    '--deployment',
    join(at, 'deployment.yaml'),
    '--reports',
    join(at, 'reports'),
  ]);
  expect(code).toBe(2);
  expect(out).toMatch(/nodes\.json: not JSON at line 1 column \d+/);
});

test('a fault makes the exit code 1, and is shown with its remedy', async () => {
  const at = await writeDeployment('faulty');
  await writeFile(join(at, 'tftpboot', 'ipxe_aa64.efi'), '');
  const { code, out } = await launch([
    '--deployment',
    join(at, 'deployment.yaml'),
    '--reports',
    join(at, 'reports'),
  ]);
  expect(out).toMatch(/✗ firmware\/content/);
  expect(out).toContain('an empty file');
  expect(out).toMatch(/not conformant: .* 1 failed/);
  expect(code).toBe(1);
});

test('a folder that cannot be written to is said, and the verdict shown all the same', async () => {
  await writeFile(join(folder, 'in-the-way'), '');
  const { code, out, error } = await launch(['--suite', 'conf', '--reports', join(folder, 'in-the-way')]);
  expect(out).toContain('conformant');
  expect(error).toContain('in-the-way');
  expect(code).toBe(2);
});
