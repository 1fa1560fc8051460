import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { parseDeployment } from '../deployment.ts';
import { readDeployment } from '../read-deployment.ts';

let folder = '';
afterEach(async () => rm(folder, { recursive: true, force: true }));

const head = 'name: lab\ncloud: production\n';
const kolla = `${head}from: { kolla_ansible: { inventory: multinode, config: kolla } }\n`;
const osa = `${head}from: { openstack_ansible: deploy }\n`;
const bifrost = `${head}from: { bifrost: { inventory: target } }\n`;
const conductorGroup = '[ironic-conductor]\n';

/** Reads a deployment.yaml that stands beside the files given. */
async function read(text: string, files: Readonly<Record<string, string>>) {
  folder = await mkdtemp(join(tmpdir(), 'ironic-assay-from-'));
  for (const [name, content] of Object.entries({ 'kolla/globals.yml': '', ...files, 'd.yaml': text })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return readDeployment(join(folder, 'd.yaml'));
}

const metal = new URL('../../fixtures/deployer/metal', import.meta.url).pathname;
const sudo = userInfo().username === 'root' ? {} : { sudo: true };

/** openstack_inventory.json of conductors with these variables. */
function listed(hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>>): string {
  return JSON.stringify({ _meta: { hostvars }, ironic_conductor: { hosts: Object.keys(hostvars) } });
}

test('on metal the conductors are the hosts themselves', async () => {
  const { conductors, hosts } = await read(`${head}from: { openstack_ansible: ${metal} }\n`, {});
  expect(conductors.map(({ name, config }) => [name, ...config])).toEqual([
    ['infra1', 'ssh://infra1/etc/ironic/ironic.conf'],
    ['infra2', 'ssh://infra2/etc/ironic/ironic.conf'],
  ]);
  expect(hosts).toEqual({
    infra1: { address: '172.29.236.11', ...sudo },
    infra2: { address: '172.29.236.12', ...sudo },
  });
});

test('containers of systemd-nspawn, and what deployment.yaml says of the host that holds one', async () => {
  const { hosts } = await read(`${osa}hosts: { infra1: { address: 192.0.2.1, user: operator } }\n`, {
    'deploy/openstack_inventory.json': listed({
      'c-1': { container_name: 'c-1', physical_host: 'infra1', container_tech: 'nspawn' },
    }),
  });
  expect(hosts['c-1']).toEqual({
    address: '192.0.2.1',
    user: 'operator',
    container: 'systemd-run --quiet --wait --pipe --machine=c-1 --',
  });
});

test('what deployment.yaml says of a conductor takes its place as a whole, and others are added', async () => {
  const own = 'conductors: [{ name: a, config: [a.conf] }, { name: c, config: [c.conf] }]\n';
  const { conductors } = await read(kolla + own, { multinode: `${conductorGroup}a\nb\n` });
  expect(conductors.map(({ name, config }) => [name, ...config])).toEqual([
    ['a', 'a.conf'],
    ['b', 'ssh://b/etc/ironic/ironic.conf'],
    ['c', 'c.conf'],
  ]);
});

test('on this machine kolla-ansible is read where the container copies its configuration from', async () => {
  const { conductors } = await read(kolla, {
    multinode: `${conductorGroup}localhost ansible_connection=local\n`,
  });
  expect(conductors).toEqual([
    { name: 'localhost', config: ['/etc/kolla/ironic-conductor/ironic.conf'], environment: {} },
  ]);
});

test('variables of group_vars, several inventories, and a name that the configuration gives', async () => {
  const { conductors, hosts } = await read(
    `${head}from: { kolla_ansible: { inventory: [one, two], config: kolla } }\n`,
    {
      one: 'all:\n  hosts: { a: { ansible_host: 192.0.2.1 } }\n',
      two: `${conductorGroup}a\n[ironic-conductor:vars]\nansible_user=root\n`,
      'group_vars/all.yml': 'ansible_port: 2222\n',
      'kolla/config/global.conf': '[DEFAULT]\nhost = first\n',
      'kolla/config/ironic/ironic-conductor.conf': '[DEFAULT]\nhost = second\n',
    },
  );
  expect(conductors.map(({ name }) => name)).toEqual(['second']);
  expect(hosts).toEqual({
    a: { address: '192.0.2.1', port: 2222, user: 'root', container: 'docker exec ironic_conductor' },
  });
});

const secret = '!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132333435\n';

test.for<readonly [text: string, files: Readonly<Record<string, string>>, message: string]>([
  [osa, {}, 'from: {}/deploy/openstack_inventory.json: cannot be read: ENOENT'],
  [osa, { 'deploy/openstack_inventory.json': '{ "_meta": {} }' }, 'no group ironic_conductor'],
  [osa, { 'deploy/openstack_inventory.json': '{ "_meta": {' }, '{}/deploy/openstack_inventory.json:1:'],
  [osa, { 'deploy/openstack_inventory.json': '[1]' }, 'no inventory: a mapping of groups is expected'],
  [
    osa,
    { 'deploy/openstack_inventory.json': listed({}) },
    'from: no host has a conductor: the group of conductors is empty',
  ],
  [
    osa,
    { 'deploy/openstack_inventory.json': listed({ c: { physical_host: 'p', container_tech: 'jail' } }) },
    'container_tech jail: lxc or nspawn is expected',
  ],
  [
    osa,
    { 'deploy/openstack_inventory.json': listed({ 'c; reboot': { physical_host: 'p' } }) },
    'container_name "c; reboot": no name',
  ],
  [kolla, { multinode: '[control]\na\n' }, '{}/multinode: no group ironic-conductor'],
  [
    kolla,
    { multinode: '#!/bin/sh\necho\n' },
    '{}/multinode: a dynamic inventory (#!/bin/sh), which is not run',
  ],
  [kolla, { 'multinode/a': '[all]\n' }, '{}/multinode: a directory; name the inventory'],
  [
    kolla,
    { multinode: 'plugin: openstack.cloud.openstack\n' },
    'a dynamic inventory (plugin: "openstack.cloud',
  ],
  [kolla, { multinode: '$ANSIBLE_VAULT;1.1;AES256\n3132\n' }, '{}/multinode: encrypted by Ansible Vault'],
  [kolla, { multinode: `${conductorGroup}a[1:3\n` }, '{}/multinode:2: a[1:3: a [ that begins no range'],
  [kolla, { multinode: `${conductorGroup}a[1:99999999]\n` }, 'more than 10000'],
  [kolla, { multinode: `${conductorGroup}a[1:999][1:999]\n` }, 'more than 10000 hosts'],
  [kolla, { multinode: `${conductorGroup}a x='\n` }, '{}/multinode:2: a quote that is not closed'],
  [kolla, { multinode: `${conductorGroup}a password hunter2\n` }, '"password": key=value is expected'],
  [
    kolla,
    { multinode: '[ironic-conductor:children]\nnone\n' },
    '{}/multinode:2: [ironic-conductor:children]',
  ],
  [
    kolla,
    { multinode: `${conductorGroup}[a:children]\nb\n[b:children]\na\n` },
    '{}/multinode:5: groups b and a would contain one another',
  ],
  [
    kolla,
    { multinode: `${conductorGroup}a ansible_host='{{ address }}'\n` },
    '{}/multinode:2: host a: ansible_host is a template, which is not evaluated; say it in deployment.yaml',
  ],
  [
    kolla,
    { multinode: `${conductorGroup}a\n`, 'host_vars/a.yml': `ansible_user: ${secret}` },
    'host a: ansible_user is held by Ansible Vault, which is not read',
  ],
  [kolla, { multinode: `${conductorGroup}a ansible_port=99999\n` }, 'ansible_port 99999: a number from 1'],
  [
    kolla,
    { multinode: `${conductorGroup}a ansible_connection=winrm\n` },
    'ansible_connection winrm is not known',
  ],
  [kolla, { multinode: `${conductorGroup}'a b'\n` }, '"a b" cannot stand in ssh://'],
  [
    kolla,
    { multinode: `${conductorGroup}a\n`, 'kolla/globals.yml': 'kolla_container_engine: "{{ engine }}"\n' },
    'kolla_container_engine of a: docker or podman is expected as plain text',
  ],
  [kolla, { multinode: `${conductorGroup}a\n`, 'kolla/globals.yml': 'a: [\n' }, '{}/kolla/globals.yml:2:1: '],
  [
    kolla.replace('kolla }', 'kolla, hostnames: { a: x, b: x } }'),
    { multinode: `${conductorGroup}a\nb\n` },
    'from: two conductors are called "x"',
  ],
  [bifrost, { target: '[other]\na\n' }, '{}/target: no group target'],
])('%j with %j is refused in one line: %s', async ([text, files, message]) => {
  const refused = await read(text, files).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refused).toBeInstanceOf(UsageError);
  const said = refused instanceof Error ? refused.message : '';
  expect(said).toContain(message.replace('{}', folder));
  expect(said).not.toContain('\n');
  expect(said).not.toContain('hunter2');
});

test.for([
  [head, 'conductors: missing: without from'],
  [`${head}from: {}\n`, 'd.yaml:3:7: from: one of openstack_ansible, kolla_ansible and bifrost'],
  [
    `${head}from: { kola_ansible: {} }\n`,
    'd.yaml:3:9: unknown key "kola_ansible"; did you mean "kolla_ansible"?',
  ],
  [`${head}from: { bifrost: { inventori: x } }\n`, 'unknown key "inventori"; did you mean "inventory"?'],
  [`${head}from: { bifrost: { inventory: "ssh://h/x" } }\n`, 'a path on this machine is expected'],
  [`${head}from: { bifrost: {} }\n`, 'd.yaml:3:18: from.bifrost.inventory: missing, array expected'],
] as const)('%j is refused: %s', ([text, message]) => {
  expect(() => parseDeployment(text, 'd.yaml')).toThrow(UsageError);
  expect(() => parseDeployment(text, 'd.yaml')).toThrow(message);
});

test('what is said under hosts is not asked of the inventory', async () => {
  const { hosts } = await read(`${kolla}hosts: { a: { address: 192.0.2.7 } }\n`, {
    multinode: `${conductorGroup}a ansible_host='{{ address }}' ansible_user=root\n`,
  });
  expect(hosts['a']).toEqual({
    address: '192.0.2.7',
    user: 'root',
    container: 'docker exec ironic_conductor',
  });
});

test('the text of deployment.yaml alone names no conductor', () => {
  expect(parseDeployment(kolla, '/srv/d.yaml').conductors).toEqual([]);
});
