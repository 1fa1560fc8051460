import { constants, gunzipSync } from 'node:zlib';
import { readBzImageHeader } from '../boot/bzimage.ts';
import { contentNames, recogniseContent } from '../boot/content.ts';
import { readElf } from '../boot/elf.ts';
import { readKernelImageHeader } from '../boot/kernel-image.ts';
import { readPe } from '../boot/pe.ts';
import type { FileSystem } from '../fs/filesystem.ts';
import { type InstalledKernel, readKernels } from '../guest/kernels.ts';
import type { InitramfsInspection } from './initramfs.ts';
import { type ModuleCounts, modulesListed } from './modules.ts';
import { type Read, attempt } from './read.ts';

/** A kernel in /boot, by its first kilobytes: it is neither unpacked nor read to its end. */
export interface BootKernelFacts {
  readonly path: string;
  readonly sizeInBytes: number;
  readonly form: string;
  /** Absent where its header does not say. */
  readonly architecture?: string;
  readonly release: string;
  /** Whether the release is the one in its header, or only the one in its name. */
  readonly releaseFrom: 'header' | 'name';
  readonly rescue: boolean;
  readonly initrds: readonly InitrdFacts[];
  /** The folder of its modules. */
  readonly modules?: string;
  /** What depmod has listed there. */
  readonly modulesListed?: Read<ModuleCounts>;
}

export interface InitrdFacts {
  readonly path: string;
  readonly sizeInBytes: number;
  /** What is in it, of the one that is unpacked: the one that is loaded when nobody chooses. */
  readonly content?: InitramfsInspection['initramfs'];
}

interface HeaderFacts {
  readonly form: string;
  readonly architecture?: string;
  readonly release?: string;
}

/** An initrd of an operating system; a larger one is left packed. */
const maximumInitrdInBytes = 512 * 1024 * 1024;

/**
 * The kernels that a guest can boot.
 * @param loaded the initrd to unpack; that of the newest kernel where it is not known
 */
export async function bootKernels(fs: FileSystem, loaded?: string): Promise<BootKernelFacts[]> {
  const installed = await readKernels(fs);
  const unpacked = loaded ?? installed.findLast(({ rescue }) => !rescue)?.initrds[0]?.path;
  const kernels: BootKernelFacts[] = [];
  for (const kernel of installed) {
    const { release, ...header } = await headerFacts(fs, kernel);
    const { path, sizeInBytes, version, rescue, modules } = kernel;
    const initrds: InitrdFacts[] = [];
    for (const initrd of kernel.initrds) {
      const isUnpacked = initrd.path === unpacked && initrd.sizeInBytes <= maximumInitrdInBytes;
      initrds.push({ ...initrd, ...(isUnpacked && { content: await contentOf(fs, initrd.path) }) });
    }
    kernels.push({
      path,
      sizeInBytes,
      ...header,
      release: release ?? version,
      releaseFrom: release === undefined ? 'name' : 'header',
      rescue,
      initrds,
      ...(modules !== undefined && {
        modules,
        modulesListed: await attempt(
          () => modulesListed(fs, modules),
          'not listed: there is no modules.dep, so modprobe finds none',
        ),
      }),
    });
  }
  return kernels;
}

async function contentOf(fs: FileSystem, path: string): Promise<InitramfsInspection['initramfs']> {
  const { inspectInitramfs } = await import('./initramfs.ts');
  const blob = await attempt(() => fs.open(path));
  return 'value' in blob ? (await inspectInitramfs(blob.value)).initramfs : blob;
}

async function headerFacts(
  fs: FileSystem,
  { path, head, sizeInBytes }: InstalledKernel,
): Promise<HeaderFacts> {
  const bzImage = readBzImageHeader(head);
  if (bzImage !== undefined) {
    const release = await textAt(fs, path, bzImage.releaseOffset);
    return {
      form: 'x86 bzImage',
      architecture: bzImage.is64Bit ? 'x86_64' : 'i686',
      ...(release !== undefined && { release }),
    };
  }
  const image = readKernelImageHeader(head);
  if (image !== undefined) return { form: image.name, architecture: image.architecture.name };
  const content = recogniseContent(head, sizeInBytes);
  if (content === 'gzip') {
    const inside = readKernelImageHeader(startOfGzip(head));
    return inside === undefined
      ? { form: contentNames.gzip }
      : { form: `gzip-compressed ${inside.name}`, architecture: inside.architecture.name };
  }
  if (content === 'zboot' || content === 'pe') {
    const { architecture } = await readPe(await fs.open(path));
    const form = content === 'zboot' ? 'EFI zboot' : contentNames.pe;
    return { form, ...(architecture !== undefined && { architecture: architecture.name }) };
  }
  const elf = readElf(head);
  return {
    form: elf === undefined ? contentNames[content] : 'ELF vmlinux',
    ...(elf?.architecture !== undefined && { architecture: elf.architecture.name }),
  };
}

/** What a gzip file of which only the first bytes are at hand unpacks to at its start. */
function startOfGzip(head: Buffer): Buffer {
  try {
    const options = { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 8 * 1024 * 1024 };
    return gunzipSync(head, options);
  } catch {
    return Buffer.alloc(0); // damaged at its very start: told as gzip data, and no more
  }
}

async function textAt(fs: FileSystem, path: string, offset: number | undefined): Promise<string | undefined> {
  const blob = await fs.open(path);
  if (offset === undefined || offset >= blob.sizeInBytes) return undefined;
  const bytes = await blob.read(offset, Math.min(128, blob.sizeInBytes - offset));
  return /^[!-~]+/.exec(bytes.toString('latin1'))?.[0];
}
