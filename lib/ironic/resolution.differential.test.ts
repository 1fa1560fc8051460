import { isDeepStrictEqual } from 'node:util';
import { expect, test } from 'vitest';
import { askPython, Choices } from '../../fixtures/ironic/oracle.ts';
import { ironicOf, suites } from '../../fixtures/ironic/suites.ts';
import { bootFileName } from './boot-file.ts';
import { resolveBootMode } from './boot-mode.ts';
import { instanceCapabilitiesOf, invalidCapabilities, capabilitiesOf } from './capabilities.ts';
import { ironicConfig, type IronicConfig } from './config.ts';
import { resolveDeployImages } from './deploy-images.ts';
import type { ImageRef } from './image-ref.ts';
import type { NodeRecord } from './records.ts';
import { hasCompositeBootfileKeys } from './release.ts';

/**
 * Generated nodes and configurations, resolved by us and by the functions of Ironic itself, of several releases: the
 * same boot mode, boot files and deploy images, or the same refusal.
 */
const configurations = 150;
const nodesEach = 20;

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

const set = (values: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

function makeNode(choose: Choices): NodeRecord {
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
  // Python 3.14 says more of it.
  const theirs = told.problem.replace(/^cannot use '\w+' as a dict key \((.*)\)$/, '$1');
  return problem === theirs || problem.endsWith(`: ${theirs}`);
}

type Ours = { ok: true; value: unknown } | { ok: false; problem: string };

function agree(ours: Ours, told: Told | undefined): boolean {
  return ours.ok ? isDeepStrictEqual(told, ours) : sameRefusal(ours.problem, told);
}

const kind = (ref: ImageRef | undefined): string | null => ref?.kind ?? null;

function images(node: NodeRecord, config: IronicConfig, mode: 'deploy' | 'rescue'): Ours {
  const resolved = resolveDeployImages(node, config, config.release, mode);
  if (!resolved.ok) return resolved;
  return { ok: true, value: [kind(resolved.kernel), kind(resolved.ramdisk)] };
}

function bootMode(node: NodeRecord, config: IronicConfig): Ours {
  const resolved = resolveBootMode(node, config);
  return resolved.ok ? { ok: true, value: resolved.mode } : resolved;
}

function bootFile(node: NodeRecord, config: IronicConfig, ipxe: boolean): Ours {
  const composite = hasCompositeBootfileKeys(config.release) === true;
  const resolved = bootFileName(node, config, ipxe, composite);
  return resolved.ok ? { ok: true, value: resolved.name } : resolved;
}

/** Whether boot validation has nothing against the capabilities. */
function areValid(node: NodeRecord): boolean {
  if (!instanceCapabilitiesOf(node).ok || capabilitiesOf(node).wrongType !== undefined) return false;
  return invalidCapabilities(node).length === 0;
}

/** Of Ironic's answer only what each reference is taken for; an unset one is null whatever stands for it. */
function kinds(told: Told | undefined): Told | undefined {
  if (told?.ok !== true) return told;
  return { ok: true, value: (told.value as [unknown, string | null][]).map(([, kind]) => kind) };
}

test.for(suites)(
  'boot mode, boot files and deploy images as the Ironic of Debian %s resolves them',
  { timeout: 600_000 },
  (suite, context) => {
    const { python, version, release } = ironicOf(suite, context);
    const choose = new Choices(2144);
    const cases = choose.some(configurations, () => ({
      conf: makeConf(choose),
      nodes: choose.some(nodesEach, () => makeNode(choose)),
    }));
    const answers = askPython('ironic_oracle.py', cases, python) as Answer[][];
    expect(answers).toHaveLength(configurations);

    const seen = { nodes: 0, resolved: 0, refused: 0 };
    const differences: unknown[] = [];
    for (const [index, { conf, nodes }] of cases.entries()) {
      const config = ironicConfig([{ text: conf, origin: 'ironic.conf' }], {}, release);
      for (const [at, node] of nodes.entries()) {
        const told = answers[index]?.[at];
        const ours: Record<string, Ours> = {
          bootMode: bootMode(node, config),
          ipxe: bootFile(node, config, true),
          pxe: bootFile(node, config, false),
          deploy: images(node, config, 'deploy'),
          rescue: images(node, config, 'rescue'),
        };
        const theirs = { ...told, deploy: kinds(told?.deploy), rescue: kinds(told?.rescue) };
        for (const [rule, answer] of Object.entries(ours)) {
          const answered = theirs[rule as keyof typeof theirs];
          if (!agree(answer, answered)) differences.push({ rule, answer, answered, conf, node });
          seen[answer.ok ? 'resolved' : 'refused']++;
        }
        if (told?.validate.ok !== areValid(node))
          differences.push({ rule: 'validate', told: told?.validate, node });
        seen.nodes++;
      }
    }
    console.info(`Ironic ${version}`, seen);
    expect(differences.slice(0, 3)).toEqual([]);
    expect(seen.nodes).toBe(configurations * nodesEach);
  },
);
