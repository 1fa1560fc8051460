import { expect, test } from 'vitest';
import { UsageError } from './errors.ts';
import { parseOptions } from './options.ts';

test('every option is read, and --suite and --check repeat', () => {
  const argv = ['--suite', 'aarch64', '--suite=firmware', '--check', 'nodes/ports', '--deployment', 'd.yaml'];
  const options = parseOptions([...argv, '--reports', 'out', '--allow-not-verified', '--list', '-h'], {});
  expect(options).toEqual({
    suites: ['aarch64', 'firmware'],
    checks: ['nodes/ports'],
    deployment: 'd.yaml',
    reports: 'out',
    allowNotVerified: true,
    list: true,
    help: true,
  });
});

test.for([
  [['--siute', 'aarch64'], 'unknown option "--siute"; did you mean "--suite"?'],
  [['--reporter=json'], /^unknown option "--reporter".*"--reports"/],
  [['aarch64'], 'unexpected argument "aarch64"; suites are chosen with --suite aarch64'],
  [['lib/foo.test.ts'], /^unexpected argument "lib\/foo.test.ts"/],
  [['--suite'], /--suite.* argument missing/],
  [['--suite', '--list'], /ambiguous/],
  [['--no-list'], /^unknown option "--no-list"/],
  [['-t', 'name'], /^unknown option "-t"/],
] as const)('%j is refused', ([argv, message]) => {
  expect(() => parseOptions(argv, {})).toThrow(UsageError);
  expect(() => parseOptions(argv, {})).toThrow(message);
});

test('an option that npm kept for itself is noticed', () => {
  expect(() => parseOptions([], { npm_config_suite: 'aarch64' })).toThrow('npm test -- --suite');
  expect(() => parseOptions([], { npm_config_allow_not_verified: 'true' })).toThrow('--allow-not-verified');
  expect(parseOptions([], { npm_config_cache: '/c' }).suites).toEqual([]);
});
