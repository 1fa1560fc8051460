import { readText } from '../blob/blob.ts';
import { talliedBlob } from '../blob/tally.ts';
import { digestOf } from '../boot/digest.ts';
import { AccessError, FormatError, MissingError } from '../errors.ts';
import { fact } from '../facts.ts';
import { type NodeScript, readNodeScript } from '../ironic/node-script.ts';
import type { PortRecord } from '../ironic/records.ts';
import type { Subject, SubjectKind } from '../subject.ts';
import { usableConfig } from './config.ts';
import { type DeployImage, bytes, deployImages, record } from './deploy-images.ts';
import { httpRoot, maximumScriptInBytes, openServed } from './http-root.ts';
import { type Node, allNodes, bootPlans, ports } from './nodes.ts';

/** A node whose agent is to boot at this moment, so that its script is there. */
export interface BootingNode extends Subject {
  readonly architecture: string;
  readonly node: Node;
}

/** States in which a node boots the agent and has not called back. Source: ironic/common/states.py */
const waiting = new Set(['wait call-back', 'clean wait', 'rescue wait', 'service wait']);

export const bootingNodes: SubjectKind<BootingNode> = {
  name: 'nodes that boot their agent now',
  perArchitecture: true,
  none: 'no node of this architecture waits for its agent by iPXE',
  all: fact('nodes that boot now', async (_, use) => {
    const booting: BootingNode[] = [];
    for (const node of await use(allNodes, 'all')) {
      const { architecture, label, affects, record: its } = node;
      const internal = its.driver_internal_info;
      const calledBack = typeof internal === 'object' && 'agent_url' in internal;
      if (architecture === undefined || calledBack || !waiting.has(its.provision_state ?? '')) continue;
      const plans = await use(bootPlans, node);
      const usesIpxe = plans.some(({ bootInterface: found }) => found.ok && found.network?.ipxe === true);
      if (usesIpxe) booting.push({ label, architecture, affects, node });
    }
    return booting;
  }),
};

const conductorOf = fact('conductor of a node', async ({ node }: BootingNode, { world }) => {
  const { conductor: name } = node.record;
  const found = world.conductors.find((conductor) => conductor.name === name);
  if (found !== undefined) return found;
  throw new AccessError(`${node.label}: its conductor ${name ?? '(unknown)'} is not in deployment.yaml`);
});

/** The name of a port's script. Source: ironic/common/pxe_utils.py _get_pxe_mac_path */
export function scriptName(subdirectory: string, { address }: PortRecord): string {
  return `${subdirectory}/${address.toLowerCase().replaceAll(':', '-')}`;
}

export interface PortScript {
  readonly port: PortRecord;
  readonly name: string;
  readonly script: NodeScript | undefined;
  /** Why there is none. */
  readonly problem?: string;
}

/** The scripts of a node's ports. */
export const nodeScripts = fact('scripts of a node', async (booting: BootingNode, use) => {
  const conductor = await use(conductorOf, booting);
  const subdirectory = (await use(usableConfig, conductor)).string('pxe', 'pxe_config_subdir');
  const folder = (subdirectory.ok ? subdirectory.value : undefined) ?? 'pxelinux.cfg';
  const root = await use(httpRoot, conductor);
  const all = await use(ports, booting.node);
  return Promise.all(
    all
      .filter((port) => port.pxe_enabled)
      .map(async (port): Promise<PortScript> => {
        const name = scriptName(folder, port);
        try {
          const blob = await openServed(root, name, use.world.tallies.bootFiles);
          return {
            port,
            name,
            script: readNodeScript(await readText(blob, maximumScriptInBytes), blob.origin),
          };
        } catch (error) {
          if (!(error instanceof FormatError || error instanceof MissingError)) throw error;
          return { port, name, script: undefined, problem: error.message };
        }
      }),
  );
});

/** The script that the node would run: that of its first port that has one. */
export const nodeScript = fact(
  'script of a node',
  async (booting: BootingNode, use) =>
    (await use(nodeScripts, booting)).find(({ script }) => script?.kernel !== undefined)?.script,
);

/** A deploy image, as its record or its own bytes have it. */
export interface Original {
  readonly where: string;
  readonly sizeInBytes: number;
  readonly algorithm: string | undefined;
  /** In hexadecimal digits. */
  readonly hash: string | undefined;
}

/** A copy of it in the HTTP root, as it is served. */
export interface Copy {
  readonly url: string;
  readonly sizeInBytes: number;
  /** By the algorithm of the original. */
  readonly hash: string | undefined;
}

type Role = DeployImage['role'];

function originalOf(role: Role) {
  return fact(`${role} of a node`, async ({ node }: BootingNode, use): Promise<Original> => {
    const own = (await use(deployImages.all, 'all')).filter(
      (image) => image.role === role && image.affects.includes(node.label),
    );
    const [image, second] = own;
    if (image === undefined)
      throw new MissingError(`${node.label}: no ${role} resolves; see nodes/deploy-images`);
    if (second !== undefined) {
      throw new AccessError(
        `${node.label}: its conductors would boot it with ${own.length} different images`,
      );
    }
    const { sizeInBytes } = await use(bytes, image);
    if (image.ref.kind !== 'glance') {
      return { where: image.where, sizeInBytes, algorithm: undefined, hash: undefined };
    }
    const { os_hash_algo: algorithm, os_hash_value: hash } = await use(record, image);
    return { where: image.where, sizeInBytes, algorithm: algorithm ?? undefined, hash: hash ?? undefined };
  });
}

function copyOf(role: Role, original: ReturnType<typeof originalOf>) {
  return fact(`${role} in the HTTP root`, async (booting: BootingNode, use): Promise<Copy | undefined> => {
    const script = await use(nodeScript, booting);
    const url = role === 'kernel' ? script?.kernel : script?.initrds[0];
    if (url === undefined) return undefined;
    const { algorithm } = await use(original, booting);
    const root = await use(httpRoot, await use(conductorOf, booting));
    const { bootFiles: tally } = use.world.tallies;
    const blob =
      root.url !== '' && url.startsWith(`${root.url}/`)
        ? await openServed(root, url.slice(root.url.length + 1), tally)
        : talliedBlob(await use.world.openUrl(url), tally);
    const { hashes } = await digestOf(blob, algorithm === undefined ? [] : [algorithm]);
    return {
      url,
      sizeInBytes: blob.sizeInBytes,
      hash: algorithm === undefined ? undefined : hashes[algorithm],
    };
  });
}

export const originalKernel = originalOf('kernel');
export const originalInitramfs = originalOf('initramfs');
export const copiedKernel = copyOf('kernel', originalKernel);
export const copiedInitramfs = copyOf('initramfs', originalInitramfs);
