import { expect, test } from 'vitest';
import type { NodeRecord } from './records.ts';
import { needsSecureBoot } from './secure-boot.ts';

const node = (change: Partial<NodeRecord>) =>
  ({ properties: {}, instance_info: {}, ...change }) as NodeRecord;

test.for<[string, Partial<NodeRecord>, boolean]>([
  ['nothing', {}, false],
  ['the BMC', { secure_boot: true }, true],
  ['the BMC, off', { secure_boot: false }, false],
  ['a capability', { properties: { capabilities: 'boot_mode:uefi,secure_boot:true' } }, true],
  ['a capability in another case', { properties: { capabilities: 'secure_boot:True' } }, true],
  ['a capability, off', { properties: { capabilities: 'secure_boot:false' } }, false],
  ['the instance', { instance_info: { capabilities: '{"secure_boot": "true"}' } }, true],
  ['an instance that cannot be read', { instance_info: { capabilities: 'secure_boot:true' } }, false],
])('said by %s: %j is %j', ([, change, expected]) => {
  expect(needsSecureBoot(node(change))).toBe(expected);
});
