import type { ClientChannel } from 'ssh2';
import { AccessError, LimitError, UsageError, describeError } from '../../errors.ts';
import { within } from '../deadline.ts';
import type { SshConnection } from './connection.ts';
import { splitWords } from './config-words.ts';

/**
 * All that is ever run on a host. Each reads and changes nothing; the sudoers lines in the messages name them.
 * The format of stat is st_mode in hexadecimal, ids, size, names, SELinux context.
 */
export const commands = {
  cat: (path: string) => ['cat', '--', path],
  stat: (path: string) => ['stat', '-L', '-c', '%f %u %g %s %U %G %C', '--', path],
  ls: (path: string) => ['ls', '-1', '-A', '--', path],
} as const;

/** The host runs no commands for this user. */
export class NoCommandsError extends AccessError {}

/** What a command said. */
export interface CommandOutput {
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: Buffer;
  /** Its first lines. */
  readonly stderr: string;
}

const maximumErrorInBytes = 8 * 1024;

/**
 * Runs a command without a terminal and without a word that a shell could take for something else.
 * @throws AccessError when the host runs no commands or does not answer, LimitError for too much output
 */
export async function runCommand(
  connection: SshConnection,
  words: readonly string[],
  maximumOutputInBytes: number,
): Promise<CommandOutput> {
  return connection.inTurn(async () => run(connection, words, maximumOutputInBytes));
}

async function run(
  connection: SshConnection,
  words: readonly string[],
  maximumOutputInBytes: number,
): Promise<CommandOutput> {
  const { client, origin, timeoutInMilliseconds } = connection;
  const command = words.map(quoteWord).join(' ');
  const what = `${origin}: ${command}`;
  const late = () => new AccessError(`${what}: no answer within ${timeoutInMilliseconds / 1000} s`);
  // English messages, where the host lets us ask for them.
  const options = { env: { LC_ALL: 'C' } };
  const running = await within<{ output: Promise<CommandOutput> }>(
    timeoutInMilliseconds,
    late,
    (resolve, reject) =>
      client.exec(command, options, (error, channel) => {
        if (error !== undefined) {
          const said = describeError(error);
          return reject(new NoCommandsError(`${origin}: it runs no commands: ${said}`, { cause: error }));
        }
        // Listened to at once: all that it says may have come with the permission to run it.
        const output = collect(channel, connection, { what, late, maximumOutputInBytes });
        output.catch(() => undefined);
        resolve({ output });
      }),
  );
  return running.output;
}

interface Collecting {
  readonly what: string;
  readonly late: () => Error;
  readonly maximumOutputInBytes: number;
}

async function collect(
  channel: ClientChannel,
  connection: SshConnection,
  { what, late, maximumOutputInBytes }: Collecting,
): Promise<CommandOutput> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandOutput>();
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  let outputInBytes = 0;
  let errorInBytes = 0;
  let exitCode: number | undefined;
  const fail = (error: Error) => {
    reject(error);
    channel.close();
  };
  let timer = setTimeout(() => fail(late()), connection.timeoutInMilliseconds);
  channel.on('data', (bytes: Buffer) => {
    clearTimeout(timer);
    timer = setTimeout(() => fail(late()), connection.timeoutInMilliseconds);
    outputInBytes += bytes.length;
    if (outputInBytes <= maximumOutputInBytes) output.push(bytes);
    else fail(new LimitError(`${what}: more than the ${maximumOutputInBytes} bytes read of it`));
  });
  channel.stderr.on('data', (bytes: Buffer) => {
    if (errorInBytes < maximumErrorInBytes) errors.push(bytes);
    errorInBytes += bytes.length;
  });
  channel.on('exit', (code: number | null) => (exitCode = code ?? undefined));
  channel.on('close', () => {
    const stderr = Buffer.concat(errors).toString('utf8', 0, maximumErrorInBytes);
    if (connection.isClosed()) reject(new AccessError(`${what}: the connection was lost`));
    else resolve({ exitCode, stdout: Buffer.concat(output), stderr });
  });
  channel.end(); // nothing to read for it
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** A word that every POSIX shell takes as it is: XCU 2.2, "Quoting". */
export function quoteWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * The words of `docker exec ironic_conductor` and the like, with quotes as in a shell and nothing else of it.
 * @throws UsageError for a quote that is not closed, or no word at all
 */
export function wordsOf(text: string): readonly string[] {
  const words = splitWords(text);
  if (words === undefined) throw new UsageError(`container: ${text}: a quote that is not closed`);
  if (words.length === 0) throw new UsageError('container: names no command');
  return words;
}
