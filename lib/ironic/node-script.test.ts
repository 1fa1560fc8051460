import { expect, test } from 'vitest';
import { FormatError } from '../errors.ts';
import { recording } from '../../fixtures/simulated/services/recordings.ts';
import { isIpxeScript, readNodeScript } from './node-script.ts';

test('the script that a real conductor rendered', async () => {
  const { text = '' } = (await recording('http-node-config')).response;
  const base = 'http://127.0.0.1:8051/c8f9814f-23d0-4877-9490-50f7b7240440';
  const script = readNodeScript(text, 'x');
  expect(script).toMatchObject({ section: 'deploy', kernel: `${base}/deploy_kernel` });
  expect(script.initrds).toEqual([`${base}/deploy_ramdisk`]);
  expect(script.arguments[0]).toBe('selinux=0');
  expect(script.arguments.at(-1)).toBe('initrd=deploy_ramdisk');
  const later = readNodeScript(text.replace('goto deploy', 'goto boot_whole_disk'), 'x');
  expect(later).toEqual({ section: 'boot_whole_disk', kernel: undefined, arguments: [], initrds: [] });
});

test('options of a command are no operands', () => {
  const text =
    '#!ipxe\ngoto a\n:a\nkernel --timeout 60 http://h/k x=1 initrd=r || goto b\ninitrd --name=r http://h/r\nboot\n';
  expect(readNodeScript(text, 'x')).toEqual({
    section: 'a',
    kernel: 'http://h/k',
    arguments: ['x=1', 'initrd=r'],
    initrds: ['http://h/r'],
  });
});

test.each(['', '<html>', ' #!ipxe', '#!ipxes\n'])('%j is no script', (text) => {
  expect(isIpxeScript(text)).toBe(false);
  expect(() => readNodeScript(text, 'x')).toThrow(FormatError);
});

test('a section that is missing, and a text without end', () => {
  expect(() => readNodeScript('#!ipxe\ngoto nowhere\n', 'x')).toThrow(
    'x: goes to nowhere, which is not in it',
  );
  expect(() => readNodeScript(`#!ipxe\n${'\n'.repeat(3000)}`, 'x')).toThrow('3002 lines');
});
