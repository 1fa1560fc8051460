import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryDirectory } from '../../fixtures/disks/tools.ts';
import { mkdirSync } from 'node:fs';
import { bytesOf, committedBases, corpus } from '../../fixtures/image-safety/corpus.ts';
import { askInspector, oneLine } from '../../fixtures/image-safety/oracle.ts';
import { ironicOf, suites } from '../../fixtures/ironic/suites.ts';
import { inspectorOf } from './image-safety.ts';
import { memoryBlob } from '../blob/memory.ts';
import { inspectImage } from '../image/safety.ts';

// Freshly made images of every format, whole and damaged, judged by us and by the inspector of Ironic itself: its own
// (21.4), and that of oslo.utils, which later releases use. What oslo.utils 10.1 says is recorded, too: see safety.test.ts.

let made: ReturnType<typeof temporaryDirectory>;
let bases: ReadonlyMap<string, Buffer>;
beforeAll(() => {
  made = temporaryDirectory();
  const folder = made.path('made');
  mkdirSync(folder);
  const make = fileURLToPath(new URL('../../fixtures/image-safety/make.sh', import.meta.url));
  execFileSync('bash', [make, folder], { stdio: ['ignore', 'pipe', 'pipe'] });
  bases = committedBases(folder);
});
afterAll(() => made[Symbol.dispose]());

const expected = {
  ironic: [
    ...['raw', 'qcow2', 'vhd', 'vhdx', 'vmdk', 'vdi', 'iso', 'several'].map((format) => `^${format}`),
    'raw null unsafe',
    'qcow2 1048576 unsafe',
    'vmdk 3145728 unsafe',
    'vmdk 3145728 safe',
  ],
  'oslo.utils': [
    ...['raw', 'qcow2', 'vhd', 'vhdx', 'vmdk', 'vdi', 'iso', 'gpt', 'luks'].map((format) => `^${format} `),
    ' & ',
    '^qcow2 .* backing_file: ',
    '^gpt .* mbr: ',
  ],
};

test.for(suites)('more than 2000 images, as the Ironic of Debian %s judges them', async (suite, context) => {
  const { version, release, python } = ironicOf(suite, context);
  const inspector = inspectorOf(release);
  expect([...bases.keys()]).toEqual([...committedBases().keys()]);
  const cases = corpus(bases, 80, 21_404);
  expect(cases.length).toBeGreaterThan(2000);
  const theirs = askInspector(inspector, bases, cases, python);
  const different: object[] = [];
  for (const [index, one] of cases.entries()) {
    const blob = memoryBlob(bytesOf(bases.get(one.base) ?? Buffer.alloc(0), one), 'image');
    const ours = oneLine(await inspectImage(blob, inspector));
    if (ours !== theirs[index]) different.push({ ...one, ours, theirs: theirs[index] });
  }
  console.info(`Ironic ${version}: ${cases.length} images, ${different.length} judged otherwise`);
  expect(different).toEqual([]);
  // The corpus has all of these.
  const all = theirs.join('\n');
  for (const words of expected[inspector]) expect(all).toMatch(new RegExp(words, 'm'));
});
