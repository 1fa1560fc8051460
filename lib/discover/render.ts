import { architectureNamed } from '../arch.ts';
import type { Deployment } from '../deployment.ts';
import type { ConductorRecord, NodeRecord } from '../ironic/records.ts';
import { nodeLabel } from '../ironic/records.ts';
import { releaseOf } from '../ironic/release.ts';
import { plain } from '../report/text.ts';
import type { Discovery } from './gather.ts';
import { type GuessedImage, guessUserImages } from './user-images.ts';

const widthInCharacters = 100;
/** Bounds the images that are listed; the others are counted. */
const maximumImages = 50;
/** Stands where a person has to say what it is. */
const unknownHost = 'CHANGE-ME';

/** A deployment.yaml with what was found out; what is a guess or could not be found out stands in its comments. */
export function renderDeployment(
  discovery: Discovery,
  { name, cloud }: { name: string; cloud: NonNullable<Deployment['cloud']> },
): string {
  const nodes = discovery.nodes.ok ? discovery.nodes.value : [];
  const blocks = [
    [
      ...comment(`Written from what the cloud ${cloud.name} told, asked as ${discovery.scope}.`),
      ...unknowns(discovery),
      `name: ${scalar(name)}`,
      `cloud: ${cloudOf(cloud)}`,
    ],
    releaseLines(discovery),
    architectureLines(nodes),
    conductorLines(discovery, nodes),
    imageLines(discovery, nodes),
  ];
  return `${blocks.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function unknowns({ microversion, nodes, conductors, images }: Discovery): string[] {
  const failed = Object.entries({ release: microversion, nodes, conductors, images }).flatMap(
    ([what, told]) => (told.ok ? [] : comment(`- ${what}: ${told.problem}`, '  ')),
  );
  const none =
    nodes.ok && nodes.value.length === 0
      ? comment(
          '- nodes: none is visible; a project sees its own alone: system_scope all sees them all',
          '  ',
        )
      : [];
  const lines = [...failed, ...none];
  return lines.length === 0 ? [] : ['#', '# What could not be found out:', ...lines, '#'];
}

function cloudOf({ name, file, region }: NonNullable<Deployment['cloud']>): string {
  if (file === undefined && region === undefined) return scalar(name);
  const parts = Object.entries({ name, file, region }).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}: ${JSON.stringify(value)}`],
  );
  return `{ ${parts.join(', ')} }`;
}

function releaseLines({ microversion }: Discovery): string[] {
  if (!microversion.ok) return ['# release: "2025.1"'];
  const release = releaseOf(microversion.value);
  const said = `The API speaks ${microversion.value} at most`;
  if (release === undefined) return comment(`${said}, which tells no release that is known here.`);
  const known = release.name ?? release.version;
  return [
    ...comment(
      `${said}: Ironic ${release.version}${release.name === undefined ? '' : ` (${release.name})`}, from which the release follows. Say it here where the packages tell it to the point release, such as ${release.version}.1.`,
    ),
    `# release: ${JSON.stringify(known)}`,
  ];
}

function architectureOf({ properties: { cpu_arch: name } }: NodeRecord): string {
  return typeof name === 'string' ? name : '';
}

function architectureLines(nodes: readonly NodeRecord[]): string[] {
  const byArchitecture = Map.groupBy(nodes, architectureOf);
  const all = [...byArchitecture].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const known = all.filter(([name]) => architectureNamed(name) !== undefined);
  const lines = all.flatMap(([name, of]) => {
    const label = name === '' ? 'no cpu_arch' : name;
    const isKnown = architectureNamed(name) !== undefined;
    return comment(
      `${of.length} node(s) of ${label}${isKnown ? '' : ', which is no architecture that Ironic or Nova know'}: ${some(of.map(nodeLabel))}`,
    );
  });
  return [
    ...(lines.length === 0 ? ['# No node is known, and so no architecture.'] : lines),
    `architectures: [${known.map(([name]) => name).join(', ')}]`,
  ];
}

function conductorLines({ conductors }: Discovery, nodes: readonly NodeRecord[]): string[] {
  const records: readonly ConductorRecord[] = conductors.ok ? conductors.value : [];
  const managing = [...new Set(nodes.flatMap(({ conductor }) => (conductor ? [conductor] : [])))].toSorted();
  const alive = conductors.ok
    ? records.filter((record) => record.alive).map(({ hostname }) => hostname)
    : managing;
  const lines = alive.flatMap((name) => {
    const record = records.find(({ hostname }) => hostname === name);
    const group = record?.conductor_group ?? '';
    const count = nodes.filter(({ conductor }) => conductor === name).length;
    const state = record === undefined ? 'named by nodes' : 'alive';
    return [
      ...comment(
        `${state}, ${group === '' ? 'in no group' : `in group ${group}`}, has ${count} node(s)`,
        '  ',
      ),
      `  - name: ${scalar(name)}`,
      `    config: [${JSON.stringify(`ssh://${encodeURIComponent(name)}/etc/ironic/ironic.conf`)}] # a guess`,
    ];
  });
  const stopped = records.filter((record) => !record.alive);
  return [
    ...comment(
      'How each is reached is a guess: that its name leads to its host, and that its configuration is not in a container. Under hosts, say address, user, sudo, and the command that leads into a container. Where OpenStack-Ansible, kolla-ansible or bifrost deployed it, their inventory can tell all that in place of what follows: from: { openstack_ansible: /etc/openstack_deploy }',
    ),
    'conductors:',
    ...(lines.length > 0
      ? lines
      : [
          ...comment('none could be found out: these names are to be replaced', '  '),
          `  - name: ${unknownHost}`,
          `    config: ["ssh://${unknownHost}/etc/ironic/ironic.conf"]`,
        ]),
    ...stopped.flatMap(({ hostname }) => comment(`not alive, and left out: ${hostname}`, '  ')),
  ];
}

function imageLines({ images }: Discovery, nodes: readonly NodeRecord[]): string[] {
  const guessed = guessUserImages(images.ok ? images.value : [], nodes);
  const listed = guessed.slice(0, maximumImages);
  const known = listed.filter(({ architecture }) => architecture !== undefined);
  return [
    ...comment(
      'The images that look like whole disks for nodes. Take away what nodes never get, and say which datasource (Ec2, ConfigDrive) must serve the node.',
    ),
    known.length === 0 ? 'user_images: []' : 'user_images:',
    ...listed.flatMap(imageLine),
    ...(guessed.length > listed.length ? comment(`and ${guessed.length - listed.length} more`, '  ') : []),
  ];
}

function imageLine({ image, called, architecture, spelling, os }: GuessedImage): string[] {
  const said = called === undefined ? [] : comment(`one of several that are called ${called}`, '  ');
  if (architecture === undefined) {
    const why =
      spelling === undefined ? 'has no hw_architecture' : `hw_architecture ${spelling} is not known`;
    return [...said, ...comment(`${image}: left out: ${why}`, '  ')];
  }
  const system = os === undefined ? '' : `, os: ${os}`;
  return [...said, `  - { image: ${JSON.stringify(image)}, architecture: ${architecture}${system} }`];
}

/** Text as it is where YAML takes it for text, else in quotes. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z][\w.-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/** A comment, of lines that are not too long; what a server says is made harmless. */
function comment(text: string, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of plain(text).replaceAll(/\s+/g, ' ').trim().split(' ')) {
    if (line !== '' && indent.length + 2 + line.length + 1 + word.length > widthInCharacters) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((content) => `${indent}# ${content}`);
}
