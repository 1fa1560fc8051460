import { afterAll, expect, test } from 'vitest';
import { btrfsFeatures } from '../../fixtures/coverage/btrfs-features.ts';
import { cpioFeatures } from '../../fixtures/coverage/cpio-features.ts';
import { extFeatures } from '../../fixtures/coverage/ext-features.ts';
import { fatFeatures } from '../../fixtures/coverage/fat-features.ts';
import { fileSystemTable } from '../../fixtures/coverage/file-systems.ts';
import { xfsFeatures } from '../../fixtures/coverage/xfs-features.ts';
import { temporaryDirectory } from '../../fixtures/disks/tools.ts';

// Every feature of every format, each in a file system that the format's own tools made: that the feature is there is
// for those tools to say, and what is in the files too. The table is printed, and none of its cells may be left out.

const directory = temporaryDirectory();
afterAll(() => directory[Symbol.dispose]());
const at = (name: string) => directory.path(name);

const note = `Sizes, types, modes, targets of links and contents are compared. Owners and times are in the images, and
nothing asks for them: our readers do not give them.`;
const table = fileSystemTable();
fatFeatures(table, at);
extFeatures(table, at);
xfsFeatures(table, at);
btrfsFeatures(table, at);
cpioFeatures(table, at);

test('no cell is left out', () => {
  expect(table.undeclared()).toEqual([]);
  console.log(`\n${table.render()}\n${note}\n`);
});
