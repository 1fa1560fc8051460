import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseDeployment } from './deployment.ts';
import { MissingError } from './errors.ts';
import { factStore } from './facts.ts';
import { configOf } from './subjects/config.ts';
import { openWorld } from './world.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-world-'));
  await writeFile(join(folder, 'ironic.conf'), '[pxe]\ntftp_server = 192.0.2.1\n');
  await writeFile(join(folder, 'service.env'), 'OS_PXE__TFTP_SERVER="192.0.2.2"\nOS_PASSWORD=hunter2\n');
});
afterEach(async () => rm(folder, { recursive: true }));

async function tftpServer(environment: unknown): Promise<unknown> {
  const conductors = [{ name: 'c1', config: ['ironic.conf'], environment }];
  const text = JSON.stringify({ name: 'x', release: '2025.1', nodes: 'n', images: 'i', conductors });
  await using world = await openWorld(parseDeployment(text, join(folder, 'deployment.yaml')));
  const [conductor] = world.conductors;
  if (conductor === undefined) throw new Error('no conductor');
  const reading = (await factStore(world)(configOf, conductor)).string('pxe', 'tftp_server');
  return reading.ok ? reading.value : reading.problem;
}

test('the environment of a service goes before its files, told or in a file', async () => {
  expect(await tftpServer({})).toBe('192.0.2.1');
  expect(await tftpServer({ OS_PXE__TFTP_SERVER: '192.0.2.3' })).toBe('192.0.2.3');
  expect(await tftpServer('service.env')).toBe('192.0.2.2');
});

test('an environment that is not there leaves the configuration unknown', async () => {
  await expect(tftpServer('absent.env')).rejects.toThrow(MissingError);
});
