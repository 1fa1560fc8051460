import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssayError } from '../../errors.ts';
import { memoryFileSystem, treeOf } from '../../fs/memory.ts';
import { readCloudConfig } from './config.ts';
import { datasourceList } from './datasource-list.ts';
import { readPyYaml } from './pyyaml.ts';
import { type ConfigValue, plainValue } from './value.ts';

type Tree = Parameters<typeof treeOf>[0];
const image = (tree: Tree) => memoryFileSystem(treeOf(tree), 'image');
const d = '/etc/cloud/cloud.cfg.d';
const multi = 'datasource_list: [ NoCloud, ConfigDrive, OpenStack, Ec2, None ]\n';
const dib = 'datasource_list: [  Ec2, ConfigDrive, OpenStack, None ]\n';

const read = (text: string): ConfigValue | undefined => {
  const node = readPyYaml(text, 'x.cfg');
  return node === undefined ? undefined : plainValue(node);
};

/** Any other error than our own is thrown on. */
function outcomeOf(text: string): string {
  try {
    return readPyYaml(text, 'x.cfg')?.kind ?? 'nothing';
  } catch (error) {
    if (error instanceof AssayError) return 'refused';
    throw error;
  }
}

const both = async (tree: Tree, reader: 'lines' | 'grep' | 'flow' = 'flow') => {
  const { list, setBy, seen, problems } = await datasourceList(image(tree), { reader });
  return { list, setBy, seen: seen?.list, file: seen?.file, problems };
};

describe('merging', () => {
  test('later names win, dictionaries merge, lists are replaced, provenance is kept', async () => {
    const config = await readCloudConfig(
      image({
        '/etc/cloud/cloud.cfg': 'users: [default]\ngrowpart:\n  mode: auto\n  devices: ["/"]\n',
        [`${d}/90_dpkg.cfg`]: `# to update this file, run dpkg-reconfigure\n${multi}`,
        [`${d}/91-dib-cloud-init-datasources.cfg`]: dib,
        [`${d}/55-growpart.cfg`]: '#cloud-config\ngrowpart:\n  devices: ["/", "/srv"]\n',
        [`${d}/README`]: 'datasource_list: [Azure]\n',
      }),
    );
    expect(config.values['datasource_list']).toEqual(['Ec2', 'ConfigDrive', 'OpenStack', 'None']);
    expect(config.where(['datasource_list'])).toEqual({
      file: `${d}/91-dib-cloud-init-datasources.cfg`,
      line: 1,
    });
    expect(config.values['growpart']).toEqual({ mode: 'auto', devices: ['/', '/srv'] });
    expect(config.where(['growpart', 'mode'])).toEqual({ file: '/etc/cloud/cloud.cfg', line: 3 });
    expect(config.setBy(['growpart', 'devices'])).toBe(`${d}/55-growpart.cfg`);
    expect(config.setBy(['vendor_data', 'enabled'])).toBe('built-in');
    expect(config.setBy(['nothing', 'here'])).toBeUndefined();
    expect(config.problems).toEqual([]);
  });

  test('a text gives way to a dictionary of lower priority, a boolean does not', async () => {
    const main = { '/etc/cloud/cloud.cfg': 'growpart: {mode: auto}\n' };
    const off = await readCloudConfig(image({ ...main, [`${d}/99.cfg`]: 'growpart: "off"\n' }));
    expect(off.get(['growpart'])).toEqual({ mode: 'auto' });
    const no = await readCloudConfig(image({ ...main, [`${d}/99.cfg`]: 'growpart: false\n' }));
    expect(no.get(['growpart'])).toBe(false);
  });

  test('a broken file has no effect and is told with its place', async () => {
    const tree = {
      '/etc/cloud/cloud.cfg': multi,
      [`${d}/95.cfg`]: 'a: b\ndatasource_list: [Ec2\n',
      [`${d}/96.cfg`]: '- a\n',
    };
    const config = await readCloudConfig(image(tree));
    expect(config.setBy(['datasource_list'])).toBe('/etc/cloud/cloud.cfg');
    expect(config.problems[0]).toMatch(/95\.cfg: .*at line [23], column \d+.*: the file has no effect$/);
    expect(config.problems[1]).toBe(`${d}/96.cfg:1: a list, not a mapping: the file has no effect`);
  });

  test('merge_how of a lower file appends to a list, an unknown merger stops cloud-init', async () => {
    const how = 'merge_how: list(append)+dict(recurse_array)+str()\nusers: [b]\n';
    const appended = await readCloudConfig(image({ [`${d}/10.cfg`]: how, [`${d}/20.cfg`]: 'users: [a]\n' }));
    expect(appended.get(['users'])).toEqual(['a', 'b']);
    const stopped = await readCloudConfig(image({ [`${d}/10.cfg`]: 'merge_how: magic()\nusers: [b]\n' }));
    expect(stopped.problems).toEqual([
      `${d}/10.cfg:1: merge_how: there is no merger “magic”: cloud-init stops with an error`,
    ]);
    expect(stopped.get(['users'])).toEqual(['b']);
  });

  test('conf_d names another directory, templates are noted, bytes that are no text are refused', async () => {
    const config = await readCloudConfig(
      image({
        '/etc/cloud/cloud.cfg': 'conf_d: " /etc/other "\n',
        '/etc/other/1.cfg': '## template: jinja\na: "{{ v1.region }}"\n',
        '/etc/other/2.cfg': Buffer.from([0x61, 0x3a, 0x20, 0xff, 0x0a]),
        [`${d}/1.cfg`]: 'a: 2\n',
      }),
    );
    expect(config.get(['a'])).toBe('{{ v1.region }}');
    expect(config.templates).toEqual(['/etc/other/1.cfg']);
    expect(config.problems).toEqual([
      expect.stringMatching(/2\.cfg: not UTF-8 text: .*: the file has no effect$/),
    ]);
  });

  test('no cloud-init: only what is built in', async () => {
    const config = await readCloudConfig(image({}));
    expect(config.files).toEqual([]);
    expect(config.values['datasource_list']).toContain('OpenStack');
  });
});

describe('YAML as PyYAML reads it', () => {
  test('damage at every character is told once, and shortly', () => {
    for (const piece of ['"', '&a ', '|+9\n', '- ', 'a: ']) {
      const text = `a: {b: c,\n d: ${piece.repeat(250_000 / piece.length)}`;
      expect(() => readPyYaml(text, 'x.cfg')).toThrow(/^x\.cfg: .{10,80} at line \d+, column \d+: .{1,80}$/);
    }
    expect(() => readPyYaml(' '.repeat(262_145), 'x.cfg')).toThrow('x.cfg: 262145 characters, more than');
  });

  test.each<[string, ConfigValue]>([
    ['yes', true],
    ['Off', false],
    ['y', 'y'],
    ['0755', 493],
    ['0o17', '0o17'],
    ['1e3', '1e3'],
    ['1.0e+3', 1000],
    ['190:20:30', 685_230],
    ['1_000', 1000],
    ['~', null],
    ['', null],
    ['2001-12-14', '2001-12-14'],
    ['"yes"', 'yes'],
    ['! 7', 7],
    ['!!str 7', '7'],
    ['[ Ec2,\n]', ['Ec2']],
    ['{<<: {a: 1, b: 1}, b: 2}', { a: 1, b: 2 }],
    ['|\n  end', 'end'],
  ])('k: %s', (text, value) => {
    expect(read(`k: ${text}`)).toEqual({ k: value });
  });

  test('the last of repeated keys wins, and __proto__ is a key', () => {
    expect(read('a: 1\na: 2\n')).toEqual({ a: 2 });
    expect(JSON.stringify(read('__proto__: {a: 1}\n'))).toBe('{"__proto__":{"a":1}}');
  });

  test.each([
    ['a tab as a space', 'a:\n  b:\tc\n', /^x\.cfg:2: a tab/],
    ['a tab at the end', 'a: b\t\n', /^x\.cfg:1: a tab/],
    ['a tag of somebody’s own', 'a: !vault x\n', /^x\.cfg:1: “x” cannot be read as !vault/],
    ['a month that is none', 'a: 2001-13-45\n', /^x\.cfg:1: “2001-13-45” cannot be read as timestamp/],
    ['two documents', 'a: 1\n---\nb: 2\n', /^x\.cfg: .*multiple documents/],
    ['an undefined alias', 'a: *b\n', /^x\.cfg:1: undefined alias \*b/],
    ['an anchor set twice', 'a: &x 1\nb: &x 2\n', /the anchor &x is set twice/],
    ['a list as a key', '? [a]\n: b\n', /a list or mapping as a key/],
    ['a character that is none', 'a: \u0001\n', /^x\.cfg:1: character U\+0001/],
    ['a value that contains itself', 'a: &x [*x]\n', /contains itself/],
    ['too many brackets', '['.repeat(100_000), /^x\.cfg:1: more than 500 open brackets/],
    ['too deep a nesting', '- '.repeat(3000), /cannot be read|nested deeper|call stack/],
    ['too many values', `a: &x [b]\nc: [${'*x, '.repeat(30_000)}]\n`, /more than 20000 values/],
  ])('%s is refused', (_, text, message) => {
    expect(() => readPyYaml(text, 'x.cfg')).toThrow(message);
    expect(() => readPyYaml(text, 'x.cfg')).toThrow(AssayError);
  });

  test('whatever the text, it is read or refused', () => {
    const pieces = fc.constantFrom(
      'a',
      ': ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '"',
      "'",
      '&x ',
      '*x',
      '!',
      '|',
      '#',
      '\t',
      '? ',
      ',',
      '<<',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => {
        expect(outcomeOf(parts.join(''))).toMatch(/^(scalar|list|dict|nothing|refused)$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the datasource list of both readers', () => {
  test('what diskimage-builder writes is seen by both', async () => {
    const path = `${d}/91-dib-cloud-init-datasources.cfg`;
    const wanted = ['Ec2', 'ConfigDrive', 'OpenStack', 'None'];
    for (const reader of ['lines', 'grep', 'flow'] as const) {
      expect(await both({ [`${d}/90_dpkg.cfg`]: multi, [path]: dib }, reader)).toEqual({
        list: wanted,
        setBy: `${path}:1`,
        seen: wanted,
        file: path,
        problems: [],
      });
    }
  });

  test('the shell takes a comment away up to the end of the line, also with a carriage return', async () => {
    const list = 'datasource_list: [ OpenStack ]';
    const file = `${d}/99.cfg`;
    for (const reader of ['lines', 'grep', 'flow'] as const) {
      const { seen } = await both({ [file]: `${list}#why\n` }, reader);
      expect(seen).toEqual(['OpenStack']);
      expect(await both({ [file]: `${list}#why\r\n` }, reader)).toMatchObject({ seen });
      expect(await both({ [file]: `${list}${'#'.repeat(500_000)}\r\n` }, reader)).toMatchObject({ seen });
    }
  });

  test('a list in block style is invisible to ds-identify', async () => {
    const tree = { [`${d}/99.cfg`]: 'datasource_list:\n  - OpenStack\n' };
    expect(await both(tree)).toMatchObject({ list: ['OpenStack'], seen: undefined });
    expect(await both(tree, 'lines')).toMatchObject({ seen: undefined });
    // 23.4 and 23.4.1 took the key itself for the value.
    expect(await both(tree, 'grep')).toMatchObject({ seen: ['datasource_list:'] });
  });

  test('of a list over several lines ds-identify sees the first', async () => {
    const tree = { [`${d}/99.cfg`]: 'datasource_list: [ Ec2,\n  OpenStack ]\n' };
    expect(await both(tree)).toMatchObject({ list: ['Ec2', 'OpenStack'], seen: ['Ec2'] });
  });

  test('a last line without line break is invisible to releases that read line by line', async () => {
    const tree = { [`${d}/99.cfg`]: 'datasource_list: [OpenStack]' };
    expect(await both(tree, 'lines')).toMatchObject({ list: ['OpenStack'], seen: undefined });
    expect(await both(tree, 'flow')).toMatchObject({ seen: ['OpenStack'] });
  });

  test('a comment after the bracket spoiled the last name until 24.2', async () => {
    const tree = { [`${d}/99.cfg`]: 'datasource_list: [Ec2, None] # dib\n' };
    expect(await both(tree, 'lines')).toMatchObject({ list: ['Ec2', 'None'], seen: ['Ec2', 'None]'] });
    expect(await both(tree, 'flow')).toMatchObject({ seen: ['Ec2', 'None'] });
  });

  test('what is no list of names is told', async () => {
    const tree = { [`${d}/99.cfg`]: 'datasource_list: Ec2, None\n' };
    expect(await both(tree)).toMatchObject({
      list: [],
      problems: [`${d}/99.cfg:1: datasource_list is not a list of names: "Ec2, None"`],
    });
  });
});
