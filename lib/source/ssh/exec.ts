import { memoryBlob } from '../../blob/memory.ts';
import { AccessError, AssayError, FormatError, LimitError, MissingError } from '../../errors.ts';
import { kindOf } from '../file-kind.ts';
import type { FileStatus, ListedFiles } from '../source.ts';
import { type CommandOutput, commands, quoteWord, runCommand } from './command.ts';
import type { SshConnection } from './connection.ts';
import { PermissionError, expectFile, maximumNames, placeOf } from './sftp.ts';

/** What is read through a command is read whole, up to this. */
const maximumFileInBytes = 64 * 1024 * 1024;
const maximumListInBytes = 4 * 1024 * 1024;
const maximumStatusInBytes = 4096;

/** As whom, and in what, a host's commands are run. */
export interface CommandPlace {
  readonly user: string;
  readonly sudo: boolean;
  /** The words that run a command in a container; none for the host itself. */
  readonly container: readonly string[];
}

/**
 * The files of a host, or of a container on it, through the commands of `commands` and no others.
 * @throws AccessError (PermissionError) saying what the host, sudo or the container engine refuses, MissingError,
 *   FormatError, LimitError for a file of more than 64 MiB
 */
export function commandFiles(
  origin: string,
  connection: () => Promise<SshConnection>,
  place: CommandPlace,
): ListedFiles {
  const prefix = [...(place.sudo ? ['sudo', '-n'] : []), ...place.container];

  async function run(
    what: string,
    words: readonly string[],
    maximumInBytes: number,
    isAnswer: (output: CommandOutput) => boolean = succeeded,
  ): Promise<Buffer> {
    const output = await runCommand(await connection(), [...prefix, ...words], maximumInBytes);
    if (isAnswer(output)) return output.stdout;
    throw refusal(what, output, words, place);
  }

  async function status(path: string): Promise<FileStatus> {
    const what = placeOf(origin, path);
    const answer = (await run(what, commands.stat(path), maximumStatusInBytes, saysSomething)).toString(
      'utf8',
    );
    const [mode = '', uid = '', gid = '', size = '', user = '', group = '', label = ''] = answer
      .trim()
      .split(' ');
    const bits = Number.parseInt(mode, 16);
    if (![bits, Number(uid), Number(gid), Number(size)].every(Number.isSafeInteger) || group === '') {
      throw new FormatError(`${what}: stat answers ${JSON.stringify(answer.slice(0, 200))}`);
    }
    return {
      kind: kindOf(bits),
      mode: bits & 0o7777,
      owner: { id: Number(uid), ...(user !== 'UNKNOWN' && { name: user }) },
      group: { id: Number(gid), ...(group !== 'UNKNOWN' && { name: group }) },
      sizeInBytes: Number(size),
      ...(/^[^:]+:[^:]+:[^:]+/.test(label) && { label }),
    };
  }

  return {
    origin,
    status,

    async open(path) {
      const what = placeOf(origin, path);
      // A named pipe would wait for a writer, so it is refused before.
      const { kind, sizeInBytes } = await status(path);
      expectFile(what, kind);
      if (sizeInBytes > maximumFileInBytes) {
        throw new LimitError(
          `${what}: ${sizeInBytes} bytes, more than the ${maximumFileInBytes} read through a command`,
        );
      }
      return memoryBlob(await run(what, commands.cat(path), maximumFileInBytes), what);
    },

    async list(path) {
      const what = placeOf(origin, path);
      if ((await status(path)).kind !== 'directory') {
        throw new FormatError(`${what}: no directory, where one is expected`);
      }
      const names = (await run(what, commands.ls(path), maximumListInBytes)).toString('utf8').split('\n');
      if (names.length > maximumNames) {
        throw new LimitError(`${what}: more than ${maximumNames} names in one directory`);
      }
      return names.filter((name) => name !== '');
    },
  };
}

const succeeded = ({ exitCode }: CommandOutput) => exitCode === 0;
/** Where there is no SELinux, stat fails for the context and tells the rest. */
const saysSomething = ({ stdout }: CommandOutput) => stdout.length > 0;

/** What sudo says of a host whose name it cannot resolve, and podman-docker of itself: nothing of the command. */
const isNoise = (line: string) =>
  /^sudo: unable to resolve host\b|^Emulate Docker CLI using podman\b/.test(line);

/** What a failure means, by the message of whoever failed: the host's tool, sudo, or the container engine. */
function refusal(
  what: string,
  { exitCode, stderr }: CommandOutput,
  words: readonly string[],
  { user, sudo, container }: CommandPlace,
): AssayError {
  const lines = stderr.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => line !== '' && !isNoise(line));
  const said = telling.join(' ').replaceAll(/\s+/g, ' ').slice(0, 300);
  const [tool = ''] = words;
  const within = container.length === 0 ? '' : container.map(quoteWord).join(' ');
  if (/\ba password is required\b|\bno tty present\b|\ba terminal is required\b/.test(said)) {
    return new AccessError(`${what}: sudo asks for a password; ${sudoersAdvice(user, container)}`);
  }
  if (/\bnot allowed to (execute|run)\b|\bnot in the sudoers\b|\bmay not run sudo\b/.test(said)) {
    return new AccessError(`${what}: sudo refuses: ${said}; ${sudoersAdvice(user, container)}`);
  }
  if (sudo && /\bmust have a tty\b/.test(said)) {
    return new AccessError(
      `${what}: sudo wants a terminal; a line in sudoers that helps: Defaults:${user} !requiretty`,
    );
  }
  if (sudo && telling.some((line) => /\bsudo:\s.*(not found|No such file)/i.test(line))) {
    return new AccessError(`${what}: there is no sudo on the host: ${said}`);
  }
  if (container.length > 0) {
    if (
      /no such container|no container with|does(n't| not) exist|is not defined|not found.*container/i.test(
        said,
      )
    ) {
      return new AccessError(`${what}: ${within}: there is no such container: ${said}`);
    }
    if (
      /is not running|not in running state|on running containers|container state improper|is stopped/i.test(
        said,
      )
    ) {
      return new AccessError(`${what}: ${within}: the container is not running: ${said}`);
    }
    // lxc-attach says the same of both.
    if (/failed to get init pid/i.test(said)) {
      return new AccessError(`${what}: ${within}: the container is not running, or there is none: ${said}`);
    }
    if (/permission denied.*(socket|daemon|docker)|connect to the docker daemon/i.test(said)) {
      const advice = sudo ? '' : '; sudo: true may be needed for this host';
      return new AccessError(`${what}: ${within}: ${said}${advice}`);
    }
  }
  // The tool itself says what it means of the path, after the path.
  const tail = said.replace(/^.*:\s/, '');
  if (said.startsWith(`${tool}:`) && tail === 'No such file or directory') {
    return new MissingError(`${what}: no such file`);
  }
  if (said.startsWith(`${tool}:`) && tail === 'Not a directory')
    return new MissingError(`${what}: no such file`);
  if (tail === 'Permission denied') return new PermissionError(`${what}: permission denied`);
  if (exitCode === 127) {
    return new AccessError(
      `${what}: ${within || (sudo ? 'sudo' : tool)}: command not found${said === '' ? '' : `: ${said}`}`,
    );
  }
  const how = exitCode === undefined ? 'was ended by a signal' : `exit code ${exitCode}`;
  return new AccessError(
    `${what}: ${[...container, tool].map(quoteWord).join(' ')}: ${how}${said === '' ? '' : `: ${said}`}`,
  );
}

function sudoersAdvice(user: string, container: readonly string[]): string {
  const [engine] = container;
  const allowed =
    engine === undefined
      ? Object.keys(commands).map((command) => `/usr/bin/${command}`)
      : Object.keys(commands).map((command) =>
          [engine.startsWith('/') ? engine : `/usr/bin/${engine}`, ...container.slice(1), command, '*'].join(
            ' ',
          ),
        );
  return `a line in sudoers that helps: ${user} ALL=(root) NOPASSWD: ${allowed.join(', ')}`;
}
