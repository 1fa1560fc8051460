import { expect, test } from 'vitest';
import { isRegisteredAs } from './conductor-name.ts';

test.for([
  ['conductor-1', 'conductor-1', true],
  ['conductor-1:8090', 'conductor-1', true],
  ['[2001:db8::1]:8090', '2001:db8::1', true],
  ['conductor-1:8090', 'conductor-1:8090', true],
  ['conductor-1:8090', 'conductor-1:8091', false],
  ['conductor-1:rpc', 'conductor-1', false],
  ['conductor-10:8090', 'conductor-1', false],
  ['conductor-1', 'conductor-1:8090', false],
] as const)('%s is the conductor %s: %s', ([registered, host, wanted]) => {
  expect(isRegisteredAs(registered, host)).toBe(wanted);
});
