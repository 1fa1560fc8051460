import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { array, constant, constantFrom, oneof, sample, tuple } from 'fast-check';
import { expect, test } from 'vitest';
import { FormatError } from '../../errors.ts';
import { memoryFileSystem, treeOf } from '../../fs/memory.ts';
import { compareVersions } from './bls.ts';
import { readBootMenu } from './boot-entries.ts';
import { grubenvOf, redHat, ubuntu } from './boot-entries.testing.ts';

/**
 * GRUB itself, as Debian's grub-emu: a script is run in which `linux` and `initrd` print what they are given, and a
 * menu entry is run at once.
 */
const prelude = `
function linux { echo "=L=$1"; shift; while [ $# -gt 0 ]; do echo "=O=$1"; shift; done; }
function initrd { while [ $# -gt 0 ]; do echo "=I=$1"; shift; done; }
function load_video { true; }
function entry_ { echo "=T=$1"; while [ $# -gt 1 ]; do shift; done; eval "function body $1"; body; }
function sub_ { while [ $# -gt 1 ]; do shift; done; eval "function below $1"; below; }
`;

interface Started {
  title: string;
  kernel: string;
  options: string;
  initrds: string[];
}

function run(command: string, args: readonly string[]) {
  const result = spawnSync(command, args, { encoding: 'utf8', input: '', timeout: 60_000 });
  if (result.error !== undefined) throw result.error;
  return result;
}

/** What GRUB starts from each of several scripts, every one in a GRUB of its own. */
function startedByGrub(script: string, grubenv?: string): Started[] {
  const folder = mkdtempSync(join(tmpdir(), 'ironic-assay-grub-'));
  try {
    mkdirSync(join(folder, 'grub'));
    const renamed = script.replaceAll(/^(\s*)(menuentry|submenu) /gm, (_, space: string, word: string) => {
      return `${space}${word === 'menuentry' ? 'entry_' : 'sub_'} `;
    });
    writeFileSync(join(folder, 'grub', 'grub.cfg'), `${prelude}${renamed}\necho =END=\nexit\n`);
    if (grubenv !== undefined) writeFileSync(join(folder, 'grub', 'grubenv'), grubenv);
    const { stdout } = run('grub-emu', ['-d', join(folder, 'grub'), '-r', 'host']);
    const lines = stripVTControlCharacters(stdout).split(/[\r\n]+/);
    if (!lines.includes('=END=')) throw new Error(`grub-emu did not come to the end: ${stdout.slice(-2000)}`);
    const found: (Started & { words: string[] })[] = [];
    let title = '';
    for (const line of lines) {
      const [, kind, text = ''] = /^=([LOIT])=(.*)$/.exec(line) ?? [];
      if (kind === 'T') title = text;
      else if (kind === 'L') found.push({ title, kernel: text, options: '', words: [], initrds: [] });
      else if (kind === 'O') found.at(-1)?.words.push(text);
      else if (kind === 'I') found.at(-1)?.initrds.push(text);
    }
    return found.map(({ words, ...rest }) => ({ ...rest, options: words.join(' ') }));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function startedByUs(script: string, grubenv?: string) {
  const tree = {
    '/boot/grub/grub.cfg': script,
    ...(grubenv !== undefined && { '/boot/grub/grubenv': grubenv }),
  };
  const { entries } = await readBootMenu(memoryFileSystem(treeOf(tree), 'image'));
  return entries.map(({ title, kernel, options, initrds, unevaluated }) => ({
    started: { title, kernel, options, initrds: [...initrds] },
    unevaluated,
  }));
}

test('quotes, escapes, comments, variables and their splitting are as in GRUB', async () => {
  const script = String.raw`
set a="x y"
set b='$a' ; set c="$a$a"
menuentry 'A b' --class x --id foo { # a comment }
  set q='1;2 #'
  # comment } '
  linux /x root=LABEL=y $a "$a" "q$q" $q x'a "b'y "a\"\$a" a\ b  $"t"  $nope "" '' a#b $b$c "\n" \
    next
  initrd	/i1 /i2 $nope
}
submenu "Adv $a" {
  menuentry B {
    linux /second ${'$'}{a}z "${'$'}{c}" z$a
    initrd /z
  }
}
`;
  const theirs = startedByGrub(script);
  expect(theirs).toHaveLength(2);
  const ours = await startedByUs(script);
  expect(ours.flatMap(({ unevaluated }) => unevaluated)).toEqual([]);
  expect(ours.map(({ started }) => started)).toEqual(theirs);
});

test('a menu as grub-mkconfig of Ubuntu writes it', async () => {
  const theirs = startedByGrub(ubuntu);
  const ours = await startedByUs(ubuntu);
  expect(theirs.length).toBe(3);
  expect(ours.map(({ started: { title, kernel, initrds } }) => [title, kernel, initrds])).toEqual(
    theirs.map(({ title, kernel, initrds }) => [title, kernel, initrds]),
  );
  // Only $vt_handoff, which a function sets one way or the other, is left open.
  expect(ours.map(({ started }) => started.options.replace(/ \$vt_handoff$/, ''))).toEqual(
    theirs.map(({ options }) => options),
  );
});

test('kernelopts of Red Hat: from grubenv, or else as grub.cfg has it', async () => {
  const script = `${redHat.replace(/^.*blscfg$/gm, '')}\nmenuentry 'R' {\n linux /v $kernelopts $tuned_params\n initrd /i $tuned_initrd\n}\n`;
  for (const grubenv of [undefined, grubenvOf({ kernelopts: 'root=LABEL=other ro x=a\\\\b' })]) {
    const theirs = startedByGrub(script, grubenv);
    expect(theirs).toHaveLength(1);
    expect(theirs[0]?.options).toContain(grubenv === undefined ? 'root=UUID=' : 'root=LABEL=other');
    expect(await startedByUs(script, grubenv)).toEqual(
      theirs.map((started) => ({ started, unevaluated: [] })),
    );
  }
});

/** Pieces of scripts, of which many together are what GRUB takes or refuses. */
const piece = constantFrom(
  'a',
  'b',
  "'a b'",
  '"a b"',
  '$v',
  '"$v"',
  '${w}',
  '"x${w}y"',
  "x'$v'",
  '\\ ',
  '"\\$v"',
  "'#'",
  '$nope',
  '""',
);
const word = array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));
const line = oneof(
  word.map((value) => `set v=${value}`),
  word.map((value) => `set w=${value}`),
  word.map((value) => `w=${value}`),
  tuple(word, word).map(([one, two]) => `if [ "$v" = ${one}x ]; then\n set v=${two}\nfi`),
  word.map((value) => `if [ -z "$w" ]; then\n set w=${value}\nfi`),
  constant('unset v'),
);

test('what is told of any script without a doubt is what GRUB does', async () => {
  let told = 0;
  const samples = sample(
    tuple(array(line, { maxLength: 5 }), array(word, { maxLength: 4 }), array(line, { maxLength: 2 })),
    { numRuns: 60, seed: 20_250_901 },
  );
  for (const [before, options, inside] of samples) {
    const body = [...inside, `linux /v ${options.join(' ')}`, 'initrd /i'].join('\n');
    const script = `${before.join('\n')}\nmenuentry 'E' {\n${body}\n}\n`;
    const [theirs] = startedByGrub(script);
    const [ours] = await startedByUs(script);
    if (ours !== undefined && ours.unevaluated.length > 0) continue;
    told += 1;
    expect({ script, ...ours?.started }).toEqual({ script, ...theirs });
  }
  expect(told).toBeGreaterThan(30);
}, 300_000);

test('what GRUB refuses is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ironic-assay-grub-'));
  const scripts = {
    sound: "menuentry 'x' {\n linux /v\n}\n",
    'quote open': "menuentry 'x {\n linux /v\n}\n",
    'double quote open': 'set a="x\n',
    'block open': "menuentry 'x' {\n linux /v\n",
    'block too many': "menuentry 'x' {\n linux /v\n}\n}\n",
    'if open': 'if true; then\n set a=b\n',
    'fi too many': 'set a=b\nfi\n',
    'if open in a block': "menuentry 'x' {\n if true; then\n linux /v\n}\n",
    function: 'function f {\n set a=b\n}\nf\n',
    'loop open': 'for a in b c; do\n set d=e\n',
  };
  try {
    for (const [name, script] of Object.entries(scripts)) {
      const path = join(folder, 'grub.cfg');
      writeFileSync(path, script);
      const isRefused = run('grub-script-check', [path]).status !== 0;
      const menu = readBootMenu(memoryFileSystem(treeOf({ '/boot/grub/grub.cfg': script }), 'image'));
      const ours = await menu.then(
        () => 'read',
        (error: unknown) => (error instanceof FormatError ? 'refused' : error),
      );
      expect([name, ours]).toEqual([name, isRefused ? 'refused' : 'read']);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('versions are in the order of rpm', () => {
  const runs = ['1', '10', '01', 'a', 'rc1', 'B', '~', '.', '_', 'el9'];
  const versions = sample(
    tuple(
      array(constantFrom(...runs), { minLength: 1, maxLength: 5 }),
      array(constantFrom(...runs), { minLength: 1, maxLength: 5 }),
    ),
    { numRuns: 300, seed: 20_250_902 },
  ).map(([a, b]) => [a.join(''), b.join('')] as const);
  const asked = versions.map(([a, b]) => `print(rpm.vercmp('${a}', '${b}') .. ' ')`).join(';');
  const answers = run('rpm', ['--eval', `%{lua: ${asked}}`])
    .stdout.trim()
    .split(/\s+/)
    .map(Number);
  expect(answers).toHaveLength(versions.length);
  expect(versions.map(([a, b]) => [a, b, Math.sign(compareVersions(a, b))])).toEqual(
    versions.map(([a, b], at) => [a, b, answers[at]]),
  );
});
