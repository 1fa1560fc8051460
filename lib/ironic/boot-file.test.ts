import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bootFileName, resolveBootFile } from './boot-file.ts';
import { resolveBootMode } from './boot-mode.ts';
import { ironicConfig, type IronicConfig } from './config.ts';
import type { NodeRecord } from './records.ts';
import { releaseOf } from './release.ts';

const fixtures = new URL('../../fixtures/ironic/', import.meta.url);

function makeNode(overrides: Partial<NodeRecord> = {}): NodeRecord {
  return {
    uuid: 'u',
    name: 'arm-1',
    driver: 'ipmi',
    properties: { cpu_arch: 'aarch64', capabilities: 'boot_mode:uefi' },
    driver_info: {},
    instance_info: {},
    driver_internal_info: {},
    provision_state: 'available',
    maintenance: false,
    boot_interface: 'ipxe',
    ...overrides,
  };
}

function conf(text: string, version = '21.4.4'): IronicConfig {
  return ironicConfig([{ text, origin: 'ironic.conf' }], {}, releaseOf(version));
}

interface Recorded {
  cpu_arch: string | null;
  capabilities: string | null;
  instance_boot_mode: string | null;
  ipxe_bootfile: string;
  pxe_bootfile: string;
  boot_mode: string;
}

/** An answer in the recording's form. */
const told = (
  answer: { ok: true; name?: string; mode?: string } | { ok: false; problem: string },
  error: string,
): string | undefined => (answer.ok ? (answer.name ?? answer.mode) : `ERROR ${error}${answer.problem}`);

describe("Ironic 21.4.4's own answers", () => {
  const recorded = JSON.parse(readFileSync(new URL('oracle-bootfile.json', fixtures), 'utf8')) as Recorded[];
  const config = conf(readFileSync(new URL('oracle-ironic.conf', fixtures), 'utf8'));
  test('there are 126', () => {
    expect(recorded).toHaveLength(126);
  });

  test.each(recorded)('$cpu_arch, $capabilities, instance $instance_boot_mode', (row) => {
    const node = makeNode({
      properties: {
        ...(row.cpu_arch === null ? {} : { cpu_arch: row.cpu_arch }),
        ...(row.capabilities === null ? {} : { capabilities: row.capabilities }),
      },
      instance_info:
        row.instance_boot_mode === null ? {} : { capabilities: { boot_mode: row.instance_boot_mode } },
    });
    const raised = 'InvalidParameterValue: ';
    expect({
      ipxe: told(bootFileName(node, config, true, false), raised),
      pxe: told(bootFileName(node, config, false, false), raised),
      mode: told(resolveBootMode(node, config), ''),
    }).toEqual({ ipxe: row.ipxe_bootfile, pxe: row.pxe_bootfile, mode: row.boot_mode });
  });
});

describe('the boot file', () => {
  const mapped = '[pxe]\nipxe_bootfile_name_by_arch = aarch64:ipxe_aa64.efi';

  test('by architecture, with the setting that says so', () => {
    expect(resolveBootFile(makeNode(), conf(mapped))).toMatchObject({
      ok: true,
      name: 'ipxe_aa64.efi',
      because: 'ipxe_bootfile_name_by_arch[aarch64]',
      setting: { origin: 'ironic.conf', line: 2 },
      ipxe: true,
    });
  });

  test('falls back to the x86 default without a word', () => {
    expect(resolveBootFile(makeNode(), conf(''))).toMatchObject({
      ok: true,
      name: 'snponly.efi',
      because: 'uefi_ipxe_bootfile_name',
    });
    for (const arch of ['arm64', 'AArch64', '', null]) {
      const node = makeNode({ properties: { cpu_arch: arch, capabilities: 'boot_mode:uefi' } });
      expect(resolveBootFile(node, conf(mapped))).toMatchObject({ name: 'snponly.efi' });
    }
  });

  test('of the other family of options when the interface is pxe', () => {
    expect(resolveBootFile(makeNode({ boot_interface: 'pxe' }), conf(mapped))).toMatchObject({
      name: 'bootx64.efi',
      because: 'uefi_pxe_bootfile_name',
      ipxe: false,
    });
  });

  test('may be empty, which is no fallback', () => {
    expect(resolveBootFile(makeNode(), conf('[pxe]\nipxe_bootfile_name_by_arch = aarch64:'))).toMatchObject({
      ok: true,
      name: '',
    });
    expect(resolveBootFile(makeNode(), conf('[pxe]\nuefi_ipxe_bootfile_name ='))).toMatchObject({
      ok: true,
      name: '',
      because: 'uefi_ipxe_bootfile_name',
    });
  });

  test('ignores the boot mode where the architecture is mapped', () => {
    const node = makeNode({ properties: { cpu_arch: 'x86_64', capabilities: 'boot_mode:bios' } });
    expect(resolveBootFile(node, conf('[pxe]\nipxe_bootfile_name_by_arch = x86_64:ipxe.efi'))).toMatchObject({
      name: 'ipxe.efi',
    });
  });

  test('cannot be had for any iPXE node while the mapping is broken', () => {
    expect(resolveBootFile(makeNode(), conf(`${mapped},`))).toEqual({
      ok: false,
      problem: '[pxe]ipxe_bootfile_name_by_arch: Value should be NAME:VALUE pairs separated by ","',
    });
  });

  test('comes from composite keys only in releases that have them', () => {
    const text = '[pxe]\nipxe_bootfile_name_by_arch = aarch64-uefi:arm.efi';
    expect(resolveBootFile(makeNode(), conf(text, '24.1.5'))).toMatchObject({ name: 'snponly.efi' });
    expect(resolveBootFile(makeNode(), conf(text, '29.0.5'))).toMatchObject({ name: 'snponly.efi' });
    expect(resolveBootFile(makeNode(), conf(text, '29.0.6'))).toMatchObject({
      name: 'arm.efi',
      because: 'ipxe_bootfile_name_by_arch[aarch64-uefi]',
      bootMode: { mode: 'uefi' },
    });
    expect(resolveBootFile(makeNode(), conf(text, '1.96'))).toMatchObject({
      name: 'snponly.efi',
      otherwise: { name: 'arm.efi' },
    });
    expect(resolveBootFile(makeNode(), conf(mapped, '1.96'))).not.toHaveProperty('otherwise');
  });

  test('is limited to 64 characters from 24.1, alone and in its URLs', () => {
    const exact = 'x'.repeat(64);
    const config = (name: string, version: string): IronicConfig =>
      conf(`[pxe]\ntftp_server = h\nipxe_bootfile_name_by_arch = aarch64:${name}`, version);
    expect(resolveBootFile(makeNode(), config(`${exact}x`, '2023.1'))).not.toHaveProperty('tooLong');
    expect(resolveBootFile(makeNode(), config(`${exact}x`, '2024.1'))).toMatchObject({
      tooLong: `${exact}x`,
    });
    // tftp://h/ is 9 characters, and is what DHCPv6 is given beside.
    expect(resolveBootFile(makeNode(), config('x'.repeat(55), '2024.1'))).not.toHaveProperty('tooLong');
    expect(resolveBootFile(makeNode(), config('x'.repeat(56), '2024.1'))).toHaveProperty('tooLong');

    const url = `http://${'h'.repeat(43)}/x`;
    const http = conf(`[deploy]\nhttp_url = ${url}\n${mapped}`, '2024.1');
    expect(resolveBootFile(makeNode({ boot_interface: 'http-ipxe' }), http)).toMatchObject({
      url: `${url}/ipxe_aa64.efi`,
      tooLong: `${url}/ipxe_aa64.efi`,
      network: { transport: 'http', loaderRoot: 'http_root' },
    });
  });

  test('is none for virtual media', () => {
    expect(resolveBootFile(makeNode({ boot_interface: 'redfish-virtual-media' }), conf(''))).toEqual({
      ok: true,
      name: undefined,
      because: 'redfish-virtual-media does not boot by PXE',
      ipxe: false,
    });
  });
});

const problem = (overrides: Partial<NodeRecord>): unknown => {
  const resolved = resolveBootMode(makeNode(overrides), conf(''));
  return resolved.ok ? resolved.mode : resolved.problem;
};

describe('the boot mode', () => {
  const bios = '[deploy]\ndefault_boot_mode = bios';

  test('of a node that says nothing is what ironic.conf says, and uefi by default', () => {
    const node = makeNode({ properties: { cpu_arch: 'aarch64' } });
    expect(resolveBootMode(node, conf(''))).toEqual({
      ok: true,
      mode: 'uefi',
      because: '[deploy]default_boot_mode',
    });
    expect(resolveBootMode(node, conf(bios))).toMatchObject({ mode: 'bios', setting: { line: 2 } });
    const redacted = '** Redacted - Requires baremetal:node:get:driver_internal_info permission. **';
    expect(
      resolveBootMode({ ...node, driver_internal_info: { content: redacted } }, conf(bios)),
    ).toMatchObject({ mode: 'bios', hidden: 'driver_internal_info' });
  });

  test.each([
    ['boot_mode=uefi', 'bios'],
    ['boot_mode:uefi:x', 'bios'],
    ['boot_mode:uefi', 'uefi'],
    ['boot_mode:UEFI', 'uefi'],
    [' boot_mode : uefi ', 'uefi'],
    ['boot_mode:bios,boot_mode:uefi', 'bios'],
  ])('of capabilities %j', (capabilities, mode) => {
    expect(resolveBootMode(makeNode({ properties: { capabilities } }), conf(bios))).toMatchObject({ mode });
  });

  test('is uefi with secure boot, against all else', () => {
    const node = makeNode({
      properties: { capabilities: 'boot_mode:bios' },
      instance_info: { capabilities: '{"secure_boot": "True"}' },
    });
    expect(resolveBootMode(node, conf(bios))).toMatchObject({
      mode: 'uefi',
      because: 'instance_info.capabilities secure_boot',
    });
  });

  test('cannot be had where Python would fail', () => {
    expect(problem({ properties: { capabilities: { boot_mode: 'uefi' } } })).toBe(
      "properties.capabilities: AttributeError: 'dict' object has no attribute 'split'",
    );
    expect(problem({ instance_info: { capabilities: 'boot_mode:uefi' } })).toBe(
      'Error parsing capabilities from Node u instance_info field. A dictionary or a "jsonified" dictionary is expected.',
    );
    expect(problem({ instance_info: { capabilities: { boot_mode: 'bios' } } })).toBe(
      'Node u boot mode bios violates node properties/capabilities uefi',
    );
  });

  test('has nothing to do with what the BMC reports', () => {
    expect(resolveBootMode(makeNode({ boot_mode: 'bios' }), conf(''))).toMatchObject({ mode: 'uefi' });
  });
});
