import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../../fixtures/disks/tools.ts';
import { mkdirSync } from 'node:fs';
import { bytesOf, committedBases, corpus } from '../../fixtures/image-safety/corpus.ts';
import { askInspector, oneLine } from '../../fixtures/image-safety/oracle.ts';
import { memoryBlob } from '../blob/memory.ts';
import { inspectImage } from './safety.ts';

// Freshly made images of every format, whole and damaged, judged by us and by the inspector of the installed Ironic
// (21.4.4). What oslo.utils says is recorded, since Debian 12 has none that is new enough: see safety.test.ts.

test('the inspector of Ironic 21.4.4 has the same verdict of more than 2000 images', async () => {
  using directory = temporaryDirectory();
  const made = directory.path('made');
  mkdirSync(made);
  const make = fileURLToPath(new URL('../../fixtures/image-safety/make.sh', import.meta.url));
  execFileSync('bash', [make, made], { stdio: ['ignore', 'pipe', 'pipe'] });
  const bases = committedBases(made);
  expect([...bases.keys()]).toEqual([...committedBases().keys()]);

  const cases = corpus(bases, 80, 21_404);
  expect(cases.length).toBeGreaterThan(2000);
  const theirs = askInspector('ironic', bases, cases);
  const different: object[] = [];
  for (const [index, one] of cases.entries()) {
    const blob = memoryBlob(bytesOf(bases.get(one.base) ?? Buffer.alloc(0), one), 'image');
    const ours = oneLine(await inspectImage(blob, 'ironic'));
    if (ours !== theirs[index]) different.push({ ...one, ours, theirs: theirs[index] });
  }
  expect(different).toEqual([]);
  const all = theirs.join('\n');
  for (const format of ['raw', 'qcow2', 'vhd', 'vhdx', 'vmdk', 'vdi', 'iso', 'several']) {
    expect(all).toMatch(new RegExp(`^${format}`, 'm'));
  }
  for (const unsafe of [
    'raw null unsafe',
    'qcow2 1048576 unsafe',
    'vmdk 3145728 unsafe',
    'vmdk 3145728 safe',
  ]) {
    expect(all).toContain(unsafe);
  }
});
