import { expect, test } from 'vitest';
import { askPython, Choices } from '../../fixtures/ironic/oracle.ts';
import { bootFileName } from './boot-file.ts';
import { resolveBootMode } from './boot-mode.ts';
import { instanceCapabilitiesOf, invalidCapabilities, capabilitiesOf } from './capabilities.ts';
import { ironicConfig, type IronicConfig } from './config.ts';
import { resolveDeployImages } from './deploy-images.ts';
import type { ImageRef } from './image-ref.ts';
import type { NodeRecord } from './records.ts';
import { newestRelease, releaseOf } from './release.ts';

/**
 * Generated nodes and configurations, resolved by us and by the functions of the installed Ironic (21.4.4): the same
 * boot mode, boot files and deploy images, or the same refusal.
 */
const configurations = 150;
const nodesEach = 20;
const release = releaseOf('21.4.4') ?? newestRelease;

type Told = { ok: true; value: unknown } | { ok: false; problem: string; error: string };
type Answer = Record<'bootMode' | 'ipxe' | 'pxe' | 'validate' | 'deploy' | 'rescue', Told>;

const archs = ['x86_64', 'aarch64', 'arm64', 'AARCH64', '', 'ppc64le', null, undefined, 5, [], {}] as const;
const capabilities = [
  'boot_mode:uefi',
  'boot_mode:bios',
  'boot_mode:UEFI',
  'boot_mode: uefi ',
  'boot_mode=uefi',
  'boot_mode:uefi:x',
  'boot_option:local,boot_mode:bios',
  'boot_mode:bios,boot_mode:uefi',
  'boot_mode: ,disk_label:gpt',
  'secure_boot:true',
  'disk_label:mbr,',
  '',
  null,
  undefined,
  { boot_mode: 'uefi' },
  ['boot_mode:uefi'],
  7,
] as const;
const instances = [
  undefined,
  undefined,
  undefined,
  {},
  { boot_mode: 'uefi' },
  { boot_mode: 'bios' },
  { boot_mode: 'Uefi' },
  { boot_mode: 3 },
  { secure_boot: 'True' },
  { secure_boot: true },
  { secure_boot: 'false', boot_mode: '' },
  '{"boot_mode": "uefi"}',
  'boot_mode:uefi',
  '[1]',
  [],
  null,
] as const;
const references = [
  undefined,
  '',
  null,
  'c8f9814f-23d0-4877-9490-50f7b7240440',
  'C8F9814F23D04877949050F7B7240440',
  '{c8f9814f-23d0-4877-9490-50f7b7240440}',
  'glance://c8f9814f-23d0-4877-9490-50f7b7240440',
  'GLANCE://c8f9814f-23d0-4877-9490-50f7b7240440',
  'glance://ipa-kernel',
  'ipa-kernel',
  'ipa:kernel',
  'http://10.0.0.1/ipa.kernel',
  'HTTPS://10.0.0.1/ipa.kernel',
  'file:///httpboot/ipa.kernel',
  'ftp://10.0.0.1/x',
  '1http://x',
] as const;
const mappings = [
  'aarch64:ipxe_aa64.efi',
  'aarch64:',
  'x86_64:ipxe.efi,aarch64:"quoted.efi"',
  'aarch64-uefi:never.efi',
  "{'aarch64': 'ipxe_aa64.efi'}",
  'aarch64:x,',
  'aarch64',
  'aarch64:a,aarch64:b',
  '5:five',
] as const;

function makeConf(choose: Choices): string {
  const lines: string[] = [];
  const maybe = (percent: number, line: string): void => {
    if (choose.chance(percent)) lines.push(line);
  };
  lines.push(choose.of(['[pxe]', '[PXE]']));
  maybe(60, `ipxe_bootfile_name_by_arch = ${choose.of(mappings)}`);
  maybe(60, `pxe_bootfile_name_by_arch: ${choose.of(mappings)}`);
  maybe(30, `uefi_ipxe_bootfile_name =${choose.of([' ipxe.efi', '', ' $pxe_bootfile_name', ' $nosuch'])}`);
  maybe(30, 'ipxe_bootfile_name = undionly.0');
  lines.push('[deploy]');
  maybe(40, `default_boot_mode = ${choose.of(['bios', 'uefi', 'BIOS'])}`);
  lines.push('[conductor]');
  maybe(
    50,
    `deploy_kernel = ${choose.of(['http://h/k', '', 'c8f9814f-23d0-4877-9490-50f7b7240440', 'name'])}`,
  );
  maybe(50, `deploy_ramdisk = ${choose.of(['http://h/r', '', 'name'])}`);
  maybe(30, 'deploy_kernel_by_arch = aarch64:http://h/ka');
  maybe(30, 'deploy_ramdisk_by_arch = aarch64:http://h/ra');
  maybe(30, 'rescue_kernel = http://h/rk');
  return `${lines.join('\n')}\n`;
}

function makeNode(choose: Choices): NodeRecord {
  const set = (values: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  return {
    uuid: 'u',
    name: null,
    driver: 'ipmi',
    provision_state: null,
    maintenance: false,
    properties: set({
      cpu_arch: choose.chance(50) ? 'aarch64' : choose.of(archs),
      capabilities: choose.chance(50) ? 'boot_mode:uefi' : choose.of(capabilities),
    }),
    driver_info: set({
      deploy_kernel: choose.of(references),
      deploy_ramdisk: choose.of(references),
      rescue_kernel: choose.of(references),
      rescue_ramdisk: choose.of(references),
    }),
    instance_info: set({
      capabilities: choose.chance(60) ? undefined : choose.of(instances),
      deploy_boot_mode: choose.chance(15) ? choose.of(['uefi', 'bios', '']) : undefined,
    }),
    driver_internal_info: set({
      deploy_boot_mode: choose.chance(15) ? choose.of(['uefi', 'bios']) : undefined,
    }),
  };
}

/** A refusal in Ironic's words, without the field or option that we put before them. */
function sameRefusal(problem: string, told: Told | undefined): boolean {
  if (told?.ok !== false) return false;
  return problem === told.problem || problem.endsWith(`: ${told.problem}`);
}

function compare(
  ours: { ok: true; value: unknown } | { ok: false; problem: string },
  told: Told | undefined,
  about: string,
): void {
  if (ours.ok) expect(told, about).toEqual(ours);
  else
    expect(sameRefusal(ours.problem, told), `${about}: ${ours.problem} / ${JSON.stringify(told)}`).toBe(true);
}

function images(
  node: NodeRecord,
  config: IronicConfig,
  mode: 'deploy' | 'rescue',
): Parameters<typeof compare>[0] {
  const resolved = resolveDeployImages(node, config, release, mode);
  if (!resolved.ok) return resolved;
  const kind = (ref: ImageRef | undefined): string | null => ref?.kind ?? null;
  return { ok: true, value: [kind(resolved.kernel), kind(resolved.ramdisk)] };
}

/** Of Ironic's answer only what each reference is taken for; an unset one is null whatever stands for it. */
function kinds(told: Told | undefined): Told | undefined {
  if (told?.ok !== true) return told;
  return { ok: true, value: (told.value as [unknown, string | null][]).map(([, kind]) => kind) };
}

test('boot mode, boot files and deploy images as Ironic 21.4.4 resolves them', { timeout: 600_000 }, () => {
  const choose = new Choices(2144);
  const cases = choose.some(configurations, () => ({
    conf: makeConf(choose),
    nodes: choose.some(nodesEach, () => makeNode(choose)),
  }));
  const answers = askPython('ironic_oracle.py', cases) as Answer[][];
  expect(answers).toHaveLength(configurations);

  const seen = { nodes: 0, resolved: 0, refused: 0 };
  for (const [index, { conf, nodes }] of cases.entries()) {
    const config = ironicConfig([{ text: conf, origin: 'ironic.conf' }], {}, release);
    for (const [at, node] of nodes.entries()) {
      const told = answers[index]?.[at];
      const about = JSON.stringify({ conf, node });
      const mode = resolveBootMode(node, config);
      compare(mode.ok ? { ok: true, value: mode.mode } : mode, told?.bootMode, about);
      for (const family of ['ipxe', 'pxe'] as const) {
        const file = bootFileName(node, config, family === 'ipxe', false);
        compare(file.ok ? { ok: true, value: file.name } : file, told?.[family], about);
        seen[file.ok ? 'resolved' : 'refused']++;
      }
      compare(images(node, config, 'deploy'), kinds(told?.deploy), about);
      compare(images(node, config, 'rescue'), kinds(told?.rescue), about);
      const instance = instanceCapabilitiesOf(node);
      const accepted =
        instance.ok && capabilitiesOf(node).wrongType === undefined && invalidCapabilities(node).length === 0;
      expect(told?.validate.ok, about).toBe(accepted);
      seen.nodes++;
    }
  }
  console.info('Ironic 21.4.4', seen);
  expect(seen.nodes).toBe(configurations * nodesEach);
});
