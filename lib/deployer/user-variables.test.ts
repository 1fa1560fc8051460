import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { overriddenOptions, writtenAsPython } from './overrides.ts';
import { definitionsOf, effective, isTrue, readUserVariables } from './user-variables.ts';

let folder = '';
afterEach(async () => rm(folder, { recursive: true, force: true }));

async function variables(files: Readonly<Record<string, string>>) {
  folder = await mkdtemp(join(tmpdir(), 'ironic-assay-variables-'));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
  return readUserVariables(folder);
}

const vault = '$ANSIBLE_VAULT;1.1;AES256\n3132333435\n';

test('user variables go before group_vars, and the last file before the others', async () => {
  const read = await variables({
    'user_variables.yml': 'a: 1\na: 2\n',
    'user_b.yml': 'a: 3\nb: yes\n',
    'user_c.yaml': 'a: 4\n',
    'xuser_d.yml': 'a: 5\n',
    'group_vars/ironic_all.yml': 'a: 6\nc: 0644\n',
    'group_vars/all/one.yml': 'a: 7\n',
    'group_vars/nova_all.yml': 'a: 8\n',
  });
  expect(definitionsOf(read, 'a').map(({ where, value }) => [where.slice(folder.length), value])).toEqual([
    ['/group_vars/all/one.yml:1', 7],
    ['/group_vars/ironic_all.yml:1', 6],
    ['/user_b.yml:1', 3],
    ['/user_variables.yml:1', 1],
    ['/user_variables.yml:2', 2],
  ]);
  expect(effective(read, 'a')).toEqual({ is: 'known', value: 2, where: `${folder}/user_variables.yml:2` });
  expect(effective(read, 'b')).toMatchObject({ value: true });
  // PyYAML reads YAML 1.1, where this is octal.
  expect(effective(read, 'c')).toMatchObject({ value: 0o644 });
  expect(effective(read, 'd')).toEqual({ is: 'absent' });
});

test('what Vault holds, or Jinja makes, is not known, and said by name', async () => {
  const read = await variables({
    'user_secrets.yml': vault,
    'user_variables.yml': `a: !vault |\n  ${vault.replace('\n', '\n  ')}\nb: "{{ c }}"\nd: 1\n`,
  });
  expect(effective(read, 'a')).toEqual({
    is: 'unknown',
    why: `a (${folder}/user_variables.yml:1) is held by Ansible Vault`,
  });
  expect(effective(read, 'b')).toMatchObject({ why: expect.stringContaining('is a template') as string });
  // The encrypted file stands before this one, which counts.
  expect(effective(read, 'd')).toMatchObject({ value: 1 });
  expect(effective(read, 'e')).toEqual({
    is: 'unknown',
    why: 'e may stand in user_secrets.yml, and it is encrypted by Ansible Vault',
  });
  expect(JSON.stringify(read)).not.toContain('3132333435');
});

test('a file that Ansible refuses hides what it might say', async () => {
  const read = await variables({ 'user_a.yml': 'a: 1\n', 'user_b.yml': 'a: [\n', 'user_c.yml': '- a\n' });
  expect(read.files.map(({ refused }) => refused?.slice(folder.length))).toEqual([
    undefined,
    expect.stringMatching(/^\/user_b\.yml:2:1: /),
    '/user_c.yml: no mapping of variables',
  ]);
  expect(effective(read, 'a')).toMatchObject({ is: 'unknown' });
});

test('a file that may not be read hides it as well', async () => {
  await variables({ 'user_a.yml': 'a: 1\n' });
  await symlink('user_b.yml', join(folder, 'user_b.yml'));
  const read = await readUserVariables(folder);
  expect(read.files[1]?.closed).toBe('it may not be read');
  expect(effective(read, 'a')).toEqual({
    is: 'unknown',
    why: 'a may stand in user_b.yml, and it may not be read',
  });
});

test('a folder of aliases that would fill the memory is refused', async () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 12; level++) {
    const alias = `*a${level - 1}`;
    lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => alias).join(', ')}]`);
  }
  const read = await variables({ 'user_a.yml': lines.join('\n') });
  expect(read.files[0]?.refused).toMatch(/user_a\.yml: .*alias/i);
});

test('overrides are options of sections, and a mapping is written as Python shows it', () => {
  const given = { pxe: { a: { aarch64: 'x' }, b: 'aarch64:x', c: ['a', 'b'] }, debug: true };
  expect(overriddenOptions(given)).toEqual([
    { section: 'pxe', option: 'a', value: { aarch64: 'x' } },
    { section: 'pxe', option: 'b', value: 'aarch64:x' },
    { section: 'pxe', option: 'c', value: ['a', 'b'] },
    { section: 'DEFAULT', option: 'debug', value: true },
  ]);
  expect(writtenAsPython({ aarch64: 'x', n: [1, true, null] })).toBe(
    "{'aarch64': 'x', 'n': [1, True, None]}",
  );
  expect(writtenAsPython('aarch64:x')).toBeUndefined();
  expect(writtenAsPython({ one: null, two: '' })).toBeUndefined();
  expect([true, 'yes', 'On', '1', 1].every(isTrue)).toBe(true);
  expect([false, 'no', 'maybe', 0, 2, null, undefined].some(isTrue)).toBe(false);
});
