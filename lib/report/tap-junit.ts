import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { describeError } from '../errors.ts';

const timeoutInMilliseconds = 60_000;

/**
 * The document in a form that arrives in tap-junit 5.0.4 as it is. Its XML library resolves entities in what it
 * is given and leaves them in what it writes (`&lt;` in a message would become `<`), so an ampersand is escaped
 * twice; its TAP parser decodes each piece of input by itself (a character across two is lost), so all is ASCII.
 */
function armoured(tap: string): string {
  return tap
    .replaceAll('&', '&amp;amp;')
    .replaceAll(/\P{ASCII}/gu, (character) => `&#${character.codePointAt(0)};`);
}

/**
 * What the tap-junit command makes of a TAP document. As a library it would end the process, so it runs as a
 * child with the document on its standard input.
 * @throws Error when it cannot be run, fails, or takes more than a minute
 */
export async function tapJunit(tap: string): Promise<string> {
  const command = createRequire(import.meta.url).resolve('tap-junit/bin/tap-junit');
  const child = spawn(process.execPath, [command], {
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutInMilliseconds,
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code === null ? `ended by ${signal}` : `exit code ${code}`));
  });
  // A child that ends early is reported by its exit code, not by the broken pipe.
  child.stdin.on('error', () => {});
  child.stdin.end(armoured(tap));
  try {
    const [out, problems, how] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    if (how !== 'exit code 0' || problems !== '') {
      throw new Error(`${how}${problems === '' ? '' : `: ${problems.trim().slice(0, 500)}`}`);
    }
    return out;
  } catch (error) {
    throw new Error(`tap-junit failed: ${describeError(error)}`, { cause: error });
  }
}
