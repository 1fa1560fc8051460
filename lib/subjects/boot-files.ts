import { readIpxe } from '../boot/ipxe.ts';
import { readPe } from '../boot/pe.ts';
import { type Content, recogniseContent } from '../boot/content.ts';
import type { Blob } from '../blob/blob.ts';
import { type Use, fact } from '../facts.ts';
import { resolveBootFile } from '../ironic/boot-file.ts';
import { nodeToCome } from '../ironic/node-to-come.ts';
import { needsSecureBoot } from '../ironic/secure-boot.ts';
import type { Subject, SubjectKind } from '../subject.ts';
import type { ConductorSource } from '../world.ts';
import { usableConfigs } from './config.ts';
import { httpRoot, openServed } from './http-root.ts';
import { type Node, allNodes, awaitedArchitectures, bootPlans } from './nodes.ts';
import { tftpRoot } from './tftp-root.ts';

/** A file that Ironic hands to firmware, as one conductor serves it. */
export interface BootFileSubject extends Subject {
  readonly architecture: string;
  readonly mode: string;
  readonly name: string;
  /** The option that it comes from. */
  readonly because: string;
  readonly ipxe: boolean;
  readonly transport: 'tftp' | 'http';
  readonly conductor: ConductorSource;
  readonly nodes: readonly Node[];
  /** Other architectures that the same server hands the same name to. */
  readonly sharedWith: readonly string[];
}

type Found = Omit<BootFileSubject, 'sharedWith'>;

/** What the nodes are given that are enrolled. */
const enrolledBootFiles = fact('boot files of nodes', async (_: 'all', use): Promise<readonly Found[]> => {
  const found = new Map<string, Found & { nodes: Node[]; affects: string[] }>();
  for (const node of await use(allNodes, 'all')) {
    const { architecture } = node;
    if (architecture === undefined) continue;
    for (const { conductor, file, mode } of await use(bootPlans, node)) {
      if (!file.ok || file.name === undefined || file.name === '' || !mode.ok) continue;
      const label = `${architecture} ${mode.mode} ${file.name} on ${conductor.name}`;
      const known = found.get(label);
      if (known !== undefined) {
        known.nodes.push(node);
        known.affects.push(node.label);
        continue;
      }
      found.set(label, {
        label,
        architecture,
        mode: mode.mode,
        name: file.name,
        because: file.because,
        ipxe: file.ipxe,
        transport: file.network.transport,
        conductor,
        nodes: [node],
        affects: [node.label],
      });
    }
  }
  return [...found.values()];
});

/** What a node of each architecture that is to be ready before its first would be given, by every conductor. */
const awaitedBootFiles = fact(
  'boot files of nodes to come',
  async (_: 'all', use): Promise<readonly Found[]> => {
    const architectures = await use(awaitedArchitectures, 'all');
    if (architectures.length === 0) return [];
    const configs = await use(usableConfigs, 'all');
    return architectures.flatMap(({ architecture }) =>
      configs.flatMap(({ conductor, config }) => {
        const node = nodeToCome(architecture, config);
        if (node === undefined) return [];
        const file = resolveBootFile(node, config);
        if (!file.ok || file.name === undefined || file.name === '') return [];
        return [
          {
            label: `${architecture} uefi ${file.name} on ${conductor.name}`,
            architecture,
            mode: 'uefi',
            name: file.name,
            because: file.because,
            ipxe: file.ipxe,
            transport: file.network.transport,
            conductor,
            nodes: [],
            affects: [],
          },
        ];
      }),
    );
  },
);

const allBootFiles = fact('boot files', async (_: 'all', use): Promise<readonly BootFileSubject[]> => {
  const all = [...(await use(enrolledBootFiles, 'all')), ...(await use(awaitedBootFiles, 'all'))];
  const sharers = Map.groupBy(all, addressOf);
  return all.map((file) => {
    const names = (sharers.get(addressOf(file)) ?? []).map(({ architecture }) => architecture);
    return { ...file, sharedWith: [...new Set(names)].filter((name) => name !== file.architecture) };
  });
});

const addressOf = ({ conductor, transport, name }: Found) => `${conductor.name} ${transport} ${name}`;

function kind(name: string, none: string, mode?: string): SubjectKind<BootFileSubject> {
  return {
    name,
    perArchitecture: true,
    none,
    ...(mode !== 'bios' && { awaited: awaitedArchitectures }),
    all:
      mode === undefined
        ? allBootFiles
        : fact(name, async (_, use) => (await use(allBootFiles, 'all')).filter((file) => file.mode === mode)),
  };
}

export const bootFiles = kind('boot files', 'no node of this architecture boots from the network');
export const efiBootFiles = kind('EFI boot files', 'no node of this architecture boots by UEFI', 'uefi');
export const biosBootFiles = kind('BIOS boot files', 'no node of this architecture boots by BIOS', 'bios');

/** One name on all conductors. */
export interface BootFileName extends Subject {
  readonly files: readonly BootFileSubject[];
}

export const bootFileNames: SubjectKind<BootFileName> = {
  name: 'boot files on several conductors',
  perArchitecture: true,
  none: 'there is one conductor only',
  all: fact('boot file names', async (_, use) => {
    const named = Map.groupBy(
      await use(allBootFiles, 'all'),
      ({ architecture, mode, name }) => `${architecture} ${mode} ${name}`,
    );
    return [...named]
      .filter(([, files]) => files.length > 1)
      .map(([label, files]) => ({
        label,
        architecture: label.slice(0, label.indexOf(' ')),
        affects: [...new Set(files.flatMap(({ affects }) => affects))],
        files,
      }));
  }),
};

/** What the conductor's server answers to a name. */
async function fetch({ conductor, transport }: BootFileSubject, name: string, use: Use): Promise<Blob> {
  const { bootFiles: tally } = use.world.tallies;
  if (transport === 'http') return openServed(await use(httpRoot, conductor), name, tally);
  return openServed({ files: await use(tftpRoot, conductor) }, name, tally);
}

/** The bytes that a node asking for the name gets. */
export const served = fact('boot file as served', async (file: BootFileSubject, use) =>
  fetch(file, file.name, use),
);

/** The same, asked for as firmware does that puts a slash before the name. */
export const servedWithSlash = fact('boot file as served with a slash', async (file: BootFileSubject, use) =>
  fetch(file, `/${file.name}`, use),
);

/** What the bytes are, by their first ones. */
export const content = fact('kind of boot file', async (file: BootFileSubject, use): Promise<Content> => {
  const blob = await use(served, file);
  return recogniseContent(await blob.read(0, Math.min(blob.sizeInBytes, 4096)), blob.sizeInBytes);
});

export const pe = fact('PE headers of a boot file', async (file: BootFileSubject, use) =>
  readPe(await use(served, file)),
);

export const ipxe = fact('iPXE in a boot file', async (file: BootFileSubject, use) =>
  readIpxe(await use(served, file)),
);

/** The nodes that must have Secure Boot. */
export function secureBootNodes(file: BootFileSubject): string[] {
  return file.nodes.filter(({ record }) => needsSecureBoot(record)).map(({ label }) => label);
}
