import { expect, test } from 'vitest';
import { isLoopback } from './loopback.ts';

test.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.1.2.3', '0.0.0.0', '::1', '::', '[::1]'])(
  '%s',
  (host) => {
    expect(isLoopback(host)).toBe(true);
  },
);

test.each(['172.29.228.11', 'localhost.example', '::2', '2001:db8::1', '12.7.0.0', ''])('not %j', (host) => {
  expect(isLoopback(host)).toBe(false);
});
