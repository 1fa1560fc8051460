import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** For the differential tests: the recipes of fixtures/guest, and files on disk for independent tools to read. */
export const fixtures = fileURLToPath(new URL('../../../fixtures/guest/', import.meta.url));

/** Runs a tool; that it is missing or fails is a failure of the test. */
export function run(command: string, args: readonly string[], input = ''): string {
  const result = spawnSync(command, args, { input, encoding: 'utf8', maxBuffer: 1024 ** 3 });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')}: ${result.status}: ${result.stderr}`);
  return result.stdout;
}

/** Asks cloud-init's own Python code, one JSON question a line. */
export function askCloudInit(questions: readonly unknown[]): unknown[] {
  const input = questions.map((question) => `${JSON.stringify(question)}\n`).join('');
  const answers = run('/usr/bin/python3', [join(fixtures, 'cloud-init-oracle.py')], input);
  const lines = answers.trimEnd().split('\n');
  if (lines.length !== questions.length)
    throw new Error(`${lines.length} answers to ${questions.length} questions`);
  return lines.map((line) => JSON.parse(line) as unknown);
}

/** A new folder that is removed when the test ends. */
export function temporaryFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'ironic-assay-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

export function writeTree(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
