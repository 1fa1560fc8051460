import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { places } from './places.ts';

/* Against oslo.config itself: which files it reads of --config-file and --config-dir, and in which order. */
const program = `
import sys
from oslo_config import cfg
read = []
parse = cfg.ConfigParser.parse
def noting(self):
    read.append(self.filename)
    return parse(self)
cfg.ConfigParser.parse = noting
cfg.ConfigOpts()(sys.argv[1:], project='ironic', default_config_files=[], default_config_dirs=[])
print('\\n'.join(read))
`;

test('a directory of configuration is read as oslo.config reads it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'assay-conf-'));
  try {
    await mkdir(join(folder, 'd'));
    const names = [
      '20-b.conf',
      '3.conf',
      '10-a.conf',
      'Z.conf',
      'a.conf',
      'ä.conf',
      '.hidden.conf',
      'b.CONF',
      'c.conf~',
      '_.conf',
    ];
    for (const name of ['main.conf', 'last.conf', ...names.map((one) => `d/${one}`)]) {
      await writeFile(join(folder, name), `[DEFAULT]\nhost = ${name}\n`);
    }
    const [main, directory, last] = ['main.conf', 'd/', 'last.conf'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    const args = ['-c', program, '--config-file', main, '--config-dir', directory, '--config-file', last];
    const theirs = execFileSync('/usr/bin/python3', args, { encoding: 'utf8' }).trim().split('\n');
    await using held = new AsyncDisposableStack();
    const all = places({ folder, ssh: {}, hosts: {} }, held);
    const opens = await Promise.all([main, directory, last].map(async (text) => all.config(text)));
    const blobs = (await Promise.all(opens.map(async (open) => open()))).flat();
    expect(theirs.length).toBe(9);
    expect(blobs.map(({ origin }) => origin)).toEqual(theirs);
  } finally {
    await rm(folder, { recursive: true });
  }
});
