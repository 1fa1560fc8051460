import { expect, test } from 'vitest';
import { malformedParameter } from './kernel-parameters.ts';

test.each([
  '',
  '  ',
  'nofb vga=normal',
  'console=ttyAMA0,115200 console=tty0',
  'sshkey="ssh-ed25519 AAAA op@host" ipa-debug=1',
  'a.b-c_d=1  e',
  'dyndbg="file drivers/* +p"',
  'root=/dev/sda1 -- single 3',
  '--',
  'a --',
  'net.ifnames=0 ip=${mac}:dhcp',
])('%j are kernel parameters', (text) => {
  expect(malformedParameter(text)).toBeUndefined();
});

test.each([
  ['sshkey=""', 'sshkey=""'],
  ['rd.luks= quiet', 'rd.luks='],
  ['quiet sshkey="ssh-ed25519 AAAA', 'sshkey="ssh-ed25519'],
  ["dyndbg='file x +p' quiet", "+p'"],
  ['quiet [debug]', '[debug]'],
  ['quiet\tsplash', 'quiet'],
  ['quiet \tsplash', ''],
  ['a b=ü', 'b=ü'],
  ['a="b"c d="e"f', 'a="b"c'],
  ['a -- "b"', '"b"'],
  ['%default% console=ttyS0', '%default%'],
])('%j: %j is none', (text, word) => {
  expect(malformedParameter(text)).toBe(word);
});

test('a long text is read in time', () => {
  expect(malformedParameter(`${'a'.repeat(200_000)}\u{fc}`)).toMatch(/^a{80}$/);
  expect(malformedParameter(`${'a="b"'.repeat(50_000)}"`)).toMatch(/^a="b"/);
});
