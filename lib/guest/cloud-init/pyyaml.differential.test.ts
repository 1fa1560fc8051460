import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { AssayError } from '../../errors.ts';
import { askCloudInit } from './oracle.testing.ts';
import { readPyYaml } from './pyyaml.ts';
import { type ConfigNode, pythonString } from './value.ts';

/** As fixtures/guest/cloud-init-oracle.py spells values. */
function spell(node: ConfigNode | undefined): unknown {
  if (node === undefined) return null;
  if (node.kind === 'list') return node.items.map(spell);
  if (node.kind === 'dict') {
    return Object.fromEntries([...node.entries].map(([key, value]) => [pythonString(key), spell(value)]));
  }
  if (node.type === 'other') return { date: true };
  if (node.type === 'float') return { float: String(node.value) };
  return node.type === 'int' && typeof node.value === 'string' ? { big: true } : node.value;
}

/** Python writes 1e+22, inf and 1000.0 where JavaScript writes 1e22, Infinity and 1000. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === 'float' && typeof first[1] === 'string') {
    const text = first[1].replace('inf', 'Infinity');
    return { float: text.toLowerCase() === 'nan' ? 'nan' : Number(text) };
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, normal(item)]));
}

function ours(text: string): unknown {
  try {
    return normal(spell(readPyYaml(text, 'x.cfg')));
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return 'refused';
  }
}

const scalars =
  `a|y|n|yes|No|on|Off|true|~|null||0|1|-3|0755|0o17|0b101|0x1F|1_000|190:20:30|1.5|1e3|1.0e+3|1.0e3|.5
-.5|.inf|-.INF|.nan|1:30.5|2001-12-14|2001-12-14t21:59:43.10-05:00|2001-13-45|2001-1-1|+1|08|0_7|1.|_1|=|<<|'it''s'
"q\\u0041"|x: y|x #c|x#c|@a|%c|!foo x|!!str 1|!!int "3"|!!float 1|!!bool yes|!!null x|[a, b]|[a,b,]|{a: 1}|{a, b: 2}
[a: 1]|{"a":1}|*x|&x v|- a|[]|{}|! x|a: b: c|[a|"open|'|a\tb|\ta|a\t|"\t"|--- b|...|http://x:80/y|00|-|-0|0x|0b|12e03
685.230_15e+03|9007199254740993|"\\x41"|"\\q"|é|\u0001|a,b|{a: [1, {b: c}]}|[{a: b}, c]|{<<: {a: 1}, a: 2}|!!seq [a]
!!map {a: b}|!!timestamp 2001-01-01|!<tag:yaml.org,2002:str> 3|[ Ec2, ConfigDrive, None ]|[  Ec2, None ]|["/"]|'["/"]'`
    .split(/[|\n]/)
    .concat(['|\n    text\n    more', '>-\n    folded\n    text', '|+\n    kept\n\n', '`b']);
const keys = [
  'a',
  'b',
  'c',
  'datasource_list',
  '"k"',
  "'l'",
  'on',
  '1',
  'null',
  '<<',
  'a b',
  '~',
  '-a',
  '{q: r}',
];

const edits = [' ', '\n', '-', '[', ']', '"', '#', '{', '}', ',', '\t'];

/** Block mappings and lists of awkward scalars, some with a character too many or too few. */
const texts = fc
  .letrec<{ value: string[]; block: string[] }>((tie) => ({
    value: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...scalars).map((scalar) => [scalar]) },
      { weight: 1, arbitrary: tie('block') },
    ),
    block: fc
      .array(fc.tuple(fc.option(fc.constantFrom(...keys), { freq: 4 }), tie('value')), {
        minLength: 1,
        maxLength: 3,
      })
      .map((pairs) => {
        const isList = pairs[0]?.[0] === null;
        return pairs.flatMap(([key, value]) => {
          const head = isList ? '-' : `${key ?? 'd'}:`;
          const [only] = value;
          return value.length === 1 ? [`${head} ${only}`] : [head, ...value.map((line) => `  ${line}`)];
        });
      }),
  }))
  .block.chain((lines) =>
    fc
      .record({
        edit: fc.option(fc.tuple(fc.nat(), fc.constantFrom(...edits), fc.boolean()), { freq: 5 }),
        ending: fc.constantFrom('\n', '\n', '\n', ''),
      })
      .map(({ edit, ending }) => {
        const text = lines.join('\n') + ending;
        if (edit === null) return text;
        const at = edit[0] % (text.length + 1);
        return text.slice(0, at) + edit[1] + text.slice(at + (edit[2] ? 1 : 0));
      }),
  );

/** Known to differ, all rare: where PyYAML is stricter or laxer than YAML 1.1 in punctuation glued to other text. */
const differences: readonly RegExp[] = [
  /^\s*(- )*\? /m, // explicit keys
  /^\s*(- )*:|^[>|]/m, // empty keys, block scalars that start left of their key
  /["'\]}][#:]/, // a comment or a colon right after a quote or bracket
  /[[{,:] *-? *[\],}:]/, // a lone dash, empty entries and a colon first in […]
  /[[{][^\]}]*: *\n|["']\n\t/, // a value, or a tab, that starts a line inside {…} or quotes
  /&\S*[^\w\s]/, // anchors with punctuation
  /[[{][^\]}]*[[{,]\S*[!&*]/, // tags and aliases in broken brackets
];
const isKnownDifference = (text: string) => differences.some((difference) => difference.test(text));

test('texts mean what PyYAML takes them for', () => {
  const generated = fc.sample(texts, { numRuns: 3500, seed: 20_240 });
  const questions = [...scalars.map((scalar) => `k: ${scalar}\n`), ...generated].filter(
    (text) => !isKnownDifference(text),
  );
  const answers = askCloudInit(questions.map((yaml) => ({ yaml }))) as { value?: unknown; error?: string }[];
  const compared = questions.map((text, index) => {
    const answer = answers[index];
    return {
      text,
      ours: ours(text),
      theirs: answer?.error === undefined ? normal(answer?.value) : 'refused',
    };
  });
  expect(compared.filter(({ ours, theirs }) => !isDeepStrictEqual(ours, theirs))).toEqual([]);
  const refused = compared.filter(({ theirs }) => theirs === 'refused').length;
  expect(refused).toBeGreaterThan(200);
  expect(compared.length - refused).toBeGreaterThan(500);
});
