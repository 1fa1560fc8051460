import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { memoryFileSystem, treeOf } from '../../fs/memory.ts';
import { datasourceList } from './datasource-list.ts';
import { rulesOfScript } from './ds-identify.ts';
import { dsIdentifyInput, seedsOf } from './guest.ts';
import { identify } from './identify.ts';
import { fixtures, run, temporaryFolder, writeTree } from './oracle.testing.ts';

/** Debian's package cloud-init; another release's script can be given to try the test with it. */
const script = process.env['DS_IDENTIFY'] ?? '/usr/lib/cloud-init/ds-identify';

const name = fc.constantFrom(
  'Ec2',
  'ConfigDrive',
  'OpenStack',
  'NoCloud',
  'None',
  'MAAS',
  'GCE',
  'openstack',
  'Bogus',
);
const written = fc.constantFrom<(list: string[]) => string>(
  (list) => `[${list.join(', ')}]`,
  (list) => `[ ${list.join(' , ')} ]`,
  (list) => `[  ${list.join(', ')}, None ]`,
  (list) => `[${list.map((entry) => `"${entry}"`).join(',')}]`,
  (list) => `[${list.map((entry) => `'${entry}'`).join(', ')}] # comment`,
  (list) => `[${list.join(', ')}]   `,
  (list) => `[${list.join(', ')},]`,
  (list) => ` [${list.join(', ')}]`,
  (list) => `\t[${list.join(', ')}]`,
  (list) => `[ ${list.join(',\n   ')} ]`,
  (list) => `\n${list.map((entry) => `  - ${entry}\n`).join('')}`,
  (list) => list.join(', '),
  () => '[]',
  () => '# none',
);
const list = fc.tuple(fc.array(name, { maxLength: 4 }), written).map(([entries, write]) => write(entries));
const strictIds = ['true', 'false', 'warn', 'warn,5', 'maybe', '', '"false"', 'false # x'];
const line = fc.oneof(
  { weight: 6, arbitrary: list.map((text) => `datasource_list: ${text}`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          '# datasource_list: ',
          '"datasource_list": ',
          'datasource_list : ',
          '  datasource_list: ',
        ),
        list,
      )
      .map((parts) => parts.join('')),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...strictIds).map((id) => `datasource:\n  Ec2:\n    strict_id: ${id}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'datasource:\n  MAAS:\n    x: 1',
      'datasource:\n  NoCloud:\n    user-data: |\n      x\n    meta-data: y',
      'datasource:\n  NoCloud:\n    seedfrom: http://example.org/',
      'x_datasource_list: [GCE]',
      '{datasource_list: [Ec2]}',
    ),
  },
);
const file = fc
  .tuple(fc.array(line, { maxLength: 2 }), fc.constantFrom('\n', '\n', '\n', ''))
  .map(([lines, ending]) => lines.join('\n') + ending);
const sometimes = <T>(arbitrary: fc.Arbitrary<T>, freq: number) =>
  fc
    .option(arbitrary, { freq: 1, nil: undefined })
    .chain((value) => fc.nat(freq).map((n) => (n === 0 ? value : undefined)));

const cases = fc.record({
  main: fc.option(file, { freq: 4, nil: undefined }),
  parts: fc.dictionary(
    fc.constantFrom(
      '05_logging.cfg',
      '90_dpkg.cfg',
      '91-dib.cfg',
      '92-ec2-datasource.cfg',
      '.hidden.cfg',
      'README',
    ),
    file,
    { maxKeys: 3 },
  ),
  settings: sometimes(
    fc.constantFrom(
      'policy: enabled',
      'policy: disabled',
      'policy: search,maybe=all',
      'policy: found=first',
      'datasource: Ec2',
      'policy: report',
      'policy: "notfound=enabled"',
      'ci.datasource.ec2.strict_id: false',
    ),
    4,
  ),
  seed: sometimes(fc.constantFrom('nocloud', 'ec2'), 5),
  argument: sometimes(
    fc.constantFrom(
      'ds=openstack',
      'ci.ds=OpenStack',
      'ci.datasource=Ec2',
      'ci.di.policy=enabled',
      'ds=nocloud;s=x',
    ),
    4,
  ),
  machine: fc.constantFrom('x86_64', 'aarch64'),
  label: fc.constantFrom('-', 'cloudimg-rootfs', 'config-2', 'x,CONFIG-2,y'),
});

test('ds-identify decides as the real script does', async () => {
  const rules = rulesOfScript(readFileSync(script, 'utf8'), script);
  if (rules === undefined) throw new Error(`${script} is not recognised`);
  using folder = temporaryFolder();
  const questions = fc.sample(cases, { numRuns: 300, seed: 2718 }).map((given, index) => {
    const files: Record<string, string> =
      given.main === undefined ? {} : { '/etc/cloud/cloud.cfg': given.main };
    for (const [part, text] of Object.entries(given.parts)) files[`/etc/cloud/cloud.cfg.d/${part}`] = text;
    if (given.settings !== undefined) files['/etc/cloud/ds-identify.cfg'] = `${given.settings}\n`;
    for (const kind of given.seed === undefined ? [] : ['meta-data', 'user-data']) {
      files[`/var/lib/cloud/seed/${given.seed}/${kind}`] = 'x';
    }
    const commandLine = `root=LABEL=cloudimg-rootfs ${given.argument ?? 'ro'} quiet`;
    const tree = join(folder.path, String(index));
    writeTree(tree, { ...files, '/proc/cmdline': `${commandLine}\n` });
    return { ...given, files, commandLine, tree };
  });
  const input = questions.map(({ tree, machine, label }) => `${tree} ${machine} ${label}\n`).join('');
  const answers = run('sh', [join(fixtures, 'ds-identify-oracle.sh'), script], input).split('\n');
  const counts = new Map<string, number>();
  for (const [index, { files, commandLine, machine, label }] of questions.entries()) {
    const [status, ...written] = (answers[index] ?? '').split('\t');
    const list = written
      .find((text) => text.startsWith('datasource_list:'))
      ?.replace('datasource_list: ', '');
    const theirs = status === '1' ? 'disabled' : (list ?? 'enabled');
    counts.set(
      list === undefined ? theirs : 'list',
      (counts.get(list === undefined ? theirs : 'list') ?? 0) + 1,
    );

    const image = memoryFileSystem(treeOf(files), 'image');
    const given = await dsIdentifyInput(
      image,
      rules,
      await datasourceList(image, rules),
      await seedsOf(image),
    );
    const machineIs = { architecture: machine, kernelCommandLine: commandLine };
    const decided = identify(machineIs, given, rules, /config-2/i.test(label));
    const ours =
      'disabled' in decided
        ? 'disabled'
        : decided.list === undefined
          ? 'enabled'
          : `[ ${decided.list.join(', ')} ]`;
    expect({ files, commandLine, machine, label, decision: ours }).toEqual({
      files,
      commandLine,
      machine,
      label,
      decision: theirs,
    });
  }
  for (const kind of ['disabled', 'list']) expect(counts.get(kind) ?? 0).toBeGreaterThan(15);
});
