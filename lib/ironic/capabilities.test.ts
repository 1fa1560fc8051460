import { expect, test } from 'vitest';
import { capabilitiesOf, instanceCapabilitiesOf, invalidCapabilities } from './capabilities.ts';

test.each([
  [
    'boot_option:local,disk_label:gpt,boot_mode:uefi',
    { boot_option: 'local', disk_label: 'gpt', boot_mode: 'uefi' },
    [],
  ],
  ['boot_mode=uefi', {}, ['boot_mode=uefi']],
  ['boot_mode:uefi:x, disk_label:gpt,', { disk_label: 'gpt' }, ['boot_mode:uefi:x', '']],
  [' boot_mode : uefi ', { boot_mode: 'uefi' }, []],
  ['boot_mode:bios,boot_mode:uefi', { boot_mode: 'bios' }, []],
  ['', {}, []],
])('capabilities %j', (capabilities, values, malformed) => {
  const parsed = capabilitiesOf({ properties: { capabilities } });
  expect(Object.fromEntries(parsed.values)).toEqual(values);
  expect(parsed.malformed).toEqual(malformed);
});

test('capabilities of another type are named', () => {
  expect(capabilitiesOf({ properties: { capabilities: { boot_mode: 'uefi' } } }).wrongType).toBe('dict');
  expect(capabilitiesOf({ properties: { capabilities: ['x'] } }).wrongType).toBe('list');
  expect(capabilitiesOf({ properties: { capabilities: null } })).not.toHaveProperty('wrongType');
});

const read = (capabilities: unknown): unknown =>
  instanceCapabilitiesOf({ uuid: 'u', instance_info: { capabilities } });

test('the instance has an object, or JSON of one', () => {
  expect(read({ boot_mode: 'uefi' })).toEqual({ ok: true, values: { boot_mode: 'uefi' } });
  expect(read('{"boot_mode": "uefi"}')).toEqual({ ok: true, values: { boot_mode: 'uefi' } });
  expect(read('boot_mode:uefi')).toMatchObject({ ok: false });
  expect(read('["boot_mode"]')).toMatchObject({ ok: false });
  expect(read(null)).toMatchObject({ ok: false });
  expect(instanceCapabilitiesOf({ uuid: 'u', instance_info: {} })).toEqual({ ok: true, values: {} });
});

test('values are compared exactly', () => {
  expect(
    invalidCapabilities({
      uuid: 'u',
      properties: { capabilities: 'boot_mode:UEFI,disk_label:gpt' },
      instance_info: { capabilities: { secure_boot: true, boot_mode: '' } },
    }),
  ).toEqual([
    { name: 'boot_mode', field: 'properties/capabilities', value: 'UEFI', acceptable: ['bios', 'uefi'] },
    {
      name: 'secure_boot',
      field: "instance_info['capabilities']",
      value: 'true',
      acceptable: ['true', 'false'],
    },
  ]);
});
