import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryFileSystem, treeOf } from '../../fs/memory.ts';
import { readCloudConfig } from './config.ts';
import { askCloudInit, temporaryFolder, writeTree } from './oracle.testing.ts';

const names = [
  '05_logging.cfg',
  '90_dpkg.cfg',
  '91-dib-cloud-init-datasources.cfg',
  '55-growpart.cfg',
  '99-site.cfg',
];
const others = ['README', '10_Upper.CFG', 'é.cfg', 'a.cfg.bak'];

const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('text', 'off', '', 0, 1, true, false, null, 'other'),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('mode', 'devices', 'Ec2', 'strict_id', 'name'), tie('value'), {
      maxKeys: 3,
    }),
  ),
})).value;

const mergeHow = fc.constantFrom(
  'list(append)+dict(recurse_array)+str()',
  'dict(replace)+list()+str()',
  'list(prepend)+dict(recurse_list,allow_delete)+str(append)',
  'dict(recurse_str)+str(append)+list()',
  'list(recurse_dict)+dict(recurse_array)+str()',
  'list(no_replace)+dict(recurse_array)',
  'list()',
  'nonsense',
  'Dict(Recurse-Array)+ list(append)',
  [
    { name: 'list', settings: ['append'] },
    { name: 'dict', settings: ['no_replace', 'recurse_list'] },
  ],
  [
    ['dict', 'recurse_array'],
    ['list', 'append'],
  ],
  null,
  '',
);

/** JSON is YAML, also to PyYAML: what is written is the text of a file. */
const file = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        fc.dictionary(
          fc.constantFrom('datasource_list', 'growpart', 'datasource', 'users', 'system_info', 'vendor_data'),
          value,
          { maxKeys: 4 },
        ),
        fc.option(mergeHow, { freq: 4, nil: undefined }),
        fc.boolean(),
      )
      .map(([settings, how, isType]) =>
        JSON.stringify(
          how === undefined ? settings : { [isType ? 'merge_type' : 'merge_how']: how, ...settings },
        ),
      ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', '# nothing\n', 'datasource_list: [Ec2\n', '- a\n', 'text\n', 'null\n'),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('datasource_list: [  Ec2, None ]\n', 'a: 1\na: {b: 2}\n', 'k:\tv\n'),
  },
);

const trees = fc.tuple(
  fc.option(file, { freq: 6, nil: undefined }),
  fc.dictionary(fc.constantFrom(...names, ...names, ...others), file, { maxKeys: 5 }),
);

test('trees merge as cloud-init merges them', async () => {
  using folder = temporaryFolder();
  const cases = fc.sample(trees, { numRuns: 600, seed: 3141 }).map(([main, parts], index) => {
    const files: Record<string, string> = main === undefined ? {} : { '/etc/cloud/cloud.cfg': main };
    for (const [name, text] of Object.entries(parts)) files[`/etc/cloud/cloud.cfg.d/${name}`] = text;
    const tree = join(folder.path, String(index));
    writeTree(tree, files);
    return { tree, files };
  });
  const answers = askCloudInit(cases.map(({ tree }) => ({ tree }))) as {
    value?: Record<string, unknown>;
    warnings?: number;
    stopped?: string;
  }[];
  let [stopped, refused] = [0, 0];
  for (const [index, { files }] of cases.entries()) {
    const answer = answers[index];
    const config = await readCloudConfig(memoryFileSystem(treeOf(files), 'image'));
    const stops = config.problems.some((problem) => problem.endsWith('cloud-init stops with an error'));
    const why = answer?.stopped ?? 'nothing';
    expect({ files, why, stops }).toEqual({ files, why, stops: answer?.stopped !== undefined });
    if (answer?.value === undefined) {
      stopped += 1;
      continue;
    }
    // The built-in list grows with the releases; everything that a file sets must be equal.
    const builtIn = config.setBy(['datasource_list']) === 'built-in';
    const theirs = builtIn
      ? { ...answer.value, datasource_list: config.get(['datasource_list']) }
      : answer.value;
    expect({ files, values: withoutDocs(config.values) }).toEqual({ files, values: withoutDocs(theirs) });
    expect({ files, refused: config.problems.length }).toEqual({ files, refused: answer.warnings });
    refused += config.problems.length;
  }
  expect(stopped).toBeGreaterThan(5);
  expect(refused).toBeGreaterThan(50);
});

/** A path that later releases added to the built-in defaults. */
function withoutDocs(values: object): unknown {
  return JSON.parse(JSON.stringify(values), (key, item: unknown) => (key === 'docs_dir' ? undefined : item));
}
