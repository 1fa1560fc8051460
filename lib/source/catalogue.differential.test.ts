import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { AccessError } from '../errors.ts';
import { endpointOf } from './catalogue.ts';
import { choices } from './cloud-config/cases.testing.ts';

/* Which endpoint of a catalogue is taken, by keystoneauth itself (Debian's python3-keystoneauth1). */
const count = 2000;
const oracle = fileURLToPath(new URL('../../fixtures/cloud-config/keystoneauth-oracle.py', import.meta.url));

interface Case {
  catalog: unknown[];
  type: string;
  interfaces: string[];
  region: string | undefined;
  name: string | undefined;
}

const { may, one } = choices(35_357);
const some = <Item>(length: number, make: (index: number) => Item) =>
  Array.from({ length: one(Array.from({ length: length + 1 }, (_, index) => index)) }, (_, index) =>
    make(index),
  );

function caseOf(index: number): Case {
  const endpoint = (service: number, at: number) => ({
    url: may(0.08) ? '' : `http://${index}.test/${service}-${at}`,
    interface: one(['public', 'internal', 'admin']),
    ...(may(0.9) && { region_id: one(['one', 'two', '', null]) }),
    region: one(['one', 'two', 'three']),
  });
  const catalog = some(4, (service) => ({
    type: one(['baremetal', 'baremetal', 'bare-metal', 'image']),
    ...(may(0.8) && { name: one(['ironic', 'other']) }),
    endpoints: some(4, (at) => endpoint(service, at)),
  }));
  return {
    catalog,
    type: 'baremetal',
    interfaces: one([[], ['public'], ['internal', 'public'], ['admin', 'internal', 'public']]),
    region: may(0.5) ? one(['one', 'two']) : undefined,
    name: may(0.2) ? 'ironic' : undefined,
  };
}

function ours({ catalog, type, ...rest }: Case): string | null {
  try {
    return endpointOf(catalog, { types: [type, 'bare-metal'], endpoint: undefined, ...rest }, 'k');
  } catch (error) {
    if (error instanceof AccessError) return null;
    throw error;
  }
}

test(`the endpoint of ${count} catalogues`, () => {
  const cases = Array.from({ length: count }, (_, index) => caseOf(index));
  const run = spawnSync('/usr/bin/python3', [oracle], {
    input: JSON.stringify(cases),
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });
  if (run.status !== 0) throw new Error(run.stderr);
  const theirs = JSON.parse(run.stdout) as (string | null)[];
  expect(cases.map(ours)).toEqual(theirs);
  const found = theirs.filter((url) => url !== null).length;
  expect(found).toBeGreaterThan(count / 4);
  expect(found).toBeLessThan(count * 0.75);
});
