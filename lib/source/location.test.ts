import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { parseLocation } from './location.ts';

test('paths start from the folder of deployment.yaml', () => {
  expect(parseLocation('c1/ironic.conf', '/srv')).toEqual({
    kind: 'path',
    path: '/srv/c1/ironic.conf',
    folder: '/srv/c1',
    name: 'ironic.conf',
  });
  expect(parseLocation('/etc/ironic.conf', '/srv')).toMatchObject({ path: '/etc/ironic.conf' });
  expect(parseLocation('~/key', '/srv')).toMatchObject({ path: join(homedir(), 'key') });
});

test('ssh and tftp, with their defaults, and IPv6', () => {
  expect(parseLocation('ssh://root@c1:2222/etc/ironic/ironic.conf', '/')).toEqual({
    kind: 'ssh',
    host: 'c1',
    port: 2222,
    user: 'root',
    path: '/etc/ironic/ironic.conf',
  });
  expect(parseLocation('ssh://c1/a', '/')).toMatchObject({ port: undefined, user: undefined });
  expect(parseLocation('tftp://[::1]/', '/')).toEqual({ kind: 'tftp', host: '::1', port: 69 });
});

test('a link-local address with its zone', () => {
  const expected = { kind: 'tftp', host: 'fe80::1%eth0.7', port: 6969 };
  expect(parseLocation('tftp://[fe80::1%eth0.7]:6969/', '/')).toEqual(expected);
  expect(parseLocation('tftp://[fe80::1%25eth0.7]:6969/', '/')).toEqual(expected);
  for (const text of ['tftp://[fe80::1%]/', 'tftp://[fe80::1%eth0/', 'tftp://[fe80::1%a b]/']) {
    expect(() => parseLocation(text, '/')).toThrow('not a location');
  }
});

test.for([
  ['ftp://host/x', 'ftp:// is not supported'],
  ['ssh://u:secret@host/x', 'must not hold a password'],
  ['ssh://host', 'names no file'],
  ['tftp://', 'not a location'],
  ['ssh://c1/%zz', 'a % that begins no escape'],
])('%j is refused', ([text, message]) => {
  expect(() => parseLocation(text ?? '', '/')).toThrow(UsageError);
  expect(() => parseLocation(text ?? '', '/')).toThrow(message);
  expect(() => parseLocation(text ?? '', '/')).not.toThrow('secret');
});
