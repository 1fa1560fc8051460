import { describe, expect, test } from 'vitest';
import { fingerprint, judgeHostKey, knownKeyTypes, parseKnownHosts } from './known-hosts.ts';

// Keys, hashed lines and fingerprints were made by ssh-keygen of OpenSSH 9.2 (-t, -H, -l).
const ed25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJruuEYC9pZD5xk19TcaxB+VY49/is/xeqTIJsOOY94v';
const ecdsa =
  'ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBMbDQ2/gmeJ2Y25Y7TO7hrT7lvcekL0DwHCrY56CNAsylzWuVYQymDxFKHt/WR0DCej6l9N5UdhgzMwuwM0EFks=';
const hashed = `
|1|PpXzxXf1ofiBj0a3kJflKpOcsB4=|YQfWdWjU3xPA1gopij0basiBiMc= ${ed25519}
|1|s4rbotkpBWxOnmiYtSXlzmfOA9A=|HhWqQP3jCRVdKjbPRjgrUHSoZnQ= ${ed25519}
|1|KpxH6tG3XuqFWIWi3oOgjaw44p0=|7Wr426UZr/XzbF5l/BcfE7E6JI4= ${ed25519}
`;
const keyOf = (line: string) => Buffer.from(line.split(' ')[1] ?? '', 'base64');
const judge = (text: string, host: string, port = 22, key = ed25519) =>
  judgeHostKey(parseKnownHosts(text), host, port, keyOf(key)).verdict;

test('a fingerprint is the one that ssh-keygen prints', () => {
  expect(fingerprint(keyOf(ed25519))).toBe('SHA256:2Eb8aof8UzpEcfR4Ha/rD1KhBX6jcMaP7OyYDAmW+A4');
  expect(fingerprint(keyOf(ecdsa))).toBe('SHA256:AMqVZWgr1v0jctWNDi9j25zgIpqz4k6Z+XWodwLnAro');
});

test('hashed names are found by what they hash', () => {
  expect(judge(hashed, 'conductor1.example')).toBe('known');
  expect(judge(hashed, '192.0.2.7')).toBe('known');
  expect(judge(hashed, 'conductor2.example', 2222)).toBe('known');
  expect(judge(hashed, 'conductor2.example')).toBe('unknown');
  expect(judge(hashed, 'conductor3.example')).toBe('unknown');
  expect(judge(hashed, 'conductor1.example', 22, ecdsa)).toBe('unknown');
});

describe('patterns', () => {
  test.for<[string, string, number, boolean]>([
    ['c1', 'c1', 22, true],
    ['c1', 'C1', 22, true],
    ['C1', 'c1', 22, true],
    ['c1,c2', 'c2', 22, true],
    ['c1', 'c11', 22, false],
    ['c?', 'c1', 22, true],
    ['c?', 'c', 22, false],
    ['*.example', 'a.b.example', 22, true],
    ['*.example', 'example', 22, false],
    ['c*e*e', 'conductor.example', 22, true],
    ['*', 'anything', 22, true],
    ['*,!c1', 'c1', 22, false],
    ['!c1,*', 'c1', 22, false],
    ['!c1', 'c2', 22, false],
    ['[c1]:2222', 'c1', 2222, true],
    ['[c1]:2222', 'c1', 22, false],
    ['[c1]:2222', 'c1', 2223, false],
    ['[2001:db8::1]:2222', '2001:db8::1', 2222, true],
    ['2001:db8::1', '2001:db8::1', 22, true],
    ['192.0.2.*', '192.0.2.9', 22, true],
    ['c.1', 'cx1', 22, false],
    // OpenSSH: "checking without port identifier"
    ['c1', 'c1', 2222, true],
  ])('%s and %s, port %i: %s', ([pattern, host, port, isKnown]) => {
    expect(judge(`${pattern} ${ed25519} a comment`, host, port)).toBe(isKnown ? 'known' : 'unknown');
  });
});

test('a pattern of many stars takes no long time', () => {
  const pattern = `${'*a'.repeat(2000)}b`;
  const start = performance.now();
  expect(judge(`${pattern} ${ed25519}`, 'a'.repeat(4000))).toBe('unknown');
  expect(performance.now() - start).toBeLessThan(2000);
});

test('another key of the same type means changed, and says the line', () => {
  const other = `${ed25519.slice(0, -4)}AAAA`;
  const entries = parseKnownHosts(`# hosts\n\nc1 ${other}\n`);
  expect(judgeHostKey(entries, 'c1', 22, keyOf(ed25519))).toMatchObject({
    verdict: 'changed',
    entry: { lineNumber: 3 },
  });
});

test('a key of another type is unknown, and what is known is told', () => {
  const entries = parseKnownHosts(`c1 ${ecdsa}`);
  expect(judgeHostKey(entries, 'c1', 22, keyOf(ed25519))).toEqual({
    verdict: 'unknown',
    otherTypes: ['ecdsa-sha2-nistp256'],
    hasAuthority: false,
  });
  expect(knownKeyTypes(entries, 'c1', 22)).toEqual(['ecdsa-sha2-nistp256']);
  expect(knownKeyTypes(entries, 'c1', 2222)).toEqual(['ecdsa-sha2-nistp256']);
  expect(knownKeyTypes(entries, 'c2', 22)).toEqual([]);
});

test('a revoked key is refused even where another line knows it', () => {
  expect(judge(`c1 ${ed25519}\n@revoked * ${ed25519}`, 'c1')).toBe('revoked');
  expect(judge(`[c1]:2222 ${ed25519}\n@revoked c1 ${ed25519}`, 'c1', 2222)).toBe('revoked');
  expect(judge(`c1 ${ed25519}\n@revoked * ${ecdsa}`, 'c1')).toBe('known');
});

test('the key of an authority is no host key', () => {
  const entries = parseKnownHosts(`@cert-authority *.example ${ed25519}`);
  expect(judgeHostKey(entries, 'c1.example', 22, keyOf(ed25519))).toMatchObject({
    verdict: 'unknown',
    hasAuthority: true,
  });
});

test('lines that are no entry mean nothing', () => {
  const text = [
    'c1',
    'c1 ssh-ed25519',
    'c1 ssh-ed25519 !!!',
    `c1 ssh-rsa ${ed25519.split(' ')[1]}`,
    `@unheard c1 ${ed25519}`,
    `#c1 ${ed25519}`,
    `|2|a|b ${ed25519}`,
    `|1|a ${ed25519}`,
  ].join('\n');
  expect(judge(text, 'c1')).toBe('unknown');
  expect(judge(`${text}\r\n  c1\t${ed25519}\r\n`, 'c1')).toBe('known');
});
