import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type CloudSettings, findCloud } from './cloud-config.ts';

/** The settings of a cloud that an entry of clouds.yaml describes, with nothing of the user here. */
export async function settingsOf(entry: Record<string, unknown>): Promise<CloudSettings> {
  const folder = await mkdtemp(join(tmpdir(), 'ironic-assay-cloud-'));
  try {
    await writeFile(join(folder, 'clouds.yaml'), stringify({ clouds: { lab: entry } }), { mode: 0o600 });
    await writeFile(join(folder, 'secure.yaml'), '{}');
    return await findCloud({
      name: 'lab',
      file: join(folder, 'clouds.yaml'),
      folder,
      environment: { HOME: folder },
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
