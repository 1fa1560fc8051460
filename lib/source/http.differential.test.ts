import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type Server, createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { httpClient } from './http.ts';

/* TLS, with an authority and certificates made by openssl. */
let folder = '';
const servers: Server[] = [];
const at = (name: string) => join(folder, name);
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });

/** A certificate by the private authority for this name or address. */
function certify(name: string, subject: string, ...validity: string[]): void {
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    at(`${name}.key`),
    '-out',
    at(`${name}.csr`),
    '-subj',
    '/CN=server',
    '-addext',
    `subjectAltName=${subject}`,
  );
  openssl(
    'x509',
    '-req',
    '-in',
    at(`${name}.csr`),
    '-CA',
    at('ca.pem'),
    '-CAkey',
    at('ca.key'),
    '-copy_extensions',
    'copy',
    '-out',
    at(`${name}.pem`),
    ...validity,
  );
}

async function serving(name: string): Promise<string> {
  const [key, cert] = await Promise.all([readFile(at(`${name}.key`)), readFile(at(`${name}.pem`))]);
  const server = createServer({ key, cert }, (_, response) => void response.end('fine'));
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return `https://127.0.0.1:${(server.address() as { port: number }).port}/`;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'assay-tls-'));
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    '-subj',
    '/CN=a private authority',
    '-days',
    '2',
  );
  certify('good', 'IP:127.0.0.1', '-days', '2');
  certify('other', 'DNS:keystone.example', '-days', '2');
  certify('expired', 'IP:127.0.0.1', '-days', '-1');
});
afterAll(async () => {
  for (const server of servers) server.close();
  await rm(folder, { recursive: true });
});

test('a certificate of a private authority is accepted with its CA file only', async () => {
  const url = await serving('good');
  await using trusting = httpClient({ caFile: at('ca.pem') });
  expect((await trusting.get(url)).body.toString()).toBe('fine');
  await using plain = httpClient();
  await expect(plain.get(url)).rejects.toThrow(
    /the TLS certificate is not accepted: .*\(\w+\); a private authority/,
  );
});

test.for([
  ['other', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['expired', 'CERT_HAS_EXPIRED'],
] as const)('a certificate that is %s is refused: %s', async ([name, code]) => {
  await using trusting = httpClient({ caFile: at('ca.pem') });
  await expect(trusting.get(await serving(name))).rejects.toThrow(code);
});
