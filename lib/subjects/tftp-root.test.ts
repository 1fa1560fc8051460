import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseDeployment } from '../deployment.ts';
import { factStore } from '../facts.ts';
import { openWorld } from '../world.ts';
import { tftpRoot } from './tftp-root.ts';

const clouds = 'clouds: { lab: { auth_type: none, endpoint: "http://127.0.0.1:9" } }\n';
const cloud = 'cloud: { name: lab, file: clouds.yaml }\n';

async function rootOf(text: string, conf: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ironic-assay-tftp-'));
  try {
    await writeFile(join(folder, 'clouds.yaml'), clouds);
    await writeFile(join(folder, 'ironic.conf'), conf);
    const written = `name: lab\nrelease: "2025.1"\n${text}conductors: [{ name: c1, config: [ironic.conf] }]\n`;
    await using world = await openWorld(parseDeployment(written, join(folder, 'deployment.yaml')));
    const [conductor] = world.conductors;
    if (conductor === undefined) throw new Error('no conductor');
    const { origin } = await factStore(world)(tftpRoot, conductor);
    return origin;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('where deployment.yaml names no TFTP server, it is the one that nodes are sent to', async () => {
  expect(await rootOf(cloud, '[pxe]\ntftp_server = 192.0.2.9\n')).toContain('192.0.2.9');
  expect(await rootOf(cloud, '[DEFAULT]\nmy_ip = 192.0.2.8\n')).toContain('192.0.2.8');
});

test('a server that only the conductor knows, or of recorded answers, is not guessed', async () => {
  await expect(rootOf(cloud, '[pxe]\ntftp_server = $my_ip\n')).rejects.toThrow('tftp_server names no server');
  await expect(rootOf('nodes: n.json\nimages: i.json\n', '[pxe]\ntftp_server = 192.0.2.9\n')).rejects.toThrow(
    'deployment.yaml does not say where its TFTP server is (tftp)',
  );
});
