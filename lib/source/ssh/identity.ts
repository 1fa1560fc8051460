import { readFile } from 'node:fs/promises';
import type { AuthMethod, ParsedKey } from 'ssh2';
import { AccessError, describeError } from '../../errors.ts';
import { within } from '../deadline.ts';
import type { SshTarget } from './target.ts';

type Ssh2 = typeof import('ssh2');

/** What a host can be offered, and in what order. */
export interface Credentials {
  readonly methods: AuthMethod[];
  /** What is offered, for the message of a refusal. */
  readonly offered: readonly string[];
  /** What could not be used, and why. */
  readonly unusable: readonly string[];
}

interface Identity {
  readonly file: string;
  /** Its public half, in the wire format; undefined where it cannot be told. */
  readonly publicKey: Buffer | undefined;
  readonly key: ParsedKey | undefined;
  readonly problem: string | undefined;
}

/**
 * The keys to authenticate with, as OpenSSH orders them: those of the agent that are named, the agent's other keys
 * unless IdentitiesOnly, then the files.
 * @throws AccessError when there is none, saying why
 */
export async function credentialsOf(ssh2: Ssh2, target: SshTarget, origin: string): Promise<Credentials> {
  const read = await Promise.all(target.identityFiles.map(async (file) => readIdentity(ssh2, file)));
  const identities = read.filter((one) => one.problem !== 'missing' || target.identitiesNamed);
  const named = identities.flatMap(({ publicKey }) => (publicKey === undefined ? [] : [publicKey]));
  const agent = await agentKeys(ssh2, target);
  const rank = (key: ParsedKey) => named.findIndex((one) => one.equals(key.getPublicSSH()));
  const mine = agent.keys.filter((key) => rank(key) >= 0).toSorted((a, b) => rank(a) - rank(b));
  const others = target.identitiesOnly ? [] : agent.keys.filter((key) => rank(key) < 0);
  const offeredByAgent = [...mine, ...others];
  const held = new Set(mine.map((key) => key.getPublicSSH().toString('base64')));
  const isHeld = ({ publicKey }: Identity) =>
    publicKey !== undefined && held.has(publicKey.toString('base64'));

  const { user: username } = target;
  const files = identities.filter((one) => !isHeld(one));
  const usable = files.flatMap(({ file, key }) => (key === undefined ? [] : [{ file, key }]));
  const methods: AuthMethod[] = usable.map(({ key }) => ({ type: 'publickey', username, key }));
  if (offeredByAgent.length > 0 && target.agentSocket !== undefined) {
    const agentOffer = { type: 'agent', username, agent: holding(ssh2, target.agentSocket, offeredByAgent) };
    methods.unshift(agentOffer as AuthMethod);
  }
  const unusable = files.flatMap(({ file, problem }) =>
    problem === undefined ? [] : [`${file} ${describeProblem(problem, file)}`],
  );
  if (agent.problem !== undefined) unusable.push(agent.problem);
  if (methods.length === 0) {
    const usual = target.identitiesNamed ? [] : [`none of ${target.identityFiles.join(', ')} is there`];
    const noAgent = target.agentSocket === undefined ? ['no ssh-agent (SSH_AUTH_SOCK)'] : [];
    throw new AccessError(
      `${origin}: nothing to authenticate with: ${[...usual, ...unusable, ...noAgent].join('; ')}`,
    );
  }
  const ofAgent = offeredByAgent.length === 1 ? 'a key' : `${offeredByAgent.length} keys`;
  return {
    methods,
    offered: [
      ...(offeredByAgent.length > 0 ? [`${ofAgent} of the ssh-agent`] : []),
      ...usable.map(({ file }) => file),
    ],
    unusable,
  };
}

function describeProblem(problem: string, file: string): string {
  switch (problem) {
    case 'missing':
      return 'cannot be read: no such file';
    case 'encrypted':
      return `is encrypted, and no ssh-agent holds it: run ssh-add ${file}`;
    default:
      return problem;
  }
}

async function readIdentity({ utils }: Ssh2, file: string): Promise<Identity> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    // The agent may hold a key of which only the public half is here.
    const publicKey = await publicHalf(utils, file);
    const problem = isMissing ? 'missing' : `cannot be read: ${describeError(error)}`;
    return { file, publicKey, key: undefined, problem };
  }
  const parsed = utils.parseKey(bytes);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key instanceof Error || key === undefined) {
    const isEncrypted = key !== undefined && /encrypted/i.test(key.message);
    const problem = isEncrypted ? 'encrypted' : `cannot be used: ${key?.message ?? 'no key in it'}`;
    return { file, publicKey: await publicHalf(utils, file, bytes), key: undefined, problem };
  }
  // IdentityFile may name the public half of a key that the agent holds.
  const isPrivate = key.isPrivateKey();
  const problem = isPrivate ? undefined : 'is a public key that no ssh-agent holds the other half of';
  return { file, publicKey: key.getPublicSSH(), key: isPrivate ? key : undefined, problem };
}

async function publicHalf(utils: Ssh2['utils'], file: string, bytes?: Buffer): Promise<Buffer | undefined> {
  const inside = bytes === undefined ? undefined : publicInside(bytes);
  if (inside !== undefined) return inside;
  const text = await readFile(`${file}.pub`).catch(() => undefined);
  const parsed = text === undefined ? undefined : utils.parseKey(text);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  return key === undefined || key instanceof Error ? undefined : key.getPublicSSH();
}

/** OpenSSH's own format keeps the public half outside of what is encrypted: PROTOCOL.key. */
function publicInside(bytes: Buffer): Buffer | undefined {
  const [, encoded] =
    /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END/.exec(bytes.toString('latin1')) ?? [];
  const data = Buffer.from(encoded ?? '', 'base64');
  if (data.toString('latin1', 0, 15) !== 'openssh-key-v1\0') return undefined;
  let at = 15;
  const take = (): Buffer | undefined => {
    const length = at + 4 <= data.length ? data.readUInt32BE(at) : data.length;
    const part = data.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return part.length === length ? part : undefined;
  };
  for (let skipped = 0; skipped < 3; skipped++) take(); // cipher, KDF, its options
  at += 4; // how many keys: one
  return take();
}

/** What the agent holds; an agent that does not answer is no more than noted. */
async function agentKeys(
  ssh2: Ssh2,
  { agentSocket, timeoutInMilliseconds }: SshTarget,
): Promise<{ keys: readonly ParsedKey[]; problem?: string }> {
  if (agentSocket === undefined) return { keys: [] };
  const problem = `the ssh-agent at ${agentSocket}`;
  try {
    const agent = new ssh2.OpenSSHAgent(agentSocket);
    const keys = await within<readonly ParsedKey[]>(
      timeoutInMilliseconds,
      () => new AccessError('no answer'),
      (resolve, reject) =>
        agent.getIdentities((error, found) => {
          if (error === undefined || error === null) resolve((found ?? []) as readonly ParsedKey[]);
          else reject(error);
        }),
    );
    return keys.length === 0 ? { keys, problem: `${problem} holds no key` } : { keys };
  } catch (error) {
    return { keys: [], problem: `${problem} cannot be asked: ${describeError(error)}` };
  }
}

/** An agent that offers these keys of it only, in this order. */
function holding(ssh2: Ssh2, socket: string, keys: readonly ParsedKey[]): InstanceType<Ssh2['OpenSSHAgent']> {
  class Holding extends ssh2.OpenSSHAgent {
    override getIdentities(done: Parameters<InstanceType<Ssh2['OpenSSHAgent']>['getIdentities']>[0]): void {
      done(undefined, [...keys]);
    }
  }
  return new Holding(socket);
}
