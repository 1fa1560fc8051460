import { styleText } from 'node:util';
import type { Status } from '../result.ts';

/** How a status looks; the symbols differ, so that nothing is said by colour alone. */
export const symbols: Readonly<Record<Status, string>> = {
  pass: '✓',
  'not applicable': '–',
  'not verified': '?',
  warning: '!',
  fail: '✗',
  error: 'E',
};

export type Format = Parameters<typeof styleText>[0];

export const colours: Readonly<Record<Status, Format>> = {
  pass: 'green',
  'not applicable': 'gray',
  'not verified': 'cyan',
  warning: 'yellow',
  fail: 'red',
  error: 'magenta',
};

/** Puts a format on a text, or leaves the text alone. */
export type Paint = (format: Format, text: string) => string;

export function painter(colour: boolean): Paint {
  return (format, text) =>
    colour && text !== '' ? styleText(format, text, { validateStream: false }) : text;
}

/**
 * Whether to write colours to a stream: a terminal, unless NO_COLOR (https://no-color.org) or
 * NODE_DISABLE_COLORS says otherwise; anything with FORCE_COLOR.
 */
export function wantsColour(stream: NodeJS.WritableStream): boolean {
  return styleText('red', 'x', { stream }) !== 'x';
}
