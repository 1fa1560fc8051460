import { describe, expect, test } from 'vitest';
import { bootFixture } from '../../fixtures/boot/fixture.ts';
import { memoryBlob } from '../blob/memory.ts';
import { readNbp } from './nbp.ts';

/** Texts of Debian 13's ipxe-arm64.efi (1.21.1+git20250501), as `strings` shows them, in their order. */
const ipxeTexts = [
  'ipxe.efi\0iPXE\0',
  '1.21.1+git20250501.dad20602+dfsg-1\0\0\0\0',
  'CD001#!ipxe\0iPXE> \0',
  '\u001b[1miPXE %s\u001b[0m -- Open Source Network Boot Firmware -- \u001b[36mhttps://ipxe.org\u001b[0m\nFeatures:\0',
  'gzip\0http\0HTTP\0iPXE/%s\0https\0HTTPS\0VLAN\0EFI\0',
];
const sbat =
  'sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\nipxe,1,iPXE,snponly.efi,2.0.0+ (g0ab2),https://ipxe.org\n';

function program(...texts: string[]): Buffer {
  return Buffer.concat([bootFixture('program-aarch64.efi'), Buffer.from(`\0${texts.join('\0')}`)]);
}

describe('a boot file', () => {
  test('iPXE for EFI, with version and features', async () => {
    const nbp = await readNbp(memoryBlob(program(...ipxeTexts), 'ipxe_aa64.efi'));
    expect(nbp).toMatchObject({
      kind: 'efi',
      pe: { machine: 0xaa64 },
      ipxe: {
        isIpxe: true,
        version: '1.21.1+git20250501.dad20602+dfsg-1',
        buildName: 'ipxe.efi',
        features: ['EFI', 'HTTP', 'HTTPS', 'VLAN', 'gzip'],
      },
    });
  });

  test('the SBAT line has the last word on the version', async () => {
    const nbp = await readNbp(memoryBlob(program(...ipxeTexts, sbat), 'x'));
    expect(nbp).toMatchObject({ ipxe: { version: '2.0.0+ (g0ab2)', buildName: 'snponly.efi' } });
  });

  test('what lies across the pieces of the stream is found', async () => {
    const padding = Buffer.alloc(1024 * 1024 - bootFixture('program-aarch64.efi').length - 30);
    const bytes = Buffer.concat([bootFixture('program-aarch64.efi'), padding, program(...ipxeTexts)]);
    expect(await readNbp(memoryBlob(bytes, 'x'))).toMatchObject({
      ipxe: { isIpxe: true, buildName: 'ipxe.efi' },
    });
  });

  // GRUB and shim name iPXE at most once: the protocols and file names of PXE are not its marks.
  test.for(['no text', 'gEfiPxeBaseCodeProtocolGuid', '#!ipxe', 'GRUB version 2.06: see https://ipxe.org/'])(
    'an EFI program with %j is not iPXE',
    async (text) => {
      const nbp = await readNbp(memoryBlob(program(text), 'grubaa64.efi'));
      expect(nbp).toMatchObject({ kind: 'efi', ipxe: { isIpxe: false, features: [] } });
    },
  );

  // The first 52 bytes of Debian 13's undionly.kpxe, and its greeting at 0x434.
  const undionly =
    'ea0500c007669c6660 0fa8 0fa0 061e66684c5245542e8c166705 2e6689266305 8cc88ed8b840008ee08cc8030632048ed0 66bc';

  test('iPXE for BIOS, before and after it had a magic of its own', async () => {
    const start = Buffer.from(undionly.replaceAll(' ', ''), 'hex');
    const bytes = Buffer.concat([start, Buffer.alloc(1000), Buffer.from('PXE->EB:'), Buffer.alloc(100)]);
    expect(await readNbp(memoryBlob(bytes, 'undionly.kpxe'))).toEqual({ kind: 'bios-ipxe' });
    const recent = Buffer.concat([Buffer.from('ea0800c00764ae18', 'hex'), Buffer.alloc(100)]);
    expect(await readNbp(memoryBlob(recent, 'undionly.kpxe'))).toEqual({ kind: 'bios-ipxe' });
  });

  // The first 16 bytes of Debian 12's pxelinux.0 (syslinux 6.04).
  test('PXELINUX', async () => {
    const bytes = Buffer.concat([
      Buffer.from('ea247c00009090 90acc883291c000000'.replaceAll(' ', ''), 'hex'),
      Buffer.alloc(64),
    ]);
    expect(await readNbp(memoryBlob(bytes, 'pxelinux.0'))).toEqual({ kind: 'bios-pxelinux' });
  });

  test.for([
    ['<html>404</html>', 'html'],
    ['', 'empty'],
    ['\u00ea\u0005\0\u00c0\u0007 and nothing more', 'unknown'],
  ])('%j is no boot file', async ([text, content]) => {
    expect(await readNbp(memoryBlob(Buffer.from(text ?? '', 'latin1'), 'x'))).toEqual({
      kind: 'other',
      content,
    });
  });
});
