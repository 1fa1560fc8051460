import { expect, test } from 'vitest';
import { parseDeployment } from './deployment.ts';
import { readDeployment } from './read-deployment.ts';
import { UsageError } from './errors.ts';

const least =
  'name: lab\nnodes: nodes.json\nimages: images.json\nconductors:\n  - { name: c1, config: [ironic.conf] }\n';
const cloud = 'name: lab\ncloud: production\n';
const conductors = 'conductors:\n  - { name: c1, config: [ironic.conf] }\n';

test('the least that is needed, with what follows from it', () => {
  expect(parseDeployment(least, '/srv/x/deployment.yaml')).toEqual({
    name: 'lab',
    hosts: {},
    web: {},
    nodes: 'nodes.json',
    images: 'images.json',
    architectures: [],
    ssh: {},
    conductors: [{ name: 'c1', config: ['ironic.conf'], environment: {} }],
    user_images: [],
    folder: '/srv/x',
  });
  expect(parseDeployment(cloud + conductors, 'd.yaml').cloud).toEqual({ name: 'production' });
  const there = 'name: lab\ncloud: { name: production, file: clouds.yaml, region: two }\n';
  expect(parseDeployment(there + conductors, 'd.yaml').cloud).toEqual({
    name: 'production',
    file: 'clouds.yaml',
    region: 'two',
  });
});

test.for([
  ['', 'd.yaml:1:1: name: missing'],
  ['name: [', 'd.yaml:1:8: '],
  ['name: a\nname: b\n', 'd.yaml:2:1: Map keys must be unique'],
  [`${least}web: { download: much }\n`, 'd.yaml:6:18: web.download: not a size such as 2 GiB'],
  [`${least}timeout: 10 h\n`, 'd.yaml:6:10: timeout: not a time such as 10 s, from 100 ms to 10 min'],
  [`${least}timeout: 0\n`, 'd.yaml:6:10: timeout: not a time'],
  [`${least}hosts: { a: { usr: x } }\n`, 'd.yaml:6:15: unknown key "usr"; did you mean "user"?'],
  [`${least}imagess: x\n`, 'd.yaml:6:1: unknown key "imagess"; did you mean "images"?'],
  [least.replace('config', 'confg'), 'd.yaml:5:17: unknown key "confg"; did you mean "config"?'],
  [`${least}architectures: [aarch64, arm64]\n`, 'd.yaml:6:26: architectures.1: "arm64" is no architecture'],
  [least.replace('[ironic.conf]', '[]'), 'd.yaml:5:25: conductors.0.config: '],
  [`${least}  - { name: c1, config: [b] }\n`, 'two conductors are called "c1"'],
  [least.replace('nodes: nodes.json\n', ''), 'nodes: missing: without a cloud, recorded nodes are needed'],
  [`${cloud}${conductors}nodes: n.json\n`, 'd.yaml:5:8: nodes: both a cloud and recorded nodes are given'],
  [cloud.replace('production', '{ nam: x }') + conductors, 'unknown key "nam"; did you mean "name"?'],
  [
    cloud.replace('production', '{ file: x }') + conductors,
    'd.yaml:2:8: cloud.name: missing, string expected',
  ],
  [
    cloud.replace('production', '{ name: x, file: "ssh://h/x" }') + conductors,
    'cloud.file: a file is expected',
  ],
  [cloud.replace('production', '[x]') + conductors, 'd.yaml:2:8: cloud: '],
] as const)('%j is refused: %s', ([text, message]) => {
  expect(() => parseDeployment(text, 'd.yaml')).toThrow(UsageError);
  expect(() => parseDeployment(text, 'd.yaml')).toThrow(message);
});

test('a value that should be secret is not repeated', () => {
  const text = cloud.replace('production', '{ name: x, password: hunter2 }') + conductors;
  expect(() => parseDeployment(text, 'd.yaml')).toThrow(expect.not.stringContaining('hunter2'));
});

test('a file that is missing, or a folder, is named', async () => {
  await expect(readDeployment('/nonexistent/d.yaml')).rejects.toThrow('/nonexistent/d.yaml: cannot be read');
  await expect(readDeployment('/')).rejects.toThrow('/: cannot be read');
});
