import { closeSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { noise, sha256, sha256Of, temporaryDirectory, tool } from '../../fixtures/disks/tools.ts';
import { openFile } from '../blob/file.ts';
import { readLvm } from './lvm.ts';

// Volume groups that LVM's own tools make and change, read by GRUB, which has its own reader of LVM. Needs root and
// loop devices, but no device mapper: nothing is activated.

const directory = temporaryDirectory();
const count = 3;
const images = Array.from({ length: count }, (_, index) => directory.path(`pv${index}`));
const devices: string[] = [];
const sizeInBytes = 24 * 1024 * 1024;

beforeAll(() => {
  for (const image of images) {
    writeFileSync(image, '');
    truncateSync(image, sizeInBytes);
    devices.push(tool('losetup', '-f', '--show', image).trim());
  }
});
afterAll(() => {
  for (const device of devices) tool('losetup', '-d', device);
  directory[Symbol.dispose]();
});

function lvm(...args: string[]): string {
  const filter = [...devices.map((device) => `"a|^${device}$|"`), '"r|.*|"'].join(', ');
  const config = `devices { filter = [ ${filter} ] use_devicesfile = 0 } activation { udev_sync = 0 udev_rules = 0 }
    backup { backup = 0 archive = 0 }`;
  return tool('lvm', ...args, '--driverloaded', 'n', '--config', config);
}

/** Noise everywhere after the metadata, so that every extent is told from every other. */
function fill(): void {
  for (const [index, image] of images.entries()) {
    const file = openSync(image, 'r+');
    const from = 2 * 1024 * 1024;
    writeSync(file, noise(sizeInBytes - from, index + 1), 0, sizeInBytes - from, from);
    closeSync(file);
  }
}

async function compare(): Promise<number> {
  const files = await Promise.all(images.map((image) => openFile(image)));
  try {
    const [group] = await readLvm(files);
    const listed = lvm('lvs', '--nosuffix', '--units', 'b', '--noheadings', '-o', 'lv_name,lv_size', 'vg');
    const expected = listed
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/));
    const volumes = group?.logicalVolumes ?? [];
    expect(new Map(volumes.map((volume) => [volume.name, volume.sizeInBytes]))).toEqual(
      new Map(expected.map(([name, size]) => [name, Number(size)])),
    );
    expect(group?.uuid).toBe(lvm('vgs', '--noheadings', '-o', 'vg_uuid', 'vg').trim());
    for (const { name, blob } of volumes) {
      const whole = `(lvm/vg-${name.replaceAll('-', '--')})0+${blob.sizeInBytes / 512}`;
      const read = execFileSync('grub-fstest', [...images, '-c', String(count), 'cat', whole], {
        maxBuffer: 2 * sizeInBytes * count,
      });
      expect(`${name} ${await sha256Of(blob)}`).toBe(`${name} ${sha256(read)}`);
    }
    return volumes.length;
  } finally {
    for (const file of files) await file[Symbol.asyncDispose]();
  }
}

const layouts: { name: string; pv: string[]; vg: string[] }[] = [
  { name: 'as by default', pv: [], vg: [] },
  { name: 'small extents, two copies of the metadata', pv: ['--pvmetadatacopies', '2'], vg: ['-s', '64k'] },
  {
    name: 'the label in another sector, a small area',
    pv: ['--labelsector', '3', '--metadatasize', '64k'],
    vg: ['-s', '128k'],
  },
  // Not --vgmetadatacopies: GRUB, which is compared with, finds no group on a volume without a copy of its own.
];

test.for(layouts)('$name', async ({ pv, vg }) => {
  lvm('pvcreate', '-ff', '-y', ...pv, ...devices);
  lvm('vgcreate', ...vg, 'vg', ...devices);
  fill();
  const create = (...args: string[]) => lvm('lvcreate', '-an', '-Zn', '-Wn', ...args);
  const [first = '', second = ''] = devices;
  create('-L', '4m', '-n', 'lv-root', 'vg', first);
  create('-L', '4m', '-n', 'lv_home', 'vg', first);
  lvm('lvextend', '-L', '+4m', 'vg/lv-root', first);
  lvm('lvextend', '-L', '+4m', 'vg/lv-root', second);
  create('-L', '8m', '-i', '2', '-I', '16k', '-n', 'striped_2', 'vg');
  create('-L', '12m', '-i', '3', '-I', '4k', '-n', 'striped_3', 'vg');
  expect(await compare()).toBe(4);
  lvm('lvremove', '-y', 'vg/lv_home');
  lvm('lvextend', '-L', '+4m', 'vg/striped_2');
  lvm('lvrename', 'vg', 'striped_3', 'renamed');
  expect(await compare()).toBe(3);
  // The text moves on in its area, and around.
  for (let round = 0; round < 40; round++) lvm('vgchange', '--addtag', `round_${round}`, 'vg');
  expect(await compare()).toBe(3);
  lvm('vgremove', '-y', 'vg');
});
