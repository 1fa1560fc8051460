import { AccessError, AssayError, describeError } from '../../errors.ts';
import type { ListedFiles } from '../source.ts';
import { NoCommandsError, wordsOf } from './command.ts';
import { NoSftpError, sshOrigin } from './connection.ts';
import { commandFiles } from './exec.ts';
import { sshPool } from './pool.ts';
import { type NamedHost, type SshDefaults, type SshTarget, resolveTarget } from './target.ts';
import { PermissionError, sftpFiles } from './sftp.ts';

/** A host as deployment.yaml describes it. */
export interface HostDescription extends NamedHost {
  /** Reads with `sudo -n` what the user may not. */
  readonly sudo?: boolean | undefined;
  /** `docker exec ironic_conductor`: its files are those of a container. */
  readonly container?: string | undefined;
}

export interface HostsOptions {
  readonly defaults: SshDefaults;
  readonly hosts: Readonly<Record<string, HostDescription>>;
  /** The home of the user here. */
  readonly home?: string;
  /** Where no ConnectTimeout says otherwise. */
  readonly timeoutInMilliseconds?: number;
}

/** The part of `ssh://[user@]host[:port]/…` that says which host. */
export interface HostPlace {
  readonly host: string;
  readonly user?: string | undefined;
  readonly port?: number | undefined;
}

/** The hosts that are reached over SSH, each over one connection. Disposing closes them. */
export interface Hosts extends AsyncDisposable {
  /** The files of a host, or of the container on it; nothing is touched until one is asked for. */
  files(place: HostPlace): ListedFiles;
}

/** @throws UsageError, on `files`, for a `container` that makes no sense */
export function sshHosts({ defaults, hosts, ...rest }: HostsOptions): Hosts {
  const pool = sshPool();

  function files({ host: name, user, port }: HostPlace): ListedFiles {
    const described = Object.hasOwn(hosts, name) ? hosts[name] : undefined;
    const container = described?.container === undefined ? [] : wordsOf(described.container);
    const sudo = described?.sudo === true;
    let resolving: Promise<SshTarget> | undefined;
    const target = async () => (resolving ??= resolveTarget({ name, user, port, defaults, hosts, ...rest }));
    const connection = async () => pool.connect(await target());

    const named = `ssh://${user === undefined ? '' : `${user}@`}${name}`;
    const origin = container.length === 0 ? named : `${named} (${container.join(' ')})`;
    let made: Promise<ListedFiles> | undefined;
    const resolved = async () => (made ??= make());

    async function make(): Promise<ListedFiles> {
      const found = await target();
      const inside = container.length === 0 ? '' : ` (${container.join(' ')})`;
      const at = `${sshOrigin(found)}${inside}`;
      const through = (withSudo: boolean) =>
        commandFiles(at, connection, { user: found.user, sudo: withSudo, container });
      if (container.length > 0) return through(sudo);
      const sftp = labelled(sftpFiles(at, connection), through(false));
      const plain = instead(sftp, through(false), (error) => error instanceof NoSftpError);
      return sudo ? instead(plain, through(true), (error) => error instanceof PermissionError) : plain;
    }

    return {
      origin,
      open: async (path) => (await resolved()).open(path),
      list: async (path) => (await resolved()).list(path),
      status: async (path) => (await resolved()).status(path),
    };
  }

  return { files, [Symbol.asyncDispose]: async () => pool[Symbol.asyncDispose]() };
}

/** The first way, and another where the first fails in a certain way. */
function instead(first: ListedFiles, other: ListedFiles, isReason: (error: unknown) => boolean): ListedFiles {
  const either =
    <Answer>(ask: (files: ListedFiles) => Promise<Answer>) =>
    async (): Promise<Answer> => {
      try {
        return await ask(first);
      } catch (error) {
        if (!isReason(error)) throw error;
        return ask(other).catch((second: unknown) => {
          // What the host does not do at all is no news where the first way is wanted.
          if (second instanceof NoCommandsError)
            throw new AccessError(bothOf(error, second), { cause: second });
          throw second;
        });
      }
    };
  return {
    origin: first.origin,
    open: async (path) => either(async (files) => files.open(path))(),
    list: async (path) => either(async (files) => files.list(path))(),
    status: async (path) => either(async (files) => files.status(path))(),
  };
}

function bothOf(first: unknown, { message }: Error): string {
  return `${describeError(first)}; ${message.replace(/^\S+:\s/, '')}`;
}

/** SFTP tells neither names nor SELinux contexts: where the host runs commands, these are asked of stat. */
function labelled(sftp: ListedFiles, command: ListedFiles): ListedFiles {
  let runsCommands = true;
  return {
    ...sftp,
    async status(path) {
      const told = await sftp.status(path);
      if (!runsCommands) return told;
      try {
        return await command.status(path);
      } catch (error) {
        if (!(error instanceof AssayError)) throw error;
        runsCommands = false;
        return told;
      }
    },
  };
}
