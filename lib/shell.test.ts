import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { shellWord } from './shell.ts';

test.for([
  'arm-01',
  'boot_mode:uefi,disk_label:gpt',
  'two words',
  "it's",
  '$(reboot)',
  '`id`',
  '"a"',
  '',
  'ä;#&|<>*?',
])('a shell reads %j back as it was', (text) => {
  expect(execFileSync('/bin/sh', ['-c', `printf %s ${shellWord(text)}`], { encoding: 'utf8' })).toBe(text);
});

test('what needs no quotes has none', () => {
  expect(shellWord('conductor-1.example:8051/x')).toBe('conductor-1.example:8051/x');
});
