import { UsageError } from './errors.ts';
import { didYouMean } from './suggest.ts';

/**
 * Refuses options that npm kept for itself: without `--` before them they never reach the program.
 * @param command what to type, up to the options: `npm test --`
 * @throws UsageError naming the option and what to type
 */
export function refuseSwallowed(
  names: readonly string[],
  environment: NodeJS.ProcessEnv,
  command: string,
): void {
  for (const name of names) {
    if (environment[`npm_config_${name.replaceAll('-', '_')}`] !== undefined) {
      throw new UsageError(`--${name} was taken by npm; put "--" before it: ${command} --${name} …`);
    }
  }
}

/**
 * What is wrong with a command line, from the error that `parseArgs` throws.
 * @param options the names of those that there are
 * @param advice what to do with a word that belongs to no option
 */
export function explainCommandLine(
  error: unknown,
  options: readonly string[],
  advice?: (word: string) => string,
): string {
  const { code, message } = error as { code?: string; message: string };
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const names = options.map((name) => `--${name}`);
    const option = /'(-[^'\s]*)/.exec(message)?.[1] ?? 'option';
    const near = didYouMean(option, names) || `; the options are ${names.join(', ')}`;
    return `unknown option ${JSON.stringify(option)}${near}`;
  }
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL' && advice !== undefined) {
    const word = /'([^']*)'/.exec(message)?.[1] ?? '';
    return `unexpected argument ${JSON.stringify(word)}; ${advice(word)}`;
  }
  return message.replace(/\. To specify.*$/s, '').replace(/\.$/, '');
}
