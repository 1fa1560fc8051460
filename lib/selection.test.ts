import { expect, test } from 'vitest';
import type { Check, Suite } from './check.ts';
import { UsageError } from './errors.ts';
import { parseSelection, selectedArchitectures, selects, selectsCheck } from './selection.ts';

const one = (suite: string, name: string): Check => ({ suite, id: `${suite}/${name}` }) as Check;
const machine = one('firmware', 'machine');
const ports = one('nodes', 'ports');
const suites: Suite[] = [
  { name: 'firmware', title: '', checks: [machine] },
  { name: 'nodes', title: '', checks: [ports] },
];
const arm = { label: 'a', architecture: 'aarch64', affects: [] };
const x86 = { label: 'x', architecture: 'x86_64', affects: [] };
const shared = { label: 's', affects: [] };
const judged = (texts: string[], ids: string[] = []) => {
  const selection = parseSelection(texts, ids, suites);
  return [machine, ports].flatMap((check) =>
    [arm, x86, shared]
      .filter((subject) => selects(selection, check, subject))
      .map(({ label }) => `${check.id} ${label}`),
  );
};

test('no selection is everything', () => {
  expect(judged([])).toHaveLength(6);
});

test('an architecture selects its own subjects and the shared ones', () => {
  expect(judged(['aarch64'])).toEqual([
    'firmware/machine a',
    'firmware/machine s',
    'nodes/ports a',
    'nodes/ports s',
  ]);
});

test('a subject, both, and several', () => {
  expect(judged(['firmware'])).toEqual(['firmware/machine a', 'firmware/machine x', 'firmware/machine s']);
  expect(judged(['aarch64/firmware'])).toEqual(['firmware/machine a', 'firmware/machine s']);
  expect(judged(['firmware/aarch64'])).toEqual(judged(['aarch64/firmware']));
  expect(judged(['aarch64/firmware', 'x86_64/nodes'])).toEqual([
    'firmware/machine a',
    'firmware/machine s',
    'nodes/ports x',
    'nodes/ports s',
  ]);
});

test('a single check', () => {
  expect(judged([], ['nodes/ports'])).toEqual(['nodes/ports a', 'nodes/ports x', 'nodes/ports s']);
  expect(selectsCheck(parseSelection([], ['nodes/ports'], suites), machine)).toBe(false);
});

test('the architectures a selection is limited to', () => {
  expect(selectedArchitectures(parseSelection(['aarch64/firmware', 'x86_64'], [], suites))).toEqual([
    'aarch64',
    'x86_64',
  ]);
  expect(selectedArchitectures(parseSelection(['aarch64', 'firmware'], [], suites))).toEqual([]);
  expect(selectedArchitectures(parseSelection([], [], suites))).toEqual([]);
});

test.for([
  ['aarm64', 'did you mean "aarch64"?'],
  ['arm64', 'did you mean "aarch64"?'],
  ['firmwares', 'did you mean "firmware"?'],
  ['aarch64/firmwear', 'did you mean "firmware"?'],
  ['aarch64/x86_64', 'unknown suite'],
  ['firmware/firmware', 'unknown suite'],
  ['aarch64/firmware/machine', 'unknown suite'],
  ['', 'unknown suite'],
])('--suite %j is refused', ([text, message]) => {
  expect(() => parseSelection([text ?? ''], [], suites)).toThrow(UsageError);
  expect(() => parseSelection([text ?? ''], [], suites)).toThrow(message);
});

test('--check with an unknown id is refused', () => {
  expect(() => parseSelection([], ['firmware/machin'], suites)).toThrow('did you mean "firmware/machine"?');
});
