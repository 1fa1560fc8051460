import { isTruthy } from './capabilities.ts';
import type { IronicConfig, Setting } from './config.ts';
import { parseImageRef, type ImageRef } from './image-ref.ts';
import { isRedacted, redactedText } from './redaction.ts';
import type { NodeRecord } from './records.ts';
import { hasImagesByArch, reportsHalfPairs, type Release } from './release.ts';

/** One image of a pair set without the other: Ironic ignores it, and looks further for a pair. */
export interface HalfPair {
  /** `driver_info`, or the two `_by_arch` options at the node's architecture. */
  readonly where: 'driver_info' | 'by_arch';
  /** The field or option that is set, and the one that lacks. */
  readonly set: string;
  readonly lacks: string;
  readonly value: string;
}

export type DeployImages =
  | {
      readonly ok: true;
      readonly kernel?: ImageRef;
      readonly ramdisk?: ImageRef;
      /** `driver_info`, `deploy_kernel_by_arch[aarch64]`, or `[conductor]deploy_kernel`. */
      readonly because: string;
      /** The settings that the two come from, where they come from ironic.conf. */
      readonly settings: readonly Setting[];
      readonly halfPairs: readonly HalfPair[];
      /** What boot validation says is missing: `deploy_kernel`, `deploy_ramdisk`. */
      readonly missing: readonly string[];
    }
  /** The token may not see driver_info: nothing can be said. */
  | { readonly ok: false; readonly redacted: true; readonly problem: string }
  | {
      readonly ok: false;
      readonly redacted: false;
      readonly problem: string;
      readonly halfPairs: readonly HalfPair[];
    };

/**
 * The kernel and ramdisk with which Ironic boots its agent on a node. They are found as a pair: from driver_info, by
 * architecture, or for all nodes.
 * Source: ironic/drivers/utils.py (get_agent_kernel_ramdisk), pxe_utils.py (parse_driver_info), of each release.
 */
export function resolveDeployImages(
  node: NodeRecord,
  config: IronicConfig,
  release: Release = config.release,
  mode: 'deploy' | 'rescue' = 'deploy',
): DeployImages {
  const kernelName = `${mode}_kernel`;
  const ramdiskName = `${mode}_ramdisk`;
  const halfPairs: HalfPair[] = [];

  const redacted = redactedText(node.driver_info);
  if (redacted !== undefined) return hidden(`driver_info: ${redacted}`);
  const kernel = node.driver_info[kernelName];
  const ramdisk = node.driver_info[ramdiskName];
  if (isRedacted(kernel) || isRedacted(ramdisk)) return hidden(`driver_info: ${mode} images are masked`);
  if (isTruthy(kernel) && isTruthy(ramdisk)) return pair(kernel, ramdisk, 'driver_info', []);

  /** Notes half a pair; the release may be told to refuse it, in these words. */
  const refuses = (half: HalfPair, words: string): string | undefined => {
    halfPairs.push(half);
    if (!reportsHalfPairs(release)) return undefined;
    const reading = config.boolean('conductor', 'error_on_ramdisk_config_inconsistency');
    if (!reading.ok) return reading.problem;
    const advice = `This configuration is ambiguous. Node ${node.uuid} cannot boot a ramdisk.`;
    return reading.value === true ? `${words}. ${advice}` : undefined;
  };

  if (isTruthy(kernel) || isTruthy(ramdisk)) {
    const [set, lacks] = isTruthy(kernel) ? [kernelName, ramdiskName] : [ramdiskName, kernelName];
    const problem = refuses(
      { where: 'driver_info', set, lacks, value: String(node.driver_info[set]) },
      `Node ${node.uuid} driver_info has an override for ${set}, but not for ${lacks}`,
    );
    if (problem !== undefined) return { ok: false, redacted: false, problem, halfPairs };
  }

  if (hasImagesByArch(release)) {
    const [kernelOption, ramdiskOption] = [`${kernelName}_by_arch`, `${ramdiskName}_by_arch`];
    const kernels = config.dict('conductor', kernelOption);
    const ramdisks = config.dict('conductor', ramdiskOption);
    for (const [name, reading] of [
      [kernelOption, kernels],
      [ramdiskOption, ramdisks],
    ] as const) {
      if (!reading.ok) {
        return { ok: false, redacted: false, problem: `[conductor]${name}: ${reading.problem}`, halfPairs };
      }
    }
    const arch = node.properties.cpu_arch;
    if (kernels.ok && ramdisks.ok && typeof arch === 'string' && arch !== '') {
      const [kernel, ramdisk] = [kernels.value?.get(arch), ramdisks.value?.get(arch)];
      if (isTruthy(kernel) && isTruthy(ramdisk)) {
        return pair(kernel, ramdisk, `${kernelOption}[${arch}]`, [kernels.setting, ramdisks.setting]);
      }
      if (isTruthy(kernel) || isTruthy(ramdisk)) {
        const [set, lacks] = isTruthy(kernel) ? [kernelOption, ramdiskOption] : [ramdiskOption, kernelOption];
        const problem = refuses(
          { where: 'by_arch', set, lacks, value: String(isTruthy(kernel) ? kernel : ramdisk) },
          `CONF.conductor.${set} has a value for ${arch} servers, but doesn't have one in CONF.conductor.${lacks}`,
        );
        if (problem !== undefined) return { ok: false, redacted: false, problem, halfPairs };
      }
    }
  }

  const kernelForAll = config.string('conductor', kernelName);
  const ramdiskForAll = config.string('conductor', ramdiskName);
  if (!kernelForAll.ok) return unreadable(kernelName, kernelForAll.problem);
  if (!ramdiskForAll.ok) return unreadable(ramdiskName, ramdiskForAll.problem);
  return pair(kernelForAll.value, ramdiskForAll.value, `[conductor]${kernelName}`, [
    kernelForAll.setting,
    ramdiskForAll.setting,
  ]);

  function pair(
    kernel: unknown,
    ramdisk: unknown,
    because: string,
    settings: readonly (Setting | undefined)[],
  ): DeployImages {
    return {
      ok: true,
      ...(isTruthy(kernel) ? { kernel: parseImageRef(kernel) } : {}),
      ...(isTruthy(ramdisk) ? { ramdisk: parseImageRef(ramdisk) } : {}),
      because,
      settings: settings.filter((setting) => setting !== undefined),
      halfPairs,
      missing: [...(isTruthy(kernel) ? [] : [kernelName]), ...(isTruthy(ramdisk) ? [] : [ramdiskName])],
    };
  }

  function unreadable(name: string, problem: string): DeployImages {
    return { ok: false, redacted: false, problem: `[conductor]${name}: ${problem}`, halfPairs };
  }
}

function hidden(problem: string): DeployImages {
  return { ok: false, redacted: true, problem };
}
