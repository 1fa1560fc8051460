import { describe, expect, test } from 'vitest';
import { optionOf, isKnown } from './options.ts';
import {
  atLeast,
  compareVersions,
  hasCompositeBootfileKeys,
  hasHttpBoot,
  releaseOf,
  releases,
} from './release.ts';

describe('a release', () => {
  test.each([
    ['2025.1', '29.0', '2025.1', 96, false],
    ['Epoxy', '29.0', '2025.1', 96, false],
    ['zed', '21.1', 'zed', 80, false],
    ['1.82', '21.4', '2023.1', 82, false],
    // Spoken by 21.1 (zed) and 21.2; by 30.0 and 31.0; between those of 22.0 (83) and 22.1 (86).
    ['1.80', '21.1', 'zed', 80, false],
    ['1.99', '30.0', undefined, 99, false],
    ['1.84', '22.0', undefined, 83, false],
    ['1.115', '39.0', '2026.2', 115, false],
    ['21.4.4', '21.4.4', '2023.1', 82, true],
    ['1:21.4.4-0+deb12u2', '21.4.4', '2023.1', 82, true],
    ['29.0.6', '29.0.6', '2025.1', 96, true],
    ['29.1.0', '29.1.0', undefined, 96, true],
    ['master', '39.0', '2026.2', 115, false],
  ])('%s is Ironic %s', (text, version, name, maximumMicroversion, exact) => {
    expect(releaseOf(text)).toEqual({
      version,
      maximumMicroversion,
      exact,
      ...(name === undefined ? {} : { name }),
    });
  });

  test.each(['', '1.77', '19.0.0', '2019.1', 'quux', '2.5', '129', 'constructor'])('%j is none', (text) => {
    expect(releaseOf(text)).toBeUndefined();
  });

  test('is older or newer than another', () => {
    expect(compareVersions('21.4.4', '21.4')).toBeGreaterThan(0);
    expect(compareVersions('9.2', '21.4')).toBeLessThan(0);
    const [oldest, next] = releases;
    expect(oldest !== undefined && next !== undefined && atLeast(next, oldest.version)).toBe(true);
  });

  test.each([
    ['2024.2', false],
    ['29.0.5', false],
    ['29.0.6', true],
    ['2025.1', 'unknown'],
    ['1.101', 'unknown'],
    ['33.0.0', false],
    ['38.0.0', true],
    ['1.113', true],
  ])('%s has composite keys: %s', (text, expected) => {
    const release = releaseOf(text);
    expect(release === undefined ? undefined : hasCompositeBootfileKeys(release)).toBe(expected);
  });

  test('decides which options there are', () => {
    const [zed, caracal] = ['zed', '2024.1'].map((name) => releaseOf(name) ?? releases[0]);
    if (zed === undefined || caracal === undefined) throw new Error('no releases');
    expect([hasHttpBoot(zed), hasHttpBoot(caracal)]).toEqual([false, true]);
    expect(optionOf('conductor', 'deploy_kernel_by_arch', zed)).toBeUndefined();
    expect(optionOf('conductor', 'deploy_kernel_by_arch', caracal)).toMatchObject({ type: { kind: 'dict' } });
    expect(isKnown('conductor', 'deploy_kernel_by_arch', zed)).toBe(false);
    expect(isKnown('pxe', 'ipxe_bootfile_by_arch', caracal)).toBe(false);
    expect(isKnown('DEFAULT', 'debug', caracal)).toBeUndefined();
  });
});
