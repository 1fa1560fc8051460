import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bootFixture } from '../../fixtures/boot/fixture.ts';
import { type Content, contentNames, recogniseContent } from './content.ts';

const lfsPointer =
  'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n';

describe('what some bytes are', () => {
  test.for<[string, Content]>([
    ['<!DOCTYPE html>\n<html><body>404', 'html'],
    ['\uFEFF  <HTML lang="en">', 'html'],
    ['<!-- nginx -->\n<html>', 'html'],
    ['<?xml version="1.0"?><Error><Code>NoSuchKey</Code>', 'xml'],
    ['{"error": {"code": 401, "title": "Unauthorized"}}', 'json'],
    ['[]', 'json'],
    [lfsPointer, 'git-lfs-pointer'],
    ['#!ipxe\nchain http://', 'text'],
    ['[DEFAULT]\ndebug = true\n', 'text'],
    ['not found', 'text'],
    ['', 'empty'],
    ['PK\u0003\u0004', 'zip'],
    ['QFI\u00fb', 'qcow2'],
  ])('%j is %s', ([text, content]) => {
    const bytes = content === 'qcow2' ? Buffer.from(text, 'latin1') : Buffer.from(text);
    expect(recogniseContent(bytes, bytes.length)).toBe(content);
  });

  test.for<[string, Content]>([
    ['Image', 'arm64-image'],
    ['Image.gz', 'gzip'],
    ['vmlinuz.zboot', 'zboot'],
    ['bzImage', 'bzimage'],
    ['program-aarch64.efi', 'pe'],
    ['program-x86-64.elf', 'elf'],
    ['ipa.initramfs', 'gzip'],
    ['microcode-and-zstd.initramfs', 'cpio'],
    ['numbers.xz', 'xz'],
    ['numbers.lzma', 'lzma'],
    ['numbers.zst', 'zstd'],
    ['numbers.lz4', 'lz4'],
    ['numbers.legacy.lz4', 'lz4-legacy'],
    ['numbers.bz2', 'bzip2'],
    ['ipa.list', 'text'],
  ])('fixture %s is %s', ([name, content]) => {
    const bytes = bootFixture(name);
    expect(recogniseContent(bytes.subarray(0, 4096), bytes.length)).toBe(content);
  });

  test('text that is cut inside a character is still text', () => {
    const bytes = Buffer.from('ä'.repeat(300)).subarray(0, 511);
    expect(recogniseContent(bytes, 600)).toBe('text');
  });

  test('an empty file is empty, whatever was read', () => {
    expect(recogniseContent(Buffer.from('x'), 0)).toBe('empty');
    expect(recogniseContent(Buffer.alloc(512), 512)).toBe('zeros');
  });

  test('any bytes have a name', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
        expect(contentNames[recogniseContent(Buffer.from(bytes), bytes.length)]).toBeTypeOf('string');
      }),
    );
  });
});
