import { describe, expect, test } from 'vitest';
import { LimitError } from '../errors.ts';
import { maximumIniSizeInCharacters, parseIni, type IniAssignment } from './ini.ts';

/** The only assignment of a text. */
function only(text: string): IniAssignment {
  const { assignments, errors } = parseIni(text, 'ironic.conf');
  expect(errors).toEqual([]);
  expect(assignments).toHaveLength(1);
  return assignments[0] as IniAssignment;
}

describe('assignments', () => {
  test('separate at the first = or :, whichever comes first', () => {
    expect(only('[pxe]\na = aarch64:x.efi')).toMatchObject({ key: 'a', value: 'aarch64:x.efi' });
    expect(only('[pxe]\na: aarch64:x=y')).toMatchObject({ key: 'a', value: 'aarch64:x=y' });
    expect(only('[pxe]\na:b = c')).toMatchObject({ key: 'a', value: 'b = c' });
  });

  test('know no comment after a value', () => {
    expect(only('[pxe]\na = x.efi # arm').value).toBe('x.efi # arm');
    expect(only('[pxe]\na = x.efi ; arm').value).toBe('x.efi ; arm');
  });

  test('lose one pair of like quotes around the whole first line', () => {
    expect(only('[pxe]\na = "x y"').value).toBe('x y');
    expect(only(`[pxe]\na = ''x''`).value).toBe(`'x'`);
    expect(only(`[pxe]\na = "x'`).value).toBe(`"x'`);
    expect(only('[pxe]\na = "').value).toBe('');
    expect(only('[pxe]\na = aarch64:"x.efi"').value).toBe('aarch64:"x.efi"');
    expect(only('[pxe]\na = "x\n  y"')).toMatchObject({ value: '"x\ny"' });
  });

  test('go on with every indented line, whatever it looks like', () => {
    const text =
      '[pxe]\na = 1\n  # no comment\n\t[deploy]\n   ipxe_bootfile_name_by_arch = aarch64:x  \nb = 2';
    const { assignments, errors } = parseIni(text, 'ironic.conf');
    expect(errors).toEqual([]);
    expect(assignments).toEqual([
      {
        section: 'pxe',
        key: 'a',
        value: '1\n# no comment\n[deploy]\nipxe_bootfile_name_by_arch = aarch64:x',
        lines: ['1', '# no comment', '[deploy]', 'ipxe_bootfile_name_by_arch = aarch64:x'],
        line: 2,
        rawLine: 'a = 1',
      },
      { section: 'pxe', key: 'b', value: '2', lines: ['2'], line: 6, rawLine: 'b = 2' },
    ]);
  });

  test('keep the section as written', () => {
    const sections = parseIni('[PXE]\na=1\n[ pxe ]\na=2\n[default]\na=3', 'f').assignments.map(
      (a) => a.section,
    );
    expect(sections).toEqual(['PXE', ' pxe ', 'default']);
  });

  test('end at any of the three line ends', () => {
    const lines = parseIni('[pxe]\r\na = 1\rb = 2\nc = 3', 'f').assignments.map((a) => [
      a.key,
      a.value,
      a.line,
    ]);
    expect(lines).toEqual([
      ['a', '1', 2],
      ['b', '2', 3],
      ['c', '3', 4],
    ]);
  });

  test('are stripped of what Python holds for blank, and of nothing else', () => {
    expect(only('[pxe]\na =\u00a0x\u0085').value).toBe('x');
    expect(only('[pxe]\na = \ufeffx').value).toBe('\ufeffx');
  });
});

describe('errors', () => {
  test.each([
    ['[pxe]\n\n  a = 1', 3, 'Unexpected continuation line'],
    ['[pxe]\n  a = 1', 2, 'Unexpected continuation line'],
    ['[pxe]\na = 1\n# comment\n  b', 4, 'Unexpected continuation line'],
    ['[pxe\na = 1', 1, 'Invalid section (must end with ])'],
    ['[pxe] # x', 1, 'Invalid section (must end with ])'],
    ['[]', 1, 'Empty section name'],
    ['[pxe]\nnonsense', 2, "No ':' or '=' found in assignment"],
    ['[pxe]\n= x', 2, 'Key cannot be empty'],
    ['a = 1\n[pxe]', 1, 'Section must be started before assignment'],
    ['\ufeff[pxe]\na = 1', 1, "No ':' or '=' found in assignment"],
  ])('of %j', (text, line, message) => {
    expect(parseIni(text, 'ironic.conf').errors[0]).toEqual({ line, message });
  });

  test('do not hide what can be read around them', () => {
    const { assignments, errors } = parseIni('[pxe]\na = 1\nnonsense\n[deploy\nb = 2', 'f');
    expect(errors.map(({ line }) => line)).toEqual([3, 4]);
    expect(assignments.map(({ section, key }) => [section, key])).toEqual([
      ['pxe', 'a'],
      ['deploy', 'b'],
    ]);
  });

  test('of size', () => {
    expect(() => parseIni(' '.repeat(maximumIniSizeInCharacters + 1), 'big.conf')).toThrow(LimitError);
    const blanks = `[pxe]\na = ${' \u00a0'.repeat(500_000)}x`;
    expect(only(blanks).value).toBe('x');
  });
});
