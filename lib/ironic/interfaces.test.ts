import { expect, test } from 'vitest';
import { ironicConfig } from './config.ts';
import { effectiveBootInterface, enabledBootInterfaces, supportedBootInterfaces } from './interfaces.ts';
import type { NodeRecord } from './records.ts';
import { releaseOf } from './release.ts';

function resolve(node: Partial<NodeRecord>, lines: readonly string[], version = '2024.1'): unknown {
  const text = ['[DEFAULT]', ...lines].join('\n');
  const record: NodeRecord = {
    uuid: 'u',
    name: null,
    driver: 'ipmi',
    properties: {},
    driver_info: {},
    instance_info: {},
    provision_state: null,
    maintenance: false,
    ...node,
  };
  return effectiveBootInterface(
    record,
    ironicConfig([{ text, origin: 'ironic.conf' }], {}, releaseOf(version)),
  );
}

test('the node decides where it says something', () => {
  expect(resolve({ boot_interface: 'pxe' }, ['default_boot_interface = ipxe'])).toMatchObject({
    name: 'pxe',
    because: 'node.boot_interface',
    network: { ipxe: false, transport: 'tftp', loaderRoot: 'tftp_root' },
  });
});

test('then the default of ironic.conf, which must be enabled and supported', () => {
  expect(resolve({ boot_interface: null }, ['default_boot_interface = pxe'])).toMatchObject({
    name: 'pxe',
    because: '[DEFAULT]default_boot_interface',
    setting: { line: 2 },
  });
  expect(resolve({}, ['default_boot_interface = http-ipxe'])).toMatchObject({ ok: false });
  expect(resolve({ driver: 'ilo' }, ['default_boot_interface = ipxe'])).toMatchObject({ ok: false });
});

test('then the order of the hardware type, not of ironic.conf', () => {
  const enabled = ['enabled_boot_interfaces = redfish-virtual-media,http,pxe,ipxe'];
  expect(resolve({}, enabled)).toMatchObject({ name: 'ipxe', because: 'hardware type ipmi' });
  expect(resolve({ driver: 'ilo5' }, ['enabled_boot_interfaces = ilo-pxe,ilo-ipxe'])).toMatchObject({
    name: 'ilo-ipxe',
    network: { ipxe: true },
  });
  const media = ['enabled_boot_interfaces = redfish-virtual-media'];
  expect(resolve({ driver: 'redfish' }, media)).toMatchObject({ ok: true, network: undefined });
  expect(resolve({ driver: 'ipmi' }, media)).toMatchObject({
    ok: false,
    problem:
      'No valid default boot interface for hardware type ipmi: it supports ipxe, pxe, http-ipxe, http, ' +
      'and [DEFAULT]enabled_boot_interfaces has redfish-virtual-media',
  });
  expect(resolve({ driver: 'own-hardware' }, enabled)).toMatchObject({ ok: false });
});

test('what is supported and enabled', () => {
  const [zed, epoxy] = [releaseOf('zed'), releaseOf('2025.1')];
  if (zed === undefined || epoxy === undefined) throw new Error('no releases');
  expect(supportedBootInterfaces('ipmi', zed)).toEqual(['ipxe', 'pxe']);
  expect(supportedBootInterfaces('redfish', epoxy)).toEqual([
    'ipxe',
    'pxe',
    'http-ipxe',
    'http',
    'redfish-virtual-media',
    'redfish-https',
  ]);
  expect(enabledBootInterfaces(ironicConfig([]))).toEqual(['ipxe', 'pxe', 'redfish-virtual-media']);
});
