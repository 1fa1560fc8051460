import { expect, test } from 'vitest';
import type { ImageFormat, SafetyVerdict, Violation } from '../image/safety.ts';
import { type ImageRules, inspectorOf, ironicAccepts } from './image-safety.ts';
import { newestRelease, releaseOf } from './release.ts';

const release = (name: string) => releaseOf(name) ?? newestRelease;
const verdict = (names: readonly ImageFormat[], violations: readonly Violation[] = []): SafetyVerdict => ({
  inspector: 'oslo.utils',
  formats: names.map((format) => ({ format, virtualSizeInBytes: 0n, violations })),
});
const rules: ImageRules = {
  diskFormat: 'raw',
  permittedFormats: ['raw', 'qcow2', 'iso'],
  release: release('2026.1'),
};
const steps = (judged: SafetyVerdict, more: Partial<ImageRules> = {}) =>
  ironicAccepts(judged, { ...rules, ...more }).refusals.map(({ step }) => step);

test('the inspector follows the release', () => {
  const inspectors = ['zed', '2024.1', '2024.2', '27.0', '28.0', '2025.1', '38.0'].map((name) =>
    inspectorOf(release(name)),
  );
  expect(inspectors).toEqual([
    'ironic',
    'ironic',
    'ironic',
    'ironic',
    'oslo.utils',
    'oslo.utils',
    'oslo.utils',
  ]);
});

// ironic/common/images.py image_format_permitted and image_format_matches
test('a whole disk is raw, wherever raw is expected or permitted', () => {
  expect(steps(verdict(['gpt']))).toEqual([]);
  expect(steps(verdict(['gpt']), { diskFormat: 'gpt' })).toEqual([]);
  expect(steps(verdict(['raw']), { diskFormat: 'gpt' })).toEqual(['disk_format']);
  expect(steps(verdict(['gpt']), { permittedFormats: ['qcow2'] })).toEqual(['permitted_image_formats']);
  expect(steps(verdict(['gpt']), { permittedFormats: ['gpt'] })).toEqual([]);
  expect(steps({ ...verdict(['raw']), inspector: 'ironic' }, { release: release('2024.1') })).toEqual([]);
});

test('the format has to be that of Glance, but for a kernel or an initramfs', () => {
  expect(steps(verdict(['qcow2']))).toEqual(['disk_format']);
  expect(steps(verdict(['qcow2']), { diskFormat: 'qcow2' })).toEqual([]);
  expect(steps(verdict(['qcow2']), { diskFormat: null })).toEqual([]);
  for (const diskFormat of ['aki', 'ari']) expect(steps(verdict(['gpt']), { diskFormat })).toEqual([]);
  expect(steps(verdict(['raw']), { diskFormat: 'ami' })).toEqual(['disk_format']);
  expect(steps(verdict(['vmdk']), { diskFormat: 'vmdk' })).toEqual(['permitted_image_formats']);
});

test('every reason is told, with the check and the decisive value', () => {
  const violations = [
    { check: 'backing_file', reason: 'Image has a backing file', found: 'backing_file_offset 512' },
  ];
  expect(ironicAccepts(verdict(['qcow2'], violations), { ...rules, permittedFormats: [] })).toEqual({
    format: 'qcow2',
    refusals: [
      { step: 'safety', reason: 'backing_file: Image has a backing file', found: 'backing_file_offset 512' },
      { step: 'permitted_image_formats', reason: 'permitted are none', found: 'qcow2' },
      { step: 'disk_format', reason: 'disk_format is raw, and the bytes are qcow2', found: 'qcow2' },
    ],
  });
});

test('several formats are refused, but for an ISO with a partition table since 2025.2', () => {
  const hybrid = verdict(['iso', 'gpt']);
  expect(steps(hybrid, { diskFormat: 'iso' })).toEqual([]);
  expect(steps(hybrid, { diskFormat: 'iso', release: release('2025.1') })).toEqual(['detection']);
  for (const formats of [
    ['qcow2', 'gpt'],
    ['iso', 'gpt', 'vdi'],
    ['iso', 'qcow2'],
  ] as const) {
    expect(ironicAccepts(verdict(formats), rules)).toMatchObject({
      format: undefined,
      refusals: [{ step: 'detection', reason: `Multiple formats detected: ${formats.join(',')}` }],
    });
  }
});

test('what the inspector fails on is refused', () => {
  expect(
    ironicAccepts({ inspector: 'oslo.utils', formats: [], broken: 'some text' }, rules).refusals,
  ).toEqual([
    {
      step: 'detection',
      reason: 'the inspector itself fails (AttributeError: vmdktype)',
      found: 'some text',
    },
  ]);
});
