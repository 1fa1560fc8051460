import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { statuses } from '../result.ts';
import { painter, symbols } from './style.ts';

test('statuses differ without colour', () => {
  expect(new Set(Object.values(symbols)).size).toBe(statuses.length);
});

test('paint is there or not, and never alone', () => {
  expect(painter(true)('red', 'x')).toBe('\u001b[31mx\u001b[39m');
  expect(painter(false)('red', 'x')).toBe('x');
  expect(painter(true)('red', '')).toBe('');
});

test.for([
  ['a pipe', {}, 'false'],
  ['a pipe, forced', { FORCE_COLOR: '1' }, 'true'],
  ['a pipe, with NO_COLOR', { NO_COLOR: '1' }, 'false'],
] as const)('colour is for who can show it: %s', async ([, environment, expected]) => {
  const module = fileURLToPath(new URL('style.ts', import.meta.url));
  const program = `import { wantsColour } from ${JSON.stringify(module)}; process.stdout.write(String(wantsColour(process.stdout)))`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    env: environment,
  });
  expect(stdout).toBe(expected);
});
