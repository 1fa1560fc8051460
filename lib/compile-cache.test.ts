import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
/** Tells at the end whether Node loaded its TypeScript compiler, amaro. */
const tell = `data:text/javascript,process.on('exit', () => {
  console.error(process.moduleLoadList.some((name) => name.includes('amaro')));
})`;

/** Whether `--help` of a launcher made Node strip types. */
function strips(launcher: string, environment: NodeJS.ProcessEnv = {}): boolean {
  const args = ['--import', here('compile-cache.js'), '--import', tell, here(launcher), '--help'];
  const env = { ...process.env, ...environment };
  const script = `exec "$0" "$@" 2>&1 >/dev/null`;
  const told = execFileSync('sh', ['-c', script, process.execPath, ...args], { encoding: 'utf8', env });
  return JSON.parse(told) as boolean;
}

test.for(['launch.ts', 'inspect/launch.ts'])('%s is compiled once, and not again', (launcher) => {
  expect(strips(launcher, { NODE_DISABLE_COMPILE_CACHE: '1' })).toBe(true);
  strips(launcher);
  expect(strips(launcher)).toBe(false);
});
