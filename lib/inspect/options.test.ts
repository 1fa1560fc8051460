import { expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { parseInspectOptions } from './options.ts';

test('targets and options, in any order', () => {
  expect(parseInspectOptions(['a.qcow2', '--json', '--deployment', 'd.yaml', 'glance:b'])).toEqual({
    targets: ['a.qcow2', 'glance:b'],
    json: true,
    deployment: 'd.yaml',
    cloud: undefined,
    downloadInBytes: undefined,
    help: false,
  });
  expect(parseInspectOptions(['x', '--download', '2 GiB']).downloadInBytes).toBe(2 ** 31);
  expect(parseInspectOptions(['glance:x', '--os-cloud', 'lab']).cloud).toBe('lab');
  expect(parseInspectOptions(['-h'])).toMatchObject({ help: true, targets: [] });
  expect(parseInspectOptions(['--', '--json'])).toMatchObject({ targets: ['--json'], json: false });
});

test.for<[string[], string]>([
  [[], 'nothing to inspect: a file, http(s)://, ssh:// or glance:NAME is expected'],
  [['--jsn', 'x'], 'unknown option "--jsn"; did you mean "--json"?'],
  [
    ['--zzzzzzzz', 'x'],
    'unknown option "--zzzzzzzz"; the options are --json, --deployment, --os-cloud, --download, --help',
  ],
  [['x', '--download', 'much'], '--download "much": a size such as 2 GiB is expected'],
  [
    ['x', '--deployment', 'd.yaml', '--os-cloud', 'lab'],
    '--os-cloud and --deployment both say which cloud; keep one',
  ],
  [['x', '--deployment'], "Option '--deployment <value>' argument missing"],
  [['x', '--json=1'], "Option '--json' does not take an argument"],
])('%j is refused', ([argv, message]) => {
  expect(() => parseInspectOptions(argv)).toThrow(new UsageError(message));
});

test('an option that npm took for itself is told', () => {
  expect(() => parseInspectOptions(['x'], { npm_config_json: 'true' })).toThrow(
    '--json was taken by npm; put "--" before it: npm run inspect -- --json',
  );
  expect(() => parseInspectOptions(['x'], { npm_config_os_cloud: 'lab' })).toThrow(
    '--os-cloud was taken by npm; put "--" before it: npm run inspect -- --os-cloud',
  );
});
