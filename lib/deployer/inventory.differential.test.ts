import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual, promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { iniInventory, variableFilesFor, yamlInventory } from '../../fixtures/deployer/inventories.ts';
import { AssayError } from '../errors.ts';
import type { AnsibleInventory } from './inventory.ts';
import { readInventory } from './read-inventory.ts';

/* Against Ansible's own code, by which `ansible-inventory --list` answers, and against the command itself. */

const run = promisify(execFile);
const oracle = new URL('../../fixtures/deployer/ansible-oracle.py', import.meta.url).pathname;
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ironic-assay-inventory-'));
});
afterAll(async () => rm(folder, { recursive: true, force: true }));

interface Told {
  readonly error?: string;
  readonly groups?: Readonly<
    Record<string, { readonly hosts: readonly string[]; readonly children: readonly string[] }>
  >;
  readonly hostvars?: Readonly<Record<string, unknown>>;
}

async function ansible(paths: readonly string[]): Promise<readonly Told[]> {
  const running = run('/usr/bin/python3', [oracle], { maxBuffer: 256 * 1024 * 1024 });
  running.child.stdin?.end(paths.join('\n'));
  const { stdout } = await running;
  return JSON.parse(stdout) as Told[];
}

async function written(name: string, text: string, files: ReadonlyMap<string, string>): Promise<string> {
  const own = join(folder, `of-${name}`);
  for (const [file, content] of [...files, [name, text] as const]) {
    const path = join(own, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return join(own, name);
}

async function ours(path: string): Promise<Told> {
  try {
    const inventory = await readInventory([path]);
    return { groups: groupsOf(inventory), hostvars: variablesOf(inventory) };
  } catch (error) {
    if (error instanceof AssayError) return { error: error.message };
    throw error;
  }
}

function groupsOf(inventory: AnsibleInventory): NonNullable<Told['groups']> {
  return Object.fromEntries(
    inventory
      .groupNames()
      .map((name) => [
        name,
        { hosts: inventory.hostsOf(name).toSorted(), children: inventory.childrenOf(name) },
      ]),
  );
}

function variablesOf(inventory: AnsibleInventory) {
  return Object.fromEntries(inventory.hostNames().map((host) => [host, inventory.variablesOf(host)]));
}

/** What differs, by path; and how many were the same, and refused by both. */
async function compare(paths: readonly string[]) {
  const theirs = await ansible(paths);
  const compared = { same: 0, refused: 0, different: [] as unknown[] };
  for (const [index, path] of paths.entries()) {
    const own = await ours(path);
    const { error, ...other } = theirs[index] ?? {};
    if (error === undefined ? isDeepStrictEqual(own, other) : own.error?.includes(path))
      compared[error === undefined ? 'same' : 'refused']++;
    else compared.different.push({ path, own, other, error });
  }
  return compared;
}

const seeds = Array.from({ length: 200 }, (_, index) => index + 1);

test('inventories in INI form have the groups, hosts and variables that Ansible tells', async () => {
  const paths = [];
  for (const seed of seeds) {
    const name = `ini-${seed}${['', '.ini', ''][seed % 3]}`;
    paths.push(await written(name, iniInventory(seed), seed % 2 ? variableFilesFor(seed) : new Map()));
  }
  const { same, refused, different } = await compare(paths);
  expect(different).toEqual([]);
  expect(same).toBeGreaterThanOrEqual(120);
  expect(refused).toBeGreaterThanOrEqual(10);
});

test('inventories in YAML form have the groups, hosts and variables that Ansible tells', async () => {
  const paths = [];
  for (const seed of seeds) {
    const name = `yaml-${seed}${['.yml', '.yaml', ''][seed % 3]}`;
    paths.push(await written(name, yamlInventory(seed), seed % 2 ? variableFilesFor(seed) : new Map()));
  }
  const { same, refused, different } = await compare(paths);
  expect(different).toEqual([]);
  expect(same).toBeGreaterThanOrEqual(120);
  expect(refused).toBeGreaterThanOrEqual(5);
});

test('what the command itself prints is read as the inventory that it was made of', async () => {
  let compared = 0;
  for (let seed = 1; compared < 3; seed++) {
    const path = await written(`listed-${seed}`, yamlInventory(seed * 10), variableFilesFor(seed));
    if ((await ours(path)).error !== undefined) continue;
    compared++;
    const { stdout } = await run('ansible-inventory', ['-i', path, '--list', '--export'], {
      maxBuffer: 16 * 1024 * 1024,
    });
    const listed = await written(`listed-${seed}.json`, stdout, new Map());
    const [from, again] = [await readInventory([path]), await readInventory([listed])];
    expect(variablesOf(again)).toEqual(variablesOf(from));
    // Groups without hosts are not printed.
    const members = (inventory: AnsibleInventory) =>
      Object.fromEntries(
        Object.entries(groupsOf(inventory)).flatMap(([name, { hosts }]) =>
          hosts.length > 0 ? [[name, hosts]] : [],
        ),
      );
    expect(members(again)).toEqual(members(from));
  }
});
