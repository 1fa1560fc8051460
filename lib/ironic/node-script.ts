import { FormatError } from '../errors.ts';

/** The iPXE script that Ironic renders for a node, as far as the node's next boot depends on it. */
export interface NodeScript {
  /** The section that it goes to: `deploy`, `boot_whole_disk`, … */
  readonly section: string;
  readonly kernel: string | undefined;
  /** The kernel's command line. */
  readonly arguments: readonly string[];
  readonly initrds: readonly string[];
}

const maximumLines = 2000;

/** Whether a text is an iPXE script. Source: iPXE, image/script.c */
export function isIpxeScript(text: string): boolean {
  return /^#!ipxe(?=\s|$)/.test(text);
}

/**
 * Reads the commands `kernel` and `initrd` of the section that a script goes to first. It is not evaluated: what
 * Ironic renders names plain URLs there.
 * Source: ironic/drivers/modules/ipxe_config.template
 * @throws FormatError for a text that is no iPXE script
 */
export function readNodeScript(text: string, origin: string): NodeScript {
  if (!isIpxeScript(text)) {
    throw new FormatError(
      `${origin}: not an iPXE script: it begins with ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  const lines = text.split(/\r?\n/);
  if (lines.length > maximumLines) {
    throw new FormatError(`${origin}: ${lines.length} lines, more than the ${maximumLines} of a boot script`);
  }
  const commands = lines.map((line) => line.trim().split(/\s+/));
  const [, section = ''] = commands.find(([word]) => word === 'goto') ?? [];
  const start = section === '' ? 0 : commands.findIndex(([word]) => word === `:${section}`) + 1;
  if (section !== '' && start === 0)
    throw new FormatError(`${origin}: goes to ${section}, which is not in it`);
  const rest = commands.slice(start);
  const end = rest.findIndex(([word = '']) => word === 'boot' || word.startsWith(':'));
  const own = end < 0 ? rest : rest.slice(0, end);
  const [kernel, ...given] = operandsOf(own.find(([word]) => word === 'kernel') ?? []);
  const initrds = own.flatMap((words) => (words[0] === 'initrd' ? operandsOf(words).slice(0, 1) : []));
  return { section, kernel, arguments: given, initrds };
}

/** What follows a command and its options, up to `||` and the like. */
function operandsOf([, ...words]: readonly string[]): string[] {
  const end = words.findIndex((word) => word === '||' || word === '&&' || word === ';');
  const own = end < 0 ? words : words.slice(0, end);
  let at = 0;
  // `--timeout 60` and `--name x` take a value, `--timeout=60` has its own.
  while (own[at]?.startsWith('-') === true) at += own[at]?.includes('=') === true ? 1 : 2;
  return own.slice(at);
}
