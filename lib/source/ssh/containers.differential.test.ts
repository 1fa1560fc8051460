import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Engine, lxc, podman } from '../../../fixtures/ssh/container-engines.ts';
import { OpenSsh } from '../../../fixtures/ssh/openssh.ts';
import { makeSmallRoot } from '../../../fixtures/ssh/small-root.ts';
import { MissingError } from '../../errors.ts';
import { type Hosts, sshHosts } from './hosts.ts';

/* Containers of real engines, through OpenSSH: what deployment.yaml says of a host is all that is known of them. */
let folder: string;
let openSsh: OpenSsh;
let port: number;
let knownHosts: string;
const container = `assay-${process.pid}`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-containers-'));
  openSsh = await OpenSsh.create();
  port = await openSsh.start('host');
  knownHosts = await openSsh.scan(port, 'ed25519');
});
afterAll(async () => {
  for (const engine of [podman, lxc(folder)]) engine.remove(container);
  await openSsh[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function reaching(enter: string): Hosts {
  return sshHosts({
    defaults: {
      config: 'none',
      user: userInfo().username,
      identity: openSsh.at('user_ed25519'),
      knownHosts,
    },
    hosts: { conductor: { address: '127.0.0.1', port, container: enter } },
  });
}

interface Tried {
  readonly name: string;
  readonly engineOf: () => Engine;
  /** What is said of a container that has stopped, and of one that never was. */
  readonly stopped: string;
  readonly unknown: string;
}
const orNone = 'the container is not running, or there is none: ';
const tried: readonly Tried[] = [
  {
    name: 'podman',
    engineOf: () => podman,
    stopped: 'the container is not running: ',
    unknown: 'there is no such container: ',
  },
  { name: 'lxc', engineOf: () => lxc(folder), stopped: orNone, unknown: orNone },
];

test.for(tried)(
  'the files of a container of $name',
  async ({ name, engineOf, stopped, unknown }, context) => {
    const engine = engineOf();
    const root = await makeSmallRoot(join(folder, `root-of-${name}`));
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) & 0xff));
    await writeFile(join(root, "etc/ironic/it's $(all) bytes"), bytes, { mode: 0o640 });
    try {
      await engine.start(container, root);
    } catch (error) {
      context.skip(`NOT COMPARED: ${name} starts no container on this machine: ${String(error)}`);
    }
    await using hosts = reaching(engine.enter(container));
    const files = hosts.files({ host: 'conductor' });
    const blob = await files.open("/etc/ironic/it's $(all) bytes");
    expect((await blob.read(0, blob.sizeInBytes)).equals(bytes)).toBe(true);
    expect((await files.list('/etc/ironic')).toSorted()).toEqual(['ironic.conf', "it's $(all) bytes"]);
    expect(await files.status?.("/etc/ironic/it's $(all) bytes")).toMatchObject({
      kind: 'file',
      mode: 0o640,
      owner: { id: 0 },
      sizeInBytes: bytes.length,
    });
    const absent = files.open('/etc/ironic/absent.conf');
    await expect(absent).rejects.toThrow('/etc/ironic/absent.conf: no such file');
    await expect(absent).rejects.toBeInstanceOf(MissingError);

    engine.stop(container);
    await expect(files.open('/etc/ironic/ironic.conf')).rejects.toThrow(stopped);
    await using others = reaching(engine.enter('no-such-container'));
    await expect(others.files({ host: 'conductor' }).open('/etc/ironic/ironic.conf')).rejects.toThrow(
      unknown,
    );
  },
);
