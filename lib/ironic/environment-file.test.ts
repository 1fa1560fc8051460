import { expect, test } from 'vitest';
import { readEnvironment } from './environment-file.ts';

test('an EnvironmentFile of systemd', () => {
  const text = [
    '# comment',
    '; another',
    '',
    'OS_PXE__TFTP_SERVER=192.0.2.1',
    'export OS_DEPLOY__HTTP_URL="http://192.0.2.1:8051/\\$x"',
    "OS_DEFAULT__HOST='conductor 1'",
    'OS_PASSWORD=secret',
    'PATH=/usr/bin',
    'OS_PXE__TFTP_SERVER=192.0.2.2',
  ].join('\n');
  expect(readEnvironment(text, 'x')).toEqual({
    OS_PXE__TFTP_SERVER: '192.0.2.2',
    OS_DEPLOY__HTTP_URL: 'http://192.0.2.1:8051/$x',
    OS_DEFAULT__HOST: 'conductor 1',
  });
});

test('the environment of a process', () => {
  expect(readEnvironment('PATH=/bin\0OS_PXE__TFTP_ROOT=/a=b\nc\0OS_PASSWORD=secret\0', 'x')).toEqual({
    OS_PXE__TFTP_ROOT: '/a=b\nc',
  });
  expect(readEnvironment('', 'x')).toEqual({});
});

test.each([
  ['A=1\nnot secret words', 'x:2: not NAME=value'],
  ['OS_PXE__TFTP_ROOT="/a', 'x:1: the quote is not closed on its line'],
  ['OS_PXE__TFTP_ROOT=/a\\\n/b', 'x:1: a value of several lines is not read'],
  ['\n'.repeat(200_000), 'x: 200001 lines'],
])('%j is refused, and not told', (text, message) => {
  expect(() => readEnvironment(text, 'x')).toThrow(message);
  expect(() => readEnvironment(text, 'x')).not.toThrow('secret');
});
