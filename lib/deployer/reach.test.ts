import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { serve } from '../../fixtures/simulated/serve.ts';
import { healthy } from '../../fixtures/simulated/simulation.ts';
import { parseDeployment } from '../deployment.ts';
import { completed } from '../read-deployment.ts';
import { factStore } from '../facts.ts';
import { usableConfig } from '../subjects/config.ts';
import { openWorld } from '../world.ts';

test('an inventory leads to the configuration of each conductor, over SSH', async () => {
  const simulation = await healthy();
  await using served = await serve(simulation);
  const places = JSON.stringify(served.deployment['conductors']).matchAll(/ssh:\/\/(127[\d.]+):(\d+)\//g);
  const lines = [...places].map(
    ([, host, port], index) => `conductor-${index + 1} ansible_host=${host} ansible_port=${port}`,
  );
  await writeFile(join(served.directory, 'target'), `[target]\n${lines.join('\n')}\n`);
  const { conductors: _, ...rest } = served.deployment;
  const text = JSON.stringify({ ...rest, from: { bifrost: { inventory: 'target' } } });
  const deployment = await completed(parseDeployment(text, join(served.directory, 'deployment.yaml')));
  await using world = await openWorld(deployment);
  const use = factStore(world);
  const hosts = await Promise.all(
    world.conductors.map(async (conductor) => {
      const reading = (await use(usableConfig, conductor)).string('DEFAULT', 'host');
      return reading.ok ? [conductor.name, reading.value] : [];
    }),
  );
  expect(hosts).toEqual([
    ['conductor-1', 'conductor-1'],
    ['conductor-2', 'conductor-2'],
  ]);
});
