import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type Server, createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TLSSocket } from 'node:tls';
import { settingsOf } from './cloud-config/settings.testing.ts';
import { httpClient } from './http.ts';
import { openCloud } from './keystone.ts';

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
  const ca = await readFile(at('ca.pem'));
  // A client's certificate is asked for; whose it is, is the answer.
  const asking = { key, cert, ca, requestCert: true, rejectUnauthorized: false };
  const server = createServer(asking, ({ socket }, response) => {
    const { authorized } = socket as TLSSocket;
    response.setHeader('content-type', 'application/json');
    response.end(authorized ? '{"known": "fine"}' : 'fine');
  });
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
  await using trusting = httpClient({ tls: { authorities: await readFile(at('ca.pem')) } });
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
  await using trusting = httpClient({ tls: { authorities: await readFile(at('ca.pem')) } });
  await expect(trusting.get(await serving(name))).rejects.toThrow(code);
});

/** A cloud without Keystone at this URL, as clouds.yaml says it. */
async function cloudAt(endpoint: string, entry: Record<string, unknown>) {
  return openCloud(await settingsOf({ auth_type: 'none', auth: { endpoint }, ...entry }));
}

test('a cloud with cacert, cert and key shows the certificate of the client', async () => {
  const url = await serving('good');
  const paths = { cacert: at('ca.pem'), cert: at('other.pem'), key: at('other.key') };
  await using known = await cloudAt(url, paths);
  expect(await known.getJson(url)).toEqual({ known: 'fine' });
  await using unknown = await cloudAt(url, { cacert: paths.cacert });
  expect((await unknown.get(url)).body.toString()).toBe('fine');
  await using trusting = await cloudAt(url, { verify: at('ca.pem') });
  expect((await trusting.get(url)).body.toString()).toBe('fine');
  await expect(cloudAt(url, { ...paths, key: at('good.key') })).rejects.toThrow(
    /clouds\.lab\.cert: .*other\.pem, .*good\.key: not usable: .*key values mismatch/,
  );
});

test('a cloud that verifies nothing is reached, and says so', async () => {
  const url = await serving('expired');
  for (const entry of [{ verify: false }, { insecure: true, cacert: at('ca.pem') }]) {
    await using cloud = await cloudAt(url, entry);
    expect(cloud.insecure).toBe(true);
    expect((await cloud.get(url)).body.toString()).toBe('fine');
  }
  await using careful = await cloudAt(url, {});
  expect(careful.insecure).toBe(false);
  await expect(careful.get(url)).rejects.toThrow('the TLS certificate is not accepted');
});
