import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { serve } from '../../fixtures/simulated/serve.ts';
import { type Simulation, healthy } from '../../fixtures/simulated/simulation.ts';
import { parseDeployment } from '../deployment.ts';
import { discover } from './discover.ts';
import { parseDiscoverOptions } from './options.ts';

/** What is discovered of a simulation, as text, and as it is read again. */
async function discovered(change: (simulation: Simulation) => void = () => undefined) {
  const simulation = await healthy();
  change(simulation);
  await using served = await serve(simulation);
  const asked = { cloud: 'simulated', cloudFile: 'clouds.yaml', region: undefined, name: undefined };
  const text = await discover(asked, served.directory);
  const { requests, directory } = served;
  return { text, deployment: parseDeployment(text, join(directory, 'd.yaml')), requests, directory };
}

/** A comment goes over several lines. */
const inOneLine = (text: string) => text.replaceAll(/\n\s*# /g, ' ');

test('the deployment.yaml of a live cloud names what it tells, and is read as any other', async () => {
  const { text, deployment, requests, directory } = await discovered();
  expect(deployment).toMatchObject({
    name: 'simulated',
    cloud: { name: 'simulated', file: join(directory, 'clouds.yaml') },
    architectures: ['aarch64', 'x86_64'],
    conductors: [
      { name: 'conductor-1', config: ['ssh://conductor-1/etc/ironic/ironic.conf'] },
      { name: 'conductor-2', config: ['ssh://conductor-2/etc/ironic/ironic.conf'] },
    ],
    user_images: [
      { image: 'rocky-9-x86_64', architecture: 'x86_64', os: 'rocky' },
      { image: 'ubuntu-24.04-aarch64', architecture: 'aarch64', os: 'ubuntu' },
    ],
  });
  expect(text).toContain('# release: "2023.1"');
  expect(inOneLine(text)).toContain('3 node(s) of aarch64: arm-01, arm-02, arm-03');
  expect(text).not.toContain('could not be found out');
  expect(requests.filter(({ method, url }) => method !== 'GET' && !url.endsWith('/auth/tokens'))).toEqual([]);
  for (const line of text.split('\n')) expect(line.length).toBeLessThan(140);
});

test('what the credential may not see is said, and what nodes tell stands in for it', async () => {
  const { text, deployment } = await discovered((sim) => {
    sim.identity.systemRoles = [];
    const project = { name: 'demo', domain: 'Default', id: 'a'.repeat(32), roles: ['reader'] };
    sim.identity.projects.push(project);
    sim.deployment.cloud.auth = {
      username: 'assay',
      user_domain_name: 'Default',
      project_name: 'demo',
      project_domain_name: 'Default',
    };
    for (const node of sim.nodes.slice(0, 2)) node.owner = project.id;
  });
  expect(inOneLine(text)).toMatch(/What could not be found out:[^]* - conductors: .*system_scope: all/);
  expect(deployment.architectures).toEqual(['aarch64']);
  expect(deployment.conductors.map(({ name }) => name)).toEqual(['conductor-1', 'conductor-2']);
});

test('where no node and no conductor is told, what must be said stands there to be replaced', async () => {
  const { text, deployment } = await discovered((sim) => {
    for (const name of sim.nodes.map((node) => node.name)) sim.removeNode(name ?? '');
    sim.everyConductor((conductor) => void (conductor.alive = false));
  });
  expect(deployment.conductors).toEqual([
    { name: 'CHANGE-ME', config: ['ssh://CHANGE-ME/etc/ironic/ironic.conf'], environment: {} },
  ]);
  expect(inOneLine(text)).toContain('nodes: none is visible');
  expect(text).toContain('  # not alive, and left out: conductor-1');
});

test('images that tell no architecture are left out by name, and one of several names stands by its id', async () => {
  const { text, deployment } = await discovered((sim) => {
    delete sim.image('rocky-9-x86_64').record['hw_architecture'];
    const twin = sim.addImage('other', 'ubuntu-24.04-aarch64');
    twin.record.name = 'ubuntu-24.04-aarch64';
    const named = sim.addImage('odd\n- { image: injected, architecture: aarch64 }', 'ubuntu-24.04-aarch64');
    named.record['hw_architecture'] = 'vax\nuser_images: []';
  });
  expect(text).toContain('# rocky-9-x86_64: left out: has no hw_architecture');
  expect(text).toContain('# one of several that are called ubuntu-24.04-aarch64');
  expect(deployment.user_images.map(({ image }) => /^[\da-f-]{36}$/.test(image))).toEqual([true, true]);
});

test('a refused password is told in one line, and nothing is written', async () => {
  await expect(discovered((sim) => void (sim.identity.wrongPassword = true))).rejects.toThrow(/401/);
});

test('the command line', async () => {
  expect(parseDiscoverOptions(['--os-cloud', 'lab', '--name', 'two words'], {})).toEqual({
    cloud: 'lab',
    cloudFile: undefined,
    region: undefined,
    name: 'two words',
    help: false,
  });
  expect(() => parseDiscoverOptions(['--os-clod', 'x'], {})).toThrow('did you mean "--os-cloud"?');
  expect(() => parseDiscoverOptions(['lab'], {})).toThrow('a cloud is named with --os-cloud lab');
  expect(() => parseDiscoverOptions([], { npm_config_os_cloud: 'x' })).toThrow('was taken by npm');
  const launch = new URL('launch.ts', import.meta.url).pathname;
  const run = promisify(execFile)(process.execPath, [
    launch,
    '--os-cloud',
    'x',
    '--os-cloud-file',
    '/no/c.yaml',
  ]);
  const failed = await run.catch(
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  );
  expect(failed).toMatchObject({ code: 2, stdout: '' });
  expect(failed.stderr).toMatch(/^ironic-assay: --os-cloud-file: \/no\/c\.yaml cannot be read: .*\n$/);
});
