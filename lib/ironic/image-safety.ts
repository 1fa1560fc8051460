import type { DetectedFormat, Inspector, SafetyVerdict } from '../image/safety.ts';
import { type Release, atLeast } from './release.ts';

/** What Ironic holds an image against. */
export interface ImageRules {
  /** The image's disk_format in Glance; undefined or null where nothing is expected. */
  readonly diskFormat: string | null | undefined;
  /** `[conductor]permitted_image_formats` */
  readonly permittedFormats: readonly string[];
  readonly release: Release;
}

/** One reason for InvalidImage, in the words of Ironic's log where it has some. */
export interface Refusal {
  readonly step: 'detection' | 'safety' | 'permitted_image_formats' | 'disk_format';
  readonly reason: string;
  /** The decisive value. */
  readonly found: string;
}

export interface Acceptance {
  /** What Ironic takes it for; undefined where it cannot decide. */
  readonly format: string | undefined;
  /** Every reason for which it would be refused, where Ironic stops at the first; empty when it is accepted. */
  readonly refusals: readonly Refusal[];
}

/** oslo.utils since 28.0 (2025.1), and a copy of its own before. Source: change 669304bc0. */
export function inspectorOf(release: Release): Inspector {
  return atLeast(release, '28.0') ? 'oslo.utils' : 'ironic';
}

/**
 * Whether Ironic deploys an image whose bytes were judged by `inspectImage` with its release's inspector: it detects
 * one format, checks that it is safe, permitted, and the disk_format.
 * Source: ironic/common/images.py safety_check_image, check_if_image_format_is_permitted.
 */
export function ironicAccepts(verdict: SafetyVerdict, rules: ImageRules): Acceptance {
  const { diskFormat, permittedFormats, release } = rules;
  const detected = detectOne(verdict, release);
  if ('step' in detected) return { format: undefined, refusals: [detected] };
  const { format, violations } = detected;
  const refusals = violations.map(({ check, reason, found }): Refusal => ({
    step: 'safety',
    reason: `${check}: ${reason}`,
    found,
  }));
  const refuse = (step: Refusal['step'], reason: string, found: string) =>
    refusals.push({ step, reason, found });
  const isRaw = format === 'raw' || (format === 'gpt' && verdict.inspector === 'oslo.utils');
  if (!permittedFormats.includes(format) && !(isRaw && permittedFormats.includes('raw'))) {
    refuse('permitted_image_formats', `permitted are ${permittedFormats.join(', ') || 'none'}`, format);
  }
  if (!matches(diskFormat, format, isRaw)) {
    refuse('disk_format', `disk_format is ${diskFormat}, and the bytes are ${format}`, format);
  }
  return { format, refusals };
}

/** A kernel or initramfs is never given to qemu-img, so any format goes. */
function matches(diskFormat: string | null | undefined, format: string, isRaw: boolean): boolean {
  if (diskFormat === undefined || diskFormat === null || diskFormat === '') return true;
  return (
    diskFormat === format || diskFormat === 'aki' || diskFormat === 'ari' || (diskFormat === 'raw' && isRaw)
  );
}

/** An ISO may have a partition table, since 30.0 (2025.2). Source: change 9cfb693be. */
function detectOne({ formats, broken }: SafetyVerdict, release: Release): DetectedFormat | Refusal {
  const [first, second] = formats;
  if (broken !== undefined || first === undefined) {
    const found = broken ?? 'no format at all';
    return { step: 'detection', reason: 'the inspector itself fails (AttributeError: vmdktype)', found };
  }
  if (second === undefined) return first;
  const names = formats.map(({ format }) => format);
  const iso = formats.find(({ format }) => format === 'iso');
  if (iso !== undefined && formats.length === 2 && names.includes('gpt') && atLeast(release, '30.0'))
    return iso;
  return {
    step: 'detection',
    reason: `Multiple formats detected: ${names.join(',')}`,
    found: names.join(' and '),
  };
}
