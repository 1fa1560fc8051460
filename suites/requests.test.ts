import { expect, test } from 'vitest';
import { serveHealthy } from '../fixtures/simulated/deployment.ts';
import { prepare } from '../lib/run.ts';
import { openWorld } from '../lib/world.ts';
import { suites } from './all.ts';

test('each list of the APIs is asked for once, however many nodes and checks need it', async () => {
  await using held = await serveHealthy();
  await using world = await openWorld(held.deployment);
  const tasks = await prepare(world, suites, { parts: [] });
  await Promise.all(tasks.map(async (task) => task.run()));
  const asked = held.served.requests.map(({ url }) => url).filter((url) => !url.endsWith('/file'));
  const lists = ['/v1/nodes/detail', '/v1/ports/detail', '/v1/conductors', '/v2/images'];
  for (const path of lists) expect(asked.some((url) => url.includes(path))).toBe(true);
  expect(asked.filter((url, index) => asked.indexOf(url) !== index)).toEqual([]);
});
