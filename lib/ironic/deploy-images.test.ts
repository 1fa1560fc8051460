import { describe, expect, test } from 'vitest';
import { ironicConfig, type IronicConfig } from './config.ts';
import { resolveDeployImages } from './deploy-images.ts';
import { parseImageRef } from './image-ref.ts';
import type { NodeRecord } from './records.ts';
import { releaseOf } from './release.ts';

const [kernel, ramdisk] = ['c8f9814f-23d0-4877-9490-50f7b7240440', '91d02470-05e9-42b8-a0f2-e81db6c3af22'];

function nodeWith(driver_info: Record<string, unknown>, cpu_arch: unknown = 'aarch64'): NodeRecord {
  return {
    uuid: 'u',
    name: null,
    driver: 'ipmi',
    properties: { cpu_arch },
    driver_info,
    instance_info: {},
    provision_state: null,
    maintenance: false,
  };
}

function conf(lines: readonly string[], version: string): IronicConfig {
  const text = ['[conductor]', ...lines].join('\n');
  return ironicConfig([{ text, origin: 'ironic.conf' }], {}, releaseOf(version));
}

const everyNode = ['deploy_kernel = http://h/x86.kernel', 'deploy_ramdisk = http://h/x86.initramfs'];
const byArch = ['deploy_kernel_by_arch = aarch64:http://h/k', 'deploy_ramdisk_by_arch = aarch64:http://h/r'];

describe('the deploy images', () => {
  test('of the node itself come first', () => {
    const node = nodeWith({ deploy_kernel: kernel, deploy_ramdisk: ramdisk });
    expect(resolveDeployImages(node, conf([...everyNode, ...byArch], '2025.1'))).toEqual({
      ok: true,
      kernel: { kind: 'glance', id: kernel },
      ramdisk: { kind: 'glance', id: ramdisk },
      because: 'driver_info',
      settings: [],
      halfPairs: [],
      missing: [],
    });
  });

  test('of the architecture come next, from 23.0', () => {
    expect(resolveDeployImages(nodeWith({}), conf([...everyNode, ...byArch], '2023.2'))).toMatchObject({
      kernel: { kind: 'http', url: 'http://h/k' },
      because: 'deploy_kernel_by_arch[aarch64]',
      settings: [{ line: 4 }, { line: 5 }],
    });
    expect(resolveDeployImages(nodeWith({}), conf([...everyNode, ...byArch], '2023.1'))).toMatchObject({
      kernel: { kind: 'http', url: 'http://h/x86.kernel' },
      because: '[conductor]deploy_kernel',
    });
    expect(
      resolveDeployImages(nodeWith({}, 'arm64'), conf([...everyNode, ...byArch], '2024.1')),
    ).toMatchObject({
      because: '[conductor]deploy_kernel',
    });
  });

  test('of half a pair are those of every node: the x86 ones', () => {
    const node = nodeWith({ deploy_kernel: kernel });
    expect(resolveDeployImages(node, conf(everyNode, 'zed'))).toMatchObject({
      ok: true,
      kernel: { url: 'http://h/x86.kernel' },
      halfPairs: [{ where: 'driver_info', set: 'deploy_kernel', lacks: 'deploy_ramdisk', value: kernel }],
    });
    const strict = [...everyNode, 'error_on_ramdisk_config_inconsistency = true'];
    expect(resolveDeployImages(node, conf(strict, '2025.1'))).toMatchObject({ ok: true });
    expect(resolveDeployImages(node, conf(strict, '2025.2'))).toMatchObject({
      ok: false,
      redacted: false,
      problem:
        'Node u driver_info has an override for deploy_kernel, but not for deploy_ramdisk. ' +
        'This configuration is ambiguous. Node u cannot boot a ramdisk.',
    });
  });

  test('of half a pair by architecture are so too', () => {
    expect(resolveDeployImages(nodeWith({}), conf([...everyNode, byArch[0] ?? ''], '2025.2'))).toMatchObject({
      because: '[conductor]deploy_kernel',
      halfPairs: [{ where: 'by_arch', set: 'deploy_kernel_by_arch', lacks: 'deploy_ramdisk_by_arch' }],
    });
  });

  test('may be missing, one by one', () => {
    expect(resolveDeployImages(nodeWith({}), conf(['deploy_kernel = http://h/k'], '2025.1'))).toMatchObject({
      ok: true,
      missing: ['deploy_ramdisk'],
    });
    expect(resolveDeployImages(nodeWith({}), conf(['deploy_kernel ='], '2025.1'))).toMatchObject({
      missing: ['deploy_kernel', 'deploy_ramdisk'],
    });
  });

  test('cannot be had while a mapping is broken', () => {
    expect(
      resolveDeployImages(nodeWith({}), conf(['deploy_kernel_by_arch = aarch64'], '2025.1')),
    ).toMatchObject({
      ok: false,
      problem: '[conductor]deploy_kernel_by_arch: Value should be NAME:VALUE pairs separated by ","',
    });
  });

  test('are not known where driver_info is not shown', () => {
    const content = '** Redacted - requires baremetal:node:get:driver_info permission. **';
    expect(resolveDeployImages(nodeWith({ content }), conf(everyNode, '2025.1'))).toEqual({
      ok: false,
      redacted: true,
      problem: `driver_info: ${content}`,
    });
    const masked = nodeWith({ deploy_kernel: '******', deploy_ramdisk: '******' });
    expect(resolveDeployImages(masked, conf(everyNode, '2025.1'))).toMatchObject({ redacted: true });
  });

  test('of rescue are found in the same way', () => {
    const config = conf(
      [...everyNode, 'rescue_kernel = http://h/rk', 'rescue_ramdisk = http://h/rr'],
      '2025.1',
    );
    expect(
      resolveDeployImages(nodeWith({ deploy_kernel: kernel }), config, config.release, 'rescue'),
    ).toMatchObject({
      kernel: { url: 'http://h/rk' },
      because: '[conductor]rescue_kernel',
      halfPairs: [],
    });
  });
});

describe('an image reference', () => {
  test.each([
    [kernel, { kind: 'glance', id: kernel }],
    [kernel.replaceAll('-', '').toUpperCase(), { kind: 'glance', id: 'C8F9814F23D04877949050F7B7240440' }],
    [`glance://${kernel}`, { kind: 'glance', id: kernel }],
    ['https://h/k?x', { kind: 'http', url: 'https://h/k?x' }],
    ['file:///httpboot/k', { kind: 'file', path: '/httpboot/k' }],
    ['file://host/httpboot/k', { kind: 'file', path: '/httpboot/k' }],
    ['oci://registry/ipa:arm', { kind: 'oci', url: 'oci://registry/ipa:arm' }],
    ['smb://h/share/k', { kind: 'cifs', url: 'smb://h/share/k' }],
    ['******', { kind: 'redacted' }],
    ['ipa-aarch64.kernel', { kind: 'invalid', why: 'Scheme-less image href is not a UUID.' }],
    ['ipa:kernel', { kind: 'invalid', why: 'Image download protocol ipa is not supported.' }],
    ['glance://ipa-kernel', { kind: 'invalid' }],
    ['file://relative', { kind: 'invalid' }],
    [42, { kind: 'invalid', value: '42' }],
    [`{{${kernel}}}}`, { kind: 'glance' }],
    [`${'{'.repeat(300_000)}x`, { kind: 'invalid', why: 'Scheme-less image href is not a UUID.' }],
    [`x${'{'.repeat(300_000)}x`, { kind: 'invalid', why: 'Scheme-less image href is not a UUID.' }],
  ])('%.80j', (value, expected) => {
    expect(parseImageRef(value)).toMatchObject(expected);
  });
});
