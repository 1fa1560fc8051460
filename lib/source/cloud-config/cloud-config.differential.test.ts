import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { type Python, installed, python, sharing } from '../../../fixtures/ironic/oracle.ts';
import { ironicOf } from '../../../fixtures/ironic/suites.ts';
import { UsageError } from '../../errors.ts';
import { type Case, caseOf, choices } from './cases.testing.ts';
import { credentialsOf } from './credentials.ts';
import { loadClouds } from './load.ts';
import { type ResolvedCloud, resolveCloud } from './resolve.ts';
import { serviceSettings } from './services.ts';
import { type Value, isSettings } from './settings.ts';
import { timeoutOf } from './timeout.ts';
import { tlsPaths } from './tls.ts';

/*
 * Whether a cloud is found and understood as openstacksdk does it, by the library itself (Debian's
 * python3-openstacksdk), over generated clouds.yaml, secure.yaml, clouds-public.yaml and environments.
 */
const count = 1000;
const oracle = fileURLToPath(
  new URL('../../../fixtures/cloud-config/openstacksdk-oracle.py', import.meta.url),
);

interface Understood {
  timeout: number | null;
  authType: string;
  auth: Record<string, unknown>;
  verify: unknown;
  certs: string[];
  services: Record<string, unknown>;
}

/** Refused here, with a reason, though the library would go on: by the message. */
const stricter = [
  /(auth_type|OS_AUTH_TYPE): "\w+" is not supported/,
  /\.json: a number of more than 15 digits: put it in quotes/,
  /(true|nothing|a mapping|a list), where a text is expected/,
  /where true, false or a file of authorities is expected/,
  /a number of seconds up to 3600 is expected/,
];

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'assay-clouds-'));
});
afterAll(() => rm(root, { recursive: true }));

const text = (value: unknown, suffix: string) =>
  suffix === 'json' ? JSON.stringify(value) : stringify(value);

async function laidOut(name: string, { files, environment, ...rest }: Case) {
  const folder = join(root, name);
  await mkdir(folder);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  const own = { HOME: join(folder, 'home'), XDG_CONFIG_DIRS: join(folder, 'xdg') };
  const file = rest.file === undefined ? undefined : join(folder, rest.file);
  return { ...rest, file, folder, files, environment: { ...environment, ...own } };
}
type LaidOut = Awaited<ReturnType<typeof laidOut>>;

/** What openstacksdk understands. */
function theirs(
  cases: readonly LaidOut[],
  where: Python = installed,
): { version: string; answers: (Understood | { error: string })[] } {
  const source = readFileSync(oracle, 'utf8');
  const said = sharing(where, root, () => python(where, source, JSON.stringify(cases)));
  return JSON.parse(said) as ReturnType<typeof theirs>;
}

/** What we understand; an error that only what follows would raise is beside it. */
async function ours(given: LaidOut): Promise<{ understood: Understood; later?: UsageError } | UsageError> {
  try {
    const cloud = await resolveCloud(await loadClouds(given), given.name, given.region);
    const understood = asTheirs(cloud, given);
    try {
      credentialsOf(cloud);
      return { understood };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return { understood, later: error };
    }
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
}

function asTheirs(cloud: ResolvedCloud, given: LaidOut): Understood {
  const { verify, cacert, cert, key } = tlsPaths(cloud, given);
  const service = (type: string) => {
    const { endpoint, region, interfaces, types, name } = serviceSettings(cloud, type);
    const everywhere = cloud.authType === 'none' ? cloud.auth.get('endpoint') : undefined;
    return {
      endpoint: endpoint ?? everywhere ?? null,
      region: region ?? '',
      interfaces,
      type: types[0],
      name,
    };
  };
  const timeout = timeoutOf(cloud);
  return {
    timeout: timeout === undefined ? null : timeout / 1000,
    authType: cloud.authType,
    auth: plain(cloud.auth) as Record<string, unknown>,
    verify: verify ? (cacert ?? true) : false,
    certs: [cert, key].filter((path) => path !== undefined),
    services: { baremetal: service('baremetal'), image: service('image') },
  };
}

function plain(value: Value): unknown {
  if (isSettings(value)) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return value;
}

/** The library's answer in our words: no name, no region, one interface or several. */
function inOurWords(answer: Understood): Understood {
  const services = Object.entries(answer.services).map(([type, value]) => {
    const { interface: one, region, name, ...rest } = value as Record<string, unknown>;
    const interfaces = one === null ? [] : Array.isArray(one) ? (one as unknown[]) : [one];
    return [type, { ...rest, interfaces, region: region ?? '', name: name ?? undefined }] as const;
  });
  return { ...answer, services: Object.fromEntries(services) };
}

// 4.4 of trixie is left out: it makes the text "None" of a token.
test.for(['bookworm', 'sid'] as const)(
  `${count} descriptions of clouds are understood as the openstacksdk of Debian %s does, or refused`,
  async (suite, context) => {
    const where = ironicOf(suite, context).python;
    const choose = choices(20_261_123);
    const cases = await Promise.all(
      Array.from({ length: count }, async (_, index) => laidOut(`${suite}-${index}`, caseOf(choose, text))),
    );
    const { answers, version } = theirs(cases, where);
    expect(answers).toHaveLength(count);
    const tally = { understood: 0, refused: 0, stricter: 0 };
    const differences: unknown[] = [];
    for (const [index, given] of cases.entries()) {
      const answer = answers[index];
      const mine = await ours(given);
      const isRefused = mine instanceof UsageError;
      if (answer === undefined || 'error' in answer) {
        tally.refused += 1;
        if (!isRefused && mine.later === undefined) differences.push({ given, answer, mine });
      } else if (isRefused) {
        tally.stricter += 1;
        const isKnown = stricter.some((reason) => reason.test(mine.message));
        if (!isKnown) differences.push({ given, answer, mine: mine.message });
      } else {
        tally.understood += 1;
        const answered = inOurWords(answer);
        if (!isDeepStrictEqual(mine.understood, answered)) {
          differences.push({ given, answered, mine: mine.understood });
        }
      }
    }
    expect(differences.slice(0, 3)).toEqual([]);
    console.info(`openstacksdk ${version}: ${count} descriptions of clouds`, tally);
    // The cases are of all kinds.
    expect(tally.understood).toBeGreaterThan(count / 3);
    expect(tally.refused).toBeGreaterThan(count / 10);
    expect(tally.stricter).toBeLessThan(count / 20);
  },
);

/** What YAML makes of a value that is written without quotes, and of what repeats. */
const values = [
  '0777',
  '0o17',
  '1_000',
  '1:30',
  '+12',
  '-0',
  '.5',
  '1.50',
  '1e3',
  '1.0e+3',
  '0x1F',
  '0b11',
  '12345678901234567890',
  '1.0e+22',
  '.inf',
  '1e22',
  '2024-01-01',
  '"0777"',
  "'yes'",
  'a#b',
  'a: b',

  '~',
  'null',
  '""',
  'Null',
  '!!str 12',
  '!!str yes',
  '*secret',
  '[a]',
  '{a: b}',
  '|\n        a b',
  '%x',
  '@x',
];

test(`${values.length} ways to write a password are read as openstacksdk reads them`, async () => {
  const cases = await Promise.all(
    values.map(async (value, index) => {
      const auth = `{ auth_url: "https://k.test/v3", username: u, user_domain_name: D, system_scope: all }`;
      const yaml = [
        `x: { defaults: &defaults ${auth}, secret: &secret 0123 }`,
        `clouds:\n  lab:\n    auth:\n      <<: *defaults\n      username: v\n      password: ${value}\n`,
      ].join('\n');
      const given = { environment: {}, name: 'lab', region: undefined, file: undefined };
      return laidOut(`password-${index}`, { ...given, files: { 'clouds.yaml': yaml } });
    }),
  );
  const read = await Promise.all(cases.map(ours));
  const passwords = read.map((mine) =>
    mine instanceof UsageError ? 'refused' : mine.understood.auth['password'],
  );
  const expected = theirs(cases).answers.map((answer) =>
    'error' in answer ? 'refused' : answer.auth['password'],
  );
  expect(passwords).toEqual(expected);
  expect(read.every((mine) => mine instanceof UsageError || mine.understood.auth['username'] === 'v')).toBe(
    true,
  );
});
