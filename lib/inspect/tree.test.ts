import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { painter } from '../report/style.ts';
import { sizeText } from '../size.ts';
import { type Branch, drawTree } from './tree.ts';

const plain = painter(false);
const draw = (branches: Branch[], width = 40) => drawTree(branches, width, plain).join('\n');

test('branches are aligned, and their values go on beside the rail', () => {
  const branches: Branch[] = [
    { label: 'one', value: 'a value that is too long for one line of forty' },
    { label: 'second', value: 'more words than there is room for here', below: [{ label: 'x', value: 'y' }] },
    { label: '', value: 'without a label' },
  ];
  expect(`\n${draw(branches)}\n`).toBe(`
├─ one     a value that is too long for
│          one line of forty
├─ second  more words than there is room
│  │       for here
│  └─ x  y
└─ without a label
`);
});

test('a label that leaves no room has its value below', () => {
  const label = '/EFI/a-vendor-with-a-long-name/grub.efi';
  expect(`\n${draw([{ label, value: 'aarch64, not signed' }])}\n`).toBe(`
└─ ${label}
     aarch64, not signed
`);
});

test('nothing is cut, whatever the width', () => {
  const value = 'word '.repeat(30).trim();
  for (const width of [1, 20, 80, 200]) {
    const text = draw([{ label: 'label', value }], width);
    expect(text.match(/word/g)).toHaveLength(30);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(Math.max(width, 40));
  }
});

test('foreign text is harmless, and of bounded length', () => {
  const text = draw([{ label: 'na\u001b[31mme', value: '\u001b]0;title\u0007a\u202eb\nc\u0000' }]);
  // oxlint-disable-next-line no-control-regex
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
  expect(text).toContain(String.raw`a\u202eb c\x00`);
  expect(draw([{ label: '', value: 'x'.repeat(100_000) }]).length).toBeLessThan(1000);
});

test('colour adds nothing but colour', () => {
  const branches: Branch[] = [{ label: 'a', value: 'b', format: 'red', below: [{ label: 'c', value: 'd' }] }];
  const coloured = drawTree(branches, 80, painter(true)).join('\n');
  expect(coloured).not.toBe(draw(branches));
  expect(stripVTControlCharacters(coloured)).toBe(draw(branches));
});

test.for([
  [0, '0 bytes'],
  [1, '1 byte'],
  [1023, '1023 bytes'],
  [1024, '1 KiB'],
  [1536, '1.5 KiB'],
  [15 * 1024 ** 2, '15 MiB'],
  [3 * 1024 ** 4, '3 TiB'],
] as const)('%d is %s', ([size, text]) => {
  expect(sizeText(size)).toBe(text);
});
