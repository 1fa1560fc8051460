import { expect, test } from 'vitest';
import { serveDeployment } from '../fixtures/simulated/deployment.ts';
import { healthy } from '../fixtures/simulated/simulation.ts';
import { prepare } from '../lib/run.ts';
import { openWorld } from '../lib/world.ts';
import { suites } from './all.ts';

/** A standalone Ironic has no Glance: images are behind URLs, here of the HTTP root of a conductor. */
async function assayByUrl(change: (files: Map<string, Buffer>) => void = () => {}) {
  const simulation = await healthy();
  const conductor = simulation.conductor('conductor-1');
  const files = new Map(
    ['ipa-aarch64.kernel', 'ipa-aarch64.initramfs', 'ubuntu-24.04-aarch64'].map(
      (name) => [name, simulation.image(name).bytes] as const,
    ),
  );
  change(files);
  for (const [name, bytes] of files) conductor.http.set(`images/${name}`, bytes);
  const node = simulation.node('arm-01');
  await using held = await serveDeployment(simulation);
  const base = `${held.deployment.conductors[0]?.http ?? ''}images`;
  Object.assign(node.driver_info, {
    deploy_kernel: `${base}/ipa-aarch64.kernel`,
    deploy_ramdisk: `${base}/ipa-aarch64.initramfs`,
  });
  const image = `${base}/ubuntu-24.04-aarch64`;
  const deployment = {
    ...held.deployment,
    user_images: [{ image, architecture: 'aarch64', os: 'ubuntu', datasource: 'Ec2' }],
  };
  await using world = await openWorld(deployment);
  const tasks = await prepare(world, suites, { parts: [{ text: 'aarch64', architecture: 'aarch64' }] });
  const results = await Promise.all(tasks.map(async (task) => task.run()));
  return results.filter(({ subject }) => subject.includes(base));
}

test('images behind URLs are judged by their bytes, as those in Glance are', async () => {
  const results = await assayByUrl();
  const bad = results.filter(({ status }) => status !== 'pass' && status !== 'not applicable');
  expect(bad.map(({ check, status, reason }) => `${check} ${status} ${reason ?? ''}`)).toEqual([]);
  const passed = new Set(results.filter(({ status }) => status === 'pass').map(({ check }) => check));
  for (const id of ['deploy/found', 'deploy/kernel-architecture', 'deploy/modules', 'images/datasource']) {
    expect(passed).toContain(id);
  }
});

test('one that is missing, and one of another architecture, are found', async () => {
  const { bytes } = (await healthy()).image('ipa-x86_64.kernel');
  const results = await assayByUrl((files) => {
    files.set('ipa-aarch64.kernel', bytes);
    files.delete('ubuntu-24.04-aarch64');
  });
  const failed = new Set(results.filter(({ status }) => status === 'fail').map(({ check }) => check));
  expect(failed).toEqual(new Set(['deploy/kernel-architecture', 'deploy/modules', 'images/found']));
});
