import { readFile, readdir } from 'node:fs/promises';
import { hostname, userInfo } from 'node:os';
import { expect, test } from 'vitest';
import { parseDeployment } from '../deployment.ts';
import { completed } from '../read-deployment.ts';

/* The examples of the documentation, on a deploy host whose files are in fixtures/deployer. */

const examples = new URL('../../docs/examples/', import.meta.url);
const deployHost = new URL('../../fixtures/deployer/deploy-host', import.meta.url).pathname;
const ironicConf = '/etc/ironic/ironic.conf';

async function example(name: string) {
  const text = await readFile(new URL(name, examples), 'utf8');
  const onHost = text.replaceAll(/(?<=[ :])\/(etc|root|opt)\//g, `${deployHost}/$1/`);
  return completed(parseDeployment(onHost, `/root/${name}`));
}

const asRoot = (user = userInfo().username) => (user === 'root' ? {} : { sudo: true });

test('OpenStack-Ansible: containers are entered from the hosts that hold them', async () => {
  const { conductors, hosts } = await example('openstack-ansible.yaml');
  const names = ['infra1-ironic-api-container-7d0150d2', 'infra2-ironic-api-container-975c7890'];
  expect(conductors).toEqual(
    names.map((name) => ({ name, config: [`ssh://${name}${ironicConf}`], environment: {} })),
  );
  expect(hosts).toEqual(
    Object.fromEntries(
      names.map((name, index) => [
        name,
        { address: `172.29.236.${11 + index}`, container: `lxc-attach -n ${name} --`, ...asRoot() },
      ]),
    ),
  );
});

test('kolla-ansible: containers of the engine that globals.d names, and what deployment.yaml says goes before', async () => {
  const { conductors, hosts } = await example('kolla-ansible.yaml');
  expect(conductors).toEqual([
    { name: 'control01.example.org', config: [`ssh://control01${ironicConf}`], environment: {} },
    { name: 'control02', config: [`ssh://control02${ironicConf}`], environment: {} },
    { name: 'control03.example.org', config: [`ssh://control03${ironicConf}`], environment: {} },
  ]);
  const container = 'podman exec ironic_conductor';
  expect(hosts).toEqual({
    control01: { address: '192.0.2.11', user: 'kolla', sudo: true, container },
    control02: { address: '192.0.2.12', port: 2222, user: 'operator', sudo: true, container },
    control03: { address: '192.0.2.13', user: 'root', container },
  });
});

test('bifrost: the conductor is this machine', async () => {
  const { conductors, hosts } = await example('bifrost.yaml');
  expect(conductors).toEqual([{ name: hostname(), config: [ironicConf], environment: {} }]);
  expect(hosts).toEqual({});
});

test('every example is complete', async () => {
  const names = await readdir(examples);
  expect(names.length).toBeGreaterThanOrEqual(4);
  for (const name of names) {
    const { cloud, conductors } = await example(name);
    expect([name, cloud?.name, conductors.length > 0]).toEqual([name, expect.any(String), true]);
  }
});
